#include "tests/tools/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

extern char** environ;

namespace glass::test {
namespace {

// Ours without GLASS_*: a developer who works with GLASS_ISA=avx2 must not change what the tests
// see.
std::vector<std::string> environment_for(const Launch& launch) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::string name = text.substr(0, text.find('='));
    bool replaced = name.compare(0, 6, "GLASS_") == 0 || name == "NO_COLOR" ||
                    name == "CLICOLOR_FORCE" || name == "COLUMNS";
    for (const auto& [key, value] : launch.environment) replaced = replaced || key == name;
    if (!replaced) all.push_back(text);
  }
  for (const auto& [key, value] : launch.environment) all.push_back(key + "=" + value);
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

void put(int from, int to) {
  if (from < 0) ::_exit(126);
  ::dup2(from, to);
}

[[noreturn]] void become(std::vector<char*>& argv, std::vector<char*>& envp, const Launch& launch,
                         int out, int err) {
  if (launch.in == Stdin::closed) ::close(0);
  else put(::open("/dev/null", O_RDONLY), 0);
  if (launch.out == Stdout::closed) ::close(1);
  else put(launch.out == Stdout::full ? ::open("/dev/full", O_WRONLY) : out, 1);
  put(err, 2);
  for (int fd = 3; fd < 256; ++fd) ::close(fd);
  ::execvpe(argv[0], argv.data(), envp.data());
  ::_exit(127);
}

}   // namespace

Outcome run(const std::vector<std::string>& command, const Launch& launch) {
  std::vector<std::string> words = command, environment = environment_for(launch);
  std::vector<char*> argv = pointers(words), envp = pointers(environment);
  std::array<int, 2> out{}, err{};
  if (::pipe(out.data()) != 0 || ::pipe(err.data()) != 0) throw std::runtime_error("pipe failed");
  const pid_t child = ::fork();
  if (child == 0) become(argv, envp, launch, out[1], err[1]);
  ::close(out[1]);
  ::close(err[1]);

  Outcome outcome;
  std::array<pollfd, 2> waiting{pollfd{out[0], POLLIN, 0}, pollfd{err[0], POLLIN, 0}};
  std::array<std::string*, 2> texts{&outcome.out, &outcome.err};
  for (int open = 2; open > 0;) {
    ::poll(waiting.data(), waiting.size(), -1);
    for (std::size_t i = 0; i < 2; ++i) {
      if (waiting[i].fd < 0 || waiting[i].revents == 0) continue;
      char buffer[4096];
      const ssize_t got = ::read(waiting[i].fd, buffer, sizeof buffer);
      if (got > 0) {
        texts[i]->append(buffer, static_cast<std::size_t>(got));
      } else {
        ::close(waiting[i].fd);
        waiting[i].fd = -1;
        --open;
      }
    }
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return outcome;
}

std::string glass_program() { return std::string(GLASS_BINARY_DIR) + "/glass"; }

Outcome glass(std::vector<std::string> words, const Launch& launch) {
  words.insert(words.begin(), glass_program());
  // Where the tests run under an emulator, so must the program.
  const char* emulator = std::getenv("GLASS_TEST_EMULATOR");
  if (emulator != nullptr && *emulator != '\0') {
    std::istringstream in{std::string(emulator)};
    std::vector<std::string> before;
    for (std::string word; in >> word;) before.push_back(word);
    words.insert(words.begin(), before.begin(), before.end());
  }
  return run(words, launch);
}

Outcome shell(const std::string& line, const Launch& launch) {
  Launch with_program = launch;
  const char* emulator = std::getenv("GLASS_TEST_EMULATOR");
  with_program.environment.emplace_back(
      "GLASS", (emulator != nullptr ? std::string(emulator) + " " : "") + glass_program());
  return run({"bash", "-c", line}, with_program);
}

bool installed(const std::string& program) {
  return run({"sh", "-c", "command -v " + program}).code == 0;
}

std::string error_of(const Outcome& outcome, int code) {
  EXPECT_EQ(outcome.code, code) << outcome.text();
  EXPECT_EQ(outcome.out, "") << "a refused command must not print results";
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.text();
  EXPECT_EQ(outcome.err.rfind("error: ", 0), 0u) << outcome.text();
  return outcome.err;
}

}   // namespace glass::test
