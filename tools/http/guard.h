// Who may ask. The server listens on this machine only, but so do web pages: a page of any site can
// make the browser send requests to 127.0.0.1. What tells them apart is what a browser adds and a
// page cannot change (Host, Origin, Sec-Fetch-Site), and a secret that only the printed address
// holds. Nothing here reads the clock or a socket: a request goes in, a refusal comes out or none.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/http/http.h"

namespace glass {

// "127.0.0.1:8080", "localhost:8080", "[::1]:8080": a page that was served under another name, and
// then had this name point here (DNS rebinding), says the other name in Host.
std::vector<std::string> own_hosts(int port);

// 128 bits from the system, as 32 digits; they travel in the header X-Glass-Token, which no page of
// another site can set without asking first, and asking is refused.
std::string make_token();
// Takes as long for a wrong token that is nearly right as for any other of its length.
bool same_secret(std::string_view a, std::string_view b);

class Guard {
 public:
  Guard(std::vector<std::string> hosts, std::string token)
      : hosts_(std::move(hosts)), token_(std::move(token)) {}

  // Asked of every request: 403 where it comes from another site, 415 for a POST that is not JSON
  // (a form can be sent without asking first).
  std::optional<HttpResponse> stranger(const HttpRequest& request) const;
  // Asked of those that not everybody on this machine may send: 401.
  std::optional<HttpResponse> without_token(const HttpRequest& request) const;

 private:
  std::vector<std::string> hosts_;
  std::string token_;
};

}   // namespace glass
