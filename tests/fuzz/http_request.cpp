// Requests of strangers (tools/http/request_reader.h): whatever the bytes, and however they are
// cut, the reader hands out the same requests and refuses at the same place; and what it hands out
// keeps its promises to those who look at it.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "tests/fuzz/target.h"
#include "tools/http/request_reader.h"

namespace {

using State = glass::RequestReader::State;

// Everything that was understood, and what became of the rest.
std::string told(std::string_view bytes, std::size_t piece, State& end) {
  glass::RequestReader reader{glass::HttpOptions{}};
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    reader.take(bytes.substr(at, piece));
    while (reader.state() == State::whole) {
      const glass::HttpRequest request = reader.request();
      if (request.path.empty() || request.path[0] != '/' || request.header("host").empty())
        std::abort();
      out += request.method + request.path + request.body + (request.keep_alive ? "+" : "-");
      for (const auto& [name, value] : request.query) out += name + "=" + value + "&";
      for (const auto& [name, value] : request.headers) out += name + ":" + value + ";";
    }
  }
  end = reader.end();
  return out + (end == State::refused ? std::to_string(reader.refusal().status) : "");
}

}   // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return glass::fuzz::attempt(data, size, [&](const glass::ByteSource& source) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    State whole{}, single{}, seven{};
    const std::string once = told(bytes, std::max<std::size_t>(size, 1), whole);
    if (told(bytes, 1, single) != once || told(bytes, 7, seven) != once) std::abort();
    if (whole == State::refused) glass::fail(glass::ContentError(source.name() + " is no request"));
  });
}
