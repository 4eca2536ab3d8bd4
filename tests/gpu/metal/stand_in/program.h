// newLibraryWithSource: Metal's language is C++ with a few words more, so a compiler for C++ makes
// a program of the text once these are rewritten, and fibers of the emulator run it
// (kernels/emulator/group.h).
#pragma once
#include <string>

#include "kernels/emulator/group.h"

namespace glass::stand_in {

struct CompileOptions {
  bool fast_math = true;        // Metal's own default
  unsigned long language = 0;   // MTLLanguageVersion: 3.0 is 0x30000
};

// What the compiled text says of a kernel.
struct Entry {
  const char* name;
  unsigned most_threads;
  std::size_t args_bytes;
  void (*run)(const void* args);
  const Entry* next;
};

class Program {
 public:
  // Throws std::runtime_error with what the compiler says.
  Program(const std::string& text, CompileOptions);
  // nullptr where there is none of that name.
  const Entry* find(const std::string& name) const;

 private:
  void* library_ = nullptr;
  const Entry* entries_ = nullptr;
};

// Metal's text as C++; declared for the tests of it.
std::string as_cpp(const std::string& preprocessed);

}   // namespace glass::stand_in
