// The host side of Metal against the stand-in for libobjc and Metal: what it computes, and that it
// keeps the rules.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "kernels/gpu/gpu_backend.h"
#include "kernels/metal/metal_device.h"
#include "tests/gpu/metal/use_stand_in.h"

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
  EXPECT_THAT(backend.name(), HasSubstr("Metal"));
  const Filled a(backend, {1, 2, 3}), b(backend, {10, 20, 30}), y(backend, {0, 0, 0});
  backend.zip(Binary::add, {y.view(), false}, a.view(), b.view());
  EXPECT_EQ(books.launches, 0);   // nobody waited
  EXPECT_THAT(y.now(), ElementsAre(11, 22, 33));
}

}   // namespace
}   // namespace glass::metal
