// Layout: an example comes first, since most readers want to see one line that works; then groups
// of options in the order of the table, defaults in brackets, wrapped to the terminal.
#include "tools/help.h"

#include <algorithm>
#include <string>
#include <vector>

#include "engine/base/text.h"
#include "tools/arguments.h"
#include "tools/build_info.h"
#include "tools/commands.h"
#include "tools/terminal.h"

namespace glass {
namespace {

std::string heading(std::string_view text) { return ink(Ink::bold, text, stdout) + "\n"; }

// Words of `text` in lines of at most `width` columns; lines after the first begin with `indent`
// spaces.
std::string wrapped(std::string_view text, int indent, int width) {
  std::string out;
  int column = indent;
  for (const std::string& word : split(text, ' ')) {
    const int length = static_cast<int>(word.size());
    if (column > indent && column + 1 + length > width) {
      out += "\n" + std::string(static_cast<std::size_t>(indent), ' ');
      column = indent;
    } else if (column > indent) {
      out += ' ';
      ++column;
    }
    out += word;
    column += length;
  }
  return out;
}

std::string value_of(const Option& o) {
  if (o.type == Type::flag) return "";
  if (o.type == Type::choice) return std::string(o.choices);
  return o.value.empty() ? "TEXT" : std::string(o.value);
}

// "-n, --samples N"; an operand is only its name.
std::string left_side(const Option& o) {
  if (!has_environment(o) && o.name != "help") return std::string(o.name);
  std::string text;
  for (const std::string& also : other_spellings(o))
    if (also.size() == 1) text += dashed(also) + ", ";
  const bool on = o.type == Type::flag && o.fallback == "true";
  text += on ? "--no-" + std::string(o.name) : dashed(o.name);
  const std::string value = value_of(o);
  return value.empty() ? text : text + " " + value;
}

std::string right_side(const Option& o) {
  std::string text(o.help);
  std::vector<std::string> also;
  for (const std::string& spelling : other_spellings(o))
    if (spelling.size() > 1) also.push_back(dashed(spelling));
  if (!also.empty()) text += " (also " + list_of(also, "and") + ")";
  if (o.type != Type::flag && !o.fallback.empty()) text += " [" + std::string(o.fallback) + "]";
  return text;
}

std::string row(const std::string& left, const std::string& right, int column, int width,
                Ink colour = Ink::cyan) {
  std::string out = "  " + ink(colour, left, stdout);
  const int used = 2 + static_cast<int>(left.size());
  if (used + 2 > column) out += "\n" + std::string(static_cast<std::size_t>(column), ' ');
  else out += std::string(static_cast<std::size_t>(column - used), ' ');
  return out + wrapped(right, column, width) + "\n";
}

std::string usage(const Command& command, const std::string& path) {
  std::string text = path;
  if (!command.commands.empty()) {
    std::vector<std::string> names;
    for (const Command* child : command.commands) names.emplace_back(child->name);
    text += " " + join(names, "|");
  }
  for (const Option& o : command.operands) {
    const std::string name = o.type == Type::choice ? std::string(o.choices) : std::string(o.name);
    text += o.required ? " " + name : " [" + name + "]";
  }
  return text + " [options]";
}

// Where the right sides begin: behind the left ones, but for those that would leave little room.
int column_for(const std::vector<std::string>& lefts, int width) {
  const int most = std::min(28, width * 28 / 80);
  int column = 12;
  for (const std::string& left : lefts) {
    const int needs = static_cast<int>(left.size()) + 4;
    if (needs <= most) column = std::max(column, needs);
  }
  return column;
}

// Options under their headings, in the order in which the headings first appear: what a command
// adds to "Output" stands together with the shared options of that name.
struct Group {
  std::string_view name;
  std::vector<const Option*> options;
};

std::vector<Group> groups_of(const std::vector<const Option*>& options) {
  std::vector<Group> groups;
  std::string_view name = "Options";
  for (const Option* o : options) {
    if (!o->group.empty()) name = o->group;
    const auto same = [&](const Group& group) { return group.name == name; };
    auto group = std::find_if(groups.begin(), groups.end(), same);
    if (group == groups.end()) group = groups.insert(groups.end(), Group{name, {}});
    group->options.push_back(o);
  }
  return groups;
}

// What the program reads from its environment, all of it.
struct Variable {
  const char *name, *meaning;
};
// clang-format off
constexpr Variable kVariables[] = {
    {"GLASS_DEVICE, GLASS_SEED, ...", "options for every command: GLASS_ and the name of one; what is typed goes first"},
    {"GLASS_DATA",        "a folder with public data and rank files (glass data list)"},
    {"GLASS_CUDA_DRIVER", "the library behind --device cuda [libcuda.so.1]"},
    {"GLASS_CUDA_GRAPHS", "0: start its kernels one by one, without graphs"},
    {"GLASS_NVRTC",       "the library that compiles kernels for it where nvcc has not [libnvrtc.so]"},
    {"GLASS_METAL",       "the library behind --device metal [that of macOS]"},
    {"GLASS_FAULT",       "for tests: nan_loss@37 plants a NaN in step 37 of a training"},
    {"GLASS_KILL_AT",     "for tests: the place at which a saving is killed"},
    {"NO_COLOR, CLICOLOR_FORCE, TERM, COLUMNS", "as everywhere: colours and width of the terminal"},
    {"XDG_CACHE_HOME, XDG_DATA_HOME, HOME", "where compiled kernels and fetched data are kept [~/.cache, ~/.local/share]"},
};
// clang-format on

std::string no_such_command(const std::string& word, const std::string& path,
                            std::span<const Command* const> among) {
  std::vector<std::string> names;
  for (const Command* command : among) names.emplace_back(command->name);
  const std::string near = nearest(word, names);
  const std::string hint = near.empty() ? path + " offers " + list_of(names, "and") + "."
                                        : "did you mean " + path + " " + near + "?";
  return "unknown command " + in_quotes(word) + ": " + hint;
}

}   // namespace

Found find_command(std::span<const std::string> words) {
  std::span<const Command* const> among = all_commands();
  Found found{nullptr, "glass", 0};
  while (found.words < words.size() && !among.empty()) {
    const std::string& word = words[found.words];
    if (found.command != nullptr && word.compare(0, 1, "-") == 0) break;
    const auto same = [&](const Command* c) { return c->name == word; };
    const auto it = std::find_if(among.begin(), among.end(), same);
    if (it == among.end()) fail(UsageError(no_such_command(word, found.path, among)));
    found = {*it, found.path + " " + word, found.words + 1};
    among = (*it)->commands;
  }
  return found;
}

std::string overview() {
  const int width = terminal_width(stdout);
  std::string text =
      ink(Ink::bold, "glass", stdout) + " " + build_version() + ": a GPT you can see through\n\n";
  std::vector<std::string> names;
  for (const Command* command : all_commands()) names.emplace_back(command->name);
  const int column = column_for(names, width);
  text += heading("Commands");
  for (const Command* command : all_commands()) {
    text += row(std::string(command->name), std::string(command->summary), column, width);
  }
  text += "\n" + heading("Start here");
  for (const Command* command : all_commands()) {
    if (command->shared == Shared::none) continue;
    for (const Example& e :
         command->examples.first(std::min<std::size_t>(1, command->examples.size()))) {
      text += row(std::string(e.line), std::string(e.what), std::min(34, width * 34 / 80), width,
                  Ink::green);
    }
  }
  text += "\n" + heading("Environment");
  for (const Variable& v : kVariables)
    text += row(v.name, v.meaning, std::min(34, width * 34 / 80), width);
  return text + "\nEvery command explains itself: glass COMMAND --help\n";
}

std::string help_text(const Command& command, const std::string& path) {
  const int width = terminal_width(stdout);
  std::string text = ink(Ink::bold, path, stdout) + ": " +
                     wrapped(command.summary, static_cast<int>(path.size()) + 2, width) + "\n\n";
  for (const Example& e : command.examples) {
    text += "  $ " + ink(Ink::green, e.line, stdout) + "\n" +
            (e.what.empty() ? "" : "      " + wrapped(e.what, 6, width) + "\n");
  }
  if (!command.examples.empty()) text += "\n";
  if (!command.about.empty()) text += wrapped(command.about, 0, width) + "\n\n";
  text += heading("Usage") + "  " + wrapped(usage(command, path), 6, width) + "\n";

  const std::vector<const Option*> options = options_of(command);
  std::vector<std::string> lefts;
  for (const Command* child : command.commands) lefts.emplace_back(child->name);
  for (const Option& o : command.operands) lefts.push_back(left_side(o));
  for (const Option* o : options) lefts.push_back(left_side(*o));
  const int column = column_for(lefts, width);

  if (!command.commands.empty()) text += "\n" + heading("Commands");
  for (const Command* child : command.commands)
    text += row(std::string(child->name), std::string(child->summary), column, width);
  if (!command.operands.empty()) text += "\n" + heading("Arguments");
  for (const Option& o : command.operands) text += row(left_side(o), right_side(o), column, width);
  if (command.run == nullptr)
    return text + "\nEach of them explains itself: " + path + " COMMAND --help\n";

  for (const Group& group : groups_of(options)) {
    text += "\n" + heading(group.name);
    for (const Option* o : group.options) text += row(left_side(*o), right_side(*o), column, width);
  }
  return text;
}

std::string reference_markdown() {
  std::string text =
      "# Commands\n\nWritten by `glass help --markdown` from the tables that the parser reads.\n";
  const auto escaped = [](std::string s) {
    for (std::size_t i = 0; (i = s.find('|', i)) != std::string::npos; i += 2) s.insert(i, "\\");
    return s;
  };
  text += "\n## Environment\n\n| variable | meaning |\n|---|---|\n";
  for (const Variable& v : kVariables)
    text += "| `" + std::string(v.name) + "` | " + v.meaning + " |\n";
  for (const Named& named : runnable_commands()) {
    text += "\n## `" + named.path + "`\n\n" + std::string(named.command->summary) + ".";
    if (!named.command->about.empty()) text += " " + std::string(named.command->about);
    text += "\n\n```\n" + usage(*named.command, named.path) +
            "\n```\n\n| option | meaning | environment |\n|---|---|---|\n";
    const auto line = [&](const Option& o) {
      const std::string variable = has_environment(o) ? "`" + environment_name(o) + "`" : "";
      text += "| `" + escaped(left_side(o)) + "` | " + escaped(right_side(o)) + " | " + variable +
              " |\n";
    };
    for (const Option& o : named.command->operands) line(o);
    for (const Option* o : options_of(*named.command)) line(*o);
  }
  return text;
}

}   // namespace glass
