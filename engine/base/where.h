// Where in the source something happened. A default argument `Where at = Where::here()` is evaluated at the call,
// so an op knows the line of the program that called it.
#pragma once

namespace glass {

struct Where {
  const char* file = "";
  int line = 0;
  static constexpr Where here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) { return {file, line}; }
};

}  // namespace glass
