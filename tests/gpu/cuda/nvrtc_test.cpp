// PTX by NVRTC on a stand-in for it: what it is asked for, what is kept between two starts, and
// what becomes of mistakes. Where the system has an NVRTC, it compiles the kernels too.
#include "kernels/cuda/nvrtc.h"

#include <gmock/gmock.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>

#include "kernels/cuda/kernel_image.h"
#include "kernels/gpu/kernel_text.h"
#include "tests/gpu/cuda/on_stand_in.h"
#include "tests/scratch.h"

namespace glass::cuda {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// A variable of the environment as long as this lives; without a value there is none.
class Variable {
 public:
  Variable(const char* name, std::optional<std::string> value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    set(value);
  }
  ~Variable() { set(before_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;
  void set(const std::optional<std::string>& value) const {
    if (value) ::setenv(name_, value->c_str(), 1);
    else ::unsetenv(name_);
  }

 private:
  const char* name_;
  std::optional<std::string> before_;
};

template <class Function>
Function* of_nvrtc(const char* name) {
  void* library = dlopen(GLASS_STAND_IN_NVRTC, RTLD_NOW | RTLD_LOCAL);
  return reinterpret_cast<Function*>(dlsym(library, name));
}
int compilations() { return of_nvrtc<int()>("glass_stand_in_compilations")(); }
std::string options() { return of_nvrtc<const char*()>("glass_stand_in_options")(); }

std::string image(int capability = 80) {
  std::string why;
  const std::string ptx = image_by_nvrtc(capability, why);
  EXPECT_NE(ptx, "") << why;
  return ptx;
}
std::string why_no_image(int capability = 80) {
  std::string why;
  EXPECT_EQ(image_by_nvrtc(capability, why), "");
  return why;
}
// How often something compiles.
int compiles(const std::function<void()>& what) {
  const int before = compilations();
  what();
  return compilations() - before;
}

class Nvrtc : public testing::Test {
 protected:
  void TearDown() override {
    EXPECT_EQ(of_nvrtc<int()>("glass_stand_in_programs")(), 0) << "a program was not given back";
  }
  std::string only_file() const {
    const std::vector<std::string> names = cache.names("glass");
    EXPECT_EQ(names.size(), 1u);
    return cache / ("glass/" + names.at(0));
  }

  test::Scratch cache;
  const Variable library{"GLASS_NVRTC", GLASS_STAND_IN_NVRTC};
  const Variable settings{"GLASS_STAND_IN_NVRTC", std::nullopt};
  const Variable folder{"XDG_CACHE_HOME", cache.path()};
};

TEST_F(Nvrtc, IsAskedForWhatTheGpuHas) {
  EXPECT_THAT(image(90), HasSubstr("\n.target sm_90a\n"));
  EXPECT_EQ(options(), "--gpu-architecture=compute_90a --std=c++17");
  for (const int capability : {80, 86, 89, 100, 120})
    EXPECT_THAT(image(capability), HasSubstr("\n.target sm_80\n")) << capability;
  EXPECT_EQ(options(), "--gpu-architecture=compute_80 --std=c++17");
}

// NVRTC 13 states 9.0, which the drivers of CUDA 12 refuse.
TEST_F(Nvrtc, StatesTheOldestVersionOfPtxThatWillDo) {
  for (int start = 0; start < 2; ++start) {   // compiled, and kept
    EXPECT_THAT(image(80), AllOf(HasSubstr("\n.version 7.0\n"), Not(HasSubstr(".version 9"))));
    EXPECT_THAT(image(90), AllOf(HasSubstr("\n.version 8.0\n"), Not(HasSubstr(".version 9"))));
  }
}

TEST_F(Nvrtc, ASecondStartDoesNotCompile) {
  std::string first, second;
  EXPECT_EQ(compiles([&] { first = image(); }), 1);
  EXPECT_EQ(compiles([&] { second = image(); }), 0);
  EXPECT_TRUE(first == second) << "megabytes, which nobody wants to see beside each other";
}

TEST_F(Nvrtc, WhatWasKeptForAnotherGpuOrByAnotherVersionIsNotUsed) {
  EXPECT_EQ(compiles([] { image(80); }), 1);
  EXPECT_EQ(compiles([] { image(90); }), 1);
  settings.set("version=12.4");
  EXPECT_EQ(compiles([] { image(80); }), 1);
  settings.set(std::nullopt);
  EXPECT_EQ(compiles([] { image(80), image(90); }), 0);
  EXPECT_EQ(cache.names("glass").size(), 3u);
}

// The name says which kernels: by the hash FNV-1a of their text.
TEST_F(Nvrtc, WhatWasKeptOfOtherKernelsIsNotUsed) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : gpu::kernel_text())
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(hash));
  image();
  EXPECT_THAT(cache.names("glass"), ElementsAre("kernels-13.0-80-" + std::string(digits) + ".ptx"));
  std::filesystem::rename(only_file(), cache / "glass/kernels-13.0-80-0123456789abcdef.ptx");
  EXPECT_EQ(compiles([] { image(); }), 1);
}

