// What a page without a server does not do, so that what it does do links alone: nobody types a
// command line there, nothing is printed, and no process can be started that would train.
#include "engine/base/error.h"
#include "tools/api/endpoints.h"
#include "tools/api/trainer_process.h"
#include "tools/commands.h"
#include "tools/interp/interp.h"

namespace glass {

// Analyses know each other's names through the table of all commands; here it has only them.
extern const Command kInterp;
namespace {
const Command* const kCommands[] = {&kInterp};
}
std::span<const Command* const> all_commands() { return kCommands; }
std::vector<Named> runnable_commands() { return {}; }
std::string command_that_takes(const std::string&) { return ""; }

// Of an analysis a page wants the figures, and draws them itself.
ExitCode run_analysis(const Arguments&) {
  fail(UsageError("this is not printed in a page; run it in a terminal."));
}
extern const Command kInterpSaeTrain = {
    .name = "train", .summary = "not in a page", .run = run_analysis};

namespace {
[[noreturn]] void refuse_to_train() {
  throw ApiError(501, "not_in_a_page", "a page without a server trains nothing",
                 "glass serve does, and shows it in this page");
}
}   // namespace
Answer api_training(Session&, const Call&) { refuse_to_train(); }
Answer api_train(Session&, const Call&) { refuse_to_train(); }
void api_train_stream(Session&, const Call&, Events&) { refuse_to_train(); }

TrainerProcess trainer_in(const std::string&) { return {}; }
TrainerProcess known_process(int) { return {}; }
int start_process(const std::string&, const std::vector<std::string>&, const std::string&) {
  refuse_to_train();
}
bool has_ended(int, int&) { return true; }

}   // namespace glass
