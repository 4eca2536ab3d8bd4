// A parser that goes once over the text, front to back. It calls itself for what is nested, at most
// `limits.depth` times, so no text can use up the stack.
#include "engine/base/json_value.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/base/utf8.h"

namespace glass {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

class Parser {
 public:
  Parser(std::string_view text, const std::string& what, JsonLimits limits)
      : text_(text), what_(what), limits_(limits) {
    if (text_.substr(0, 3) == "\xef\xbb\xbf") wrong("a byte order mark; JSON begins without one");
  }

  JsonValue whole_value() {
    JsonValue value = any_value();
    expect_end();
    return value;
  }

  void whole_object(
      const std::function<void(const std::string& name, JsonValue value)>& take_field) {
    std::set<std::string, std::less<>> names;
    object_fields([&](std::size_t start, std::string name) {
      if (!names.insert(name).second) refuse_twice(name, start);
      values_ = 0;
      take_field(name, any_value());
    });
    expect_end();
  }

 private:
  [[noreturn]] void wrong(const std::string& reason, std::size_t place) const {
    fail(ContentError(what_ + " is not valid JSON: at byte " + std::to_string(place) +
                      " there is " + reason + "."));
  }
  [[noreturn]] void wrong(const std::string& reason) const { wrong(reason, at_); }
  [[noreturn]] void refuse_twice(const std::string& name, std::size_t place) const {
    wrong("the name " + in_quotes(name) + " for the second time", place);
  }

  // What stands at the reading point, in words for a message.
  std::string here() const {
    return at_ < text_.size() ? in_quotes(text_.substr(at_, 1)) : "the end of the text";
  }
  [[noreturn]] void expected(const std::string& what) const {
    wrong(here() + " where " + what + " should be");
  }

  bool next_is(char c) const { return at_ < text_.size() && text_[at_] == c; }
  bool take(char c) {
    if (!next_is(c)) return false;
    ++at_;
    return true;
  }
  void skip_blanks() {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
  }
  void expect_end() {
    skip_blanks();
    if (at_ < text_.size()) wrong("something after the end of the value: " + here());
  }

  JsonValue any_value() {
    skip_blanks();
    if (++values_ > limits_.values)
      wrong("one value more than the " + std::to_string(limits_.values) + " allowed");
    JsonValue value;
    if (next_is('{')) object_value(value);
    else if (next_is('[')) array_value(value);
    else if (next_is('"')) value.kind = JsonValue::Kind::text, value.text = quoted();
    else if (next_is('-') || (at_ < text_.size() && is_digit(text_[at_]))) number_value(value);
    else word_value(value);
    return value;
  }

  void word_value(JsonValue& value) {
    const auto is = [&](std::string_view word) {
      if (text_.substr(at_, word.size()) != word) return false;
      at_ += word.size();
      return true;
    };
    if (is("null")) return;
    value.kind = JsonValue::Kind::boolean;
    if (is("true")) value.boolean = true;
    else if (!is("false")) expected("a value");
  }

  // -? (0 | 1-9 digits) (. digits)? ([eE] [+-]? digits)?
  void number_value(JsonValue& value) {
    const std::size_t start = at_;
    take('-');
    if (!take('0')) digits();
    if (take('.')) digits();
    if (take('e') || take('E')) {
      if (!take('-')) take('+');
      digits();
    }
    if (at_ < text_.size() && is_digit(text_[at_])) wrong("a number that begins with 0", start);
    value.kind = JsonValue::Kind::number;
    value.text = text_.substr(start, at_ - start);
  }
  void digits() {
    if (at_ == text_.size() || !is_digit(text_[at_])) expected("a digit");
    while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
  }

  void go_deeper() {
    if (++depth_ > limits_.depth)
      wrong("one nesting more than the " + std::to_string(limits_.depth) + " allowed");
  }

  void array_value(JsonValue& value) {
    value.kind = JsonValue::Kind::array;
    go_deeper();
    ++at_;
    skip_blanks();
    if (!take(']')) {
      do {
        value.items.push_back(any_value());
        skip_blanks();
      } while (take(','));
      if (!take(']')) expected("',' or ']'");
    }
    --depth_;
  }

  void object_value(JsonValue& value) {
    value.kind = JsonValue::Kind::object;
    std::vector<std::size_t> starts;   // where each name stands, for the message
    object_fields([&](std::size_t start, std::string name) {
      starts.push_back(start);
      JsonValue field = any_value();
      value.fields.emplace_back(std::move(name), std::move(field));
    });
    refuse_a_name_twice(value, starts);
  }

  // Calls field(place of the name, name) with the reading point before the value.
  template <class Field>
  void object_fields(const Field& field) {
    skip_blanks();
    if (!next_is('{')) expected("'{'");
    go_deeper();
    ++at_;
    skip_blanks();
    if (!take('}')) {
      do {
        skip_blanks();
        const std::size_t start = at_;
        if (!next_is('"')) expected("a name in quotes");
        std::string name = quoted();
        skip_blanks();
        if (!take(':')) expected("':'");
        field(start, std::move(name));
        skip_blanks();
      } while (take(','));
      if (!take('}')) expected("',' or '}'");
    }
    --depth_;
  }

  // Sorting finds equal neighbours without comparing every name with every other one.
  void refuse_a_name_twice(const JsonValue& value, const std::vector<std::size_t>& starts) const {
    std::vector<std::size_t> order(starts.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto name = [&](std::size_t i) -> const std::string& { return value.fields[i].first; };
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return name(a) != name(b) ? name(a) < name(b) : a < b;
    });
    for (std::size_t i = 1; i < order.size(); ++i)
      if (name(order[i - 1]) == name(order[i])) refuse_twice(name(order[i]), starts[order[i]]);
  }

