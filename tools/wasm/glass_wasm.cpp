// The engine inside of a browser: what `glass serve` answers over HTTP, the page asks here as a
// function. It is the same answer() over the same table of endpoints (tools/api/api.h), compiled to
// WebAssembly; only sockets, processes and the disk are missing.
//
//   glass_call("POST", "/api/micro/step", "{\"n\":10}")  ->  "200\n{\"losses\":[...]}"
//
// The text stays until the next call. Of a stream, each event goes to Module.on_event(name, json),
// which says whether anybody still listens; the answer then is "200\n".
#include <emscripten.h>

#include <cctype>
#include <memory>
#include <string>
#include <string_view>

#include "engine/base/text.h"
#include "tools/api/api.h"
#include "tools/api/session.h"
#include "tools/arguments.h"

namespace glass {
namespace {

// clang-format off
EM_JS(int, tell_page, (const char* name, const char* json), {
  return Module.on_event && !Module.on_event(UTF8ToString(name), UTF8ToString(json)) ? 0 : 1;
});
// clang-format on

class PageEvents final : public Events {
 public:
  bool send(std::string_view name, const std::string& json) override {
    alive_ = tell_page(std::string(name).c_str(), json.c_str()) != 0;
    return alive_;
  }
  bool alive() override { return alive_; }

 private:
  bool alive_ = true;
};

int hex_digit(char c) {
  const char small = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return small >= '0' && small <= '9'   ? small - '0'
         : small >= 'a' && small <= 'f' ? small - 'a' + 10
                                        : -1;
}

// %41 is A. What is no such escape stays as it is.
std::string unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool whole = text[i] == '%' && i + 2 < text.size();
    const int high = whole ? hex_digit(text[i + 1]) : -1, low = whole ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      plain += text[i] == '+' ? ' ' : text[i];
      continue;
    }
    plain += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return plain;
}

Call call_of(const char* method, const std::string& address, const char* body) {
  Call call;
  call.method = method;
  const std::size_t question = address.find('?');
  call.path = address.substr(0, question);
  if (question != std::string::npos) {
    for (const std::string& field : split(address.substr(question + 1), '&')) {
      const std::size_t equals = std::min(field.find('='), field.size());
      call.query.emplace_back(unescaped(field.substr(0, equals)),
                              unescaped(field.substr(std::min(equals + 1, field.size()))));
    }
  }
  if (*body != '\0') call.body = parse_json(body, "the body");
  return call;
}

const Option kOptions[] = {kCkptOption};
const Command kPage = {.name = "page", .summary = "a page", .options = kOptions};

Session& session() {
  static const std::unique_ptr<Session> only = [] {
    const std::string ckpt = "handmade:induction";
    const Arguments args =
        parse(kPage, "page", {"--ckpt", ckpt, "--isa", "scalar", "--threads", "1"},
              [](const char*) -> const char* { return nullptr; });
    SessionOptions options;
    options.ckpt = ckpt;
    options.folder = "/runs";   // what the build put into the module, if anything
    return std::make_unique<Session>(args, options);
  }();
  return *only;
}

Answer answer_to(const char* method, const char* address, const char* body) {
  try {
    PageEvents events;
    return answer(session(), call_of(method, address, body), &events);
  } catch (const std::exception& error) { return refusal(400, "bad_value", error.what()); }
}

}   // namespace
}   // namespace glass

extern "C" EMSCRIPTEN_KEEPALIVE const char* glass_call(const char* method, const char* address,
                                                       const char* body) {
  static std::string said;
  const glass::Answer answer = glass::answer_to(method, address, body);
  said = std::to_string(answer.status) + "\n" + answer.body;
  return said.c_str();
}
