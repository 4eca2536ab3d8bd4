// What a page may ask, and what it is told. One table of endpoints (endpoints.cpp) is answered
// alike over HTTP (glass serve) and inside of a browser (WebAssembly): nothing here knows of
// sockets.
//
// An endpoint is a function from a call to an answer:
//
//   Answer status(Session& session, const Call&) {
//     Json json;
//     json.object().field("status", "ok").end();
//     return {json.text()};
//   }
//
// and a row of the table: {"GET", "/api/status", "whether a model is open", status}. What cannot be
// answered is thrown: ApiError says its own status, and the errors of the engine become 400 (a
// wrong value), 409 (what a file holds) or 503 (what the system did not give).
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/json_value.h"

namespace glass {

class Session;

struct Call {
  std::string method, path;                                      // "POST", "/api/tokenize"
  std::vector<std::pair<std::string, std::string>> query = {};   // behind the ?
  JsonValue body = {};                                           // an object, or null
  std::vector<std::string> parts = {};   // what stands where the endpoint's path has {name}
  // Whether somebody still waits for the answer; empty: who knows. Long work asks now and then.
  std::function<bool()> wanted = {};

  // Fields of the body. Missing: the fallback, or an error where there is none; of another kind, or
  // out of range: an error that names the field.
  bool has(std::string_view name) const;
  std::string text(std::string_view name) const;
  std::string text(std::string_view name, const std::string& fallback) const;
  std::int64_t integer(std::string_view name, std::int64_t min, std::int64_t max,
                       std::int64_t fallback) const;
  double number(std::string_view name, double min, double max, double fallback) const;
  bool flag(std::string_view name, bool fallback) const;
  // A list of integers, or of lists of `width` of them ([[0, 3], [1, 2]]); missing: empty.
  std::vector<std::int64_t> integers(std::string_view name, std::int64_t min,
                                     std::int64_t max) const;
  std::vector<std::vector<std::int64_t>> tuples(std::string_view name, std::size_t width) const;
  // Of the query: "" where it is not there.
  std::string asked(std::string_view name) const;
  std::int64_t asked_integer(std::string_view name, std::int64_t min, std::int64_t max,
                             std::int64_t fallback) const;
  // parts[i] as a number; 404 where it is none, or not below `below`.
  std::int64_t index(std::size_t i, std::int64_t below, const std::string& what) const;
};

struct Answer {
  std::string body;
  std::string type = "application/json";
  int status = 200;
};

struct ApiError : std::runtime_error {
  int status;         // 400, 404, 409, 413, 503
  std::string code;   // "no_model": a word for programs
  std::string hint;   // what to do about it
  ApiError(int status_, std::string code_, const std::string& message, std::string hint_ = "")
      : std::runtime_error(message),
        status(status_),
        code(std::move(code_)),
        hint(std::move(hint_)) {}
};
// What a page said is wrong: 400.
inline ApiError bad_value(const std::string& message, const std::string& hint = "") {
  return {400, "bad_value", message, hint};
}
Answer refusal(int status, const std::string& code, const std::string& message,
               const std::string& hint = "");

// Where a long answer goes, piece by piece.
class Events {
 public:
  virtual ~Events() = default;
  virtual bool send(std::string_view name, const std::string& json) = 0;   // false: nobody listens
  virtual bool alive() = 0;
};

struct Endpoint {
  std::string_view method, path, summary;
  Answer (*answer)(Session&, const Call&) = nullptr;
  void (*stream)(Session&, const Call&, Events&) = nullptr;   // instead of answer
  bool open = false;   // the reference dashboard's: asked without a token
};
std::span<const Endpoint> endpoints();

// The endpoint of a call, with call.parts filled in. Throws 404 for a path that nobody has, 405 for
// another method (methods_of says which).
const Endpoint& endpoint_of(Call& call);
std::string methods_of(const std::string& path);   // "GET, HEAD, OPTIONS"; "": nobody has it

// The whole way from a call to an answer; never throws. Of a stream that has begun, what goes wrong
// is an event "error", and the answer that comes back is empty; before its first event it is
// refused with an answer like any other call.
Answer answer(Session& session, Call call, Events* events = nullptr);

}   // namespace glass
