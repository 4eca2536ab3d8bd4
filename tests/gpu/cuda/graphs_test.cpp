// Sequences of launches that come again are replayed, and nobody can tell but by the time.
#include <numeric>

#include "kernels/gpu/gpu_backend.h"
#include "tests/gpu/cuda/on_stand_in.h"
#include "tests/model/small_run.h"

namespace glass::cuda {
namespace {

struct Launches {
  std::uint64_t all = 0, replayed = 0;
};
Launches launches_so_far() {
  Launches n;
  of_stand_in<void(std::uint64_t*, std::uint64_t*)>("glass_stand_in_launches")(&n.all, &n.replayed);
  return n;
}

class CudaGraphs : public Cuda {
 protected:
  void SetUp() override {
    ::unsetenv("GLASS_CUDA_GRAPHS");
    Cuda::SetUp();
    before_ = launches_so_far();
  }
  void TearDown() override {
    ::unsetenv("GLASS_CUDA_GRAPHS");
    Cuda::TearDown();
  }
  Launches launches() const {
    const Launches now = launches_so_far();
    return {now.all - before_.all, now.replayed - before_.replayed};
  }

 private:
  Launches before_;
};

// x -> 2 x + 1, again and again, in two blocks of memory that take turns.
class Chain {
 public:
  Chain() : device_(open_cuda_device()) {
    blocks_.push_back(std::make_unique<OnDevice>(*device_, kCount));
    blocks_.push_back(std::make_unique<OnDevice>(*device_, kCount));
  }

  void upload(float x) {
    const std::vector<float> all(kCount, x);
    device_->upload(blocks_[0]->at, all.data(), blocks_[0]->bytes);
  }
  void launch(int times, float scale = 2) {
    for (int i = 0; i < times; ++i) {
      gpu::AffineArgs args =
          affine(blocks_[(i + 1) % 2]->floats(), blocks_[i % 2]->floats(), kCount);
      args.scale = scale;
      device_->launch(kAffine(), &args, {groups(kCount)});
    }
  }
  // What `times` launches have made, the same in every element; -1 where it is not.
  float result(int times) {
    const std::vector<float> y = blocks_[times % 2]->get();
    return y == std::vector<float>(kCount, y[0]) ? y[0] : -1;
  }
  // Launches in one round between two copies.
  float round(float x, int times, float scale = 2) {
    upload(x);
    launch(times, scale);
    return result(times);
  }
  static float expected(float x, int times, float scale = 2) {
    for (int i = 0; i < times; ++i) x = scale * x + 1;
    return x;
  }
  gpu::Device& device() { return *device_; }

