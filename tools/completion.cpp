// glass completion bash|zsh|fish: a script for the shell, with every command, option and choice
// written into it, so that pressing Tab runs nothing.
#include <algorithm>
#include <string>
#include <vector>

#include "engine/base/text.h"
#include "tools/arguments.h"
#include "tools/commands.h"
#include "tools/terminal.h"

namespace glass {
namespace {

// Where on a command line one may be: "" (a command comes next), "bench", "bench ops".
struct Place {
  std::string path;
  const Command* command;
  std::span<const Command* const> next;
};

void add_places(std::vector<Place>& places, const std::string& path, const Command* command,
                std::span<const Command* const> next) {
  places.push_back({path, command, next});
  for (const Command* child : next) {
    add_places(places,
               path.empty() ? std::string(child->name) : path + " " + std::string(child->name),
               child, child->commands);
  }
}

std::vector<Place> all_places() {
  std::vector<Place> places;
  add_places(places, "", nullptr, all_commands());
  return places;
}

// Options with a dash as one types them; `all` adds the other spellings.
std::vector<std::string> spellings(const Option& o) {
  std::vector<std::string> out = {dashed(o.name)};
  for (const std::string& also : other_spellings(o)) out.push_back(dashed(also));
  return out;
}

std::string words_at(const Place& place) {
  std::vector<std::string> words;
  for (const Command* child : place.next) words.emplace_back(child->name);
  if (place.command == nullptr) words.insert(words.end(), {"--help", "--version"});
  else if (place.command->run == nullptr) words.emplace_back("--help");
  else
    for (const Option* o : options_of(*place.command)) words.push_back(dashed(o->name));
  if (place.command != nullptr) {
    for (const Option& o : place.command->operands) {
      for (const std::string& choice : split(o.choices, '|'))
        if (!choice.empty()) words.push_back(choice);
    }
  }
  if (place.path == "help")
    for (const Command* c : all_commands()) words.emplace_back(c->name);
  return join(words, " ");
}

bool takes_value(const Option& o) { return o.type != Type::flag; }
bool names_file(const Option& o) {
  return o.type == Type::text;
}   // or a free text, where files do no harm

bool takes_files(const Command& command) {
  return std::any_of(command.operands.begin(), command.operands.end(),
                     [&](const Option& o) { return names_file(o) && command.name != "help"; });
}

// ---- bash: find the place by walking the words, then offer words, choices or files ----

std::string bash_script() {
  std::string cases, values;
  for (const Place& place : all_places()) {
    const bool files = place.command != nullptr && takes_files(*place.command);
    cases += "    '" + place.path + "') words='" + words_at(place) + "'" +
             (files ? "; files=yes" : "") + " ;;\n";
    if (place.command == nullptr || place.command->run == nullptr) continue;
    for (const Option* o : options_of(*place.command)) {
      if (!takes_value(*o)) continue;
      std::vector<std::string> patterns;
      for (const std::string& s : spellings(*o))
        patterns.push_back("'" + place.path + " " + s + "'");
      const std::string offer =
          names_file(*o) ? "files=yes" : "choices='" + join(split(o->choices, '|'), " ") + "'";
      values += "    " + join(patterns, "|") + ") value=yes; " + offer + " ;;\n";
    }
  }
  std::string known;
  for (const Place& place : all_places())
    if (!place.path.empty()) known += (known.empty() ? "'" : "|'") + place.path + "'";
  return R"(# bash completion for glass. To use it now:  source <(glass completion bash)
_glass() {
  local place='' words='' choices='' value='' files='' word i
  local current="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}"
  # bash breaks --key=value into three words
  if [[ $current == '=' ]]; then current=''; elif [[ $before == '=' ]]; then before="${COMP_WORDS[COMP_CWORD-2]}"; fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="${place:+$place }${COMP_WORDS[i]}"
    case "$word" in )" +
         known + R"() place="$word" ;; esac
  done
  before="${before//_/-}"
  case "$place $before" in
)" + values +
         R"(  esac
  if [[ -n $value ]]; then
    COMPREPLY=($(compgen -W "$choices" -- "$current"))
    if [[ -n $files ]]; then COMPREPLY=($(compgen -f -- "$current")); fi
    return
  fi
  case "$place" in
)" + cases +
         R"(  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [[ $current != -* && -n $files ]]; then COMPREPLY+=($(compgen -f -- "$current")); fi
}
complete -o filenames -F _glass glass
)";
}

// ---- zsh ----

std::string zsh_quoted(std::string_view text, std::string_view special) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') out += "'\\''";
    else if (special.find(c) != std::string_view::npos) (out += '\\') += c;
    else out += c;
  }
  return out;
}

std::string zsh_value(const Option& o) {
  if (!takes_value(o)) return "";
  const std::string name = o.value.empty() ? "value" : zsh_quoted(o.value, ":[]");
  if (names_file(o)) return ":" + name + ":_files";
  return ":" + name + ":(" + join(split(o.choices, '|'), " ") + ")";
}

