// Reading a call, finding its endpoint, and turning whatever happens into an answer.
#include <new>
#include <optional>

#include "engine/base/error.h"
#include "engine/base/json.h"
#include "engine/base/text.h"
#include "tools/api/api.h"

namespace glass {
namespace {

const JsonValue* field_of(const Call& call, std::string_view name) {
  const JsonValue* found = call.body.find(name);
  return found != nullptr && found->kind == JsonValue::Kind::null ? nullptr : found;
}

NumberFault parse(std::string_view text, std::int64_t& out) { return parse_integer(text, out); }
NumberFault parse(std::string_view text, double& out) { return parse_number(text, out); }

// A number of the body as T, within bounds; what JSON says with a point or an exponent is no
// integer.
template <class T>
T number_of(const JsonValue& value, std::string_view name, T min, T max, const char* kind) {
  T number{};
  if (value.kind != JsonValue::Kind::number || parse(value.text, number) != NumberFault::none ||
      number < min || number > max)
    throw bad_value("\"" + std::string(name) + "\" must be " + kind + " of " +
                    shortest(static_cast<double>(min)) + " .. " +
                    shortest(static_cast<double>(max)));
  return number;
}

// Items of a list of the body. Missing: none.
const std::vector<JsonValue>& items_of(const Call& call, std::string_view name) {
  static const std::vector<JsonValue> none;
  const JsonValue* value = field_of(call, name);
  if (value == nullptr) return none;
  if (value->kind != JsonValue::Kind::array)
    throw bad_value("\"" + std::string(name) + "\" must be a list");
  return value->items;
}

// Passes events on, and remembers whether there was one.
class Heard final : public Events {
 public:
  explicit Heard(Events& to) : to_(to) {}
  bool send(std::string_view name, const std::string& json) override {
    began_ = true;
    return to_.send(name, json);
  }
  bool alive() override { return to_.alive(); }
  bool began() const { return began_; }

 private:
  Events& to_;
  bool began_ = false;
};

bool is_place(std::string_view piece) { return !piece.empty() && piece.front() == '{'; }

// Whether a path is one that the pattern means; fills in what stands for its places.
bool matches(std::string_view pattern, const std::string& path, std::vector<std::string>& parts) {
  const std::vector<std::string> wanted = split(std::string(pattern), '/'), had = split(path, '/');
  if (wanted.size() != had.size()) return false;
  std::vector<std::string> found;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (is_place(wanted[i]) && !had[i].empty()) found.push_back(had[i]);
    else if (wanted[i] != had[i]) return false;
  }
  parts = std::move(found);
  return true;
}

struct Refusal {
  int status;
  const char* code;
};
Refusal refusal_of(const Error& error) {
  switch (error.code) {
    case ExitCode::usage:
      return {400, "bad_value"};
    case ExitCode::content:
      return {409, "bad_content"};
    case ExitCode::system:
      return {503, "system"};
    case ExitCode::nonfinite:
      return {409, "not_finite"};
    case ExitCode::interrupted:
      return {503, "interrupted"};
    default:
      return {500, "internal"};
  }
}

}   // namespace

bool Call::has(std::string_view name) const { return field_of(*this, name) != nullptr; }

std::string Call::text(std::string_view name) const {
  const JsonValue* value = field_of(*this, name);
  if (value == nullptr) throw bad_value("\"" + std::string(name) + "\" is missing");
  if (value->kind != JsonValue::Kind::text)
    throw bad_value("\"" + std::string(name) + "\" must be a text");
  return value->text;
}

std::string Call::text(std::string_view name, const std::string& fallback) const {
  return has(name) ? text(name) : fallback;
}

std::int64_t Call::integer(std::string_view name, std::int64_t min, std::int64_t max,
                           std::int64_t fallback) const {
  const JsonValue* value = field_of(*this, name);
  return value == nullptr ? fallback : number_of(*value, name, min, max, "an integer");
}

double Call::number(std::string_view name, double min, double max, double fallback) const {
  const JsonValue* value = field_of(*this, name);
  return value == nullptr ? fallback : number_of(*value, name, min, max, "a number");
}

bool Call::flag(std::string_view name, bool fallback) const {
  const JsonValue* value = field_of(*this, name);
  if (value == nullptr) return fallback;
  if (value->kind != JsonValue::Kind::boolean)
    throw bad_value("\"" + std::string(name) + "\" must be true or false");
  return value->boolean;
}

