// The state on top of the stack says what may come next: in an object a key, after a key a value,
// in an array a value.
#include "engine/base/json.h"

#include <cmath>

#include "engine/base/error.h"
#include "engine/base/text.h"

namespace glass {
namespace {

[[noreturn]] void misuse(const char* what) {
  fail(Error(ExitCode::internal, std::string("json: ") + what));
}

// The length of the UTF-8 character at the start of s, or 0 if there is none (also: overlong forms,
// surrogates).
std::size_t utf8_length(std::string_view s) {
  const auto byte = [&](std::size_t i) {
    return i < s.size() ? static_cast<unsigned char>(s[i]) : 0u;
  };
  const auto tail = [&](std::size_t i) { return (byte(i) & 0xc0u) == 0x80u; };
  const unsigned b = byte(0);
  if (b < 0x80) return 1;
  if (b >= 0xc2 && b <= 0xdf) return tail(1) ? 2 : 0;
  if (b >= 0xe0 && b <= 0xef) {
    const bool bad = (b == 0xe0 && byte(1) < 0xa0) || (b == 0xed && byte(1) > 0x9f);
    return !bad && tail(1) && tail(2) ? 3 : 0;
  }
  if (b >= 0xf0 && b <= 0xf4) {
    const bool bad = (b == 0xf0 && byte(1) < 0x90) || (b == 0xf4 && byte(1) > 0x8f);
    return !bad && tail(1) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

}   // namespace

void Json::before_value() {
  if (complete_) misuse("a second value after the first was complete");
  if (open_.empty()) return;
  switch (open_.back()) {
    case State::object_start:
    case State::object_next:
      misuse("a value in an object needs a key");
    case State::object_key:
      open_.back() = State::object_next;
      break;
    case State::array_start:
      open_.back() = State::array_next;
      break;
    case State::array_next:
      text_ += ", ";
      break;
  }
}

Json& Json::raw(std::string_view token) {
  before_value();
  text_ += token;
  complete_ = open_.empty();
  return *this;
}

Json& Json::object() {
  before_value();
  text_ += '{';
  open_.push_back(State::object_start);
  return *this;
}

Json& Json::array() {
  before_value();
  text_ += '[';
  open_.push_back(State::array_start);
  return *this;
}

Json& Json::end() {
  if (open_.empty()) misuse("end without a beginning");
  if (open_.back() == State::object_key) misuse("a key without a value");
  const bool array = open_.back() == State::array_start || open_.back() == State::array_next;
  text_ += array ? ']' : '}';
  open_.pop_back();
  complete_ = open_.empty();
  return *this;
}

Json& Json::key(std::string_view name) {
  if (open_.empty() ||
      (open_.back() != State::object_start && open_.back() != State::object_next)) {
    misuse("a key outside an object, or two keys in a row");
  }
  if (open_.back() == State::object_next) text_ += ", ";
  open_.back() = State::object_key;
  write_string(name);
  text_ += ": ";
  return *this;
}

Json& Json::null() { return raw("null"); }
Json& Json::value(bool v) { return raw(v ? "true" : "false"); }
Json& Json::value(double v) { return raw(std::isfinite(v) ? shortest(v) : "null"); }
Json& Json::value(float v) { return raw(std::isfinite(v) ? shortest(v) : "null"); }

Json& Json::value(std::string_view v) {
  before_value();
  write_string(v);
  complete_ = open_.empty();
  return *this;
}

void Json::write_string(std::string_view v) {
  text_ += '"';
  while (!v.empty()) {
    const std::size_t length = utf8_length(v);
    const char c = v[0];
    if (length == 0) text_ += "\\ufffd";
    else if (c == '"' || c == '\\') (text_ += '\\') += c;
    else if (c == '\n') text_ += "\\n";
    else if (c == '\t') text_ += "\\t";
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      text_ += format("\\u%04x", static_cast<unsigned>(c));
    else text_ += v.substr(0, length);
    v.remove_prefix(length == 0 ? 1 : length);
  }
  text_ += '"';
}

const std::string& Json::text() const {
  if (!complete_) misuse("the value is not complete");
  return text_;
}

// Our own writer puts ": " behind a key and ", " between values, so only objects need new lines.
std::string indented(const std::string& json) {
  std::string out;
  std::vector<char> open;
  bool in_text = false;
  const auto new_line = [&] { out += '\n' + std::string(2 * open.size(), ' '); };
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_text) {
      out += c;
      if (c == '\\') out += json[++i];
      else if (c == '"') in_text = false;
      continue;
    }
    in_text = c == '"';
    if (c == '}' || c == ']') {
      const bool empty = json[i - 1] == '{';
      open.pop_back();
      if (c == '}' && !empty) new_line();
    }
    if (c == ' ' && json[i - 1] == ',' && open.back() == '{') {
      new_line();
      continue;
    }
    out += c;
    if (c == '{' || c == '[') open.push_back(c);
    if (c == '{' && json[i + 1] != '}') new_line();
  }
  return out;
}

}   // namespace glass
