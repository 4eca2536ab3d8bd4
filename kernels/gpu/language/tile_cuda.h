// Tiles on NVIDIA GPUs from sm_80 on: ldmatrix fetches them, mma.sync m16n8k16 multiplies them, and
// cp.async copies past the registers. (PTX ISA, "Matrix fragments for mma.m16n8k16".)
#pragma once

namespace glass {
namespace gpu {

GPU_FN Corner lane_corner(uint lane) { return Corner{lane / 4, lane % 4 * 2}; }
GPU_FN uint row_partners(uint which) { return 1 + which; }

struct TileA {
  uint r[4];   // pairs of neighbours, in the order of Tile: v[0] v[1], v[2] v[3], ...
};
struct TileB {
  uint r[4];
};

GPU_FN uint shared_address(const void* p) { return uint(__cvta_generic_to_shared(p)); }

// Four 8x8 matrices: lane l names row l % 8 of matrix l / 8, and gets two neighbours of each.
GPU_FN void fetch_matrices(uint (&r)[4], const bf16* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row)));
}
// The same, and each is transposed on its way.
GPU_FN void fetch_transposed(uint (&r)[4], const bf16* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row)));
}

// The matrices of a factor are numbered down the rows of A first, and along k first in B. So half
// of the cases name the rows of a block one matrix below the other, half side by side.
GPU_FN uint below(Thread t, uint row, uint col) {
  return block_at(row + t.lane % 16, col + t.lane / 16 * 8);
}
GPU_FN uint beside(Thread t, uint row, uint col) {
  return block_at(row + t.lane % 8 + t.lane / 16 * 8, col + t.lane / 8 % 2 * 8);
}

template <Lies lies>
GPU_FN TileA load_a(Thread t, const bf16* block, uint row, uint k) {
  TileA a;
  if (lies == kAlong) fetch_matrices(a.r, block + below(t, row, k));
  else fetch_transposed(a.r, block + beside(t, k, row));
  return a;
}
template <Lies lies>
GPU_FN TileB load_b(Thread t, const bf16* block, uint k, uint col) {
  TileB b;
  if (lies == kAlong) fetch_matrices(b.r, block + beside(t, col, k));
  else fetch_transposed(b.r, block + below(t, k, col));
  return b;
}

GPU_FN TileA as_factor(Tile c) {
  TileA a;
  UNROLL for (uint i = 0; i < 4; ++i) { a.r[i] = bf16_pair(c.v[2 * i], c.v[2 * i + 1]); }
  return a;
}

GPU_FN void multiply_add(Thread, Tile& c, TileA a, TileB b) {
  UNROLL for (uint i = 0; i < 2; ++i) {   // the left and the right 8 columns
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
        "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c.v[4 * i]), "+f"(c.v[4 * i + 1]), "+f"(c.v[4 * i + 2]), "+f"(c.v[4 * i + 3])
        : "r"(a.r[0]), "r"(a.r[1]), "r"(a.r[2]), "r"(a.r[3]), "r"(b.r[2 * i]), "r"(b.r[2 * i + 1]));
  }
}

GPU_FN void copy8(bf16* to, const bf16* from, uint count) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from),
               "r"(2 * count)
               : "memory");
}
GPU_FN void copy_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <uint in_flight>
GPU_FN void copy_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(in_flight) : "memory");
}

}   // namespace gpu
}   // namespace glass
