#include "tests/gpu/metal/use_stand_in.h"

#include <dlfcn.h>

#include <cstdlib>
#include <stdexcept>

namespace glass::test {

stand_in::Books& use_metal_stand_in() {
  static stand_in::Books* const books = [] {
    setenv("GLASS_METAL", GLASS_METAL_STAND_IN, 1);
    void* const library = dlopen(GLASS_METAL_STAND_IN, RTLD_NOW | RTLD_LOCAL);
    if (!library) throw std::runtime_error(dlerror());
    const auto get =
        reinterpret_cast<stand_in::Books* (*)()>(dlsym(library, "metal_stand_in_books"));
    return get();
  }();
  return *books;
}

const char* metal_compiler_missing() {
  const bool here =
      std::system("command -v clang++ >/dev/null 2>&1 || command -v g++ >/dev/null 2>&1") == 0;
  return here ? ""
              : "neither clang++ nor g++ is installed, which stand in for the compiler of Metal";
}

}   // namespace glass::test
