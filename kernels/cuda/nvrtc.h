// NVRTC, NVIDIA's compiler as a library, opened when it is needed: it makes PTX of the kernels
// where the program was built without nvcc.
#pragma once
#include <cstddef>
#include <string>

namespace glass::cuda {

struct ProgramOfNvrtc;

// clang-format off
// X(name, arguments). All return a code, 0 if all is well.
#define GLASS_NVRTC(X)                                                                              \
  X(nvrtcVersion, (int* major, int* minor))                                                         \
  X(nvrtcCreateProgram, (ProgramOfNvrtc** program, const char* source, const char* name, int headers, \
                         const char* const* header_texts, const char* const* header_names))         \
  X(nvrtcCompileProgram, (ProgramOfNvrtc* program, int count, const char* const* options))          \
  X(nvrtcGetPTXSize, (ProgramOfNvrtc* program, std::size_t* bytes))                                 \
  X(nvrtcGetPTX, (ProgramOfNvrtc* program, char* ptx))                                              \
  X(nvrtcGetProgramLogSize, (ProgramOfNvrtc* program, std::size_t* bytes))                          \
  X(nvrtcGetProgramLog, (ProgramOfNvrtc* program, char* log))                                       \
  X(nvrtcDestroyProgram, (ProgramOfNvrtc** program))
// clang-format on

struct Nvrtc {
#define GLASS_MEMBER(name, arguments) int(*name) arguments = nullptr;
  GLASS_NVRTC(GLASS_MEMBER)
#undef GLASS_MEMBER

  std::string version() const;   // "13.0"
  // PTX for GPUs of this architecture, "80" or "90a"; "" and what is wrong where it does not
  // compile.
  std::string compile(const std::string& source, const std::string& arch, std::string& why) const;
};

// Opened once; or nullptr and one sentence why not. GLASS_NVRTC in the environment names the
// library.
const Nvrtc* find_nvrtc(std::string& why);

}   // namespace glass::cuda
