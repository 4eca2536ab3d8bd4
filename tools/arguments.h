// What the user asked for: every option of a command with its value and where that value came from.
// Precedence is one rule in one place: offer() keeps the value whose source ranks higher.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tools/command.h"

namespace glass {

enum class Source : std::uint8_t {
  fallback,
  preset,
  config,
  environment,
  command_line
};   // weakest first

class Arguments {
 public:
  explicit Arguments(const Command& command, std::string path);

  // Reading. The name is the one in the table, and the type must be the table's: anything else is a
  // bug, not a typo.
  bool flag(std::string_view name) const;
  std::int64_t integer(std::string_view name) const;
  double number(std::string_view name) const;
  const std::string& text(std::string_view name) const;   // also for choices and operands
  // The value in the user's own word: "float16" where text() is "f32".
  const std::string& said(std::string_view name) const;
  bool has(std::string_view name) const;   // there is a value, be it the default
  Source source(std::string_view name) const;

  const Command& command() const { return *command_; }
  const std::string& path() const { return path_; }   // "glass bench ops"
  const std::string& line() const {
    return line_;
  }   // the command line as typed, for results to carry

  // Checks the value (type, range, choices) and keeps it unless a stronger source spoke already.
  // `spelled` is how the user wrote the option ("--steps", "GLASS_STEPS"), for messages.
  void offer(const Option& option, const std::string& said, Source source,
             const std::string& spelled);
  void remember_line(std::string line) { line_ = std::move(line); }
  // As if this operand had not been given: for a word that turned out to mean something else.
  void forget(std::string_view operand);

  // What a config file sets beside the options: fields that have none of their own.
  struct Setting {
    std::string value, place;   // place: "run.toml, line 3: n_inner", for messages
  };
  void set_field(const std::string& name, Setting setting) { fields_[name] = std::move(setting); }
  const Setting* field(const std::string& name) const;   // null: nothing was said

 private:
  struct Entry {
    const Option* option = nullptr;
    std::string text, said;
    std::int64_t integer = 0;
    double number = 0;
    bool on = false;
    bool present = false;
    Source source = Source::fallback;
  };
  const Entry& entry(std::string_view name) const;
  const Entry& entry(std::string_view name, Type type) const;
  const Command* command_;
  std::string path_, line_;
  std::map<std::string, Entry, std::less<>> entries_;
  std::map<std::string, Setting> fields_;
};

// All options of a command: its own, then the shared ones it did not redefine, then --help.
std::vector<const Option*> options_of(const Command& command);
std::vector<std::string> other_spellings(const Option& option);   // of `also`
// The option that `name` spells, with - or _; null: there is none.
const Option* find_option(const Command& command, std::string_view name);
// "True", "no", "1", ...; false where the text is no such word.
bool flag_value(const std::string& text, bool& on);
std::string with_dashes(std::string_view name);       // "max_iters" -> "max-iters"
std::string dashed(std::string_view spelling);        // "n" -> "-n", "steps" -> "--steps"
std::string environment_name(const Option& option);   // "n-layer" -> "GLASS_N_LAYER"
bool has_environment(const Option& option);           // operands and --help have none

using Environment = const char* (*)(const char* name);   // getenv, or a fake in tests

// `words` are what follows the command's name. Throws UsageError; never prints. --help is found by
// wants_help first.
Arguments parse(const Command& command, const std::string& path,
                const std::vector<std::string>& words, Environment environment);
bool wants_help(const std::vector<std::string>& words);

}   // namespace glass
