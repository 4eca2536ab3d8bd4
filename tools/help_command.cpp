// glass help [COMMAND [COMMAND]]: the same text as COMMAND --help, for those who ask in that order.
#include "tools/arguments.h"
#include "tools/help.h"
#include "tools/terminal.h"

namespace glass {
namespace {

const Option kOperands[] = {
    {.name = "COMMAND", .help = "the command to explain"},
    {.name = "SUBCOMMAND", .help = "and which of its commands, where it has some"},
};
const Option kOptions[] = {
    {.name = "markdown",
     .type = Type::flag,
     .help = "the reference of all commands as Markdown",
     .group = "Output"},
};
const Example kExamples[] = {{"glass help info", "the same as glass info --help"}};

ExitCode run(const Arguments& args) {
  std::vector<std::string> words;
  for (const char* name : {"COMMAND", "SUBCOMMAND"})
    if (args.has(name)) words.push_back(args.text(name));
  if (args.flag("markdown")) {
    print(reference_markdown());
  } else if (words.empty()) {
    print(overview());
  } else {
    const Found found = find_command(words);
    print(help_text(*found.command, found.path));
  }
  return ExitCode::ok;
}

}   // namespace

extern const Command kHelp = {.name = "help",
                              .summary = "explain a command",
                              .examples = kExamples,
                              .operands = kOperands,
                              .options = kOptions,
                              .shared = Shared::none,
                              .run = run};

}   // namespace glass
