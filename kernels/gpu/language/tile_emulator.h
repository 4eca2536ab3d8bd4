// Tiles on the emulator, with the lanes arranged as either maker does. A product happens when all
// 32 lanes have brought their factors; a copy arrives as late as the rules allow.
#pragma once

namespace glass {
namespace gpu {

GPU_FN Corner lane_corner(uint lane) {
  if (emulator::apple_tiles())
    return {lane / 16 * 4 + lane / 2 % 4, lane / 8 % 2 * 4 + lane % 2 * 2};
  return {lane / 4, lane % 4 * 2};
}
GPU_FN uint row_partners(uint which) { return which == 0 ? 1 : emulator::apple_tiles() ? 8 : 2; }

struct TileA {
  bf16 v[8];
};
struct TileB {
  bf16 v[8];
};

template <Lies lies>
GPU_FN TileA load_a(Thread t, SHARED const bf16* block, uint row, uint k) {
  TileA a;
  for (uint i = 0; i < 8; ++i) a.v[i] = block[tile_in_block(t, i, row, k, lies == kAlong)];
  return a;
}
template <Lies lies>
GPU_FN TileB load_b(Thread t, SHARED const bf16* block, uint k, uint col) {
  TileB b;
  for (uint i = 0; i < 8; ++i) b.v[i] = block[tile_in_block(t, i, k, col, lies == kAcross)];
  return b;
}
GPU_FN TileA as_factor(const Tile& c) {
  TileA a;
  for (uint i = 0; i < 8; ++i) a.v[i] = to_bf16(c.v[i]);
  return a;
}

struct TileProduct {
  Tile* c;
  const TileA* a;
  const TileB* b;
};
inline void exchange_product(void** lanes) {
  float a[16][16], b[16][16], c[16][16];
  for (uint lane = 0; lane < 32; ++lane) {
    const TileProduct& p = *static_cast<TileProduct*>(lanes[lane]);
    const Thread t = {lane, lane, 0, 32, {}};
    for (uint i = 0; i < 8; ++i) {
      const uint row = tile_row(t, i), col = tile_col(t, i);
      a[row][col] = to_float(p.a->v[i]);
      b[row][col] = to_float(p.b->v[i]);
      c[row][col] = p.c->v[i];
    }
  }
  for (uint row = 0; row < 16; ++row)
    for (uint k = 0; k < 16; ++k)
      for (uint col = 0; col < 16; ++col) c[row][col] += a[row][k] * b[k][col];
  for (uint lane = 0; lane < 32; ++lane) {
    const TileProduct& p = *static_cast<TileProduct*>(lanes[lane]);
    const Thread t = {lane, lane, 0, 32, {}};
    for (uint i = 0; i < 8; ++i) p.c->v[i] = c[tile_row(t, i)][tile_col(t, i)];
  }
}
GPU_FN void multiply_add(Thread, Tile& c, const TileA& a, const TileB& b, GLASS_HERE) {
  TileProduct p = {&c, &a, &b};
  emulator::warp(exchange_product, &p, file, line);
}

// The copy itself is made here, where whoever watches the kernels' memory sees it.
GPU_FN void arrive(const emulator::Copy& c) {
  struct Piece {
    bf16 numbers[8];
  };
  Piece piece = {};
  const bf16* const from = static_cast<const bf16*>(c.from);
  if (c.count == 8) __builtin_memcpy(&piece, from, sizeof piece);   // in one access, as a GPU does
  for (uint i = 0; i < c.count && c.count < 8; ++i) piece.numbers[i] = from[i];
  __builtin_memcpy(c.to, &piece, sizeof piece);
}
GPU_FN void copy8(SHARED bf16* to, GLOBAL const bf16* from, uint count, GLASS_HERE) {
  const emulator::Copy c = {to, from, count};
  if (!emulator::copy_later(c, file, line)) arrive(c);
}
GPU_FN void copy_commit() { emulator::copy_commit(); }
template <uint in_flight>
GPU_FN void copy_wait() {
  emulator::Copy c;
  while (emulator::next_arrival(in_flight, c)) arrive(c);
}

}   // namespace gpu
}   // namespace glass
