// From words to values. The order is: defaults, environment, command line; a word that is not
// understood stops the program with a sentence that names the word, the command and, where there is
// one, the nearest thing that would work.
#include "tools/arguments.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "engine/base/text.h"
#include "tools/commands.h"
#include "tools/options.h"
#include "tools/shell_word.h"

namespace glass {

std::string with_dashes(std::string_view name) {
  std::string out(name);
  std::replace(out.begin(), out.end(), '_', '-');
  return out;
}

namespace {

[[noreturn]] void refuse(const std::string& message) { fail(UsageError(message)); }

// A word that starts an option: "-n", "--steps", "--steps=3". Not "-", "-1" or "-.5", which are
// values.
bool is_option(const std::string& word) {
  if (word.size() < 2 || word[0] != '-') return false;
  const char c = word[1];
  return !(c >= '0' && c <= '9') && c != '.';
}

// 1000000000 reads better as 1,000,000,000 than as 1e+09.
std::string bound(const Option& o, double value) {
  return o.type == Type::integer ? with_commas(static_cast<std::int64_t>(value)) : shortest(value);
}

std::string range_of(const Option& o) {
  const bool below = std::isinf(o.min), above = std::isinf(o.max);
  if (below && above) return "";
  if (above) return ", at least " + bound(o, o.min);
  if (below) return ", at most " + bound(o, o.max);
  return " from " + bound(o, o.min) + " to " + bound(o, o.max);
}

std::string wanted(const Option& o) {
  return (o.type == Type::integer ? "a whole number" : "a number") + range_of(o);
}

[[noreturn]] void refuse_number(const Option& o, const std::string& value,
                                const std::string& spelled, NumberFault fault) {
  std::string why = " is not " + wanted(o) + ".";
  if (fault == NumberFault::empty) why = " is empty; it takes " + wanted(o) + ".";
  if (fault == NumberFault::not_finite) why = " is not finite; it takes " + wanted(o) + ".";
  if (fault == NumberFault::out_of_range)
    why = " is too large to be represented; it takes " + wanted(o) + ".";
  std::string pointed = value;
  std::replace(pointed.begin(), pointed.end(), ',', '.');
  double ignored = 0;
  if (o.type == Type::number && pointed != value &&
      parse_number(pointed, ignored) == NumberFault::none) {
    why += " The decimal separator is a point: " + pointed + ".";
  }
  refuse(spelled + ": " + in_quotes(value) + why);
}

// A double cannot tell 2^53 from 2^53 + 1, so whole numbers are compared as such.
bool is_above(const Option& o, std::int64_t integer, double number) {
  const bool whole = o.type == Type::integer && o.max < 9e18;
  return whole ? integer > static_cast<std::int64_t>(o.max) : number > o.max;
}

void check_range(const Option& o, std::int64_t integer, double number, const std::string& value,
                 const std::string& spelled) {
  const bool above = is_above(o, integer, number);
  if (number >= o.min && !above) return;
  const std::string why = above ? " is too large" : " is too small";
  refuse(spelled + ": " + in_quotes(value) + why + "; it takes " + wanted(o) + ".");
}

void check_choice(const Option& o, const std::string& value, const std::string& spelled) {
  const std::vector<std::string> choices = split(o.choices, '|');
  if (std::find(choices.begin(), choices.end(), value) != choices.end()) return;
  if (!o.missing.empty()) {
    const std::vector<std::string> missing = split(o.missing, '|');
    if (std::find(missing.begin(), missing.end(), value) != missing.end()) {
      refuse(spelled + ": " + value + " is not part of this build; use " + list_of(choices, "or") +
             ".");
    }
  }
  std::string small = value;   // as all choices are written
  for (char& c : small)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  const std::string near = nearest(small, choices);
  refuse(spelled + ": " + in_quotes(value) + " is not one of " + list_of(choices, "or") + "." +
         (near.empty() ? "" : " Did you mean " + near + "?"));
}

// A word of another program, in ours: "mps" is "metal".
std::string meant_by(const Option& o, const std::string& value) {
  if (o.means.empty()) return value;
  for (const std::string& pair : split(o.means, ' ')) {
    const std::size_t equals = pair.find('=');
    if (pair.compare(0, equals, value) == 0) return pair.substr(equals + 1);
  }
  return value;
}

}   // namespace

bool flag_value(const std::string& text, bool& on) {
  std::string lower = text;
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  const auto any = [&](std::initializer_list<const char*> words) {
    return std::any_of(words.begin(), words.end(), [&](const char* w) { return lower == w; });
  };
  if (any({"true", "1", "yes", "on"})) return on = true, true;
  if (any({"false", "0", "no", "off"})) return on = false, true;
  return false;
}

std::vector<std::string> other_spellings(const Option& option) {
  if (option.also.empty()) return {};
  return split(option.also, ' ');
}

std::string dashed(std::string_view spelling) {
  return (spelling.size() == 1 ? "-" : "--") + std::string(spelling);
}

bool has_environment(const Option& option) {
  return option.name != "help" && !(option.name[0] >= 'A' && option.name[0] <= 'Z');
}

std::string environment_name(const Option& option) {
  std::string name = "GLASS_";
  for (const char c : option.name)
    name += c == '-' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return name;
}

std::vector<const Option*> options_of(const Command& command) {
  std::vector<const Option*> all;
  for (const Option& o : command.options) all.push_back(&o);
  for (const Option& o : shared_options(command.shared)) {
    const auto same = [&](const Option& own) { return own.name == o.name; };
    if (std::none_of(command.options.begin(), command.options.end(), same)) all.push_back(&o);
  }
  return all;
}

const Option* find_option(const Command& command, std::string_view name) {
  const std::string wanted = with_dashes(name);
  for (const Option* o : options_of(command)) {
    const std::vector<std::string> also = other_spellings(*o);
    const bool other = std::any_of(also.begin(), also.end(),
                                   [&](const std::string& a) { return with_dashes(a) == wanted; });
    if (o->name == wanted || other) return o;
  }
  return nullptr;
}

Arguments::Arguments(const Command& command, std::string path)
    : command_(&command), path_(std::move(path)) {
  const auto add = [&](const Option& o) {
    entries_[std::string(o.name)].option = &o;
    if (o.type == Type::flag)
      offer(o, o.fallback.empty() ? "false" : std::string(o.fallback), Source::fallback, "");
    else if (!o.fallback.empty())
      offer(o, std::string(o.fallback), Source::fallback, "the default of " + std::string(o.name));
  };
  for (const Option* o : options_of(command)) add(*o);
  for (const Option& o : command.operands) add(o);
}

void Arguments::offer(const Option& o, const std::string& said, Source source,
                      const std::string& spelled) {
  const std::string value = meant_by(o, said);
  Entry& e = entries_.at(std::string(o.name));
  Entry fresh{&o, value, said, 0, 0, false, true, source};
  NumberFault fault = NumberFault::none;
  switch (o.type) {
    case Type::text:
      if (value.empty())
        refuse(spelled + " is empty; it takes " +
               (o.value.empty() ? "a text" : std::string(o.value)) + ".");
      break;
    case Type::choice:
      check_choice(o, value, spelled);
      break;
    case Type::flag:
      if (!flag_value(value, fresh.on))
        refuse(spelled + ": " + in_quotes(value) + " is not true or false.");
      break;
    case Type::integer:
      fault = parse_integer(value, fresh.integer);
      fresh.number = static_cast<double>(fresh.integer);
      break;
    case Type::number:
      fault = parse_number(value, fresh.number);
      break;
  }
  if (fault != NumberFault::none) refuse_number(o, value, spelled, fault);
  if (o.type == Type::integer || o.type == Type::number)
    check_range(o, fresh.integer, fresh.number, value, spelled);
  if (!e.present || source >= e.source) e = fresh;
}

const Arguments::Entry& Arguments::entry(std::string_view name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end())
    fail(Error(ExitCode::internal, path_ + " has no option " + std::string(name)));
  return found->second;
}

