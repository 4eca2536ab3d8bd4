// The host side of device cuda on the stand-in for a driver: what it promises to its caller, and
// what becomes of mistakes.
#include <gmock/gmock.h>

#include <numeric>

#include "kernels/cuda/kernel_image.h"
#include "kernels/device_memory.h"
#include "kernels/gpu/gpu_backend.h"
#include "tests/gpu/cuda/on_stand_in.h"
#include "tests/kernels/blocks.h"

namespace glass::cuda {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST_F(Cuda, DoesOneThingAfterTheOtherAndGivesTheCallerItsMemoryBackAtOnce) {
  const std::unique_ptr<gpu::Device> device = open_cuda_device();
  // Less than the memory that uploads pass through, exactly that, and more.
  for (const std::size_t n :
       {std::size_t{5}, OwnStaging::kBytes / 4, OwnStaging::kBytes / 4 + 1000}) {
    std::vector<float> x(n);
    std::iota(x.begin(), x.end(), 0.0f);
    const OnDevice from(*device, n), to(*device, n);
    device->upload(from.at, x.data(), from.bytes);
    std::fill(x.begin(), x.end(), -1.0f);
    const gpu::AffineArgs args = affine(to.floats(), from.floats(), static_cast<unsigned>(n));
    device->launch(kAffine(), &args, {groups(static_cast<unsigned>(n))});
    const std::vector<float> y = to.get();
    for (std::size_t i = 0; i < n; ++i)
      ASSERT_EQ(y[i], 2 * static_cast<float>(i) + 1) << i << " of " << n;
  }
}

TEST_F(Cuda, ManySmallUploadsDoNotOverwriteOneAnother) {
  const std::unique_ptr<gpu::Device> device = open_cuda_device();
  constexpr std::size_t kEach = 30000, kTimes = 20;   // 2.4 MB, through 1 MB
  std::vector<std::unique_ptr<OnDevice>> blocks;
  for (std::size_t n = 0; n < kTimes; ++n) {
    blocks.push_back(std::make_unique<OnDevice>(*device, kEach));
    const std::vector<float> x(kEach, static_cast<float>(n));
    device->upload(blocks.back()->at, x.data(), blocks.back()->bytes);
  }
  for (std::size_t n = 0; n < kTimes; ++n)
    EXPECT_EQ(blocks[n]->get(), std::vector<float>(kEach, static_cast<float>(n))) << n;
}

TEST_F(Cuda, NothingOfNothingIsNoMistake) {
  const std::unique_ptr<gpu::Device> device = open_cuda_device();
  std::byte* at = device->allocate(0);
  EXPECT_NE(at, nullptr);
  device->upload(at, nullptr, 0);
  device->download(nullptr, at, 0);
  device->release(at, 0);
  device->release(nullptr, 0);
}

TEST_F(Cuda, SaysHowMuchMemoryWasWantedAndHowMuchThereIs) {
  ::setenv("GLASS_STAND_IN", "gigabytes=0.01", 1);
  const std::unique_ptr<gpu::Device> device = open_cuda_device();
  const OnDevice half(*device, 1250000);
  try {
    device->release(device->allocate(6000000), 6000000);
    FAIL() << "more than there is";
  } catch (const std::bad_alloc& error) {
    EXPECT_STREQ(
        error.what(),
        "out of memory on the GPU: 0.01 GB more were wanted, 0.01 GB of its 0.01 GB are free");
  }
  device->release(device->allocate(4000000), 4000000);   // and it goes on
}

TEST_F(Cuda, AGpuThatIsTooOldOrNotThereIsOneSentence) {
  ::setenv("GLASS_STAND_IN", "capability=75", 1);
  EXPECT_THAT(why_not("cuda"), HasSubstr("has compute capability 7.5, and the kernels need 8.0"));
  EXPECT_THROW((void)make_backend("cuda", "auto", 0), std::invalid_argument);
}

TEST_F(Cuda, IsListedWithItsMemoryAndWhatItCan) {
  for (const DeviceInfo& info : list_devices()) {
    if (info.name != "cuda") continue;
    EXPECT_EQ(info.description,
              "a stand-in for a GPU, 4.00 GB, compute capability 9.0, driver for CUDA 13.0");
    EXPECT_THAT(make_backend("cuda", "auto", 0)->name(), HasSubstr("cuda, a stand-in"));
    EXPECT_THROW((void)make_backend("cuda", "avx2", 0), std::invalid_argument);
    return;
  }
  FAIL() << "it is not listed";
}

TEST_F(Cuda, EachGenerationGetsItsOwnKernels) {
  std::string why;
  const auto has_wgmma = [&](int capability) {
    return kernel_image(capability, why).find("wgmma.mma_async") != std::string::npos;
  };
  EXPECT_TRUE(has_wgmma(90));
  for (const int capability : {80, 86, 89, 100, 120})
    EXPECT_FALSE(has_wgmma(capability)) << capability;
  for (const int capability : {80, 90})
    EXPECT_THAT(kernel_image(capability, why), HasSubstr(".entry layernorm("));
}

TEST_F(Cuda, EveryKernelOfTheListIsInThePtx) {
  for (const char* gpu : {"capability=80", "capability=90"}) {
    ::setenv("GLASS_STAND_IN", gpu, 1);
    std::string why;
    const Driver* driver = find_driver(why);
    ASSERT_NE(driver, nullptr) << why;
    const CudaDevice device(*driver, 0, kernel_image(gpu_info(*driver, 0).capability, why));
    const OwnModule module(*driver, kernel_image(gpu_info(*driver, 0).capability, why));
    for (const gpu::Kernel* k = gpu::kernels(); k; k = k->next) {
      Function f = nullptr;
      EXPECT_EQ(driver->cuModuleGetFunction(&f, module.module, k->name), kSuccess) << k->name;
    }
  }
}

// ---- mistakes: each ends as one sentence, and what is left can be given back ----

// What the device says of a launch of `affine` that somebody spoils.
template <class Spoil>
std::string complaint(Spoil spoil) {
  const std::unique_ptr<gpu::Device> device = open_cuda_device();
  const unsigned n = 1000;
  const std::vector<float> x(n, 1);
  const OnDevice from(*device, n), to(*device, n);
  device->upload(from.at, x.data(), from.bytes);
  gpu::AffineArgs args = affine(to.floats(), from.floats(), n);
  try {
    spoil(*device, args);
    device->launch(kAffine(), &args, {groups(n)});
    device->wait();
  } catch (const std::exception& error) { return error.what(); }
  return "";
}

TEST_F(Cuda, ALaunchWithoutMistakeSaysNothing) {
  EXPECT_EQ(complaint([](gpu::Device&, gpu::AffineArgs&) {}), "");
}
TEST_F(Cuda, AnAddressOfTheHostIsNoAddressOfTheGpu) {
  static float here[1000];
  EXPECT_THAT(
      complaint([](gpu::Device&, gpu::AffineArgs& p) { p.x.data = here; }),
      AllOf(HasSubstr("kernel affine, PTX line"), HasSubstr("are in no allocation of the GPU")));
}
TEST_F(Cuda, MemoryThatWasGivenBackIsNotTheirsAnyMore) {
  EXPECT_THAT(complaint([](gpu::Device& d, gpu::AffineArgs& p) {
                std::byte* gone = d.allocate(4000);
                d.release(gone, 4000);
                p.y.array.data = gone;
              }),
              HasSubstr("are in no allocation of the GPU"));
}
TEST_F(Cuda, OneElementTooManyIsFound) {
  EXPECT_THAT(
      complaint([](gpu::Device&, gpu::AffineArgs& p) { p.walk.count = p.walk.size[0] = 1001; }),
      AllOf(HasSubstr("thread 232 of group (0,0,0)"), HasSubstr("4 bytes at")));
}
TEST_F(Cuda, AnAddressBetweenTwoNumbersIsFound) {
  EXPECT_THAT(complaint([](gpu::Device&, gpu::AffineArgs& p) {
                p.x.data = static_cast<char*>(p.x.data) + 2;
              }),
              HasSubstr("no multiple of 4"));
}
TEST_F(Cuda, ArgumentsOfAnotherSizeAreRefused) {
  const gpu::Kernel& real = kAffine();
  EXPECT_THAT(
      complaint([&](gpu::Device& d, gpu::AffineArgs& p) {
        const gpu::Kernel* const first = gpu::Kernel::first;
        const gpu::Kernel small("affine", real.args_bytes - 8, real.threads, nullptr);
        gpu::Kernel::first = first;
        d.launch(small, &p, {1});
      }),
      AllOf(HasSubstr("kernel affine cannot be started"), HasSubstr("bytes of arguments, not")));
}
TEST_F(Cuda, GroupsOfAnotherSizeAreRefused) {
  const gpu::Kernel& real = kAffine();
  EXPECT_THAT(complaint([&](gpu::Device& d, gpu::AffineArgs& p) {
                const gpu::Kernel* const first = gpu::Kernel::first;
                const gpu::Kernel half("affine", real.args_bytes, real.threads / 2, nullptr);
                gpu::Kernel::first = first;
                d.launch(half, &p, {1});
              }),
              HasSubstr("was compiled for groups of 256 threads, not 128"));
}
TEST_F(Cuda, AKernelThatIsNotThereIsNamed) {
  EXPECT_THAT(complaint([&](gpu::Device& d, gpu::AffineArgs& p) {
                const gpu::Kernel* const first = gpu::Kernel::first;
                const gpu::Kernel none("afine", sizeof p, 256, nullptr);
                gpu::Kernel::first = first;
                d.launch(none, &p, {1});
              }),
              HasSubstr("there is no kernel afine"));
}
TEST_F(Cuda, MoreGroupsThanAGpuStartsAreRefusedBeforeTheDriverIsAsked) {
  EXPECT_THAT(complaint([&](gpu::Device& d, gpu::AffineArgs& p) {
                d.launch(kAffine(), &p, {1, 65536, 1});
              }),
              HasSubstr("affine would need 1 x 65536 x 1 groups of threads"));
}
TEST_F(Cuda, ABatchTakesAsManyLaunchesAsItNeeds) {
  const Attention how = {0.3, 0, 0, 0.1, {1, 2, 3, 4}};
  const auto on_gpu = [&](const char* depth, DType dtype) {
    ::setenv("GLASS_STAND_IN", depth, 1);
    GpuBackend backend(open_cuda_device());
    test::AttentionResult r = test::attend(backend, dtype, {5, 2, 1, 9, 8}, how);
    return std::vector{test::products(backend, dtype, 11, {5, 9, 20}), r.y, r.dq, r.dk, r.dv};
  };
  for (const DType dtype : {DType::f32, DType::bf16})
    EXPECT_EQ(on_gpu("depth=4", dtype), on_gpu("depth=65535", dtype));
}
TEST_F(Cuda, ACopyBeyondTheEndIsFound) {
  EXPECT_THAT(complaint([&](gpu::Device& d, gpu::AffineArgs& p) {
                std::vector<float> more(1001);
                d.upload(static_cast<std::byte*>(p.x.data), more.data(), 4004);
                d.wait();
              }),
              HasSubstr("memory that the GPU has not given"));
}
TEST_F(Cuda, AfterAKernelHasFailedEverythingFailsAndNothingThrowsOnTheWayOut) {
  std::vector<std::string> said;
  {
    const std::unique_ptr<gpu::Device> device = open_cuda_device();
    const OnDevice to(*device, 4);
    static float here[4];
    const gpu::AffineArgs args = affine(to.floats(), here, 4);
    device->launch(kAffine(), &args, {1});
    for (int i = 0; i < 2; ++i) try {
        device->wait();
      } catch (const std::runtime_error& error) { said.emplace_back(error.what()); }
  }
  ASSERT_EQ(said.size(), 2u);
  EXPECT_THAT(said[1], HasSubstr("kernel affine"));
}

TEST_F(Cuda, TheHostCannotFollowAnAddressOfTheGpu) {
  const std::unique_ptr<gpu::Device> device = open_cuda_device();
  const OnDevice x(*device, 4);
  EXPECT_DEATH((void)*const_cast<volatile float*>(x.floats()), "");
}

}   // namespace
}   // namespace glass::cuda
