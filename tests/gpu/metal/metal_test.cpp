// The host side of Metal against the stand-in for libobjc and Metal: what it computes, and that it
// keeps the rules.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/backends.h"
#include "kernels/device_memory.h"
#include "kernels/gpu/gpu_backend.h"
#include "kernels/metal/metal_device.h"
#include "tests/gpu/metal/use_stand_in.h"
#include "tests/model/small_run.h"

namespace glass::metal {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Metal : public testing::Test {
 protected:
  void SetUp() override {
    if (*test::metal_compiler_missing()) GTEST_SKIP() << test::metal_compiler_missing();
    books.mistakes.clear();
  }
  void TearDown() override {
    EXPECT_THAT(books.mistakes, IsEmpty());
    EXPECT_EQ(books.live_objects, 0);
  }
  stand_in::Books& books = test::use_metal_stand_in();
};

Device make_device() { return std::make_shared<GpuBackend>(std::make_unique<MetalDevice>()); }

struct Filled {   // floats on a device
  Backend& backend;
  std::vector<float> numbers;
  std::byte* data;
  Filled(Backend& b, std::vector<float> n)
      : backend(b), numbers(std::move(n)), data(b.allocate(numbers.size() * 4)) {
    backend.upload(data, numbers.data(), numbers.size() * 4);
  }
  ~Filled() { backend.release(data, numbers.size() * 4); }
  View view() const {
    return View{data, DType::f32, 1, {static_cast<std::int64_t>(numbers.size())}, {1}};
  }
  std::vector<float> now() const {
    std::vector<float> result(numbers.size());
    backend.download(result.data(), data, result.size() * 4);
    return result;
  }
};

TEST_F(Metal, AddsWhatItWasGiven) {
  GpuBackend backend(std::make_unique<MetalDevice>());
  EXPECT_THAT(backend.name(), testing::StartsWith("metal "));
  const Filled a(backend, {1, 2, 3}), b(backend, {10, 20, 30}), y(backend, {0, 0, 0});
  backend.zip(Binary::add, {y.view(), false}, a.view(), b.view());
  EXPECT_EQ(books.launches, 0);   // nobody waited
  EXPECT_THAT(y.now(), ElementsAre(11, 22, 33));
}

TEST_F(Metal, AnUploadWaitsInLineAndNobodyWaitsForIt) {
  GpuBackend backend(std::make_unique<MetalDevice>());
  const Filled x(backend, {1, 2, 3}), before(backend, {0, 0, 0}), after(backend, {0, 0, 0});
  const int ran = books.launches;
  backend.affine({before.view(), false}, x.view(), 10, 0);
  const float next[] = {7, 8, 9};
  backend.upload(x.data, next, sizeof next);
  backend.affine({after.view(), false}, x.view(), 10, 0);
  EXPECT_EQ(books.launches, ran);
  EXPECT_THAT(before.now(), ElementsAre(10, 20, 30));
  EXPECT_THAT(after.now(), ElementsAre(70, 80, 90));
}

// Metal copies words of 4 bytes only.
TEST_F(Metal, AnUploadOfOddLengthWaitsAndChangesNoByteMore) {
  GpuBackend backend(std::make_unique<MetalDevice>());
  const Filled x(backend, {1, 1, 1}), y(backend, {0, 0, 0});
  backend.affine({y.view(), false}, x.view(), 1, 0);
  const float two = 2;
  backend.upload(x.data + 4, &two, 3);
  float middle = 1;
  std::memcpy(&middle, &two, 3);   // and the last byte of 1
  EXPECT_THAT(x.now(), ElementsAre(1, middle, 1));
  EXPECT_THAT(y.now(), ElementsAre(1, 1, 1));
}

// Forward, backward and the optimizer, with dropout: what a GPT needs, compiled from Metal's text.
// The two differ in the order of their sums and in the last bits of exp and tanh; ten steps of
// training carry that on.
TEST_F(Metal, TrainsAGptAsTheReferenceDoes) {
  for (const NormType norm : {NormType::layernorm, NormType::rmsnorm}) {
    GPTConfig model = test::small_model();
    model.dropout = 0.1;
    model.norm_type = norm;
    if (norm == NormType::rmsnorm) model.pos = Position::rope, model.act = Activation::swiglu;
    const TrainConfig recipe = test::small_recipe(20);
    test::SmallTraining here(model, recipe, make_device()),
        right(model, recipe, make_backend("reference", "auto", 0));
    double first = 0, last = 0;
    for (int step = 0; step < 10; ++step) {
      last = right.trainer.step().loss;
      if (step == 0) first = last;
      EXPECT_NEAR(here.trainer.step().loss, last, 1e-4) << "step " << step;
    }
    EXPECT_LT(last, first);
  }
}

TEST_F(Metal, SaysWhyAGpuCannotBeUsed) {
  EXPECT_EQ(why_not("metal"), "");
  const stand_in::Books before = books;
  books.has_gpu = false;
  EXPECT_THAT(why_not("metal"), HasSubstr("no GPU that Metal knows"));
  books.has_gpu = true;
  books.family_apple = 1005;   // of a telephone
  EXPECT_THAT(why_not("metal"), HasSubstr("M1 or a later GPU"));
  books.family_metal = 5000;
  EXPECT_THAT(why_not("metal"), HasSubstr("macOS has from version 13 on"));
  EXPECT_THROW(MetalDevice(), std::runtime_error);
  books.family_apple = before.family_apple, books.family_metal = before.family_metal;
}

TEST_F(Metal, IsListedWithItsMemory) {
  const std::vector<DeviceInfo> devices = list_devices();
  const auto metal = std::find_if(devices.begin(), devices.end(),
                                  [](const DeviceInfo& info) { return info.name == "metal"; });
  ASSERT_NE(metal, devices.end());
  EXPECT_EQ(metal->description, "stand-in for an Apple GPU, 1.07 GB of the memory, through Metal");
}

TEST_F(Metal, TellsAllThatTheCompilerSays) {
  ASSERT_EQ(::setenv("GLASS_METAL_COMPILER", "sh -c 'echo softmax.h:7: planted; exit 1' sh", 1), 0);
  std::string said;
  try {
    const MetalDevice device;
  } catch (const std::runtime_error& error) { said = error.what(); }
  ::unsetenv("GLASS_METAL_COMPILER");
  EXPECT_EQ(said, "metal: the compiler of macOS refuses the kernels:\nsoftmax.h:7: planted\n");
}

TEST_F(Metal, WithoutMemoryItSaysHowMuchThereIs) {
  books.memory_bytes = std::size_t{32} << 20;
  MetalDevice device;
  std::byte* const first = device.allocate(std::size_t{16} << 20);
  std::string said;
  try {
    (void)device.allocate(std::size_t{20} << 20);
  } catch (const OutOfDeviceMemory& error) { said = error.what(); }
  books.memory_bytes = std::size_t{1} << 30;
  EXPECT_EQ(said,
            "metal: out of memory: 20 MB more are wanted, 17 MB are taken, and stand-in for an "
            "Apple GPU recommends at most 32 MB in all and has at most 16 MB in one piece");
  device.release(first, std::size_t{16} << 20);
}

}   // namespace
}   // namespace glass::metal
