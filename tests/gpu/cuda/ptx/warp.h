// A warp that runs: 32 lanes, each with a column of the registers. A register is a row, so that one
// instruction is one loop over 32 numbers that lie side by side.
#pragma once
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "tests/gpu/cuda/ptx/kernel.h"

namespace glass::test::ptx {

class Group;

// Numbers, as PTX calls them.
using u8 = std::uint8_t;
using s8 = std::int8_t;
using u16 = std::uint16_t;
using s16 = std::int16_t;
using u32 = std::uint32_t;
using s32 = std::int32_t;
using u64 = std::uint64_t;
using s64 = std::int64_t;

constexpr unsigned kLanes = 32;
constexpr std::uint32_t kAllLanes = 0xffffffffu;

struct Split {   // lanes that are somewhere else in the code
  std::uint32_t at, lanes;
  bool waits;   // for others to come to the same place
};

struct Copy {   // cp.async: on its way
  std::uint64_t to, from;
  std::uint32_t bytes, given;   // given: how many come from memory; the rest are zeros
  std::uint32_t lane, batch;
};

// wgmma: products that go on while their warp does. Their registers are theirs until somebody
// waits.
struct Products {
  std::uint32_t registers = 0;           // that they have
  std::vector<std::uint32_t> batch_of;   // by the register's place: which batch has it; 0: none
  std::uint32_t batch = 1;               // the one that the next commit closes
  std::vector<std::byte>
      fenced;   // all registers at the last wgmma.fence, and what products made since
};

class Warp {
 public:
  std::byte* registers = nullptr;
  const Place* places = nullptr;   // of the kernel
  Group* group = nullptr;
  std::uint32_t first = 0;   // number of lane 0 in the group
  std::uint32_t at = 0;      // the instruction of the lanes that are awake
  std::uint32_t awake = kAllLanes, returned = 0;
  std::uint32_t mask[kLanes];   // ~0 for lanes that are awake
  std::vector<Split> others;
  std::uint32_t syncs = 0;   // barriers of this warp so far
  std::vector<Copy> copies;
  std::uint32_t batch[kLanes] = {};   // of copies that the next commit closes
  Products products;
  std::uint64_t instructions = 0;     // of threads

  template <class T>
  T* lanes(Place at_) const {
    return reinterpret_cast<T*>(registers + at_);
  }
  Place place(const Instruction& i, unsigned n) const { return places[i.more + n]; }   // operand n
  bool all_awake() const { return awake == kAllLanes; }
  void wake(std::uint32_t lanes_) {
    awake = lanes_;
    for (unsigned l = 0; l < kLanes; ++l) mask[l] = 0u - (lanes_ >> l & 1u);
  }
  // Bit l: whether lane l's predicate is true.
  std::uint32_t bits(Place predicate) const {
    const std::uint32_t* p = lanes<std::uint32_t>(predicate);
    std::uint32_t all = 0;
    for (unsigned l = 0; l < kLanes; ++l) all |= (p[l] & 1u) << l;
    return all;
  }
  [[noreturn]] void fault(const Instruction&, unsigned lane, const std::string& what) const;
};

// A number of bf16 is the upper half of a float.
inline float of_bf16(std::uint32_t bits) {
  const std::uint32_t u = bits << 16;
  float x;
  std::memcpy(&x, &u, 4);
  return x;
}

// How a number of a type lies in a register: at least 32 bits.
template <class V>
using Stored = std::conditional_t<sizeof(V) < 4, std::uint32_t, V>;
template <class V>
V value(Stored<V> s) {
  return static_cast<V>(s);
}
template <class V>
Stored<V> stored(V v) {
  if constexpr (sizeof(V) < 4) return static_cast<std::make_unsigned_t<V>>(v);
  else return v;
}

// A row is never another row shifted, so that the loops over lanes may run in vectors.
#if defined(__GNUC__) && !defined(__clang__)
#define GLASS_OVER_LANES _Pragma("GCC ivdep") for (unsigned l = 0; l < kLanes; ++l)
#else
#define GLASS_OVER_LANES for (unsigned l = 0; l < kLanes; ++l)
#endif

// d[l] = f(l) for the lanes that are awake. f is asked for the others, too.
template <class D, class F>
void each(const Warp& w, D* d, F f) {
  if (w.all_awake()) {
    GLASS_OVER_LANES d[l] = f(l);
    return;
  }
  GLASS_OVER_LANES {
    const D x = f(l);
    d[l] = w.mask[l] ? x : d[l];
  }
}

// d = f(a), f(a, b) or f(a, b, c), of numbers of type V.
template <class V, class F>
void one(Warp& w, const Instruction& i, F f) {
  const Stored<V>* a = w.lanes<Stored<V>>(i.a);
  each(w, w.lanes<Stored<V>>(i.d), [=](unsigned l) { return stored<V>(f(value<V>(a[l]))); });
}
template <class V, class F>
void two(Warp& w, const Instruction& i, F f) {
  const Stored<V>*a = w.lanes<Stored<V>>(i.a), *b = w.lanes<Stored<V>>(i.b);
  each(w, w.lanes<Stored<V>>(i.d),
       [=](unsigned l) { return stored<V>(f(value<V>(a[l]), value<V>(b[l]))); });
}
template <class V, class F>
void three(Warp& w, const Instruction& i, F f) {
  const Stored<V>*a = w.lanes<Stored<V>>(i.a), *b = w.lanes<Stored<V>>(i.b),
        *c = w.lanes<Stored<V>>(i.c);
  each(w, w.lanes<Stored<V>>(i.d),
       [=](unsigned l) { return stored<V>(f(value<V>(a[l]), value<V>(b[l]), value<V>(c[l]))); });
}

template <class F>
void each_awake(const Warp& w, F f) {
  for (std::uint32_t left = w.awake; left; left &= left - 1)
    f(static_cast<unsigned>(__builtin_ctz(left)));
}

}   // namespace glass::test::ptx
