// Runs a program the way a shell would, and keeps everything it said.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "tests/scratch.h"

namespace glass::test {

enum class Stdin { empty, closed };
enum class Stdout { kept, full, closed };   // full: /dev/full, where every write fails

struct Launch {
  std::vector<std::pair<std::string, std::string>>
      environment = {};   // set beside what we have; GLASS_* of ours is dropped
  Stdin in = Stdin::empty;
  Stdout out = Stdout::kept;
};

struct Outcome {
  int code = -1;   // what a shell calls $?: 128 + number where a signal ended it
  std::string out, err;
  std::string text() const {
    return "exit " + std::to_string(code) + "\nstdout: " + out + "\nstderr: " + err;
  }
};

Outcome run(const std::vector<std::string>& command, const Launch& launch = {});

std::string glass_program();   // the binary under test
Outcome glass(std::vector<std::string> words, const Launch& launch = {});
Outcome shell(const std::string& line, const Launch& launch = {});   // $GLASS is the binary
bool installed(const std::string& program);

// What a command says on stderr when it refuses: this code, one line, nothing on stdout.
std::string error_of(const Outcome& outcome, int code);

}   // namespace glass::test
