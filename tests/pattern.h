// Does a text hold a pattern? POSIX patterns: a dot stays on its line, ^ and $ stand at the ends of
// any line. (The code of std::regex makes g++ 12 warn under sanitizers.)
#pragma once
#include <gtest/gtest.h>
#include <regex.h>

#include <string>

namespace glass::test {

inline bool holds(const std::string& text, const std::string& pattern) {
  regex_t compiled;
  if (regcomp(&compiled, pattern.c_str(), REG_EXTENDED | REG_NEWLINE | REG_NOSUB) != 0) {
    ADD_FAILURE() << "not a pattern: " << pattern;
    return false;
  }
  const bool found = regexec(&compiled, text.c_str(), 0, nullptr, 0) == 0;
  regfree(&compiled);
  return found;
}

}   // namespace glass::test
