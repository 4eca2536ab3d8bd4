#include "tools/http/answers.h"

#include <algorithm>

#include "engine/base/error.h"
#include "engine/base/json.h"
#include "engine/base/text.h"

namespace glass {
namespace {

struct Status {
  int number;
  const char *phrase, *code;
};
// clang-format off
constexpr Status kStatuses[] = {
    {200, "OK", "ok"},
    {307, "Temporary Redirect", "moved"},
    {400, "Bad Request", "bad_request"},
    {401, "Unauthorized", "no_token"},
    {403, "Forbidden", "forbidden"},
    {404, "Not Found", "not_found"},
    {405, "Method Not Allowed", "method_not_allowed"},
    {408, "Request Timeout", "too_slow"},
    {409, "Conflict", "conflict"},
    {411, "Length Required", "length_required"},
    {413, "Content Too Large", "too_large"},
    {414, "URI Too Long", "address_too_long"},
    {415, "Unsupported Media Type", "not_json"},
    {417, "Expectation Failed", "expectation_failed"},
    {431, "Request Header Fields Too Large", "header_too_large"},
    {500, "Internal Server Error", "internal"},
    {501, "Not Implemented", "not_implemented"},
    {503, "Service Unavailable", "busy"},
    {505, "HTTP Version Not Supported", "version_not_supported"},
};

constexpr std::pair<const char*, const char*> kAlways[] = {
    {"Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
                                "img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Cache-Control", "no-store"},
};
// clang-format on

const Status& status_of(int number) {
  for (const Status& status : kStatuses)
    if (status.number == number) return status;
  fail(Error(ExitCode::internal, "no answer has the status " + std::to_string(number)));
}

// A line end in a value would let whoever chose it write headers of his own.
void put_header(std::string& out, std::string_view name, std::string_view value) {
  if (has_control_bytes(name) || has_control_bytes(value))
    fail(Error(ExitCode::internal, "a header of an answer holds control bytes: " + in_quotes(name) +
                                       ": " + in_quotes(value)));
  out.append(name).append(": ").append(value).append("\r\n");
}

std::string head_of(const HttpResponse& response, Then then) {
  const Status& status = status_of(response.status);
  std::string out = "HTTP/1.1 " + std::to_string(status.number) + " " + status.phrase + "\r\n";
  put_header(out, "Content-Type", response.type);
  for (const auto& [name, value] : kAlways) {
    const auto same = [name = name](const auto& header) { return header.first == name; };
    if (std::none_of(response.headers.begin(), response.headers.end(), same))
      put_header(out, name, value);
  }
  for (const auto& [name, value] : response.headers) put_header(out, name, value);
  put_header(out, "Connection", then == Then::hang_up ? "close" : "keep-alive");
  return out;
}

}   // namespace

std::string_view error_code(int status) { return status_of(status).code; }

HttpResponse error_answer(int status, std::string_view message, std::string_view hint) {
  Json json;
  json.object().key("error").object().field("code", error_code(status)).field("message", message);
  json.field("hint", hint).end().end();
  return {.status = status, .type = "application/json", .body = json.text(), .headers = {}};
}

std::string answer_bytes(const HttpResponse& response, Then then, Body body) {
  std::string out = head_of(response, then);
  put_header(out, "Content-Length", std::to_string(response.body.size()));
  out += "\r\n";
  if (body == Body::sent) out += response.body;
  return out;
}

std::string stream_head() {
  return head_of({.status = 200, .type = "text/event-stream", .body = {}, .headers = {}},
                 Then::hang_up) +
         "\r\n";
}

std::string event_bytes(std::string_view name, std::string_view data) {
  std::string out = "event: " + std::string(name) + "\ndata: ";
  for (std::size_t i = 0; i < data.size(); ++i) {
    const bool pair = data[i] == '\r' && data.substr(i + 1, 1) == "\n";
    if (pair) continue;   // one line end, not two
    if (data[i] == '\n' || data[i] == '\r') out += "\ndata: ";
    else out += data[i];
  }
  return out + "\n\n";
}

}   // namespace glass
