#include "tools/api/trainer_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "engine/base/error.h"
#include "engine/base/file_ops.h"
#include "engine/base/text.h"

extern char** environ;

namespace glass {
namespace {

namespace fs = std::filesystem;

// The process whose number stands in the lock, or 0.
int number_in_lock(const std::string& path) {
  std::ifstream lock(path);
  std::string word;
  std::int64_t number = 0;
  if (!(lock >> word) || parse_integer(word, number) != NumberFault::none) return 0;
  return number > 1 && number < (std::int64_t{1} << 31) ? static_cast<int>(number) : 0;
}

// Numbers of processes are used again: it is the trainer only while it has this very lock open.
bool has_open(int process, const std::string& path) {
  struct stat lock {};
  if (::stat(path.c_str(), &lock) != 0) return false;
  std::error_code fault;
  const std::string files = "/proc/" + std::to_string(process) + "/fd";
  for (fs::directory_iterator it(files, fault), end; !fault && it != end; it.increment(fault)) {
    struct stat file {};
    if (::stat(it->path().c_str(), &file) == 0 && file.st_ino == lock.st_ino &&
        file.st_dev == lock.st_dev)
      return true;
  }
  return false;
}

// What /proc says of it: "State:  T (stopped)", "SigCgt: 0000000180004a02".
void read_status(TrainerProcess& trainer) {
  std::ifstream status("/proc/" + std::to_string(trainer.id) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.compare(0, 6, "State:") == 0) trainer.paused = line.find("T (") != std::string::npos;
    if (line.compare(0, 7, "SigCgt:") == 0) {
      const unsigned long long caught = std::strtoull(line.c_str() + 7, nullptr, 16);
      trainer.saves_when_asked = (caught >> (SIGUSR1 - 1) & 1) != 0;
    }
  }
}

void signal_to(const TrainerProcess& trainer, int signal) {
  if (!trainer || ::kill(trainer.id, signal) == 0 || errno == ESRCH) return;
  fail(SystemError("cannot send a signal to process " + std::to_string(trainer.id) + ": " +
                   reason_of(errno) + "."));
}

// Of posix_spawn's settings, which the system wants given back.
struct SpawnSettings {
  posix_spawn_file_actions_t files{};
  posix_spawnattr_t how{};
  SpawnSettings() {
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawnattr_init(&how);
  }
  ~SpawnSettings() {
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&how);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
};

void set_up(SpawnSettings& settings, const std::string& log) {
  ::posix_spawn_file_actions_addopen(&settings.files, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&settings.files, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                     0644);
  ::posix_spawn_file_actions_adddup2(&settings.files, 1, 2);
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 34)
  ::posix_spawn_file_actions_addclosefrom_np(&settings.files, 3);   // no socket of ours
#endif
  // Its own signals, whatever we do with ours, and no terminal that could go away.
  sigset_t none, usual;
  ::sigemptyset(&none);
  ::sigemptyset(&usual);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD, SIGUSR1, SIGXFSZ})
    ::sigaddset(&usual, signal);
  ::posix_spawnattr_setsigmask(&settings.how, &none);
  ::posix_spawnattr_setsigdefault(&settings.how, &usual);
  ::posix_spawnattr_setflags(&settings.how,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
}

}   // namespace

TrainerProcess known_process(int id) {
  TrainerProcess trainer;
  trainer.id = id;
  read_status(trainer);
  return trainer;
}

TrainerProcess trainer_in(const std::string& folder) {
  const std::string lock = folder + "/.lock";
  const int number = number_in_lock(lock);
  if (number == 0 || number == ::getpid() || ::kill(number, 0) != 0 || !has_open(number, lock))
    return {};
  return known_process(number);
}

void pause(const TrainerProcess& trainer) { signal_to(trainer, SIGSTOP); }
void go_on(const TrainerProcess& trainer) { signal_to(trainer, SIGCONT); }
void stop(const TrainerProcess& trainer) {
  signal_to(trainer, SIGINT);
  signal_to(trainer, SIGCONT);   // one that is paused hears nothing else
}
void save(const TrainerProcess& trainer) { signal_to(trainer, SIGUSR1); }

int start_process(const std::string& program, const std::vector<std::string>& words,
                  const std::string& log) {
  SpawnSettings settings;
  set_up(settings, log);
  std::vector<std::string> own = words;   // posix_spawn wants them writable
  std::vector<char*> pointers;
  for (std::string& word : own) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  pid_t process = 0;
  const int fault = ::posix_spawn(&process, program.c_str(), &settings.files, &settings.how,
                                  pointers.data(), environ);
  if (fault != 0)
    fail(SystemError("cannot start " + in_quotes(program) + ": " + reason_of(fault) + "."));
  return static_cast<int>(process);
}

bool has_ended(int process, int& code) {
  int status = 0;
  const pid_t found = ::waitpid(process, &status, WNOHANG);
  if (found == 0 || (found < 0 && errno == EINTR)) return false;
  if (found < 0) code = -1;   // somebody else asked before us
  else code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return true;
}

}   // namespace glass
