#include "kernels/user_cache.h"

#include <cstdlib>

namespace glass {

std::string user_cache_folder() {
  const auto from = [](const char* variable) -> std::string {
    const char* value = std::getenv(variable);
    return value == nullptr ? "" : value;
  };
  if (const std::string base = from("XDG_CACHE_HOME"); !base.empty()) return base + "/glass";
  if (const std::string home = from("HOME"); !home.empty()) return home + "/.cache/glass";
  return "";
}

}   // namespace glass
