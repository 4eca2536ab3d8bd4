// What a training step asks of a GPU: how often the host waits for it, how many kernels it starts,
// and that it neither asks for memory nor touches what only the device may.
#include <gtest/gtest.h>

#include <cmath>
#include <iostream>
#include <map>

#include "kernels/backends.h"
#include "kernels/gpu/gpu_backend.h"
#include "model/generate.h"
#include "tests/model/queued_device.h"
#include "tests/model/small_run.h"

namespace glass {
namespace {

constexpr std::size_t kMemory = std::size_t{1} << 30;

struct Kind {
  const char* name;
  DType dtype;
  double dropout;
  bool recompute;
  std::int64_t accumulated;
  int for_a_layer = 0, for_the_rest = 0;   // kernels that a step starts at most
};

// A training on a queued device.
struct Queued {
  test::Asked asked;
  test::QueuedDevice* device;
  std::map<std::string, int> launches;   // of each kernel
  std::unique_ptr<test::SmallTraining> training;

  Queued(const Kind& kind, int layers) {
    auto owned = std::make_unique<test::QueuedDevice>(asked, kMemory);
    device = owned.get();
    GPTConfig model = test::small_model();
    model.n_layer = layers, model.dropout = kind.dropout;
    TrainConfig recipe = test::small_recipe(20);
    recipe.recompute = kind.recompute;
    recipe.gradient_accumulation_steps = kind.accumulated;
    training = std::make_unique<test::SmallTraining>(model, recipe,
                                                     std::make_shared<GpuBackend>(std::move(owned)),
                                                     test::small_data(), kind.dtype);
  }

  test::Asked of_a_step() {
    for (int i = 0; i < 3; ++i) training->trainer.step();
    asked = {};
    device->on_launch = [this](const gpu::Kernel& kernel, const void*, gpu::Grid) {
      ++launches[kernel.name];
    };
    training->trainer.step();
    device->on_launch = nullptr;
    return asked;
  }
};

class QueuedTraining : public ::testing::TestWithParam<Kind> {};

TEST_P(QueuedTraining, AStepWaitsOnceAndAsksForNoMemory) {
  Queued queued(GetParam(), 2);
  const test::Asked step = queued.of_a_step();
  EXPECT_EQ(step.waits, 1)
      << "for the loss, the norm, whether it was skipped, and what kernels found wrong";
  EXPECT_EQ(step.allocations, 0);
  // Tokens and targets of each batch, and the numbers of AdamW.
  const std::int64_t random =
      GetParam().dropout > 0 ? 1 : 0;   // which step the random numbers are of
  EXPECT_EQ(step.uploads, (2 + random) * GetParam().accumulated + 1);
  EXPECT_LT(step.downloaded_bytes, 64 + 8 * GetParam().accumulated);
}

// The same kernels, each with the same arguments, byte for byte: what could be recorded once and
// replayed. All that changes from step to step is sent to the device before.
TEST_P(QueuedTraining, AStepStartsItsKernelsAsTheStepBefore) {
  Queued queued(GetParam(), 2);
  (void)queued.of_a_step();
  std::vector<std::pair<std::string, std::string>> steps[2];
  for (auto& step : steps) {
    queued.device->on_launch = [&step](const gpu::Kernel& kernel, const void* args,
                                       gpu::Grid grid) {
      std::string bytes(static_cast<const char*>(args), kernel.args_bytes);
      bytes.append(reinterpret_cast<const char*>(&grid), sizeof grid);
      step.emplace_back(kernel.name, bytes);
    };
    queued.training->trainer.step();
  }
  queued.device->on_launch = nullptr;
  ASSERT_EQ(steps[0].size(), steps[1].size());
  ASSERT_FALSE(steps[0].empty());
  for (std::size_t i = 0; i < steps[0].size(); ++i)
    EXPECT_TRUE(steps[0][i] == steps[1][i]) << "launch " << i << ", " << steps[0][i].first;
}

TEST_P(QueuedTraining, AStepStartsSoManyKernelsForALayer) {
  Queued two(GetParam(), 2), three(GetParam(), 3);
  const int of_two = two.of_a_step().launches, of_three = three.of_a_step().launches;
  const int layer = of_three - of_two, rest = of_two - 2 * layer;
  std::cout << GetParam().name << ": " << layer << " launches for a layer, " << rest
            << " for the rest\n";
  for (const auto& [kernel, n] : three.launches)
    std::cout << "  " << kernel << " " << n << ", for a layer " << n - two.launches[kernel] << "\n";
  EXPECT_LE(layer, GetParam().for_a_layer);
  EXPECT_LE(rest, GetParam().for_the_rest);
}

void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }

INSTANTIATE_TEST_SUITE_P(Kinds, QueuedTraining,
                         ::testing::Values(Kind{"f32", DType::f32, 0, false, 1, 28, 33},
                                           Kind{"bf16", DType::bf16, 0, false, 1, 30, 33},
                                           Kind{"dropout", DType::f32, 0.2, false, 1, 32, 35},
                                           Kind{"recompute", DType::bf16, 0.2, true, 1, 47, 35},
                                           Kind{"accumulated", DType::bf16, 0, false, 3, 90, 105}),
                         [](const auto& of) { return std::string(of.param.name); });

TEST(QueuedDevice, TrainsAsTheEmulatorDoes) {
  for (const DType dtype : {DType::f32, DType::bf16}) {
    Queued queued({"", dtype, 0.1, false, 2}, 2);
    TrainConfig recipe = queued.training->trainer.config();
    test::SmallTraining at_once(queued.training->model->config(), recipe,
                                make_backend("emulator", "auto", 1), test::small_data(), dtype);
    for (int i = 0; i < 5; ++i) {
      const StepResult a = queued.training->trainer.step(), b = at_once.trainer.step();
      EXPECT_EQ(a.loss, b.loss) << "step " << i;
      EXPECT_EQ(a.grad_norm, b.grad_norm) << "step " << i;
    }
  }
}

TEST(QueuedDevice, AnEvaluationIsWaitedForAtItsEnd) {
  Queued queued({"", DType::f32, 0, false, 1}, 2);
  queued.training->trainer.estimate();
  queued.asked = {};
  queued.training->trainer.estimate();   // two batches of each split
  EXPECT_EQ(queued.asked.waits, 2);
  EXPECT_EQ(queued.asked.allocations, 0);
}

TEST(QueuedDevice, ATokenThatIsWrittenIsWaitedForOnce) {
  Queued queued({"", DType::f32, 0, false, 1}, 2);
  const std::vector<std::int32_t> prompt = {1, 2, 3};
  Generator generator(*queued.training->model, prompt);
  queued.asked = {};
  generator.sample(0, 4, {});
  EXPECT_EQ(queued.asked.waits, 3) << "the first token comes from the logits of the prompt";
  EXPECT_EQ(queued.asked.allocations, 0);
}

// The host is not allowed to look, so this is what says that the tests above can fail.
TEST(QueuedDeviceDeathTest, AHostThatFollowsAnAddressDies) {
  test::Asked asked;
  test::QueuedDevice device(asked, 1 << 20);
  const std::byte* address = device.allocate(4096);
  EXPECT_DEATH(std::cout << static_cast<int>(*const_cast<const volatile std::byte*>(address)), "");
}

}   // namespace
}   // namespace glass
