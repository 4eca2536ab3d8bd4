// What this binary is: filled in by CMake and the compiler.
#pragma once

namespace glass {

const char* build_version();     // "0.1.0"
const char* build_type();        // "Release"
const char* build_compiler();    // "g++ 12.2.0"
const char* build_sanitizer();   // "address", or "" for none

}   // namespace glass
