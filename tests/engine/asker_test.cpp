// Who waits for what a thread computes.
#include "engine/base/asker.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace glass {
namespace {

struct Curious final : Asker {
  int steps = 0;
  std::vector<std::int64_t> heard = {};
  void between_steps() override { ++steps; }
  bool hears(std::int64_t done, std::int64_t, const std::string&) override {
    heard.push_back(done);
    return true;
  }
};

TEST(Asker, WhereNobodyAskedWorkGoesOnAndSpeaksElsewhere) {
  breathe();
  EXPECT_FALSE(tell_asker(1, 2, "steps"));
}

TEST(Asker, TheOneWhoAskedLastIsAskedUntilHisScopeEnds) {
  Curious outer, inner;
  const AskedBy first(outer);
  {
    const AskedBy second(inner);
    breathe();
    EXPECT_TRUE(tell_asker(3, 4, "steps"));
  }
  breathe();
  breathe();
  EXPECT_EQ(inner.steps, 1);
  EXPECT_EQ(inner.heard, std::vector<std::int64_t>{3});
  EXPECT_EQ(outer.steps, 2);
}

TEST(Asker, AnotherThreadComputesForSomebodyElse) {
  Curious here;
  const AskedBy scope(here);
  std::thread([] { breathe(); }).join();
  EXPECT_EQ(here.steps, 0);
}

TEST(Asker, WhoIsGoneEndsTheWorkByAnError) {
  struct Gone final : Asker {
    void between_steps() override { fail(Interrupted()); }
  } gone;
  try {
    const AskedBy scope(gone);
    breathe();
    ADD_FAILURE() << "it goes on";
  } catch (const Error& error) { EXPECT_EQ(error.code, ExitCode::interrupted); }
  breathe();   // the scope is over, also by an exception
}

}   // namespace
}   // namespace glass