const Arguments::Entry& Arguments::entry(std::string_view name, Type type) const {
  const Entry& e = entry(name);
  const Type real = e.option->type == Type::choice ? Type::text : e.option->type;
  if (real != type)
    fail(Error(ExitCode::internal, path_ + ": option " + std::string(name) + " has another type"));
  return e;
}

bool Arguments::flag(std::string_view name) const { return entry(name, Type::flag).on; }
const std::string& Arguments::text(std::string_view name) const {
  return entry(name, Type::text).text;
}

std::int64_t Arguments::integer(std::string_view name) const {
  const Entry& e = entry(name, Type::integer);
  if (!e.present)
    fail(Error(ExitCode::internal, path_ + ": option " + std::string(name) + " has no value"));
  return e.integer;
}

double Arguments::number(std::string_view name) const {
  const Entry& e = entry(name, Type::number);
  if (!e.present)
    fail(Error(ExitCode::internal, path_ + ": option " + std::string(name) + " has no value"));
  return e.number;
}

bool Arguments::has(std::string_view name) const { return entry(name).present; }
Source Arguments::source(std::string_view name) const { return entry(name).source; }
const std::string& Arguments::said(std::string_view name) const { return entry(name).said; }

void Arguments::forget(std::string_view operand) {
  const Option* option = entry(operand).option;
  entries_.find(operand)->second = Entry{};
  entries_.find(operand)->second.option = option;
}

