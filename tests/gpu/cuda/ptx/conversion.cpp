// cvt and cvta.
#include <cmath>
#include <cstring>
#include <limits>

#include "tests/gpu/cuda/ptx/group.h"
#include "tests/gpu/cuda/ptx/warp.h"

namespace glass::test::ptx {
namespace {

enum Rounding : std::uint8_t { kNearest, kZero, kDown, kUp };

template <class V>
V round_to_integer(V x, std::uint8_t how) {
  return how == kZero   ? std::trunc(x)
         : how == kDown ? std::floor(x)
         : how == kUp   ? std::ceil(x)
                        : std::nearbyint(x);
}

// What does not fit becomes the nearest that does, and NaN becomes 0.
template <class To, class From>
To to_integer(From x, std::uint8_t how) {
  if (x != x) return 0;
  const From whole = round_to_integer(x, how);
  const From below = static_cast<From>(std::numeric_limits<To>::min());
  const From above =
      std::ldexp(From(1), std::numeric_limits<To>::digits);   // the first that is too large
  if (whole < below) return std::numeric_limits<To>::min();
  return whole >= above ? std::numeric_limits<To>::max() : static_cast<To>(whole);
}

template <class To, class From>
To convert_one(From x, const Instruction& i) {
  if constexpr (std::is_integral_v<To> && std::is_floating_point_v<From>)
    return to_integer<To>(x, i.mode);
  else if constexpr (std::is_floating_point_v<To> && std::is_same_v<To, From>)
    return i.count == 'i'   ? round_to_integer(x, i.mode)
           : i.count == 's' ? (x > 0 ? (x < 1 ? x : To(1)) : To(0))   // .sat: NaN becomes 0
                            : x;
  else return static_cast<To>(x);
}

template <class To, class From>
void convert(Warp& w, const Instruction& i) {
  const Stored<From>* a = w.lanes<Stored<From>>(i.a);
  each(w, w.lanes<Stored<To>>(i.d),
       [&](unsigned l) { return stored<To>(convert_one<To>(value<From>(a[l]), i)); });
}

template <class To>
Run convert_from(Type from) {
  switch (from) {
    case Type::u8:
      return convert<To, std::uint8_t>;
    case Type::s8:
      return convert<To, std::int8_t>;
    case Type::u16:
      return convert<To, std::uint16_t>;
    case Type::s16:
      return convert<To, std::int16_t>;
    case Type::u32:
      return convert<To, std::uint32_t>;
    case Type::s32:
      return convert<To, std::int32_t>;
    case Type::u64:
      return convert<To, std::uint64_t>;
    case Type::s64:
      return convert<To, std::int64_t>;
    case Type::f32:
      return convert<To, float>;
    case Type::f64:
      return convert<To, double>;
    default:
      return nullptr;
  }
}
Run convert_to(Type to, Type from) {
  switch (to) {
    case Type::u8:
      return convert_from<std::uint8_t>(from);
    case Type::s8:
      return convert_from<std::int8_t>(from);
    case Type::u16:
      return convert_from<std::uint16_t>(from);
    case Type::s16:
      return convert_from<std::int16_t>(from);
    case Type::u32:
      return convert_from<std::uint32_t>(from);
    case Type::s32:
      return convert_from<std::int32_t>(from);
    case Type::u64:
      return convert_from<std::uint64_t>(from);
    case Type::s64:
      return convert_from<std::int64_t>(from);
    case Type::f32:
      return convert_from<float>(from);
    case Type::f64:
      return convert_from<double>(from);
    default:
      return nullptr;
  }
}

std::uint32_t to_bf16(float x) {
  std::uint32_t u;
  std::memcpy(&u, &x, 4);
  if (x != x) return 0x7fff;   // what a GPU makes of any NaN
  return (u + 0x7fff + (u >> 16 & 1)) >> 16;
}
void bf16_of_float(Warp& w, const Instruction& i) {
  const float* a = w.lanes<float>(i.a);
  each(w, w.lanes<std::uint32_t>(i.d), [=](unsigned l) { return to_bf16(a[l]); });
}
void two_bf16_of_floats(Warp& w, const Instruction& i) {   // the first goes into the upper half
  const float *a = w.lanes<float>(i.a), *b = w.lanes<float>(i.b);
  each(w, w.lanes<std::uint32_t>(i.d),
       [=](unsigned l) { return to_bf16(a[l]) << 16 | to_bf16(b[l]); });
}
void float_of_bf16(Warp& w, const Instruction& i) {
  const std::uint32_t* a = w.lanes<std::uint32_t>(i.a);
  each(w, w.lanes<std::uint32_t>(i.d), [=](unsigned l) { return a[l] << 16; });
}

Run cvt(const Statement& s, Instruction& i) {
  if (s.has("ftz")) return nullptr;
  if (i.type == Type::bf16x2 && i.from == Type::f32)
    return s.has("rn") && s.name.size() == 4 ? two_bf16_of_floats : nullptr;
  if (i.type == Type::bf16 && i.from == Type::f32)
    return s.has("rn") && s.name.size() == 4 ? bf16_of_float : nullptr;
  if (i.type == Type::f32 && i.from == Type::bf16) return float_of_bf16;
  const bool floats = i.type == Type::f32 || i.type == Type::f64,
             from_floats = i.from == Type::f32 || i.from == Type::f64;
  if (floats && i.type != i.from && !s.has("rn") && !(i.type == Type::f64 && i.from == Type::f32))
    return nullptr;
  i.mode = s.has("rzi") ? kZero : s.has("rmi") ? kDown : s.has("rpi") ? kUp : kNearest;
  const bool integral = s.has("rni") || i.mode != kNearest;
  if (s.has("sat") && !(floats && i.type == i.from)) return nullptr;
  if (from_floats && !floats && !integral) return nullptr;
  i.count = s.has("sat") ? 's' : integral ? 'i' : 1;
  return convert_to(i.type, i.from);
}

// cvta: generic addresses are those of device memory, and windows for the others.
template <bool to_generic>
void change_space(Warp& w, const Instruction& i) {
  const std::uint64_t window = i.space == Space::shared  ? kSharedWindow
                               : i.space == Space::local ? kLocalWindow
                                                         : 0;
  const std::uint64_t* a = w.lanes<std::uint64_t>(i.a);
  each(w, w.lanes<std::uint64_t>(i.d),
       [=](unsigned l) { return to_generic ? a[l] + window : a[l] - window; });
}

}   // namespace

Run conversion(const Statement& s, Instruction& i) {
  if (s.name[0] == "cvt") return cvt(s, i);
  if (s.name[0] != "cvta" || bytes_of(i.type) != 8) return nullptr;
  i.space = s.has("shared") ? Space::shared : s.has("local") ? Space::local : Space::global;
  return s.has("to") ? change_space<false> : change_space<true>;
}

}   // namespace glass::test::ptx