  std::string quoted() {
    ++at_;
    std::string out;
    for (;;) {
      const std::size_t run = at_;   // letters that stand for themselves are copied in one piece
      while (at_ < text_.size() && is_plain(text_[at_])) ++at_;
      out += text_.substr(run, at_ - run);
      if (at_ == text_.size()) wrong("a text without an end");
      if (take('"')) return out;
      if (take('\\')) escape(out);
      else if (static_cast<unsigned char>(text_[at_]) < 0x20) wrong("a control byte in a text");
      else letter_of_several_bytes(out);
    }
  }

  static bool is_plain(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte < 0x80 && c != '"' && c != '\\';
  }

  void letter_of_several_bytes(std::string& out) {
    const auto first = static_cast<unsigned char>(text_[at_]);
    const std::size_t bytes = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    const std::string_view letter = text_.substr(at_, bytes);
    std::u32string decoded;
    if (letter.size() < bytes || decode_utf8(letter, decoded) != bytes || decoded.size() != 1)
      wrong("a byte that is not UTF-8");
    out += letter;
    at_ += bytes;
  }

  void escape(std::string& out) {
    static constexpr std::string_view kNames = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
    if (take('u')) return unicode_escape(out);
    const std::size_t which = at_ < text_.size() ? kNames.find(text_[at_]) : std::string_view::npos;
    if (which == std::string_view::npos) expected("the rest of an escape (after \\)");
    out += kMeanings[which];
    ++at_;
  }

  // Letters above U+FFFF are written as two halves, a high one and a low one.
  void unicode_escape(std::string& out) {
    const std::size_t start = at_ - 2;
    char32_t letter = four_hex_digits();
    const bool high = letter >= 0xd800 && letter < 0xdc00;
    if (high && text_.substr(at_, 2) == "\\u") {
      at_ += 2;
      const char32_t low = four_hex_digits();
      if (low < 0xdc00 || low >= 0xe000) wrong("half a surrogate pair", start);
      letter = 0x10000 + ((letter - 0xd800) << 10) + (low - 0xdc00);
    }
    if (letter >= 0xd800 && letter < 0xe000) wrong("half a surrogate pair", start);
    out += encode_utf8(std::u32string_view(&letter, 1));
  }
  char32_t four_hex_digits() {
    char32_t value = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const char c = at_ < text_.size() ? text_[at_] : '\0';
      if (is_digit(c)) value = value * 16 + static_cast<char32_t>(c - '0');
      else if (c >= 'a' && c <= 'f') value = value * 16 + static_cast<char32_t>(c - 'a' + 10);
      else if (c >= 'A' && c <= 'F') value = value * 16 + static_cast<char32_t>(c - 'A' + 10);
      else expected("a hexadecimal digit");
    }
    return value;
  }

  std::string_view text_;
  const std::string& what_;
  JsonLimits limits_;
  std::size_t at_ = 0, values_ = 0;
  int depth_ = 0;
};

const char* name_of(JsonValue::Kind kind) {
  static const char* const kNames[] = {"null",   "true or false", "a number",
                                       "a text", "a list",        "an object"};
  return kNames[static_cast<int>(kind)];
}

// Numbers are quoted as they were written; of a text, a list or an object the kind says enough.
[[noreturn]] void refuse(const JsonValue& value, const std::string& what,
                         const std::string& wanted) {
  const bool number = value.kind == JsonValue::Kind::number;
  fail(ContentError(what + " must be " + wanted + ", not " +
                    (number ? in_quotes(value.text) : name_of(value.kind)) + "."));
}

}   // namespace

JsonValue parse_json(std::string_view text, const std::string& what, JsonLimits limits) {
  return Parser(text, what, limits).whole_value();
}

void parse_json_fields(std::string_view text, const std::string& what,
                       const std::function<void(const std::string& name, JsonValue value)>& field,
                       JsonLimits limits) {
  Parser(text, what, limits).whole_object(field);
}

JsonValue::JsonValue() = default;

const JsonValue* JsonValue::find(std::string_view name) const {
  for (const auto& [key, value] : fields)
    if (key == name) return &value;
  return nullptr;
}

const JsonValue& JsonValue::at(std::string_view name, const std::string& what) const {
  if (kind != Kind::object) refuse(*this, what, "an object");
  const JsonValue* value = find(name);
  if (value == nullptr) fail(ContentError(what + " lacks the field " + in_quotes(name) + "."));
  return *value;
}

std::int64_t JsonValue::integer(const std::string& what, std::int64_t min, std::int64_t max) const {
  std::int64_t value = 0;
  const bool whole = kind == Kind::number && parse_integer(text, value) == NumberFault::none;
  if (!whole || value < min || value > max)
    refuse(*this, what, "an integer of " + std::to_string(min) + " .. " + std::to_string(max));
  return value;
}

double JsonValue::number(const std::string& what) const {
  double value = 0;
  if (kind != Kind::number || parse_number(text, value) != NumberFault::none)
    refuse(*this, what, "a number that a double can hold");
  return value;
}

bool JsonValue::flag(const std::string& what) const {
  if (kind != Kind::boolean) refuse(*this, what, "true or false");
  return boolean;
}

const std::string& JsonValue::string(const std::string& what) const {
  if (kind != Kind::text) refuse(*this, what, "a text");
  return text;
}

}   // namespace glass
