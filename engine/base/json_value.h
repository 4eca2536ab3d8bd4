// Reads JSON that strangers wrote. Strict: what two readers could understand differently is an
// error here (a name twice, bytes that are not UTF-8, half a surrogate pair, nan, 01, a comma too
// many, anything after the end). The work is linear in the text, and no text can ask for more
// depth or more values than the caller allows.
//
//   const JsonValue meta = parse_json(text, "meta.json");
//   const auto vocab = meta.at("vocab_size", "meta.json")
//                          .integer("meta.json: vocab_size", 1, 1 << 30);
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace glass {

struct JsonValue {
  enum class Kind : std::uint8_t { null, boolean, number, text, array, object } kind = Kind::null;
  bool boolean = false;
  std::string text;   // of a text: its letters, in UTF-8; of a number: its digits as written
  std::vector<JsonValue> items;                            // of an array
  std::vector<std::pair<std::string, JsonValue>> fields;   // of an object, in the order written

  JsonValue();   // in the .cpp: fields hold pairs of a type that is not complete yet up here

  const JsonValue* find(std::string_view name) const;   // a field of an object, or null

  // Typed reading. What is missing or of another kind is a ContentError; `what` names the place in
  // it: "meta.json: vocab_size must be an integer of 1 .. 1073741824, not '1.5'."
  const JsonValue& at(std::string_view name, const std::string& what) const;
  std::int64_t integer(const std::string& what, std::int64_t min, std::int64_t max) const;
  double number(const std::string& what) const;
  bool flag(const std::string& what) const;
  const std::string& string(const std::string& what) const;
};

struct JsonLimits {
  int depth = 32;                 // arrays and objects inside of one another
  std::size_t values = 1 << 22;   // of all kinds together; names are not counted
};

// The one value that the text holds. ContentError: `what`, the byte, the reason.
JsonValue parse_json(std::string_view text, const std::string& what, JsonLimits limits = {});

// The same for a text that is one big object: its fields one after the other, so that only one of
// them is in memory at a time. `limits.values` counts those of one field.
void parse_json_fields(std::string_view text, const std::string& what,
                       const std::function<void(const std::string& name, JsonValue value)>& field,
                       JsonLimits limits = {});

}   // namespace glass
