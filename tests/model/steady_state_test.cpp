// From its second step on a training run lives on the memory it has: the system is asked for none.
// What is counted are the calls of aligned_alloc, which all tensors and all workspaces of kernels
// come from, and of operator new, which everything else comes from; this file's own stand in front
// of the library's.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

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

static std::atomic<int> made{0};
// noinline: or the compiler sees a block of "operator new" go to `free`, and warns.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++made;
  if (void* block = std::malloc(size > 0 ? size : 1)) return block;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* block) noexcept { std::free(block); }
[[gnu::noinline]] void operator delete(void* block, std::size_t) noexcept { std::free(block); }

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
  // One thread: of several, one may come to a kernel for the first time, and to its workspace,
  // late.
  test::SmallTraining training(model, recipe);
  const int asked_before = asked, made_before = made;
  for (int i = 0; i < 2; ++i) training.trainer.step();
  EXPECT_GT(asked, asked_before) << "nothing is counted";
  EXPECT_GT(made, made_before) << "nothing is counted";
  const int asked_warm = asked, made_warm = made;
  for (int i = 0; i < 5; ++i) training.trainer.step();
  EXPECT_EQ(asked, asked_warm) << "calls of aligned_alloc in five steps";
  EXPECT_EQ(made, made_warm) << "calls of operator new in five steps";
}

INSTANTIATE_TEST_SUITE_P(Trainings, SteadyState,
                         ::testing::Values(Kind{"plain", 0, false}, Kind{"dropout", 0.2, false},
                                           Kind{"recompute", 0.2, true}),
                         [](const auto& of) { return std::string(of.param.name); });

}   // namespace
}   // namespace glass

#endif
