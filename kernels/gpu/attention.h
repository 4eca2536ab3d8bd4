// Causal attention without ever storing the pattern, in float, for any strides and head sizes up to
// 256.
//
// A group has 16 queries of one head (8 in backward), a warp some of them. It walks over the keys
// 32 at a time: each lane has a key and its score; then the warp has 32 weights, and each lane some
// columns of what they add up. Three things are carried for a query: the largest score so far, the
// sum of exponentials, and the weighted sum of values; when a larger score turns up, the sums
// shrink. Rows of k and v pass through the group's memory 64 columns at a time.
//
// Backward forms the pattern again from the scores and lse. dq walks as forward does; dk and dv
// walk the other way: a group has keys, each lane a query. So nobody adds to what another one adds
// to, and the order is always the same.
#pragma once
#include "kernels/gpu/language/philox.h"
#include "kernels/gpu/rows.h"

namespace glass {
namespace gpu {

enum : uint {
  kMostHead = 256,          // numbers in a head
  kTile = 32,               // keys (or queries) that a warp looks at together: one for each lane
  kChunk = 64,              // columns of them in the group's memory
  kChunkRow = kChunk + 1,   // one more, so that a column of 32 rows lies in 32 banks
  kChunks = kMostHead / kChunk,
  kWarps = 4,
  kForwardRows = 4,    // queries of a warp
  kBackwardRows = 2,   // queries or keys of a warp
};

struct AttentionArgs {
  uint B, H, Hk, Tq, Tk, D;
  uint first;                       // of the batch, in this launch
  float scale, kept;                // kept: 1 / (1 - dropout)
  uint offset, window, threshold;   // threshold 0: no dropout
  Draws draws;
  Array q, k, v, dy;   // strides of (B,H,T,D)
  Output y;
  Array lse;   // strides of (B,H,Tq)
  // What backward knows of queries (B,H,padded): the sum of dy y, and lse in units of ln 2. What is
  // behind the last query of a head may be read and means nothing.
  uint padded;   // Tq, rounded up to whole blocks
  GLOBAL float* delta;
  GLOBAL float* lse2;
  Output dq, dk, dv;
  uint pieces;   // whether rows of q, k, v, dy may be copied 8 numbers at a time
  uint pairs;    // whether rows of the results may be written 2 at a time
};

#ifndef GLASS_GPU_HOST

// Where row i of head h begins.
GPU_FN uint head_row(CONSTANT Array& a, uint b, uint h, uint i) {
  return b * a.stride[0] + h * a.stride[1] + i * a.stride[2];
}

GPU_FN bool visible(CONSTANT AttentionArgs& p, uint i, uint j) {
  const uint position = p.offset + i;
  return i < p.Tq && j < p.Tk && j <= position && (p.window == 0 || j + p.window > position);
}

// What weight (i, j) of the pattern is multiplied with: 0 where it is dropped.
GPU_FN float keep(CONSTANT AttentionArgs& p, uint b, uint h, uint i, uint j) {
  if (p.threshold == 0) return 1.0f;
  const ulong number = (ulong((b * p.H + h) * p.Tq + i)) * p.Tk + j;
  return drawn(p.draws, number) >= p.threshold ? p.kept : 0.0f;
}

// A head of an operand: its rows are queries or keys.
struct Head {
  uint start, T;
};
GPU_FN Head head_of(CONSTANT Array& a, uint b, uint h, uint T) {
  Head head;
  head.start = head_row(a, b, h, 0);
  head.T = T;
  return head;
}

// Copies kTile rows from row `first` on, columns [c0, c0 + kChunk), with zeros where there is
// nothing; and waits, so that nobody reads the last ones any more, and everybody may read these.
GPU_FN void fetch_tile(Thread t, SHARED float* to, CONSTANT Array& from, Head head, uint first,
                       uint c0, uint D) {
  barrier(t);
  for (uint n = t.id; n < kTile * kChunk; n += t.size) {
    const uint i = n / kChunk, c = n % kChunk;
    const bool inside = first + i < head.T && c0 + c < D;
    const uint at = head.start + (first + i) * from.stride[2] + (c0 + c) * from.stride[3];
    to[i * kChunkRow + c] = inside ? get(from, at) : 0.0f;
  }
  barrier(t);
}
// The few rows that stay: all their columns.
GPU_FN void fetch_rows(Thread t, SHARED float* to, CONSTANT Array& from, Head head, uint first,
                       uint rows, uint D) {
  for (uint n = t.id; n < rows * D; n += t.size) {
    const uint i = n / D, at = head.start + (first + i) * from.stride[2] + n % D * from.stride[3];
    to[n] = first + i < head.T ? get(from, at) : 0.0f;
  }
}

// Each lane has a row of the tile: to[r] += its product with row r of `rows`, over the columns of
// this chunk.
template <uint R>
GPU_FN void add_products(Thread t, LOCAL float (&to)[R], SHARED const float* rows,
                         SHARED const float* chunk, uint c0, uint D) {
  const uint columns = D - c0 < kChunk ? D - c0 : kChunk;
  for (uint c = 0; c < columns; ++c) {
    UNROLL for (uint r = 0; r < R; ++r) {
      to[r] = g_fma(rows[r * D + c0 + c], chunk[t.lane * kChunkRow + c], to[r]);
    }
  }
}

// Each lane has two columns of chunk n: to[r] += the rows of the tile, each times its weight for r.
// A weight of 0 adds nothing, whatever stands in the row: what a query does not see may be anything
// in k.
template <uint R>
GPU_FN void add_weighted(Thread t, LOCAL float (&to)[R][2 * kChunks], uint n,
                         SHARED const float* weights, SHARED const float* chunk) {
  for (uint i = 0; i < kTile; ++i) {
    const float left = chunk[i * kChunkRow + t.lane], right = chunk[i * kChunkRow + 32 + t.lane];
    UNROLL for (uint r = 0; r < R; ++r) {
      const float weight = weights[r * kTile + i];
      if (weight != 0.0f) {
        to[r][2 * n] = g_fma(weight, left, to[r][2 * n]);
        to[r][2 * n + 1] = g_fma(weight, right, to[r][2 * n + 1]);
      }
    }
  }
}

template <uint R>
GPU_FN void clear(LOCAL float (&to)[R][2 * kChunks]) {
  UNROLL for (uint r = 0; r < R; ++r) {
    UNROLL for (uint c = 0; c < 2 * kChunks; ++c) { to[r][c] = 0; }
  }
}

// One row of a result: this lane's columns of it.
GPU_FN void put_row(Thread t, CONSTANT Output& y, uint start, uint D,
                    LOCAL const float (&values)[2 * kChunks]) {
  UNROLL for (uint c = 0; c < 2 * kChunks; ++c) {
    const uint column = c * 32 + t.lane;
    if (column < D) put(y, start + column * y.array.stride[3], values[c]);
  }
}

// The keys that queries [first, first + rows) see lie in [key_begin, key_end).
GPU_FN uint key_begin(CONSTANT AttentionArgs& p, uint first) {
  const uint position = p.offset + first;
  return p.window > 0 && position >= p.window ? position - p.window + 1 : 0;
}
GPU_FN uint key_end(CONSTANT AttentionArgs& p, uint first, uint rows) {
  const uint last = p.offset + (first + rows < p.Tq ? first + rows : p.Tq);
  return last < p.Tk ? last : p.Tk;
}

KERNEL(attention, AttentionArgs, 128) {
  Thread t = this_thread();
  SHARED_ARRAY(float, Q, [kWarps * kForwardRows * kMostHead]);
  SHARED_ARRAY(float, chunk, [kTile * kChunkRow]);
  SHARED_ARRAY(float, P, [kWarps * kForwardRows * kTile]);
  const uint rows = kWarps * kForwardRows, h = t.group.y, b = p.first + t.group.z,
             hk = h / (p.H / p.Hk);
  const uint group_first = t.group.x * rows, mine = t.warp * kForwardRows,
             first = group_first + mine;
  const Head k = head_of(p.k, b, hk, p.Tk), v = head_of(p.v, b, hk, p.Tk);
  fetch_rows(t, Q, p.q, head_of(p.q, b, h, p.Tq), group_first, rows, p.D);

  float top[kForwardRows], sum[kForwardRows], out[kForwardRows][2 * kChunks];
  clear(out);
  UNROLL for (uint r = 0; r < kForwardRows; ++r) {
    top[r] = minus_infinity();
    sum[r] = 0;
  }
  const uint end = key_end(p, group_first, rows);
  for (uint j0 = key_begin(p, group_first) / kTile * kTile; j0 < end; j0 += kTile) {
    float score[kForwardRows] = {0, 0, 0, 0};
    for (uint c0 = 0; c0 < p.D; c0 += kChunk) {
      fetch_tile(t, chunk, p.k, k, j0, c0, p.D);
      add_products(t, score, Q + mine * p.D, chunk, c0, p.D);
    }
    UNROLL for (uint r = 0; r < kForwardRows; ++r) {
      const uint i = first + r, j = j0 + t.lane;
      const float s = visible(p, i, j) ? p.scale * score[r] : minus_infinity();
      const float larger = formulas::max(top[r], warp_max(t, s));
      const bool blind = larger == minus_infinity();
      const float shrink = blind ? 1.0f : g_exp(top[r] - larger),
                  weight = blind ? 0.0f : g_exp(s - larger);
      top[r] = larger;
      sum[r] = sum[r] * shrink + warp_sum(t, weight);
      UNROLL for (uint c = 0; c < 2 * kChunks; ++c) { out[r][c] *= shrink; }
      P[(mine + r) * kTile + t.lane] = weight * keep(p, b, h, i, j);
    }
    UNROLL for (uint n = 0; n < kChunks; ++n) {
      if (n * kChunk < p.D) {
        fetch_tile(t, chunk, p.v, v, j0, n * kChunk, p.D);
        add_weighted(t, out, n, P + mine * kTile, chunk);
      }
    }
  }
  UNROLL for (uint r = 0; r < kForwardRows; ++r) {
    const bool blind = top[r] == minus_infinity();   // no key, or none with a score above -infinity
    UNROLL for (uint c = 0; c < 2 * kChunks; ++c) { out[r][c] = blind ? 0.0f : out[r][c] / sum[r]; }
    if (first + r < p.Tq) {
      put_row(t, p.y, head_row(p.y.array, b, h, first + r), p.D, out[r]);
      if (t.lane == 0)
        set(p.lse, head_row(p.lse, b, h, first + r), blind ? top[r] : top[r] + g_log(sum[r]));
    }
  }
}

GPU_FN float in_ln_2(float x) { return x * 1.44269504f; }

// Where delta and lse2 have query i of a head.
GPU_FN uint query_number(CONSTANT AttentionArgs& p, uint b, uint h, uint i) {
  return (b * p.H + h) * p.padded + i;
}

// delta = the sum of dy y of each query, which is the mean of dp over its pattern; and lse2. A warp
// has a query.
KERNEL(attention_delta, AttentionArgs, 256) {
  Thread t = this_thread();
  const uint n = t.group.x * 8 + t.warp;
  if (n >= p.B * p.H * p.Tq) return;
  const uint i = n % p.Tq, h = n / p.Tq % p.H, b = n / p.Tq / p.H;
  float sum = 0;
  for (uint c = t.lane; c < p.D; c += 32)
    sum += get(p.dy, head_row(p.dy, b, h, i) + c * p.dy.stride[3]) *
           get(p.y.array, head_row(p.y.array, b, h, i) + c * p.y.array.stride[3]);
  sum = warp_sum(t, sum);
  if (t.lane > 0) return;
  const uint at = query_number(p, b, h, i);
  p.delta[at] = sum;
  p.lse2[at] = in_ln_2(get(p.lse, head_row(p.lse, b, h, i)));
}

// What query i and key j give each other: the weight p z that dv is made of, and ds = scale p (z dp
// - delta), of which dq and dk are. Both are 0 where i does not see j.
struct Pair {
  float weight, ds;
};
GPU_FN Pair pair_of(CONSTANT AttentionArgs& p, uint b, uint h, uint i, uint j, float product,
                    float dp) {
  Pair pair;
  pair.weight = pair.ds = 0;
  if (!visible(p, i, j)) return pair;
  const float lse = get(p.lse, head_row(p.lse, b, h, i));
  if (lse == minus_infinity()) return pair;   // all that it saw had a score of -infinity
  const float pattern = g_exp(p.scale * product - lse), z = keep(p, b, h, i, j);
  pair.weight = pattern * z;
  pair.ds = p.scale * pattern * (z * dp - p.delta[query_number(p, b, h, i)]);
  return pair;
}

// dq = scale sum of ds_j k_j, with ds_j = p_j (z_j dy . v_j - delta)
KERNEL(attention_dq, AttentionArgs, 128) {
  Thread t = this_thread();
  SHARED_ARRAY(float, Q, [kWarps * kBackwardRows * kMostHead]);
  SHARED_ARRAY(float, dY, [kWarps * kBackwardRows * kMostHead]);
  SHARED_ARRAY(float, chunk, [kTile * kChunkRow]);
  SHARED_ARRAY(float, dS, [kWarps * kBackwardRows * kTile]);
  const uint rows = kWarps * kBackwardRows, h = t.group.y, b = p.first + t.group.z,
             hk = h / (p.H / p.Hk);
  const uint group_first = t.group.x * rows, mine = t.warp * kBackwardRows,
             first = group_first + mine;
  const Head k = head_of(p.k, b, hk, p.Tk), v = head_of(p.v, b, hk, p.Tk);
  fetch_rows(t, Q, p.q, head_of(p.q, b, h, p.Tq), group_first, rows, p.D);
  fetch_rows(t, dY, p.dy, head_of(p.dy, b, h, p.Tq), group_first, rows, p.D);

  float sum[kBackwardRows][2 * kChunks];
  clear(sum);
  const uint end = key_end(p, group_first, rows);
  for (uint j0 = key_begin(p, group_first) / kTile * kTile; j0 < end; j0 += kTile) {
    float score[kBackwardRows] = {0, 0}, dp[kBackwardRows] = {0, 0};
    for (uint c0 = 0; c0 < p.D; c0 += kChunk) {
      fetch_tile(t, chunk, p.k, k, j0, c0, p.D);
      add_products(t, score, Q + mine * p.D, chunk, c0, p.D);
      fetch_tile(t, chunk, p.v, v, j0, c0, p.D);
      add_products(t, dp, dY + mine * p.D, chunk, c0, p.D);
    }
    UNROLL for (uint r = 0; r < kBackwardRows; ++r) {
      dS[(mine + r) * kTile + t.lane] =
          pair_of(p, b, h, first + r, j0 + t.lane, score[r], dp[r]).ds;
    }
    UNROLL for (uint n = 0; n < kChunks; ++n) {
      if (n * kChunk < p.D) {
        fetch_tile(t, chunk, p.k, k, j0, n * kChunk, p.D);
        add_weighted(t, sum, n, dS + mine * kTile, chunk);
      }
    }
  }
  UNROLL for (uint r = 0; r < kBackwardRows; ++r) {
    if (first + r < p.Tq) put_row(t, p.dq, head_row(p.dq.array, b, h, first + r), p.D, sum[r]);
  }
}

// The queries that see keys [first, first + rows) lie in [query_begin, query_end).
GPU_FN uint query_begin(CONSTANT AttentionArgs& p, uint first) {
  return first > p.offset ? first - p.offset : 0;
}
GPU_FN uint query_end(CONSTANT AttentionArgs& p, uint first, uint rows) {
  const uint beyond = first + rows + p.window;   // a position that is too far behind the last key
  if (p.window == 0 || beyond >= p.offset + p.Tq) return p.Tq;
  return beyond > p.offset ? beyond - p.offset : 0;
}

// dv_j = sum over queries of p z dy,  dk_j = scale sum of ds q: a group has keys of one key head,
// each lane a query, and all heads that share the key head pass by.
KERNEL(attention_dkv, AttentionArgs, 128) {
  Thread t = this_thread();
  SHARED_ARRAY(float, K, [kWarps * kBackwardRows * kMostHead]);
  SHARED_ARRAY(float, V, [kWarps * kBackwardRows * kMostHead]);
  SHARED_ARRAY(float, chunk, [kTile * kChunkRow]);
  SHARED_ARRAY(float, P, [kWarps * kBackwardRows * kTile]);
  SHARED_ARRAY(float, dS, [kWarps * kBackwardRows * kTile]);
  const uint rows = kWarps * kBackwardRows, hk = t.group.y, b = p.first + t.group.z,
             sharing = p.H / p.Hk;
  const uint group_first = t.group.x * rows, mine = t.warp * kBackwardRows,
             first = group_first + mine;
  fetch_rows(t, K, p.k, head_of(p.k, b, hk, p.Tk), group_first, rows, p.D);
  fetch_rows(t, V, p.v, head_of(p.v, b, hk, p.Tk), group_first, rows, p.D);

  float dk[kBackwardRows][2 * kChunks], dv[kBackwardRows][2 * kChunks];
  clear(dk);
  clear(dv);
  const uint end = query_end(p, group_first, rows);
  for (uint h = hk * sharing; h < (hk + 1) * sharing; ++h) {
    const Head q = head_of(p.q, b, h, p.Tq), dy = head_of(p.dy, b, h, p.Tq);
    for (uint i0 = query_begin(p, group_first) / kTile * kTile; i0 < end; i0 += kTile) {
      float score[kBackwardRows] = {0, 0}, dp[kBackwardRows] = {0, 0};
      for (uint c0 = 0; c0 < p.D; c0 += kChunk) {
        fetch_tile(t, chunk, p.q, q, i0, c0, p.D);
        add_products(t, score, K + mine * p.D, chunk, c0, p.D);
        fetch_tile(t, chunk, p.dy, dy, i0, c0, p.D);
        add_products(t, dp, V + mine * p.D, chunk, c0, p.D);
      }
      UNROLL for (uint r = 0; r < kBackwardRows; ++r) {
        const Pair pair = pair_of(p, b, h, i0 + t.lane, first + r, score[r], dp[r]);
        P[(mine + r) * kTile + t.lane] = pair.weight;
        dS[(mine + r) * kTile + t.lane] = pair.ds;
      }
      UNROLL for (uint n = 0; n < kChunks; ++n) {
        if (n * kChunk < p.D) {
          fetch_tile(t, chunk, p.dy, dy, i0, n * kChunk, p.D);
          add_weighted(t, dv, n, P + mine * kTile, chunk);
          fetch_tile(t, chunk, p.q, q, i0, n * kChunk, p.D);
          add_weighted(t, dk, n, dS + mine * kTile, chunk);
        }
      }
    }
  }
  UNROLL for (uint r = 0; r < kBackwardRows; ++r) {
    const uint j = first + r;
    if (j < p.Tk && p.dk.array.data) put_row(t, p.dk, head_row(p.dk.array, b, hk, j), p.D, dk[r]);
    if (j < p.Tk && p.dv.array.data) put_row(t, p.dv, head_row(p.dv.array, b, hk, j), p.D, dv[r]);
  }
}

#endif

}   // namespace gpu
}   // namespace glass
