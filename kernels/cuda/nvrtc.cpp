#include "kernels/cuda/nvrtc.h"

#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "kernels/cuda/shared_library.h"

namespace glass::cuda {
namespace {

struct Found {
  std::unique_ptr<Nvrtc> nvrtc;
  std::string why;
};

Found open_nvrtc(const std::string& asked) {
  std::vector<std::string> names = {asked};
  if (asked.empty())
    names = {"libnvrtc.so", "libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2",
             "/usr/local/cuda/lib64/libnvrtc.so"};
  std::string why;
  void* const library = open_first(names, why);
  if (!library)
    return {nullptr,
            "the GPU kernels were not built in, for want of nvcc, and NVRTC, which could "
            "compile them now, cannot be opened (" +
                why + ")"};
  auto nvrtc = std::make_unique<Nvrtc>();
  std::string missing;
#define GLASS_BIND(function, arguments) bind(library, #function, nvrtc->function, missing);
  GLASS_NVRTC(GLASS_BIND)
#undef GLASS_BIND
  if (!missing.empty()) return {nullptr, "NVRTC has no " + missing + ", so it is too old"};
  return {std::move(nvrtc), ""};
}

// A program of NVRTC for the length of a compilation.
class Program {
 public:
  Program(const Nvrtc& nvrtc, const std::string& source) : nvrtc_(nvrtc) {
    nvrtc_.nvrtcCreateProgram(&program_, source.c_str(), "kernels.cu", 0, nullptr, nullptr);
  }
  ~Program() {
    if (program_) nvrtc_.nvrtcDestroyProgram(&program_);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ProgramOfNvrtc* get() const { return program_; }

 private:
  const Nvrtc& nvrtc_;
  ProgramOfNvrtc* program_ = nullptr;
};

// What one of the two pairs of functions says: how long a text is, and the text, which ends with a
// 0.
std::string text_of(ProgramOfNvrtc* program, int (*size)(ProgramOfNvrtc*, std::size_t*),
                    int (*get)(ProgramOfNvrtc*, char*)) {
  std::size_t bytes = 0;
  if (size(program, &bytes) != 0 || bytes == 0) return "";
  std::string text(bytes, '\0');
  if (get(program, text.data()) != 0) return "";
  text.pop_back();
  return text;
}

// Of a log the first line that tells of an error: warnings may stand before it.
std::string first_error(const std::string& log) {
  const std::size_t error = log.find("error");
  if (error == std::string::npos) return log.substr(0, log.find('\n'));
  const std::size_t end_before = log.rfind('\n', error);
  const std::size_t begin = end_before == std::string::npos ? 0 : end_before + 1;
  return log.substr(begin, log.find('\n', error) - begin);
}

}   // namespace

std::string Nvrtc::version() const {
  int major = 0, minor = 0;
  nvrtcVersion(&major, &minor);
  return std::to_string(major) + "." + std::to_string(minor);
}

std::string Nvrtc::compile(const std::string& source, const std::string& arch,
                           std::string& why) const {
  const Program program(*this, source);
  const std::string option = "--gpu-architecture=compute_" + arch;
  const char* options[] = {option.c_str(), "--std=c++17"};
  if (!program.get() || nvrtcCompileProgram(program.get(), 2, options) != 0) {
    const std::string log =
        program.get() ? text_of(program.get(), nvrtcGetProgramLogSize, nvrtcGetProgramLog) : "";
    why = "NVRTC " + version() + " does not compile the GPU kernels: " + first_error(log);
    return "";
  }
  const std::string ptx = text_of(program.get(), nvrtcGetPTXSize, nvrtcGetPTX);
  if (ptx.empty()) why = "NVRTC " + version() + " compiles the GPU kernels and gives no PTX";
  return ptx;
}

const Nvrtc* find_nvrtc(std::string& why) {
  static std::mutex mutex;
  static std::map<std::string, Found> found;   // by the name that was asked for
  const char* asked = std::getenv("GLASS_NVRTC");
  const std::lock_guard<std::mutex> lock(mutex);
  const auto [at, fresh] = found.try_emplace(asked ? asked : "");
  if (fresh) at->second = open_nvrtc(at->first);
  why = at->second.why;
  return at->second.nvrtc.get();
}

}   // namespace glass::cuda
