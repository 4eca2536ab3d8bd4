// The three ways to fill a panel: copy where its rows are contiguous, transpose squares in
// registers where its columns are, and gather where neither is.
#include "kernels/cpu/matmul_pack.h"

#include "kernels/cpu/transpose.h"

namespace glass::GLASS_ISA {
namespace {

GLASS_SIMD int lanes_left(std::int64_t n) {
  return n < 0 ? 0 : n < kLanes ? static_cast<int>(n) : kLanes;
}

// A panel that is no multiple of a vector (14 rows in vectors of 16) is still written in whole
// vectors: what runs over is the beginning of the next k, which comes after.
template <int panel>
GLASS_SIMD void pack_copy(float* to, const Factor& from, int width, std::int64_t depth) {
  for (std::int64_t k = 0; k < depth; ++k) {
    for (int w = 0; w < panel && w < width; w += kLanes) {
      store(to + k * panel + w, load_first(from.data + k * from.deep + w, lanes_left(width - w)));
    }
  }
}

template <int panel>
GLASS_SIMD void pack_gather(float* to, const Factor& from, int width, std::int64_t depth) {
  for (std::int64_t k = 0; k < depth; ++k) {
    for (int w = 0; w < panel && w < width; w += kLanes) {
      const float* p = from.data + w * from.wide + k * from.deep;
      store(to + k * panel + w, load_strided_first(p, from.wide, lanes_left(width - w)));
    }
  }
}

template <int panel>
GLASS_SIMD void pack_transpose(float* to, const Factor& from, int width, std::int64_t depth) {
  for (std::int64_t k = 0; k < depth; k += kLanes) {
    const int deep = lanes_left(depth - k);
    for (int w = 0; w < panel && w < width; w += kLanes) {
      const int wide = lanes_left(width - w);
      const float* p = from.data + w * from.wide + k;
      Vec square[kLanes];
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i)
        square[i] = i < wide ? load_first(p + i * from.wide, deep) : zero();
      transpose(square);
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) {
        if (i < deep) store(to + (k + i) * panel + w, square[i]);
      }
    }
  }
}

template <int panel>
void pack(float* to, const Factor& from, std::int64_t width, std::int64_t depth) {
  static_assert(panel < kLanes || panel % kLanes == 0,
                "pack_transpose may run over into the next k only");
  for (std::int64_t w = 0; w < width; w += panel, to += panel * depth) {
    const int left = width - w < panel ? static_cast<int>(width - w) : panel;
    const Factor rest = {from.data + w * from.wide, from.wide, from.deep};
    if (from.wide == 1) {
      pack_copy<panel>(to, rest, left, depth);
    } else if (from.deep == 1) {
      pack_transpose<panel>(to, rest, left, depth);
    } else {
      pack_gather<panel>(to, rest, left, depth);
    }
  }
}

}   // namespace

void pack_panels(float* to, int panel, const Factor& from, std::int64_t width, std::int64_t depth) {
  panel == kTileRows ? pack<kTileRows>(to, from, width, depth)
                     : pack<kTileColumns>(to, from, width, depth);
}

}   // namespace glass::GLASS_ISA
