// The three ways to fill a panel: copy where its rows are contiguous, transpose squares in
// registers where its columns are, and gather where neither is.
//
// A source answers for the numbers of a matrix: `across` for one k and the next columns, `along`
// for one column and the next k. Two sources widen or copy; the third one joins pairs of bf16.
#include "kernels/cpu/matmul_pack.h"

#include "kernels/cpu/transpose.h"

namespace glass::GLASS_ISA {
namespace {

// How many of a vector's lanes there are numbers for.
GLASS_SIMD int lanes_left(std::int64_t n, std::int64_t limit) {
  const std::int64_t least = n < limit ? n : limit;
  return least < kLanes ? static_cast<int>(least) : kLanes;
}

template <class Number>
struct Singles {
  FactorOf<Number> from;
  std::int64_t depth;   // in panel floats
  [[gnu::always_inline]] Vec across(std::int64_t w, std::int64_t k, int n) const {
    const Number* p = from.data + w * from.wide + k * from.deep;
    return from.wide == 1 ? load_first(p, n) : load_strided_first(p, from.wide, n);
  }
  [[gnu::always_inline]] Vec along(std::int64_t w, std::int64_t k, int n) const {
    return load_first(from.data + w * from.wide + k, n);
  }
};

struct Pairs {
  HalfFactor from;
  std::int64_t depth, numbers;   // numbers: how deep the matrix is
  // The lower half of a lane belongs to k, the upper one to k + 1, where a float keeps its bf16.
  [[gnu::always_inline]] Vec row(std::int64_t w, std::int64_t k, int n) const {
    if (k >= numbers) return zero();
    const std::uint16_t* p = from.data + w * from.wide + k * from.deep;
    return from.wide == 1 ? load_first(p, n) : load_strided_first(p, from.wide, n);
  }
  [[gnu::always_inline]] Vec across(std::int64_t w, std::int64_t k, int n) const {
    return as_float(shift_right<16>(bits(row(w, 2 * k, n))) | bits(row(w, 2 * k + 1, n)));
  }
  // Neighbours in memory are pairs already; memory begins with the lower half.
  [[gnu::always_inline]] Vec along(std::int64_t w, std::int64_t k, int n) const {
    const std::uint16_t* p = from.data + w * from.wide + 2 * k;
    if (2 * (k + n) <= numbers) return load_first(reinterpret_cast<const float*>(p), n);
    std::uint16_t pair[2 * kLanes] = {};
    for (std::int64_t i = 0; i < numbers - 2 * k; ++i) pair[i] = p[i];
    return load(reinterpret_cast<const float*>(pair));
  }
};

// A few k of all panels at a time: what is contiguous in the matrix is read as one run, however far
// away the next k lies.
template <int panel, class Source>
void pack_across(float* to, const Source& from, std::int64_t width) {
  constexpr std::int64_t kAtOnce = 4;
  const std::int64_t next = panel_floats(panel, from.depth);
  for (std::int64_t begin = 0; begin < from.depth; begin += kAtOnce) {
    const std::int64_t end = begin + kAtOnce < from.depth ? begin + kAtOnce : from.depth;
    float* here = to;
    for (std::int64_t first = 0; first < width; first += panel, here += next) {
      for (std::int64_t k = begin; k < end; ++k) {
        for (int w = 0; w < panel && first + w < width; w += kLanes) {
          store(here + k * panel + w,
                from.across(first + w, k, lanes_left(width - first - w, panel - w)));
        }
      }
    }
  }
}

template <int panel, class Source>
void pack_along(float* to, const Source& from, std::int64_t width) {
  const std::int64_t next = panel_floats(panel, from.depth);
  for (std::int64_t first = 0; first < width; first += panel, to += next) {
    for (std::int64_t k = 0; k < from.depth; k += kLanes) {
      const int deep = lanes_left(from.depth - k, kLanes);
      for (int w = 0; w < panel && first + w < width; w += kLanes) {
        const int wide = lanes_left(width - first - w, panel - w);
        Vec square[kLanes];
#pragma GCC unroll 16
        for (int i = 0; i < kLanes; ++i)
          square[i] = i < wide ? from.along(first + w + i, k, deep) : zero();
        transpose(square);
#pragma GCC unroll 16
        for (int i = 0; i < kLanes; ++i) {
          if (i < deep) store(to + (k + i) * panel + w, square[i]);
        }
      }
    }
  }
}

template <int panel, class Source>
GLASS_SIMD void pack(float* to, const Source& from, std::int64_t width) {
  static_assert(panel < kLanes || panel % kLanes == 0, "a store may run over into the next k only");
  from.from.deep == 1 && from.from.wide != 1 ? pack_along<panel>(to, from, width)
                                             : pack_across<panel>(to, from, width);
}

template <class Source>
GLASS_SIMD void pack_either(float* to, int panel, const Source& from, std::int64_t width) {
  panel == kTileRows ? pack<kTileRows>(to, from, width) : pack<kTileColumns>(to, from, width);
}

}   // namespace

void pack_panels(float* to, int panel, const Factor& from, std::int64_t width, std::int64_t depth) {
  pack_either(to, panel, Singles<float>{from, depth}, width);
}
void pack_panels(float* to, int panel, const HalfFactor& from, std::int64_t width,
                 std::int64_t depth) {
  pack_either(to, panel, Singles<std::uint16_t>{from, depth}, width);
}
void pack_pairs(float* to, int panel, const HalfFactor& from, std::int64_t width,
                std::int64_t depth) {
  pack_either(to, panel, Pairs{from, (depth + 1) / 2, depth}, width);
}
void pack_operand(float* to, int panel, const Operand& from, std::int64_t width, std::int64_t depth,
                  bool pairs) {
  const HalfFactor halves = {reinterpret_cast<const std::uint16_t*>(from.data), from.wide,
                             from.deep};
  const Factor singles = {reinterpret_cast<const float*>(from.data), from.wide, from.deep};
  if (pairs) return pack_pairs(to, panel, halves, width, depth);
  from.half ? pack_panels(to, panel, halves, width, depth)
            : pack_panels(to, panel, singles, width, depth);
}

}   // namespace glass::GLASS_ISA
