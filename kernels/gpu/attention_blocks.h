// Causal attention in bf16 on the units that multiply matrices, for heads of up to 128 numbers. The
// same walks as in attention.h, 64 queries and 64 keys at a time. Numbers 64 to 127 of a head are a
// block of their own behind that of the first 64. All is written for kTiles, the tiles of 16
// columns that a head has: 4, or 8 in the kernels called wide.
//
// A warp has 16 queries (16 keys for dk and dv), which it holds as left factors. Scores come out of
// the matrix unit as tiles of sums; each lane then has 8 of a tile in two rows, makes weights of
// them, and hands them in again as the left factor of the next product. They never leave registers,
// but they are rounded to bf16 on the way; sums stay float.
//
// Scores are in units of ln 2 (scale2 = scale log2(e)), so that a weight is a power of two.
#pragma once
#include "kernels/gpu/attention.h"
#include "kernels/gpu/language/tile.h"

namespace glass {
namespace gpu {

enum : uint { kBlockWarps = 4, kTilesOfBlock = kBlock / 16, kHeadTiles = 4, kWideHeadTiles = 8 };

#ifndef GLASS_GPU_HOST

// A head of a factor: its rows are queries or keys.
struct Factors {
  GLOBAL const bf16* data;
  uint row, column;   // strides
};
GPU_FN Factors factors_of(CONSTANT Array& a, uint b, uint h) {
  return Factors{(GLOBAL const bf16*)a.data + head_row(a, b, h, 0), a.stride[2], a.stride[3]};
}

// Number c of row i of a head, in its blocks.
GPU_FN uint head_at(uint i, uint c) { return c / kBlock * kBlockNumbers + block_at(i, c % kBlock); }

// Rows [first, first + 64) of a head become blocks: those outside of [begin, end), and columns from
// D on, are 0. Copies are started, not waited for.
template <uint kTiles>
GPU_FN void fetch_head(Thread t, CONSTANT AttentionArgs& p, SHARED bf16* to, Factors from,
                       uint first, uint begin, uint end) {
  constexpr uint kColumns = kTiles * 16, kPieces = kColumns / 8;
  if (p.pieces) {
    for (uint n = t.id; n < kBlock * kPieces; n += t.size) {
      const uint i = n / kPieces, row = first + i, c = n % kPieces * 8,
                 count = row < begin || row >= end ? 0 : left_of_8(c, p.D);
      copy8(to + head_at(i, c), from.data + (count > 0 ? row * from.row + c : 0), count);
    }
  } else {
    for (uint n = t.id; n < kBlock * kColumns; n += t.size) {
      const uint i = n / kColumns, row = first + i, c = n % kColumns;
      const bool inside = row >= begin && row < end && c < p.D;
      to[head_at(i, c)] = inside ? from.data[row * from.row + c * from.column] : bf16(0);
    }
  }
}
// The same rows of two heads.
template <uint kTiles>
GPU_FN void fetch_heads(Thread t, CONSTANT AttentionArgs& p, SHARED bf16* A, Factors a,
                        SHARED bf16* B, Factors b, uint first, uint begin, uint end) {
  fetch_head<kTiles>(t, p, A, a, first, begin, end);
  fetch_head<kTiles>(t, p, B, b, first, begin, end);
  copy_commit();
}

// The block and the column in it where tile d of a head begins.
GPU_FN SHARED const bf16* block_of(SHARED const bf16* head, uint d) {
  return head + d / kTilesOfBlock * kBlockNumbers;
}
GPU_FN uint column_of(uint d) { return d % kTilesOfBlock * 16; }

// The 16 rows of this warp in a head, as left factors.
template <uint kTiles>
GPU_FN void hold_rows(Thread t, LOCAL TileA (&rows)[kTiles], SHARED const bf16* head) {
  UNROLL for (uint d = 0; d < kTiles; ++d) {
    rows[d] = load_a<kAlong>(t, block_of(head, d), t.warp * 16, column_of(d));
  }
}
template <uint kTiles>
GPU_FN void clear(LOCAL Tile (&to)[kTiles]) {
  UNROLL for (uint d = 0; d < kTiles; ++d) { to[d] = zero_tile(); }
}

// Products of the warp's rows with rows [row, row + 16) of a head, over the numbers of the head.
template <uint kTiles>
GPU_FN Tile products_with(Thread t, LOCAL const TileA (&rows)[kTiles], SHARED const bf16* head,
                          uint row) {
  Tile c = zero_tile();
  UNROLL for (uint d = 0; d < kTiles; ++d) {
    multiply_add(t, c, rows[d], load_b<kAlong>(t, block_of(head, d), column_of(d), row));
  }
  return c;
}
// to += weights (16 by 16) times rows [row, row + 16) of a head.
template <uint kTiles>
GPU_FN void add_weighted_rows(Thread t, LOCAL Tile (&to)[kTiles], TileA weights,
                              SHARED const bf16* head, uint row) {
  UNROLL for (uint d = 0; d < kTiles; ++d) {
    multiply_add(t, to[d], weights, load_b<kAcross>(t, block_of(head, d), row, column_of(d)));
  }
}

// Writes the warp's rows of a result, row r of a lane times factor[r].
template <uint kTiles>
GPU_FN void put_rows(Thread t, CONSTANT AttentionArgs& p, CONSTANT Output& y, uint start,
                     uint first, uint end, LOCAL const Tile (&values)[kTiles],
                     LOCAL const float (&factor)[2]) {
  UNROLL for (uint d = 0; d < kTiles; ++d) {
    UNROLL for (uint e = 0; e < 8; e += 2) {
      const uint row = first + tile_row(t, e), c = d * 16 + tile_col(t, e),
                 step = y.array.stride[3];
      const float by = factor[e / 2 % 2];
      if (row < end && c < p.D)
        put_neighbours(y.array, y.add, p.pairs, start + row * y.array.stride[2] + c * step, step,
                       c + 1 < p.D, values[d].v[e] * by, values[d].v[e + 1] * by);
    }
  }
}

// K, V: room for 64 rows of a head each. Queries pass through V before the first values do.
template <uint kTiles>
GPU_FN void attend(Thread t, CONSTANT AttentionArgs& p, SHARED bf16* K, SHARED bf16* V) {
  const uint h = t.group.y, b = p.first + t.group.z, hk = h / (p.H / p.Hk),
             group_first = t.group.x * kBlock, first = group_first + t.warp * 16;
  const Factors k = factors_of(p.k, b, hk), v = factors_of(p.v, b, hk);
  const uint begin = key_begin(p, group_first), end = key_end(p, group_first, kBlock);
  const float scale2 = in_ln_2(p.scale);

  fetch_head<kTiles>(t, p, V, factors_of(p.q, b, h), group_first, 0, p.Tq);
  copy_commit();
  fetch_head<kTiles>(t, p, K, k, begin / kBlock * kBlock, begin, end);
  copy_commit();
  copy_wait<1>();
  barrier(t);   // the queries are here
  TileA mine[kTiles];
  hold_rows(t, mine, V);
  barrier(t);   // nobody reads them any more
  Tile out[kTiles];
  clear(out);
  float top[2] = {minus_infinity(), minus_infinity()}, sum[2] = {0, 0};   // of this lane's two rows
  for (uint j0 = begin / kBlock * kBlock; j0 < end; j0 += kBlock) {
    fetch_head<kTiles>(t, p, V, v, j0, begin, end);
    copy_commit();
    copy_wait<1>();
    barrier(t);   // K is here
    Tile s[4];
    UNROLL for (uint j = 0; j < 4; ++j) { s[j] = products_with(t, mine, K, j * 16); }
    barrier(t);   // nobody reads K any more
    if (j0 + kBlock < end) fetch_head<kTiles>(t, p, K, k, j0 + kBlock, begin, end);
    copy_commit();

    float larger[2] = {top[0], top[1]};
    UNROLL for (uint j = 0; j < 4; ++j) {
      UNROLL for (uint e = 0; e < 8; ++e) {
        const bool seen = visible(p, first + tile_row(t, e), j0 + j * 16 + tile_col(t, e));
        s[j].v[e] = seen ? s[j].v[e] * scale2 : minus_infinity();
        larger[e / 2 % 2] = formulas::max(larger[e / 2 % 2], s[j].v[e]);
      }
    }
    float shrink[2], from[2];
    UNROLL for (uint r = 0; r < 2; ++r) {
      larger[r] = tile_row_max(t, larger[r]);
      const bool blind = larger[r] == minus_infinity();
      shrink[r] = blind ? 1.0f : g_exp2(top[r] - larger[r]);
      from[r] = blind ? 0.0f : larger[r];   // exp2(-infinity - 0) is the 0 that is wanted
      top[r] = larger[r];
      sum[r] *= shrink[r];
    }
    UNROLL for (uint j = 0; j < 4; ++j) {
      UNROLL for (uint e = 0; e < 8; ++e) {
        const float weight = g_exp2(s[j].v[e] - from[e / 2 % 2]);
        sum[e / 2 % 2] += weight;
        s[j].v[e] = weight * keep(p, b, h, first + tile_row(t, e), j0 + j * 16 + tile_col(t, e));
      }
    }
    UNROLL for (uint d = 0; d < kTiles; ++d) {
      UNROLL for (uint e = 0; e < 8; ++e) { out[d].v[e] *= shrink[e / 2 % 2]; }
    }
    copy_wait<1>();
    barrier(t);   // V is here
    UNROLL for (uint j = 0; j < 4; ++j) { add_weighted_rows(t, out, as_factor(s[j]), V, j * 16); }
    barrier(t);   // nobody reads V any more
  }
  copy_wait<0>();   // where there were no keys, K is still on its way
  float factor[2];
  UNROLL for (uint r = 0; r < 2; ++r) {
    const bool blind = top[r] == minus_infinity();   // no key, or none with a score above -infinity
    const float total = tile_row_sum(t, sum[r]);
    const uint i = first + tile_row(t, 2 * r);
    factor[r] = blind ? 0.0f : 1.0f / total;
    if (i < p.Tq && tile_col(t, 0) == 0)
      set(p.lse, head_row(p.lse, b, h, i), blind ? top[r] : top[r] * 0.693147181f + g_log(total));
  }
  put_rows(t, p, p.y, head_row(p.y.array, b, h, 0), first, p.Tq, out, factor);
}
KERNEL(attention_blocks, AttentionArgs, 128) {
  SHARED_ARRAY(bf16, K, [kBlockNumbers]);
  SHARED_ARRAY(bf16, V, [kBlockNumbers]);
  attend<kHeadTiles>(this_thread(), p, K, V);
}
KERNEL(attention_blocks_wide, AttentionArgs, 128) {
  SHARED_ARRAY(bf16, K, [2 * kBlockNumbers]);
  SHARED_ARRAY(bf16, V, [2 * kBlockNumbers]);
  attend<kWideHeadTiles>(this_thread(), p, K, V);
}

// What a query and a key give each other, with both products at hand: `product` becomes the weight
// p z that dv is made of, and dp becomes p (z dp - delta), of which dq and dk are. Both are 0 where
// the query does not see the key. lse2 is in units of ln 2.
GPU_FN void pair_in_place(CONSTANT AttentionArgs& p, uint b, uint h, uint i, uint j, float lse2,
                          float delta, LOCAL float& product, LOCAL float& dp) {
  const bool seen = visible(p, i, j) && lse2 != minus_infinity();
  const float pattern = seen ? g_exp2(product * in_ln_2(p.scale) - lse2) : 0.0f;
  const float z = seen ? keep(p, b, h, i, j) : 0.0f;
  product = pattern * z;
  dp = seen ? pattern * (z * dp - delta) : 0.0f;
}

// dq = scale sum of ds_j k_j: a group has queries, the keys pass by.
template <uint kTiles>
GPU_FN void derive_queries(Thread t, CONSTANT AttentionArgs& p, SHARED bf16* K, SHARED bf16* V) {
  const uint h = t.group.y, b = p.first + t.group.z, hk = h / (p.H / p.Hk),
             group_first = t.group.x * kBlock, first = group_first + t.warp * 16;
  const Factors k = factors_of(p.k, b, hk), v = factors_of(p.v, b, hk);

  TileA q[kTiles], dy[kTiles];
  fetch_heads<kTiles>(t, p, K, factors_of(p.q, b, h), V, factors_of(p.dy, b, h), group_first, 0,
                      p.Tq);
  copy_wait<0>();
  barrier(t);
  hold_rows(t, q, K);
  hold_rows(t, dy, V);
  float lse2[2], delta[2];
  UNROLL for (uint r = 0; r < 2; ++r) {
    const uint i = first + tile_row(t, 2 * r);
    lse2[r] = p.lse2[query_number(p, b, h, i)];
    delta[r] = p.delta[query_number(p, b, h, i)];
  }

  Tile dq[kTiles];
  clear(dq);
  const uint begin = key_begin(p, group_first), end = key_end(p, group_first, kBlock);
  for (uint j0 = begin / kBlock * kBlock; j0 < end; j0 += kBlock) {
    barrier(t);
    fetch_heads<kTiles>(t, p, K, k, V, v, j0, begin, end);
    copy_wait<0>();
    barrier(t);
    for (uint j = 0; j < kBlock; j += 16) {
      Tile product = products_with(t, q, K, j), dp = products_with(t, dy, V, j);
      UNROLL for (uint e = 0; e < 8; ++e) {
        pair_in_place(p, b, h, first + tile_row(t, e), j0 + j + tile_col(t, e), lse2[e / 2 % 2],
                      delta[e / 2 % 2], product.v[e], dp.v[e]);
      }
      add_weighted_rows(t, dq, as_factor(dp), K, j);
    }
  }
  const float factor[2] = {p.scale, p.scale};
  put_rows(t, p, p.dq, head_row(p.dq.array, b, h, 0), first, p.Tq, dq, factor);
}
KERNEL(attention_blocks_dq, AttentionArgs, 128) {
  SHARED_ARRAY(bf16, K, [kBlockNumbers]);
  SHARED_ARRAY(bf16, V, [kBlockNumbers]);
  derive_queries<kHeadTiles>(this_thread(), p, K, V);
}
KERNEL(attention_blocks_wide_dq, AttentionArgs, 128) {
  SHARED_ARRAY(bf16, K, [2 * kBlockNumbers]);
  SHARED_ARRAY(bf16, V, [2 * kBlockNumbers]);
  derive_queries<kWideHeadTiles>(this_thread(), p, K, V);
}

// dv_j = sum over queries of p z dy,  dk_j = scale sum of ds q: a group has keys of one key head,
// and the queries of all heads that share it pass by.
template <uint kTiles>
GPU_FN void derive_keys(Thread t, CONSTANT AttentionArgs& p, SHARED bf16* Q, SHARED bf16* dY) {
  const uint hk = t.group.y, b = p.first + t.group.z, sharing = p.H / p.Hk,
             group_first = t.group.x * kBlock, first = group_first + t.warp * 16;

  TileA k[kTiles], v[kTiles];
  fetch_heads<kTiles>(t, p, Q, factors_of(p.k, b, hk), dY, factors_of(p.v, b, hk), group_first, 0,
                      p.Tk);
  copy_wait<0>();
  barrier(t);
  hold_rows(t, k, Q);
  hold_rows(t, v, dY);

  Tile dk[kTiles], dv[kTiles];
  clear(dk);
  clear(dv);
  // What is looked up again in every round takes no register in between: wide heads leave none.
  const uint end = query_end(p, group_first, kBlock);
  for (uint h = hk * sharing; h < (hk + 1) * sharing; ++h) {
    for (uint i0 = query_begin(p, group_first) / kBlock * kBlock; i0 < end; i0 += kBlock) {
      barrier(t);
      fetch_heads<kTiles>(t, p, Q, factors_of(p.q, b, h), dY, factors_of(p.dy, b, h), i0, 0, p.Tq);
      copy_wait<0>();
      barrier(t);
      const uint known = query_number(p, b, h, i0);
      for (uint i = 0; i < kBlock; i += 16) {
        Tile product = products_with(t, k, Q, i), dp = products_with(t, v, dY, i);
        UNROLL for (uint e = 0; e < 8; ++e) {
          const uint query = i + tile_col(t, e);
          pair_in_place(p, b, h, i0 + query, first + tile_row(t, e), p.lse2[known + query],
                        p.delta[known + query], product.v[e], dp.v[e]);
        }
        const TileA weights = as_factor(product), ds = as_factor(dp);
        add_weighted_rows(t, dv, weights, dY, i);
        add_weighted_rows(t, dk, ds, Q, i);
      }
    }
  }
  const float by_scale[2] = {p.scale, p.scale}, as_it_is[2] = {1, 1};
  if (p.dk.array.data)
    put_rows(t, p, p.dk, head_row(p.dk.array, b, hk, 0), first, p.Tk, dk, by_scale);
  if (p.dv.array.data)
    put_rows(t, p, p.dv, head_row(p.dv.array, b, hk, 0), first, p.Tk, dv, as_it_is);
}
KERNEL(attention_blocks_dkv, AttentionArgs, 128) {
  SHARED_ARRAY(bf16, Q, [kBlockNumbers]);
  SHARED_ARRAY(bf16, dY, [kBlockNumbers]);
  derive_keys<kHeadTiles>(this_thread(), p, Q, dY);
}
KERNEL(attention_blocks_wide_dkv, AttentionArgs, 128) {
  SHARED_ARRAY(bf16, Q, [2 * kBlockNumbers]);
  SHARED_ARRAY(bf16, dY, [2 * kBlockNumbers]);
  derive_keys<kWideHeadTiles>(this_thread(), p, Q, dY);
}

#endif

}   // namespace gpu
}   // namespace glass
