// The list is written out: a command that registers itself from a static constructor is lost when
// the linker drops its file, and nobody can say in which order they come.
#include "tools/commands.h"

#include "tools/arguments.h"

namespace glass {

extern const Command kTrain, kSample, kEval, kLogits, kGrads, kInterp, kReport, kServe, kMicro, kTrace, kBench, kInspect,
    kImport, kExport, kInfo, kCompletion, kHelp,
    kDataCommand, kTokenizerCommand;

namespace {

// clang-format off
const Command* const kCommands[] = {
    &kTrain,
    &kSample,
    &kEval,
    &kLogits,
    &kGrads,
    &kDataCommand,
    &kTokenizerCommand,
    &kInterp,
    &kReport,
    &kServe,
    &kMicro,
    &kTrace,
    &kBench,
    &kInspect,
    &kImport,
    &kExport,
    &kInfo,
    &kCompletion,
    &kHelp,
};
// clang-format on

void collect(const Command& command, const std::string& parent, std::vector<Named>& out) {
  const std::string path = parent + " " + std::string(command.name);
  if (command.run != nullptr) out.push_back({&command, path});
  for (const Command* child : command.commands) collect(*child, path, out);
}

}   // namespace

std::span<const Command* const> all_commands() { return kCommands; }

std::vector<Named> runnable_commands() {
  std::vector<Named> all;
  for (const Command* command : kCommands) collect(*command, "glass", all);
  return all;
}

std::string command_that_takes(const std::string& option) {
  for (const Named& named : runnable_commands()) {
    for (const Option& o : named.command->options)
      if (o.name == option) return named.path;
  }
  return "";
}

}   // namespace glass
