// One file takes the definitions, so that a change of version recompiles one file.
#include "tools/build_info.h"

namespace glass {

const char* build_version() { return GLASS_VERSION; }
const char* build_type() { return GLASS_BUILD_TYPE; }
const char* build_sanitizer() { return GLASS_SANITIZER; }

const char* build_compiler() {
#if defined(__clang__)
  return "clang " __clang_version__;
#else
  return "g++ " __VERSION__;
#endif
}

}   // namespace glass
