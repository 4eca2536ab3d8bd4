// Device cuda on the stand-in for a driver, for tests: a fixture that counts what is not given
// back, memory, and a kernel that is easy to follow.
#pragma once
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "kernels/backends.h"
#include "kernels/cuda/cuda_device.h"
#include "kernels/gpu/elementwise.h"
#include "kernels/gpu/kernel_list.h"

namespace glass::cuda {

template <class Function>
Function* of_stand_in(const char* name) {
  void* library = dlopen(GLASS_STAND_IN_CUDA, RTLD_NOW | RTLD_LOCAL);
  return reinterpret_cast<Function*>(dlsym(library, name));
}
inline int live() { return of_stand_in<int()>("glass_stand_in_live")(); }

class Cuda : public testing::Test {
 protected:
  void SetUp() override {
    ::setenv("GLASS_CUDA_DRIVER", GLASS_STAND_IN_CUDA, 1);
    ::unsetenv("GLASS_STAND_IN");
    std::string why = why_not("cuda");
    if (!why.empty()) GTEST_SKIP() << why;
    ASSERT_EQ(live(), 0);
  }
  void TearDown() override {
    of_stand_in<void()>("glass_stand_in_repair")();
    ::unsetenv("GLASS_STAND_IN");
    EXPECT_EQ(live(), 0) << "something was not given back";
  }
};

// y = 2 x + 1, of n numbers.
inline gpu::AffineArgs affine(float* y, const float* x, unsigned n) {
  gpu::AffineArgs p = {};
  p.walk.count = p.walk.size[0] = n;
  p.walk.rank = 1;
  p.y.array = {y, gpu::kF32, {1}};
  p.x = {const_cast<float*>(x), gpu::kF32, {1}};
  p.scale = 2;
  p.shift = 1;
  return p;
}
inline const gpu::Kernel& kAffine() { return *gpu::find_kernel("affine"); }
inline unsigned groups(unsigned n) { return (n + gpu::kPerGroup - 1) / gpu::kPerGroup; }

struct OnDevice {
  OnDevice(gpu::Device& on, std::size_t n)
      : device(on), bytes(n * sizeof(float)), at(on.allocate(bytes)) {}
  ~OnDevice() { device.release(at, bytes); }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;
  float* floats() const { return reinterpret_cast<float*>(at); }
  std::vector<float> get() const {
    std::vector<float> x(bytes / sizeof(float));
    device.download(x.data(), at, bytes);
    return x;
  }
  gpu::Device& device;
  std::size_t bytes;
  std::byte* at;
};

}   // namespace glass::cuda
