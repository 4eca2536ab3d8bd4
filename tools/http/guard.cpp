#include "tools/http/guard.h"

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "engine/base/error.h"
#include "tools/http/answers.h"

namespace glass {
namespace {

bool is_json(std::string_view type) {
  return type == "application/json" || type.substr(0, 17) == "application/json;";
}

}   // namespace

std::vector<std::string> own_hosts(int port) {
  std::vector<std::string> hosts;
  for (const char* name : {"127.0.0.1", "localhost", "[::1]"}) {
    hosts.push_back(std::string(name) + ":" + std::to_string(port));
    if (port == 80) hosts.emplace_back(name);   // browsers leave out what is understood
  }
  return hosts;
}

std::string make_token() {
  std::array<unsigned char, 16> bytes{};
  if (::getentropy(bytes.data(), bytes.size()) != 0)
    fail(SystemError("the system has no random numbers to make a token of"));
  std::string token;
  for (const unsigned char byte : bytes) {
    token += "0123456789abcdef"[byte >> 4];
    token += "0123456789abcdef"[byte & 15];
  }
  return token;
}

bool same_secret(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  volatile unsigned char difference = 0;   // volatile: the loop must not end early
  for (std::size_t i = 0; i < a.size(); ++i)
    difference = static_cast<unsigned char>(difference | (a[i] ^ b[i]));
  return difference == 0;
}

std::optional<HttpResponse> Guard::stranger(const HttpRequest& request) const {
  const std::string_view host = request.header("host"), origin = request.header("origin");
  const std::string_view site = request.header("sec-fetch-site");
  if (std::find(hosts_.begin(), hosts_.end(), host) == hosts_.end())
    return error_answer(403, "this server does not answer under that name",
                        "Open the address that glass serve printed.");
  if (!origin.empty() && origin != "http://" + std::string(host))
    return error_answer(403, "a page of another site may not ask this server");
  if (!site.empty() && site != "same-origin" && site != "none")
    return error_answer(403, "a page of another site may not ask this server");
  if (request.method == "OPTIONS")
    return error_answer(403, "this server gives no site permission to ask it");
  if (request.method == "POST" && !is_json(request.header("content-type")))
    return error_answer(415, "a POST here carries JSON",
                        "Send the header Content-Type: application/json.");
  return std::nullopt;
}

std::optional<HttpResponse> Guard::without_token(const HttpRequest& request) const {
  if (same_secret(request.header("x-glass-token"), token_)) return std::nullopt;
  return error_answer(401, "this address needs the token that glass serve printed",
                      "Open the whole printed address, with #t= and what follows it; programs "
                      "send the token in the header X-Glass-Token.");
}

}   // namespace glass
