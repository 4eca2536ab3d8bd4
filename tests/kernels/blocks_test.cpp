// Kernels on matrix units, with the lanes of a warp arranged as either maker of GPUs has them,
// threads in any order, and copies that arrive as early or as late as the rules allow: the same
// bits, or nearly where the order of a sum is the maker's.
#include "tests/kernels/blocks.h"

#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

#include "kernels/backends.h"
#include "kernels/emulator/emulator_device.h"
#include "kernels/gpu/gpu_backend.h"
#include "kernels/gpu/matmul.h"

namespace glass {
namespace {

using test::AttentionResult;
using test::AttentionSizes;
using test::ProductSizes;

std::unique_ptr<Backend> gpu(const emulator::Options& options) {
  return std::make_unique<GpuBackend>(std::make_unique<emulator::EmulatorDevice>(options));
}

emulator::Options in_order(emulator::Order order) {
  emulator::Options options;
  options.order = order;
  return options;
}
emulator::Options early_copies() {
  emulator::Options options;
  options.early_copies = true;
  return options;
}
emulator::Options apple_tiles() {
  emulator::Options options;
  options.apple_tiles = true;
  return options;
}

// Several groups, several stages, tails everywhere, and a sum that is cut into segments.
TEST(Blocks, AProductHasTheSameBitsInEveryOrderAndArrangement) {
  for (const ProductSizes n : {ProductSizes{200, 136, 208}, {72, 40, 2100}, {130, 129, 65}})
    for (const bool a_across : {false, true})
      for (const bool b_across : {false, true}) {
        const auto bits = [&](const emulator::Options& o) {
          return test::product(*gpu(o), DType::bf16, n, a_across, b_across);
        };
        const std::vector<float> c = bits({});
        EXPECT_EQ(c, bits(in_order(emulator::Order::reverse)));
        EXPECT_EQ(c, bits(in_order(emulator::Order::shuffle)));
        EXPECT_EQ(c, bits(early_copies()));
        EXPECT_EQ(c, bits(apple_tiles()));
      }
}

// A GPU starts 65,535 groups along the third axis of a grid, here fewer: then a batch, or the
// segments of a sum, take several launches.
TEST(Blocks, ABatchTakesAsManyLaunchesAsItNeeds) {
  emulator::Options shallow;
  shallow.most_in_depth = 4;
  for (const DType dtype : {DType::f32, DType::bf16}) {
    EXPECT_EQ(test::products(*gpu(shallow), dtype, 11, {5, 9, 20}),
              test::products(*gpu({}), dtype, 11, {5, 9, 20}));
    const Attention how = {0.3, 0, 0, 0.1, {1, 2, 3, 4}};
    const AttentionResult got = test::attend(*gpu(shallow), dtype, {5, 2, 1, 9, 8}, how),
                          want = test::attend(*gpu({}), dtype, {5, 2, 1, 9, 8}, how);
    EXPECT_EQ(got.y, want.y);
    EXPECT_EQ(got.dq, want.dq);
    EXPECT_EQ(got.dk, want.dk);
  }
  EXPECT_EQ(test::product(*gpu(shallow), DType::bf16, {40, 24, 9000}, true, true),
            test::product(*gpu({}), DType::bf16, {40, 24, 9000}, true, true));
}

// What a batch of 70,000 asks of a GPU; to run it takes the emulator minutes.
TEST(Blocks, SeventyThousandProductsAreTwoLaunches) {
  struct Recorder final : emulator::EmulatorDevice {
    void launch(const gpu::Kernel&, const void* args, gpu::Grid grid) override {
      launches.emplace_back(static_cast<const gpu::MatmulArgs*>(args)->first, grid.z);
    }
    std::vector<std::pair<unsigned, unsigned>> launches;   // where it begins, how many
  };
  const std::vector<std::pair<unsigned, unsigned>> want = {{0, 65535}, {65535, 4465}};
  for (const DType dtype : {DType::f32, DType::bf16}) {
    GpuBackend backend(std::make_unique<Recorder>());
    test::products(backend, dtype, 70000, {1, 2, 3});
    EXPECT_EQ(static_cast<Recorder&>(backend.device()).launches, want);
  }
}

void expect_same(const AttentionResult& a, const AttentionResult& b) {
  EXPECT_EQ(a.y, b.y);
  EXPECT_EQ(a.lse, b.lse);
  EXPECT_EQ(a.dq, b.dq);
  EXPECT_EQ(a.dk, b.dk);
  EXPECT_EQ(a.dv, b.dv);
}
// Within `part` of the largest number.
void expect_near(const AttentionResult& got, const AttentionResult& want, double part) {
  EXPECT_LE(test::difference(got.y, want.y), part) << "y";
  EXPECT_LE(test::difference(got.dq, want.dq), part) << "dq";
  EXPECT_LE(test::difference(got.dk, want.dk), part) << "dk";
  EXPECT_LE(test::difference(got.dv, want.dv), part) << "dv";
}

constexpr AttentionSizes kSizes[] = {{1, 2, 1, 150, 64}, {2, 2, 2, 70, 40}, {1, 1, 1, 33, 8}};
const Attention kAttentions[] = {{0.125, 0, 0, 0, {1, 2, 3, 4}},
                                 {0.125, 0, 20, 0.1, {1, 2, 3, 4}},
                                 {-0.2, 0, 0, 0, {1, 2, 3, 4}}};

TEST(Blocks, AttentionHasTheSameBitsInEveryOrder) {
  for (const AttentionSizes& n : kSizes)
    for (const Attention& a : kAttentions) {
      const AttentionResult r = test::attend(*gpu({}), DType::bf16, n, a);
      expect_same(r, test::attend(*gpu(in_order(emulator::Order::reverse)), DType::bf16, n, a));
      expect_same(r, test::attend(*gpu(in_order(emulator::Order::shuffle)), DType::bf16, n, a));
      expect_same(r, test::attend(*gpu(early_copies()), DType::bf16, n, a));
      expect_near(test::attend(*gpu(apple_tiles()), DType::bf16, n, a), r, 1.0 / 256);
    }
}

// A weight of the pattern is rounded to 8 bits, and so is its derivative; the errors of a sum
// mostly cancel.
TEST(Blocks, AttentionIsTheReferencesButForTheRoundingOfThePattern) {
  const std::unique_ptr<Backend> reference = make_reference_backend();
  for (const AttentionSizes& n : kSizes)
    for (const Attention& a : kAttentions)
      expect_near(test::attend(*gpu({}), DType::bf16, n, a),
                  test::attend(*reference, DType::f32, n, a), 1.0 / 128);
}

}   // namespace
}   // namespace glass
