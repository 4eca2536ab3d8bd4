// The door of the house: finds the command, parses its options, runs it, and turns whatever happens
// into an exit code and at most one sentence on stderr.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <string>
#include <vector>

#include "engine/base/text.h"
#include "kernels/device_memory.h"
#include "tools/arguments.h"
#include "tools/build_info.h"
#include "tools/help.h"
#include "tools/terminal.h"

namespace glass {
namespace {

// A descriptor that the caller closed is given to /dev/null the wrong way round: otherwise the next
// file we open would get its number, and our output would land in that file.
void keep_standard_descriptors() {
  for (const int fd : {0, 1, 2}) {
    if (::fcntl(fd, F_GETFD) != -1) continue;
    const int opened = ::open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
    if (opened != fd) ::_exit(static_cast<int>(ExitCode::system));
  }
}

// Whoever reads us has seen enough (`| head -1`): stop quietly, at once, without an error.
extern "C" void on_closed_pipe(int) { ::_exit(0); }

// Ctrl-C ends at once, wherever we are; glass train has something to save first (train_view.h).
extern "C" void leave_at_once(int) { ::_exit(static_cast<int>(ExitCode::interrupted)); }

ExitCode dispatch(const std::vector<std::string>& words) {
  if (words.empty() || (words.size() == 1 && (words[0] == "--help" || words[0] == "-h"))) {
    print(overview());
    return ExitCode::ok;
  }
  if (words[0] == "--version" || words[0] == "-V") {
    print(std::string("glass ") + build_version() + "\n");
    return ExitCode::ok;
  }
  if (words[0].compare(0, 1, "-") == 0) {
    fail(UsageError("unknown flag " + in_quotes(words[0]) +
                    ": a command comes first, as in glass info; see glass help."));
  }
  const Found found = find_command(words);
  const std::vector<std::string> rest(words.begin() + static_cast<std::ptrdiff_t>(found.words),
                                      words.end());
  if (wants_help(rest)) {
    print(help_text(*found.command, found.path));
    return ExitCode::ok;
  }
  if (found.command->run == nullptr) {
    std::vector<std::string> names;
    for (const Command* child : found.command->commands) names.emplace_back(child->name);
    fail(UsageError(found.path + " needs one of " + list_of(names, "or") + "; see " + found.path +
                    " --help."));
  }
  return found.command->run(
      parse(*found.command, found.path, rest,
            [](const char* name) -> const char* { return std::getenv(name); }));
}

// How to need less memory, as far as the command offers it.
std::string less_memory(const std::vector<std::string>& words) {
  const Command& command = *find_command(words).command;
  std::vector<std::string> smaller;
  for (const char* name : {"batch-size", "block-size"})
    if (find_option(command, name) != nullptr) smaller.push_back("--" + std::string(name));
  if (smaller.empty()) return "ask for less.";
  const bool recompute = find_option(command, "recompute") != nullptr;
  return "ask for less: a smaller " + list_of(smaller, "or") +
         (recompute ? ", or --recompute." : ".");
}

ExitCode report(ExitCode code, const std::string& message) {
  ::signal(SIGPIPE,
           SIG_IGN);   // a reader of stderr that went away must not turn an error into success
  std::fflush(stdout);
  std::fprintf(stderr, "%s %s\n", ink(Ink::red, "error:", stderr).c_str(), message.c_str());
  return code;
}

}   // namespace
}   // namespace glass

int main(int argc, char** argv) {
  using namespace glass;
  keep_standard_descriptors();
  ::signal(SIGPIPE, on_closed_pipe);
  ::signal(SIGINT, leave_at_once);
  ExitCode code = ExitCode::ok;
  const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  try {
    code = dispatch(words);
    flush_stdout();
  } catch (const Error& error) {
    code = report(error.code, error.what());
  } catch (const OutOfDeviceMemory& error) {
    code = report(ExitCode::system, std::string(error.what()) + "; " + less_memory(words));
  } catch (const std::bad_alloc&) {
    code = report(ExitCode::system, "out of memory; close something, or " + less_memory(words));
  } catch (const std::exception& error) {
    code = report(ExitCode::internal, std::string("internal error: ") + error.what());
  }
  return static_cast<int>(code);
}
