// From its second step on a training run lives on the memory it has: the system is asked for none.
// What is counted are the calls of aligned_alloc, which all tensors and all workspaces of kernels
// come from; this file's own stands in front of the library's.
#include <gtest/gtest.h>

#include <atomic>

#include "tests/model/small_run.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define GLASS_CANNOT_COUNT 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define GLASS_CANNOT_COUNT 1
#endif
#endif

#ifndef GLASS_CANNOT_COUNT

#include <malloc.h>

static std::atomic<int> asked{0};
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  ++asked;
  return memalign(alignment, size);
}

namespace glass {
namespace {

struct Kind {
  const char* name;
  double dropout;
  bool recompute;
};

class SteadyState : public ::testing::TestWithParam<Kind> {};

TEST_P(SteadyState, AStepAsksTheSystemForNoMemory) {
  GPTConfig model = test::small_model();
  model.dropout = GetParam().dropout;
  TrainConfig recipe = test::small_recipe(20);
  recipe.recompute = GetParam().recompute;
  // One thread: of several, one may come to a kernel for the first time, and to its workspace, late.
  test::SmallTraining training(model, recipe);
  const int before = asked;
  for (int i = 0; i < 2; ++i) training.trainer.step();
  EXPECT_GT(asked, before) << "nothing is counted";
  const int warm = asked;
  for (int i = 0; i < 5; ++i) training.trainer.step();
  EXPECT_EQ(asked, warm) << "calls of aligned_alloc in five steps";
}

INSTANTIATE_TEST_SUITE_P(Trainings, SteadyState,
                         ::testing::Values(Kind{"plain", 0, false}, Kind{"dropout", 0.2, false},
                                           Kind{"recompute", 0.2, true}),
                         [](const auto& of) { return std::string(of.param.name); });

}   // namespace
}   // namespace glass

#endif