std::vector<std::int64_t> Call::integers(std::string_view name, std::int64_t min,
                                         std::int64_t max) const {
  std::vector<std::int64_t> all;
  for (const JsonValue& item : items_of(*this, name))
    all.push_back(number_of(item, name, min, max, "a list of integers"));
  return all;
}

std::vector<std::vector<std::int64_t>> Call::tuples(std::string_view name,
                                                    std::size_t width) const {
  std::vector<std::vector<std::int64_t>> all;
  for (const JsonValue& item : items_of(*this, name)) {
    if (item.kind != JsonValue::Kind::array || item.items.size() != width)
      throw bad_value("\"" + std::string(name) + "\" must be a list of lists of " +
                      std::to_string(width) + " integers");
    std::vector<std::int64_t>& tuple = all.emplace_back();
    for (const JsonValue& number : item.items)
      tuple.push_back(
          number_of(number, name, std::int64_t{0}, std::int64_t{1} << 31, "lists of integers"));
  }
  return all;
}

std::string Call::asked(std::string_view name) const {
  for (const auto& [key, value] : query)
    if (key == name) return value;
  return "";
}

std::int64_t Call::asked_integer(std::string_view name, std::int64_t min, std::int64_t max,
                                 std::int64_t fallback) const {
  const std::string said = asked(name);
  std::int64_t n = fallback;
  if (!said.empty() && (parse_integer(said, n) != NumberFault::none || n < min || n > max))
    throw bad_value(std::string(name) + " must be an integer of " + std::to_string(min) + " .. " +
                    std::to_string(max) + ", not " + in_quotes(said));
  return n;
}

std::int64_t Call::index(std::size_t i, std::int64_t below, const std::string& what) const {
  std::int64_t n = -1;
  const std::string& said = parts.at(i);
  if (parse_integer(said, n) != NumberFault::none || n < 0 || n >= below)
    throw ApiError(404, "not_found", "there is no " + what + " " + in_quotes(said),
                   below > 0 ? "there are 0 .. " + std::to_string(below - 1) : "there are none");
  return n;
}

Answer refusal(int status, const std::string& code, const std::string& message,
               const std::string& hint) {
  Json json;
  json.object().key("error").object();
  json.field("code", code).field("message", message).field("hint", hint).end().end();
  return {json.text(), "application/json", status};
}

std::string methods_of(const std::string& path) {
  std::vector<std::string> methods;
  std::vector<std::string> ignored;
  for (const Endpoint& endpoint : endpoints())
    if (matches(endpoint.path, path, ignored)) methods.emplace_back(endpoint.method);
  return join(methods, ", ");
}

const Endpoint& endpoint_of(Call& call) {
  const std::string method = call.method == "HEAD" ? "GET" : call.method;
  for (const Endpoint& endpoint : endpoints())
    if (endpoint.method == method && matches(endpoint.path, call.path, call.parts)) return endpoint;
  const std::string methods = methods_of(call.path);
  if (methods.empty())
    throw ApiError(404, "not_found", "there is nothing at " + in_quotes(call.path),
                   "GET /api/openapi.json lists what there is");
  throw ApiError(405, "method", call.path + " is asked with " + methods);
}

Answer answer(Session& session, Call call, Events* events) {
  std::optional<Heard> heard;
  if (events != nullptr) heard.emplace(*events);
  const auto refused = [&](Answer said) {
    if (!heard || !heard->began()) return said;
    heard->send("error", said.body);
    return Answer{};
  };
  try {
    const Endpoint& endpoint = endpoint_of(call);
    if (endpoint.answer != nullptr) return endpoint.answer(session, call);
    if (!heard) throw ApiError(400, "stream", call.path + " answers with a stream of events");
    endpoint.stream(session, call, *heard);
    return {};
  } catch (const ApiError& error) {
    return refused(refusal(error.status, error.code, error.what(), error.hint));
  } catch (const Error& error) {
    const Refusal kind = refusal_of(error);
    return refused(refusal(kind.status, kind.code, error.what()));
  } catch (const std::bad_alloc&) {
    return refused(refusal(503, "memory", "out of memory; close something, or ask for less"));
  } catch (const std::exception& error) {
    return refused(refusal(500, "internal", std::string("internal error: ") + error.what()));
  }
}

}   // namespace glass
