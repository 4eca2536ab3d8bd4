// Linux tells all of it in /proc/self; elsewhere getrusage knows the most there ever was.
#include "tools/process_memory.h"

#include <sys/resource.h>

#include <cstdio>
#include <cstring>
#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace glass {
namespace {

constexpr double kKibInMib = 1024;

// The number of KiB behind "VmHWM:" and the like; 0 where there is none.
double status_kib(const char* name) {
  std::FILE* file = std::fopen("/proc/self/status", "r");
  if (file == nullptr) return 0;
  char line[256];
  double kib = 0;
  const std::size_t length = std::strlen(name);
  while (std::fgets(line, sizeof line, file) != nullptr) {
    if (std::strncmp(line, name, length) == 0) std::sscanf(line + length, "%lf", &kib);
  }
  std::fclose(file);
  return kib;
}

}   // namespace

double resident_mib() { return status_kib("VmRSS:") / kKibInMib; }

double most_resident_mib() {
  if (const double kib = status_kib("VmHWM:"); kib > 0) return kib / kKibInMib;
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return 0;
#ifdef __APPLE__
  constexpr double kInMib = 1024 * 1024;   // bytes there
#else
  constexpr double kInMib = 1024;   // KiB everywhere else
#endif
  return static_cast<double>(usage.ru_maxrss) / kInMib;
}

void give_memory_back() {
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

bool forget_most_resident() {
  std::FILE* file = std::fopen("/proc/self/clear_refs", "w");
  if (file == nullptr) return false;
  const bool written = std::fputs("5", file) >= 0;   // 5: set the most to what there is now
  return std::fclose(file) == 0 && written;
}

}   // namespace glass