const Arguments::Setting* Arguments::field(const std::string& name) const {
  const auto found = fields_.find(name);
  return found == fields_.end() ? nullptr : &found->second;
}

namespace {

// One word of the command line that starts an option, taken apart.
struct Word {
  std::string name, value;
  bool has_value, negated;
};

Word take_apart(const std::string& word) {
  const std::size_t dashes = word.compare(0, 2, "--") == 0 ? 2 : 1;
  const std::size_t equals = word.find('=');
  Word w{with_dashes(word.substr(dashes, equals == std::string::npos ? equals : equals - dashes)),
         "", equals != std::string::npos, false};
  if (w.has_value) w.value = word.substr(equals + 1);
  return w;
}

class Parser {
 public:
  Parser(const Command& command, const std::string& path, const std::vector<std::string>& words)
      : command_(command),
        path_(path),
        words_(words),
        options_(options_of(command)),
        args_(command, path) {}

  Arguments parse(Environment environment) {
    for (const Option* o : options_) from_environment(*o, environment);
    bool only_operands = false;
    for (; at_ < words_.size(); ++at_) {
      if (only_operands || !is_option(words_[at_])) operand(words_[at_]);
      else if (words_[at_] == "--") only_operands = true;
      else option(words_[at_]);
    }
    for (const Option& o : command_.operands) require(o, std::string(o.name));
    for (const Option* o : options_) require(*o, dashed(o->name));
    return std::move(args_);
  }

 private:
  void from_environment(const Option& o, Environment environment) {
    if (!has_environment(o)) return;
    const std::string name = environment_name(o);
    const char* value = environment(name.c_str());
    if (value != nullptr && *value != '\0')
      args_.offer(o, value, Source::environment, name + " (in the environment)");
  }

  void require(const Option& o, const std::string& spelled) {
    if (o.required && !args_.has(o.name))
      refuse(path_ + " needs " + spelled + ": " + std::string(o.help) + ".");
  }

  void operand(const std::string& word) {
    if (operands_ >= command_.operands.size()) {
      const char* does = command_.operands.empty() ? " takes no arguments besides options"
                                                   : " has all its arguments already";
      const bool reads_a_model = find_option(command_, "ckpt") != nullptr && !args_.has("ckpt");
      refuse("unexpected argument " + in_quotes(word) + ": " + path_ + does + "; " +
             (reads_a_model ? "did you mean --ckpt " + in_quotes(word) + "?"
                            : "see " + path_ + " --help."));
    }
    const Option& o = command_.operands[operands_++];
    args_.offer(o, word, Source::command_line, std::string(o.name));
  }

