#include "tests/model/scratch.h"

#include <gtest/gtest.h>

namespace glass::test {

std::string error_of(const std::function<void()>& act, ExitCode code) {
  try {
    act();
  } catch (const Error& error) {
    EXPECT_EQ(static_cast<int>(error.code), static_cast<int>(code)) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  if (at == text.npos) {
    ADD_FAILURE() << from << " does not occur in " << text;
    return text;
  }
  return text.replace(at, from.size(), to);
}

std::vector<std::int32_t> ids_of(const Tokens& tokens) {
  std::vector<std::int32_t> ids(static_cast<std::size_t>(tokens.size()));
  tokens.copy(0, ids);
  return ids;
}

}   // namespace glass::test