TEST_F(Nvrtc, WhatWasDamagedIsCompiledAgain) {
  const std::string right = image(), path = only_file(), kept = test::bytes_of(path);
  std::string other = kept;
  other[kept.size() / 2] = static_cast<char>(other[kept.size() / 2] ^ 1);
  for (const std::string& damaged :
       {std::string(), kept.substr(0, 20), kept.substr(0, kept.size() - 1),
        kept.substr(kept.find('\n') + 1), kept + "\n", other}) {
    std::ofstream(path, std::ios::binary) << damaged;
    EXPECT_EQ(compiles([&] { EXPECT_TRUE(image() == right); }), 1) << damaged.size();
    EXPECT_TRUE(test::bytes_of(path) == kept);
  }
  EXPECT_EQ(compiles([] { image(); }), 0);
}

TEST_F(Nvrtc, WhereNothingCanBeKeptEveryStartCompiles) {
  const auto three_starts = [] {
    return compiles([] {
      for (int start = 0; start < 3; ++start) image();
    });
  };
  cache.write("a file", "");
  folder.set(cache / "a file");   // in which no folder can be made
  EXPECT_EQ(three_starts(), 3);
  const Variable home("HOME", std::nullopt);
  folder.set(std::nullopt);
  EXPECT_EQ(three_starts(), 3);
  folder.set(cache.path());
  image();
  const std::string path = only_file();   // where a folder stands now
  std::filesystem::remove(path);
  std::filesystem::create_directories(path + "/in the way");
  EXPECT_EQ(three_starts(), 3);
  EXPECT_EQ(cache.names("glass").size(), 1u) << "an unfinished file was left";
}

TEST_F(Nvrtc, AMistakeInAKernelIsOneSentence) {
  std::string why;
  EXPECT_EQ(find_nvrtc(why)->compile("int x;\n#error no kernel is here\nint y;\n", "80", why), "");
  EXPECT_EQ(
      why,
      "NVRTC 13.0 does not compile the GPU kernels: kernels.cu(2): catastrophic error: #error "
      "directive: no kernel is here");
}

TEST_F(Nvrtc, OneThatIsTooOldForTheGpuSaysSoAndKeepsNothing) {
  settings.set("version=11.8");
  EXPECT_EQ(why_no_image(90),
            "NVRTC 11.8 does not compile the GPU kernels: nvrtc: error: invalid value for "
            "--gpu-architecture (-arch)");
  EXPECT_FALSE(std::filesystem::exists(cache / "glass"));
  settings.set("no-ptx");
  EXPECT_EQ(why_no_image(90), "NVRTC 13.0 compiles the GPU kernels and gives no PTX");
  EXPECT_FALSE(std::filesystem::exists(cache / "glass"));
}