  const Option* find(Word& w) const {
    if (const Option* o = find_option(command_, w.name)) return o;
    if (w.name.compare(0, 3, "no-") != 0) return nullptr;
    const Option* o = find_option(command_, w.name.substr(3));
    w.negated = o != nullptr && o->type == Type::flag && o->name != "help";
    return w.negated ? o : nullptr;
  }

  // Whether the next word is the value of an option that could do without one.
  bool next_is_value(const Option& o) const {
    if (at_ + 1 >= words_.size() || is_option(words_[at_ + 1])) return false;
    bool ignored = false;
    return o.takes ? o.takes(words_[at_ + 1]) : flag_value(words_[at_ + 1], ignored);
  }

  void option(const std::string& word) {
    Word w = take_apart(word);
    const Option* o = find(w);
    if (o == nullptr) unknown(word, w);
    const std::string spelled = word.substr(0, word.find('='));
    if (!seen_.insert(std::string(o->name)).second)
      refuse(spelled + " is given twice; say it once.");
    if (o->type == Type::flag) {
      if (w.negated && w.has_value) refuse(spelled + " takes no value.");
      if (w.negated) w.value = "false";
      else if (!w.has_value) w.value = next_is_value(*o) ? words_[++at_] : "true";
      args_.offer(*o, w.value, Source::command_line, spelled);
      return;
    }
    if (!w.has_value && !o->bare.empty()) {
      w.value = next_is_value(*o) ? words_[++at_] : std::string(o->bare);
    } else if (!w.has_value) {
      if (at_ + 1 >= words_.size() || is_option(words_[at_ + 1])) missing_value(*o, spelled);
      w.value = words_[++at_];
    }
    args_.offer(*o, w.value, Source::command_line, spelled);
  }

  [[noreturn]] void missing_value(const Option& o, const std::string& spelled) const {
    std::string takes = o.value.empty() ? "" : " " + std::string(o.value);
    if (o.type == Type::choice) takes = ": " + list_of(split(o.choices, '|'), "or");
    else if (o.type == Type::integer || o.type == Type::number) takes = ": " + wanted(o);
    refuse(spelled + " needs a value" + takes + ".");
  }

  [[noreturn]] void unknown(const std::string& word, const Word& w) const {
    std::vector<std::string> names;
    for (const Option* o : options_) {
      names.emplace_back(o->name);
      for (const std::string& also : other_spellings(*o))
        if (also.size() > 1) names.push_back(with_dashes(also));
    }
    const std::string flag = in_quotes(word.substr(0, word.find('=')));
    const std::string near = nearest(w.name, names);
    std::string hint =
        near.empty() ? "see " + path_ + " --help." : "did you mean " + dashed(near) + "?";
    const std::string elsewhere = near.empty() ? command_that_takes(w.name) : "";
    if (!elsewhere.empty()) hint = "it belongs to " + elsewhere + "; see " + path_ + " --help.";
    refuse("unknown flag " + flag + " for " + path_ + ": " + hint);
  }

  const Command& command_;
  const std::string& path_;
  const std::vector<std::string>& words_;
  const std::vector<const Option*> options_;
  Arguments args_;
  std::set<std::string> seen_;
  std::size_t at_ = 0, operands_ = 0;
};

}   // namespace

bool wants_help(const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    if (word == "--") return false;
    if (word == "--help" || word == "-h") return true;
  }
  return false;
}

Arguments parse(const Command& command, const std::string& path,
                const std::vector<std::string>& words, Environment environment) {
  Arguments args = Parser(command, path, words).parse(environment);
  args.remember_line(words.empty() ? path : path + " " + shell_line(words));
  return args;
}

}   // namespace glass