 private:
  static constexpr unsigned kCount = 300;   // two groups
  std::unique_ptr<gpu::Device> device_;
  std::vector<std::unique_ptr<OnDevice>> blocks_;
};

TEST_F(CudaGraphs, WhatComesAgainIsReplayedOnWhatLiesThereThen) {
  Chain chain;
  for (int i = 0; i < 6; ++i)
    EXPECT_EQ(chain.round(static_cast<float>(i), 10), Chain::expected(static_cast<float>(i), 10))
        << i;
  EXPECT_EQ(launches().all, 60u);
  EXPECT_EQ(launches().replayed, 10u * (6 - LaunchQueue::kSeenBefore));
}

TEST_F(CudaGraphs, ACopyComesBehindTheLaunchesBeforeIt) {
  Chain chain;
  for (int i = 0; i < 5; ++i) {
    chain.upload(1);
    chain.launch(6);
    EXPECT_EQ(chain.round(7, 1), Chain::expected(7, 1)) << "into memory that the six have written";
  }
  EXPECT_GT(launches().replayed, 0u);
}

TEST_F(CudaGraphs, WithAnotherArgumentItIsAnotherSequence) {
  Chain chain;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(chain.round(1, 8), Chain::expected(1, 8));
  const std::uint64_t replayed = launches().replayed;
  EXPECT_EQ(chain.round(1, 8, 3), Chain::expected(1, 8, 3));
  EXPECT_EQ(chain.round(1, 7), Chain::expected(1, 7));
  EXPECT_EQ(launches().replayed, replayed);
  EXPECT_EQ(chain.round(1, 8), Chain::expected(1, 8));
  EXPECT_EQ(launches().replayed, replayed + 8);
}

TEST_F(CudaGraphs, LongSequencesArePartedAndShortOnesStartedAsTheyAre) {
  constexpr int kTimes = 2 * LaunchQueue::kMost + LaunchQueue::kLeast - 1, kRounds = 5;
  static_assert(LaunchQueue::kMost % 2 == 0, "so that both parts of a round are the same sequence");
  Chain chain;
  for (int i = 0; i < kRounds; ++i) EXPECT_EQ(chain.round(-1, kTimes), -1);
  EXPECT_EQ(launches().all, std::uint64_t{kRounds} * kTimes);
  EXPECT_EQ(launches().replayed,
            std::uint64_t{2 * kRounds - LaunchQueue::kSeenBefore} * LaunchQueue::kMost);
}

// Five times the same ten launches.
void repeat_ten() {
  Chain chain;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(chain.round(1, 10), Chain::expected(1, 10));
}

TEST_F(CudaGraphs, CanBeSwitchedOff) {
  ::setenv("GLASS_CUDA_GRAPHS", "0", 1);
  repeat_ten();
  EXPECT_EQ(launches().all, 50u);
  EXPECT_EQ(launches().replayed, 0u);
}

TEST_F(CudaGraphs, ADriverWithoutRoomForAGraphStartsEveryKernel) {
  ::setenv("GLASS_STAND_IN", "no-graphs", 1);
  repeat_ten();
  EXPECT_EQ(launches().all, 50u);
  EXPECT_EQ(launches().replayed, 0u);
}

TEST_F(CudaGraphs, SequencesThatNeverComeAgainAreForgotten) {
  Chain chain;
  for (int i = 0; i < 4; ++i) EXPECT_EQ(chain.round(1, 6), Chain::expected(1, 6));
  EXPECT_EQ(launches().replayed, 12u);
  for (std::size_t i = 0; i < LaunchQueue::kMostKnown; ++i) {
    chain.upload(0);   // a copy ends a sequence, and nobody waits for a graph that is on its way
    chain.launch(6);
    chain.upload(0);
    chain.launch(LaunchQueue::kLeast, static_cast<float>(i));
  }
  chain.device().wait();
  const std::uint64_t replayed = launches().replayed;
  EXPECT_EQ(chain.round(1, 6), Chain::expected(1, 6));
  EXPECT_EQ(launches().replayed, replayed) << "this one too";
}

TEST_F(CudaGraphs, AMistakeInASequenceIsSaidOnceAndTheRestIsDropped) {
  const gpu::Kernel& real = kAffine();
  const gpu::Kernel* const first = gpu::Kernel::first;
  const gpu::Kernel half("affine", real.args_bytes, real.threads / 2, nullptr);
  gpu::Kernel::first = first;
  Chain chain;
  chain.upload(1);
  chain.launch(2);
  const gpu::AffineArgs args = {};
  chain.device().launch(half, &args, {1});
  chain.launch(3);
  EXPECT_THROW(chain.device().wait(), std::runtime_error);
  EXPECT_EQ(chain.result(2), Chain::expected(1, 2));
  EXPECT_EQ(launches().all, 2u);
}

// The losses of a training, and the launches of its last steps.
struct Training {
  std::vector<double> losses;
  Launches last;
};
Training train(DType dtype, std::int64_t batches_of_a_step) {
  TrainConfig recipe = test::small_recipe(20);
  recipe.gradient_accumulation_steps = batches_of_a_step;
  GPTConfig model = test::small_model();
  model.dropout = 0.1;
  test::SmallTraining training(model, recipe, std::make_shared<GpuBackend>(open_cuda_device()),
                               test::small_data(), dtype);
  Training result;
  Launches before;
  for (int i = 0; i < 8; ++i) {
    if (i == 6) before = launches_so_far();
    result.losses.push_back(training.trainer.step().loss);
  }
  const Launches after = launches_so_far();
  result.last = {after.all - before.all, after.replayed - before.replayed};
  return result;
}

TEST_F(CudaGraphs, ATrainingIsReplayedNearlyWholeAndLearnsTheSame) {
  for (const DType dtype : {DType::f32, DType::bf16})
    for (const std::int64_t batches : {1, 2}) {
      ::unsetenv("GLASS_CUDA_GRAPHS");
      const Training replayed = train(dtype, batches);
      ::setenv("GLASS_CUDA_GRAPHS", "0", 1);
      const Training each = train(dtype, batches);
      EXPECT_EQ(replayed.losses, each.losses);
      EXPECT_EQ(replayed.last.all, each.last.all);
      EXPECT_EQ(each.last.replayed, 0u);
      EXPECT_GE(static_cast<double>(replayed.last.replayed),
                0.9 * static_cast<double>(replayed.last.all));
      std::cout << replayed.last.replayed << " of " << replayed.last.all << " launches in graphs\n";
    }
}

}   // namespace
}   // namespace glass::cuda
