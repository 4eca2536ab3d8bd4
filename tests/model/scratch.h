// What the tests of data share: a folder that goes away, the text of an error, a row of tokens.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "model/tokens.h"

namespace glass::test {

class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  // Writes a file, with the folders above it; returns its path.
  std::string write(const std::string& name, const std::string& bytes) const;
  std::vector<std::string> names(const std::string& folder) const;   // sorted

 private:
  std::string path_;
};

// What `act` says when it fails, which it must, with this code.
std::string error_of(const std::function<void()>& act, ExitCode code);

std::vector<std::int32_t> ids_of(const Tokens& tokens);

}   // namespace glass::test
