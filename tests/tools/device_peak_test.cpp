// What a GPU can do at best: known chips by name, and others by what they do.
#include "tools/device_peak.h"

#include <gtest/gtest.h>

#include "kernels/backends.h"

namespace glass {
namespace {

TEST(DevicePeak, KnowsChipsByTheNamesOfTheirDrivers) {
  const struct {
    const char* device;
    double bf16, gbps;
  } chips[] = {
      {"cuda, NVIDIA H100 80GB HBM3", 989, 3350},
      {"cuda, NVIDIA H100 PCIe", 756, 2000},
      {"cuda, NVIDIA GH200 480GB", 989, 4000},
      {"cuda, NVIDIA H200", 989, 4800},
      {"cuda, NVIDIA A100-SXM4-80GB", 312, 2039},
      {"cuda, NVIDIA A100-SXM4-40GB", 312, 1555},
      {"cuda, NVIDIA L40S", 362, 864},
      {"cuda, NVIDIA L4", 121, 300},
      {"Apple M2 Max, Metal", 13.6, 400},
      {"Apple M1, Metal", 2.6, 68},
  };
  for (const auto& [device, bf16, gbps] : chips) {
    const Chip* chip = known_chip(device);
    ASSERT_NE(chip, nullptr) << device;
    EXPECT_EQ(chip->bf16_tflops, bf16) << device << " is " << chip->name;
    EXPECT_EQ(chip->gbps, gbps) << device;
  }
  EXPECT_EQ(known_chip("emulator, one thread"), nullptr);
}

TEST(DevicePeak, OfAnUnknownChipIsWhatItsProductReaches) {
  const auto backend = make_backend("emulator", "auto", 1);
  for (const DType dtype : {DType::f32, DType::bf16}) {
    const Peak peak = device_peak(*backend, dtype, 32);
    EXPECT_FALSE(peak.published);
    EXPECT_EQ(peak.device, backend->name());
    EXPECT_GT(peak.product_gflops, 0);
    EXPECT_EQ(peak.gflops, peak.product_gflops);
    EXPECT_GT(memory_gbps(peak), 0);
  }
}

}   // namespace
}   // namespace glass