TEST_F(Nvrtc, WhereThereIsNoneASentenceSaysWhatIsMissing) {
  library.set("/nowhere/libnvrtc.so");
  EXPECT_THAT(why_no_image(), AllOf(HasSubstr("for want of nvcc"), HasSubstr("cannot be opened"),
                                    HasSubstr("/nowhere/libnvrtc.so")));
  library.set(GLASS_STAND_IN_CUDA);
  EXPECT_EQ(why_no_image(), "NVRTC has no nvrtcVersion, so it is too old");
}

// 2 x + 1 by a kernel from such an image, on the stand-in for a GPU.
void expect_it_runs(const std::string& ptx) {
  std::string why;
  const Driver* driver = find_driver(why);
  ASSERT_NE(driver, nullptr) << why;
  CudaDevice device(*driver, 0, ptx);
  const std::vector<float> x = {1, 2, 3};
  const OnDevice from(device, x.size()), to(device, x.size());
  device.upload(from.at, x.data(), from.bytes);
  const gpu::AffineArgs args = affine(to.floats(), from.floats(), 3);
  device.launch(kAffine(), &args, {1});
  EXPECT_THAT(to.get(), ElementsAre(3, 5, 7));
}

// The stand-in for NVRTC has what nvcc made, if there was one.
class CudaByNvrtc : public Cuda {
 protected:
  test::Scratch cache;
  const Variable library{"GLASS_NVRTC", GLASS_STAND_IN_NVRTC};
  const Variable settings{"GLASS_STAND_IN_NVRTC", std::nullopt};
  const Variable folder{"XDG_CACHE_HOME", cache.path()};
};

TEST_F(CudaByNvrtc, KernelsRunOnADriverThatIsOlderThanTheCompiler) {
  if (image(80).find(".entry affine(") == std::string::npos)
    GTEST_SKIP() << "there was no nvcc when this was built";
  ::setenv("GLASS_STAND_IN", "capability=90,driver=12.0", 1);
  expect_it_runs(image(90));
  ::setenv("GLASS_STAND_IN", "capability=80,driver=11.0", 1);
  expect_it_runs(image(80));
}

TEST_F(CudaByNvrtc, ADriverRefusesPtxThatIsYounger) {
  ::setenv("GLASS_STAND_IN", "driver=12.4", 1);
  std::string why;
  const Driver* driver = find_driver(why);
  for (const char* version : {"7.0", "8.4"}) {
    const std::string ptx =
        "\n.version " + std::string(version) + "\n.target sm_80\n.address_size 64\n";
    EXPECT_NO_THROW(CudaDevice(*driver, 0, ptx)) << version;
  }
  try {
    const CudaDevice device(*driver, 0, "\n.version 8.5\n.target sm_80\n.address_size 64\n");
    FAIL() << "it was taken";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(),
                 "cuda: the driver does not take the kernels: the PTX is of a version that came "
                 "after this driver");
  }
}

// The library of the system, where there is one.
TEST(NvrtcOfTheSystem, CompilesTheKernelsAndTheyRun) {
  const test::Scratch cache;
  const Variable library("GLASS_NVRTC", std::nullopt), folder("XDG_CACHE_HOME", cache.path()),
      stand_in("GLASS_STAND_IN", "capability=80,driver=11.0"),
      driver("GLASS_CUDA_DRIVER", GLASS_STAND_IN_CUDA);
  std::string why;
  const glass::cuda::Nvrtc* nvrtc = find_nvrtc(why);
  if (!nvrtc) GTEST_SKIP() << why;
  EXPECT_EQ(nvrtc->compile("int x;\n#error no kernel is here\n", "80", why), "");
  EXPECT_THAT(
      why, AllOf(HasSubstr("kernels.cu(2)"), HasSubstr("no kernel is here"), Not(HasSubstr("\n"))));
  EXPECT_THAT(image(90), HasSubstr("wgmma.mma_async"));
  const std::string ptx = image(80);
  for (const gpu::Kernel* k = gpu::kernels(); k; k = k->next)
    EXPECT_THAT(ptx, HasSubstr(".entry " + std::string(k->name) + "(")) << k->name;
  if (find_driver(why)) expect_it_runs(ptx);
}

}   // namespace
}   // namespace glass::cuda
