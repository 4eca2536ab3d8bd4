// Tiles on Apple GPUs: each is four 8x8 simdgroup matrices of floats, whose lanes hold two
// neighbours each. bf16 is widened as it is loaded; the unit runs float as fast as half.
#pragma once

namespace glass {
namespace gpu {

GPU_FN Corner lane_corner(uint lane) {
  return Corner{lane / 16 * 4 + lane / 2 % 4, lane / 8 % 2 * 4 + lane % 2 * 2};
}
GPU_FN uint row_partners(uint which) { return which == 0 ? 1 : 8; }

struct TileA {
  float v[8];
};
struct TileB {
  float v[8];
};

template <Lies lies>
GPU_FN TileA load_a(Thread t, SHARED const bf16* block, uint row, uint k) {
  TileA a;
  UNROLL for (uint i = 0; i < 8; ++i) {
    a.v[i] = to_float(block[tile_in_block(t, i, row, k, lies == kAlong)]);
  }
  return a;
}
template <Lies lies>
GPU_FN TileB load_b(Thread t, SHARED const bf16* block, uint k, uint col) {
  TileB b;
  UNROLL for (uint i = 0; i < 8; ++i) {
    b.v[i] = to_float(block[tile_in_block(t, i, k, col, lies == kAcross)]);
  }
  return b;
}

GPU_FN TileA as_factor(Tile c) {
  TileA a;
  UNROLL for (uint i = 0; i < 8; ++i) { a.v[i] = to_float(to_bf16(c.v[i])); }
  return a;
}

GPU_FN simdgroup_matrix<float, 8, 8> quarter(float left, float right) {
  simdgroup_matrix<float, 8, 8> m;
  m.thread_elements()[0] = left;
  m.thread_elements()[1] = right;
  return m;
}
GPU_FN void multiply_add(Thread, LOCAL Tile& c, TileA a, TileB b) {
  UNROLL for (uint low = 0; low < 4; low += 2) {           // the upper and the lower 8 rows
    UNROLL for (uint right = 0; right < 8; right += 4) {   // the left and the right 8 columns
      const uint i = low + right;
      simdgroup_matrix<float, 8, 8> sum = quarter(c.v[i], c.v[i + 1]);
      UNROLL for (uint k = 0; k < 2; ++k) {
        const uint at_a = low + 4 * k, at_b = 2 * k + right;
        simdgroup_multiply_accumulate(sum, quarter(a.v[at_a], a.v[at_a + 1]),
                                      quarter(b.v[at_b], b.v[at_b + 1]), sum);
      }
      c.v[i] = sum.thread_elements()[0];
      c.v[i + 1] = sum.thread_elements()[1];
    }
  }
}

// There is no copy that goes on by itself.
GPU_FN void copy8(SHARED bf16* to, GLOBAL const bf16* from, uint count) {
  if (count == 8) {
    *(SHARED uint4*)to = *(GLOBAL const uint4*)from;
  } else {
    UNROLL for (uint i = 0; i < 8; ++i) { to[i] = i < count ? from[i] : bf16(0); }
  }
}
GPU_FN void copy_commit() {}
template <uint in_flight>
GPU_FN void copy_wait() {}

}   // namespace gpu
}   // namespace glass
