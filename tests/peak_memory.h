// How much memory something takes at its peak: that of a child that does it, against one that does
// nothing. For readers of files whose headers lie.
#pragma once
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/error.h"

namespace glass::test {

template <class Act>
long peak_kilobytes(const Act& act) {
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      act();
    } catch (const Error&) {
    } catch (...) { ::_exit(1); }
    ::_exit(0);
  }
  rusage usage{};
  int status = -1;
  ::wait4(child, &status, 0, &usage);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "the reader died";
  return usage.ru_maxrss;
}

template <class Act>
long kilobytes_needed(const Act& act) {
  return peak_kilobytes(act) - peak_kilobytes([] {});
}

// What a reader may take beside twice the size of a file.
constexpr long kMostKilobytes = 64 << 10;

}   // namespace glass::test
