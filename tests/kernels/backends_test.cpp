// Which machines can be asked for by name, and what is said about those that cannot.
#include "kernels/backends.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <stdexcept>

namespace glass {
namespace {

using testing::HasSubstr;

std::string refusal(const std::string& device, const std::string& isa, int threads) {
  try {
    (void)make_backend(device, isa, threads);
  } catch (const std::invalid_argument& error) { return error.what(); }
  return "";
}

TEST(Backends, AutoIsTheProcessorWithItsBestInstructionSet) {
  const std::vector<DeviceInfo> devices = list_devices();
  ASSERT_FALSE(devices.empty());
  EXPECT_EQ(devices[0].name, "cpu");
  ASSERT_FALSE(devices[0].isas.empty());
  EXPECT_THAT(make_backend("auto", "auto", 1)->name(), HasSubstr("cpu " + devices[0].isas[0]));
}

TEST(Backends, EveryListedOneCanBeMade) {
  for (const DeviceInfo& device : list_devices()) {
    EXPECT_NE(make_backend(device.name, "auto", 0), nullptr) << device.name;
    for (const std::string& isa : device.isas)
      EXPECT_THAT(make_backend(device.name, isa, 2)->name(), HasSubstr(isa));
  }
}

TEST(Backends, OnlyTheReferenceComputesInDouble) {
  EXPECT_TRUE(make_reference_backend()->supports(DType::f64));
  EXPECT_FALSE(make_backend("cpu", "scalar", 1)->supports(DType::f64));
}

// Another library than the machine's driver, until this goes.
class Driver {
 public:
  explicit Driver(const char* name, const char* variable = "GLASS_CUDA_DRIVER")
      : variable_(variable) {
    const char* before = std::getenv(variable);
    before_ = before ? before : "";
    use(name);
  }
  ~Driver() {
    if (before_.empty()) ::unsetenv(variable_);
    else use(before_.c_str());
  }
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;
  void use(const char* name) { ::setenv(variable_, name, 1); }

 private:
  const char* variable_;
  std::string before_;
};

TEST(Backends, WithoutTheDriverThereIsNoCudaAndOneSentenceSaysWhy) {
  Driver driver("no_such_driver.so.1");
  for (const DeviceInfo& device : list_devices()) EXPECT_NE(device.name, "cuda");
  EXPECT_THAT(why_not("cuda"), HasSubstr("cannot be opened (no_such_driver.so.1"));
  EXPECT_THAT(refusal("cuda", "auto", 1), HasSubstr("cannot be opened (no_such_driver.so.1"));
  EXPECT_THAT(refusal("cuda", "auto", 1), HasSubstr("; choose auto, cpu, reference"));
  driver.use("libc.so.6");   // a library, but not the driver
  EXPECT_THAT(why_not("cuda"), HasSubstr("the NVIDIA driver libc.so.6 has no cuInit"));
}

TEST(Backends, WithoutMetalThereIsNoGpuOfAppleAndOneSentenceSaysWhy) {
  Driver library("no_such_metal.so", "GLASS_METAL");
  for (const DeviceInfo& device : list_devices()) EXPECT_NE(device.name, "metal");
  EXPECT_THAT(why_not("metal"), HasSubstr("no_such_metal.so"));
  EXPECT_THAT(refusal("metal", "auto", 1), HasSubstr("no_such_metal.so"));
  EXPECT_THAT(refusal("metal", "auto", 1), HasSubstr("; choose auto, cpu, reference"));
  library.use("libc.so.6");   // a library, but not the runtime of Objective-C
  EXPECT_THAT(why_not("metal"), HasSubstr("lacks objc_getClass"));
  ::unsetenv("GLASS_METAL");
#ifdef __linux__
  EXPECT_THAT(why_not("metal"), HasSubstr("this system is another one"));
#endif
}

TEST(Backends, WhatIsNotThereIsRefusedWithWhatIs) {
  const Driver driver("no_such_driver.so.1"), library("no_such_metal.so", "GLASS_METAL");
  EXPECT_THAT(refusal("tpu", "auto", 1),
              HasSubstr("there is no device 'tpu'; choose auto, cpu, reference or emulator"));
  EXPECT_THAT(refusal("cpu", "sse9", 1), HasSubstr("'sse9'"));
  EXPECT_THAT(refusal("cpu", "sse9", 1), HasSubstr("scalar"));
  EXPECT_THAT(refusal("reference", "avx2", 1), HasSubstr("has no instruction sets"));
  EXPECT_THAT(refusal("cpu", "auto", -1), HasSubstr("cannot run on -1 threads"));
  EXPECT_THAT(refusal("cpu", "auto", 100000), HasSubstr("100000"));
}

}  // namespace
}  // namespace glass
