// Libraries of the system that are opened when the program runs and not when it is linked, so that
// one program starts with and without them.
#pragma once
#include <dlfcn.h>

#include <string>
#include <vector>

namespace glass::cuda {

// The first of these that can be opened, or nullptr and why the first could not.
inline void* open_first(const std::vector<std::string>& names, std::string& why) {
  for (const std::string& name : names) {
    if (void* library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
    const char* error = dlerror();
    if (why.empty()) why = error ? error : name + " cannot be opened";
  }
  return nullptr;
}

// function = the library's function of that name; `missing` gets the name where there is none.
template <class Function>
void bind(void* library, const char* name, Function*& function, std::string& missing) {
  function = reinterpret_cast<Function*>(dlsym(library, name));
  if (!function && missing.empty()) missing = name;
}

}   // namespace glass::cuda
