// What a browser does not let a program do, so that everything else links: the commands that listen
// on a socket or race other libraries (their table is there, because analyses know each other by
// it), and processes that train.
#include <spawn.h>

#include <cerrno>

#include "engine/base/error.h"
#include "tools/api/trainer_process.h"
#include "tools/command.h"

namespace glass {
namespace {

ExitCode run(const Arguments&) {
  fail(UsageError("this command is not part of the page; run it in a terminal."));
}

}   // namespace

extern const Command kServe = {.name = "serve", .summary = "not in a page", .run = run};
extern const Command kBench = {.name = "bench", .summary = "not in a page", .run = run};

TrainerProcess trainer_in(const std::string&) { return {}; }
TrainerProcess known_process(int) { return {}; }
void pause(const TrainerProcess&) {}
void go_on(const TrainerProcess&) {}
void stop(const TrainerProcess&) {}
void save(const TrainerProcess&) {}
int start_process(const std::string&, const std::vector<std::string>&, const std::string&) {
  fail(SystemError("a page cannot start a training; glass serve can."));
}
bool has_ended(int, int&) { return true; }

}   // namespace glass

// No other program can be started here. The library of Emscripten declares this and leaves it out.
extern "C" int posix_spawnp(pid_t*, const char*, const posix_spawn_file_actions_t*,
                            const posix_spawnattr_t*, char* const[], char* const[]) {
  return ENOSYS;
}
