// The same bits under another type. It is std::bit_cast, which the standard library of the compiler
// for browsers (libc++ 13) does not have yet.
#pragma once

namespace glass {

template <class To, class From>
constexpr To bit_cast(const From& from) noexcept {
  static_assert(sizeof(To) == sizeof(From));
  return __builtin_bit_cast(To, from);
}

}   // namespace glass
