// Memory that lies in a cache is allocated, and AddressSanitizer would find nothing wrong with who
// touches it. Poisoned, it is as good as freed.
#pragma once
#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define GLASS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GLASS_ASAN 1
#endif
#endif
#ifdef GLASS_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace glass {

#ifdef GLASS_ASAN
constexpr bool kPoisons = true;
#else
constexpr bool kPoisons = false;   // and these do nothing
#endif

inline void poison([[maybe_unused]] const std::byte* p, [[maybe_unused]] std::size_t bytes) {
#ifdef GLASS_ASAN
  ASAN_POISON_MEMORY_REGION(p, bytes);
#endif
}

inline void unpoison([[maybe_unused]] const std::byte* p, [[maybe_unused]] std::size_t bytes) {
#ifdef GLASS_ASAN
  ASAN_UNPOISON_MEMORY_REGION(p, bytes);
#endif
}

}   // namespace glass
