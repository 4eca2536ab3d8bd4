// What a plain struct needs to be written down and read back: it lists its fields once, in
// `each_field(c, f)`, and gets JSON both ways, comparisons and spellings from here.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/json.h"
#include "engine/base/json_value.h"
#include "engine/base/text.h"

namespace glass {

// How the values of an enum are spelled, in their order: specialised beside each enum.
template <class Enum>
struct Names;

template <class Enum>
std::vector<std::string> names_of() {
  return {Names<Enum>::all.begin(), Names<Enum>::all.end()};
}

inline std::string spelled(bool value) { return value ? "true" : "false"; }
inline std::string spelled(std::int64_t value) { return std::to_string(value); }
inline std::string spelled(double value) { return shortest(value); }
inline std::string spelled(const std::string& value) { return value; }
// False, and nothing changed, where no value is spelled like this.
template <class Enum>
bool read_name(std::string_view word, Enum& value) {
  const auto& all = Names<Enum>::all;
  const auto found = std::find(all.begin(), all.end(), word);
  if (found != all.end()) value = static_cast<Enum>(found - all.begin());
  return found != all.end();
}

template <class Enum, std::enable_if_t<std::is_enum_v<Enum>, int> = 0>
std::string spelled(Enum value) {
  return std::string(Names<Enum>::all[static_cast<std::size_t>(value)]);
}

inline void read_field(const JsonValue& json, const std::string& what, bool& field) {
  field = json.flag(what);
}
inline void read_field(const JsonValue& json, const std::string& what, double& field) {
  field = json.number(what);
}
inline void read_field(const JsonValue& json, const std::string& what, std::string& field) {
  field = json.string(what);
}
inline void read_field(const JsonValue& json, const std::string& what, std::int64_t& field) {
  field = json.integer(what, 0, std::int64_t{1} << 53);
}
template <class Enum, std::enable_if_t<std::is_enum_v<Enum>, int> = 0>
void read_field(const JsonValue& json, const std::string& what, Enum& field) {
  const std::string& word = json.string(what);
  if (read_name(word, field)) return;
  fail(ContentError(what + " is " + in_quotes(word) + "; it must be " +
                    list_of(names_of<Enum>(), "or") + "."));
}

template <class Config>
std::string fields_to_json(const Config& config) {
  Json json;
  json.object();
  each_field(config, [&](const char* name, const auto& field) {
    if constexpr (std::is_enum_v<std::decay_t<decltype(field)>>) json.field(name, spelled(field));
    else json.field(name, field);
  });
  return json.end().text();
}

// Fields that the JSON does not have keep their value.
template <class Config>
Config fields_from_json(const JsonValue& json, const std::string& what) {
  Config config;
  each_field(config, [&](const char* name, auto& field) {
    if (const JsonValue* value = json.find(name)) read_field(*value, what + ": " + name, field);
  });
  return config;
}

// "n_layer: 4 before, 6 now" for each field that differs.
template <class Config>
std::vector<std::string> differences(const Config& before, const Config& now) {
  std::vector<std::string> was, all;
  each_field(before, [&](const char*, const auto& field) { was.push_back(spelled(field)); });
  std::size_t i = 0;
  each_field(now, [&](const char* name, const auto& field) {
    const std::string& old = was[i++];
    if (old != spelled(field))
      all.push_back(std::string(name) + ": " + old + " before, " + spelled(field) + " now");
  });
  return all;
}

}   // namespace glass
