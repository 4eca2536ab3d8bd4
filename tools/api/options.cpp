#include "tools/api/options.h"

#include <algorithm>

#include "engine/base/text.h"
#include "tools/api/api.h"
#include "tools/arguments.h"

namespace glass {
namespace {

const char* name_of(Type type) {
  switch (type) {
    case Type::integer:
      return "integer";
    case Type::number:
      return "number";
    case Type::choice:
      return "choice";
    case Type::flag:
      return "flag";
    default:
      return "text";
  }
}

// A value of the body in the words of a command line.
std::string word_of(const std::string& name, const JsonValue& value) {
  switch (value.kind) {
    case JsonValue::Kind::boolean:
      return value.boolean ? "true" : "false";
    case JsonValue::Kind::number:
    case JsonValue::Kind::text:
      return value.text;
    default:
      throw bad_value(in_quotes(name) + " must be a text, a number, true or false");
  }
}

const Option* operand_of(const Command& command, const std::string& name) {
  const auto found = std::find_if(command.operands.begin(), command.operands.end(),
                                  [&](const Option& o) { return o.name == name; });
  return found == command.operands.end() ? nullptr : &*found;
}

}   // namespace

bool is_for_page(const Option& option) {
  constexpr std::string_view kNot[] = {"ckpt",    "tokenizer", "ranks", "device", "isa",
                                       "threads", "dtype",     "json",  "help",   "overwrite"};
  constexpr std::string_view kFiles[] = {"FILE", "PATH", "DIR", "SOURCE"};
  if (std::find(std::begin(kNot), std::end(kNot), option.name) != std::end(kNot)) return false;
  return std::none_of(std::begin(kFiles), std::end(kFiles), [&](std::string_view file) {
    return option.value.find(file) != std::string_view::npos;
  });
}

void put(Json& json, const Option& option, bool operand) {
  json.object().field("name", option.name).field("type", name_of(option.type));
  json.field("operand", operand).field("help", option.help).field("group", option.group);
  json.field("value", option.value).field("fallback", option.fallback);
  json.field("required", option.required);
  if (option.type == Type::choice) json.field("choices", split(option.choices, '|'));
  json.field("min", option.min).field("max", option.max).end();   // null: no bound
}

std::vector<std::string> words_of(const Command& command, const JsonValue& body, ForPage for_page) {
  std::vector<std::string> words;
  for (const auto& [name, value] : body.fields) {
    if (value.kind == JsonValue::Kind::null) continue;
    const Option* operand = operand_of(command, name);
    const Option* option = operand != nullptr ? operand : find_option(command, name);
    if (option == nullptr || !for_page(*option))
      throw ApiError(400, "unknown_option", "there is no option " + in_quotes(name) + " here",
                     "GET /api/analyses and GET /api/train list them");
    const std::string word = word_of(name, value);
    if (word == "-")
      throw bad_value(in_quotes(name) + " is -, which means stdin at a terminal",
                      "put a space behind it");
    if (operand == nullptr) words.push_back("--" + std::string(option->name) + "=" + word);
  }
  words.emplace_back("--");   // behind it nothing is an option, whatever it looks like
  for (const Option& operand : command.operands)
    if (const JsonValue* value = body.find(operand.name);
        value != nullptr && value->kind != JsonValue::Kind::null)
      words.push_back(word_of(std::string(operand.name), *value));
  if (words.back() == "--") words.pop_back();
  return words;
}

}   // namespace glass
