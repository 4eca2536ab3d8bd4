// Writes one JSON value, front to back, into a string. Numbers keep every bit (shortest digits that
// read back exactly); what JSON cannot say (nan, inf) becomes null. A call in the wrong place is an
// error, not wrong output.
//
//   Json json;
//   json.object().field("steps", 3).field("losses", losses).key("devices").array();
//   for (const Device& d : devices) json.object().field("name", d.name).end();
//   json.end().end();
//   puts(json.text().c_str());
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace glass {

class Json {
 public:
  Json& object();                     // {
  Json& array();                      // [
  Json& end();                        // } or ], whichever is open
  Json& key(std::string_view name);   // inside an object, before each value
  Json& null();

  Json& value(bool v);
  Json& value(double v);
  Json& value(float v);
  Json& value(std::string_view v);   // bytes that are not UTF-8 become U+FFFD
  Json& value(const char* v) { return value(std::string_view(v)); }
  Json& value(const std::string& v) { return value(std::string_view(v)); }
  template <class Integer, std::enable_if_t<std::is_integral_v<Integer>, int> = 0>
  Json& value(Integer v) {
    return raw(std::to_string(v));
  }
  template <class Item>
  Json& value(const std::vector<Item>& items) {
    array();
    for (const auto& item : items) value(static_cast<const Item&>(item));
    return end();
  }
  template <class Anything>
  Json& field(std::string_view name, const Anything& v) {
    return key(name).value(v);
  }

  const std::string& text() const;   // the whole value; an error while something is still open

 private:
  enum class State : std::uint8_t {
    object_start,
    object_key,
    object_next,
    array_start,
    array_next
  };
  Json& raw(std::string_view token);
  void before_value();
  void write_string(std::string_view v);

  std::string text_;
  std::vector<State> open_;   // innermost last
  bool complete_ = false;
};

// The same value with a line for each field of its objects and two spaces for each level, as people
// like to read it. Lists stay on one line.
std::string indented(const std::string& json);

}   // namespace glass