void zsh_function(std::string& out, const Place& place) {
  std::string name = "_glass";
  for (const std::string& word : split(place.path, ' '))
    if (!word.empty()) name += "_" + word;
  out += "\n" + name + "() {\n";
  if (!place.next.empty()) {
    out +=
        "  local state line\n  _arguments -C '1: :->command' '*:: :->rest'\n  case $state in\n    "
        "command)\n      local -a commands=(\n";
    for (const Command* c : place.next) {
      out += "        '" + std::string(c->name) + ":" + zsh_quoted(c->summary, ":") + "'\n";
    }
    out += "      )\n      _describe command commands ;;\n    rest)\n      case $line[1] in\n";
    for (const Command* c : place.next)
      out += "        " + std::string(c->name) + ") " + name + "_" + std::string(c->name) + " ;;\n";
    out += "      esac ;;\n  esac\n}\n";
    return;
  }
  out += "  _arguments";
  for (const Option* o : options_of(*place.command)) {
    const std::string rest =
        (takes_value(*o) ? "=[" : "[") + zsh_quoted(o->help, "[]") + "]" + zsh_value(*o);
    out += " \\\n    '" + dashed(o->name) + rest + "'";
  }
  for (const Option& o : place.command->operands) {
    out += " \\\n    '" + std::string(o.required ? ":" : "::") + zsh_quoted(o.name, ":") + ":";
    out += (o.choices.empty() ? "_files" : "(" + join(split(o.choices, '|'), " ") + ")") +
           std::string("'");
  }
  out += "\n}\n";
}

std::string zsh_script() {
  std::string out =
      "#compdef glass\n# zsh completion for glass. To use it now:  source <(glass completion "
      "zsh)\n";
  for (const Place& place : all_places()) zsh_function(out, place);
  out +=
      "\nif [[ $zsh_eval_context[-1] == loadautofunc ]]; then _glass \"$@\"; else compdef _glass "
      "glass; fi\n";
  return out;
}

// ---- fish ----

std::string fish_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

std::string fish_script() {
  std::string out = R"(# fish completion for glass. To use it now:  glass completion fish | source
function __glass_at
  # true when the words typed so far name exactly this command
  set -l words (commandline -opc)
  set -e words[1]
  set -l place
  for word in $words
    string match -q -- '-*' $word; or set -a place $word
  end
  test "$place[1..$argv[1]]" = "$argv[2]"; and test (count $place) -ge $argv[1]
end
)";
  for (const Place& place : all_places()) {
    const std::size_t depth = place.path.empty() ? 0 : split(place.path, ' ').size();
    const std::string here = "-n \"__glass_at " + std::to_string(depth) + " '" + place.path + "'\"";
    if (place.path.empty()) {
      for (const Command* c : place.next) {
        out += "complete -c glass -n __fish_use_subcommand -f -a " + std::string(c->name) + " -d " +
               fish_quoted(c->summary) + "\n";
      }
      continue;
    }
    for (const Command* c : place.next)
      out += "complete -c glass " + here + " -f -a " + std::string(c->name) + " -d " +
             fish_quoted(c->summary) + "\n";
    if (place.command->run == nullptr) continue;
    for (const Option* o : options_of(*place.command)) {
      out += "complete -c glass " + here + " -l " + std::string(o->name);
      for (const std::string& also : other_spellings(*o))
        if (also.size() == 1) out += " -s " + also;
      if (names_file(*o)) out += " -r";
      else if (takes_value(*o)) out += " -x -a '" + join(split(o->choices, '|'), " ") + "'";
      out += " -d " + fish_quoted(o->help) + "\n";
    }
    for (const Option& o : place.command->operands) {
      if (!o.choices.empty())
        out += "complete -c glass " + here + " -f -a '" + join(split(o.choices, '|'), " ") + "'\n";
    }
  }
  return out;
}

const Option kOperands[] = {
    {.name = "SHELL",
     .type = Type::choice,
     .choices = "bash|zsh|fish",
     .help = "which shell: bash, zsh or fish",
     .required = true},
};
const Example kExamples[] = {
    {"source <(glass completion bash)", "complete commands and options in this bash"},
    {"glass completion zsh > ~/.zfunc/_glass", "for every zsh to come (with ~/.zfunc in fpath)"},
    {"glass completion fish | source", "in this fish"},
};

ExitCode run(const Arguments& args) {
  const std::string& shell = args.text("SHELL");
  print(shell == "bash" ? bash_script() : shell == "zsh" ? zsh_script() : fish_script());
  return ExitCode::ok;
}

}   // namespace

extern const Command kCompletion = {.name = "completion",
                                    .summary = "a script that completes glass in your shell",
                                    .examples = kExamples,
                                    .operands = kOperands,
                                    .shared = Shared::none,
                                    .run = run};

}   // namespace glass
