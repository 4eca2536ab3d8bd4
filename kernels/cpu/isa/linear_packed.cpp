// y = x w^T + bias for a weight that was packed when the model was opened (kernels/packed.h), for a
// few rows: a token being written.
//
// Every weight is used once or a few times, so memory is the limit, and what is done to a line of
// 64 bytes must take less than the 6 to 8 cycles in which memory brings the next one. A line of f32
// is one multiply-add, a line of bf16 two and two shifts or masks. Whole numbers are summed as
// whole numbers: x becomes 16-bit integers with a scale for each group (off by 2^-16 of the largest
// of the group), and a line of int8 is three masks and shifts, two integer dot products and two
// additions. Only the sum of a group meets its step.
//
// Each sum has one order, in k; threads divide panels.
#include "kernels/cpu/linear_packed.h"

#include "kernels/cpu/isa/cpu.h"

namespace glass::GLASS_ISA {
namespace {

constexpr int kPanelVectors = kPanel / kLanes;
// Vectors of a panel that are summed at once: what they and four rows take fits the registers.
constexpr int kAtOnce = kPanelVectors < 2 ? 1 : 2;
constexpr Index kRowsAtOnce = 4;
// Panels of f32 that are read side by side: one stream alone does not keep memory busy.
constexpr Index kStreams = 4;

// Rows of x, ready to be multiplied: contiguous, filled up with zeros to a whole group.
struct Rows {
  const float* numbers;         // row r at numbers + r next
  const std::uint32_t* pairs;   // 16-bit integers, two to a word; row r at pairs + r next / 2
  const float* scales;          // of each group of them; row r at scales + r groups
  const std::int32_t* sums;     // of the integers of each group; likewise
  Index next, groups;
};

struct Call : PackedProduct {
  Rows rows;
};

// The sums of outputs [begin, end) of one panel, bias included, to where they belong.
GLASS_SIMD void write_part(const Call& n, Index panel, Index row, int rows, const float* sums,
                           int begin, int end) {
  const Index column = panel * kPanel;
  for (int r = 0; r < rows; ++r) {
    for (int j = begin; j < end && column + j < n.N; j += kLanes) {
      const int lanes = static_cast<int>(smaller(kLanes, n.N - column - j));
      Vec v = load(sums + r * kPanel + j);
      if (n.bias != nullptr) v += load_first(n.bias + column + j, lanes);
      put_lanes(n.y, row + r, column + j, v, lanes);
    }
  }
}

// f32: as many panels side by side as there are streams.
template <int rows, int streams>
GLASS_SIMD void multiply_f32(const Call& n, Index panel, Index row) {
  const float* w = reinterpret_cast<const float*>(panel_of(n, panel));
  const Index next = n.K * kPanel;
  const float* x = n.rows.numbers + row * n.rows.next;
  for (int j = 0; j < kPanel; j += kAtOnce * kLanes) {
    Vec sum[rows][streams][kAtOnce];
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 16
      for (int s = 0; s < streams; ++s) {
#pragma GCC unroll 16
        for (int v = 0; v < kAtOnce; ++v) sum[r][s][v] = zero();
      }
    }
    for (Index k = 0; k < n.K; ++k) {
#pragma GCC unroll 16
      for (int r = 0; r < rows; ++r) {
        const Vec x_k = splat(x[r * n.rows.next + k]);
#pragma GCC unroll 16
        for (int s = 0; s < streams; ++s) {
#pragma GCC unroll 16
          for (int v = 0; v < kAtOnce; ++v) {
            const Vec w_k = load(w + s * next + k * kPanel + j + v * kLanes);
            sum[r][s][v] = fma(x_k, w_k, sum[r][s][v]);
          }
        }
      }
    }
    float sums[rows * kPanel];
#pragma GCC unroll 16
    for (int s = 0; s < streams; ++s) {
#pragma GCC unroll 16
      for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 16
        for (int v = 0; v < kAtOnce; ++v) store(sums + r * kPanel + j + v * kLanes, sum[r][s][v]);
      }
      write_part(n, panel + s, row, rows, sums, j, j + kAtOnce * kLanes);
    }
  }
}

// bf16: an even and an odd k in the halves of each word, each with sums of its own.
template <int rows>
GLASS_SIMD void multiply_bf16(const Call& n, Index panel, Index row) {
  const std::uint32_t* words = panel_of(n, panel);
  float sums[rows * kPanel];
  for (int j = 0; j < kPanel; j += kAtOnce * kLanes) {
    Vec even[rows][kAtOnce], odd[rows][kAtOnce];
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 16
      for (int v = 0; v < kAtOnce; ++v) even[r][v] = zero(), odd[r][v] = zero();
    }
    for (Index k = 0; k < n.K; k += 2) {
      Vec low[kAtOnce], high[kAtOnce];
#pragma GCC unroll 16
      for (int v = 0; v < kAtOnce; ++v) {
        const IVec both = iload(words + k / 2 * kPanel + j + v * kLanes);
        low[v] = lower_bf16(both), high[v] = upper_bf16(both);
      }
#pragma GCC unroll 16
      for (int r = 0; r < rows; ++r) {
        const float* x = n.rows.numbers + (row + r) * n.rows.next + k;
#pragma GCC unroll 16
        for (int v = 0; v < kAtOnce; ++v) {
          even[r][v] = fma(splat(x[0]), low[v], even[r][v]);
          odd[r][v] = fma(splat(x[1]), high[v], odd[r][v]);
        }
      }
    }
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 16
      for (int v = 0; v < kAtOnce; ++v)
        store(sums + r * kPanel + j + v * kLanes, even[r][v] + odd[r][v]);
    }
  }
  write_part(n, panel, row, rows, sums, 0, kPanel);
}

// int8 and int4: whole sums for a group, then its steps. The sums begin at -2^(b-1) times the sum
// of x, so that a number may be stored without a sign; |sum| < 2^31: group * 2^b * 2^15 = 2^29.
template <PackedType type, int rows>
GLASS_SIMD void multiply_whole(const Call& n, Index panel, Index row) {
  constexpr int bits = bits_of(type), group = group_of(type), in_word = 32 / bits;
  constexpr Index group_words = kPanel / 2 + group / in_word * kPanel;
  const IVec mask = isplat(((1u << bits) - 1) * 0x00010001u);
  const std::uint32_t* words = panel_of(n, panel);
  float sums[rows * kPanel] = {};
  for (Index g = 0; g < n.rows.groups; ++g, words += group_words) {
    const std::uint32_t* x = n.rows.pairs + row * (n.rows.next / 2) + g * (group / 2);
    const Index at = row * n.rows.groups + g;   // of the scale and the sum of the first row
#pragma GCC unroll 4
    for (int j = 0; j < kPanel; j += kAtOnce * kLanes) {
      IVec sum[rows][kAtOnce];
#pragma GCC unroll 16
      for (int r = 0; r < rows; ++r) {
        const std::int32_t zero_point = n.rows.sums[at + r * n.rows.groups] * (1 << (bits - 1));
#pragma GCC unroll 16
        for (int v = 0; v < kAtOnce; ++v)
          sum[r][v] = isplat(static_cast<std::uint32_t>(-zero_point));
      }
      for (int i = 0; i < group / in_word; ++i) {
        IVec w[kAtOnce];
#pragma GCC unroll 16
        for (int v = 0; v < kAtOnce; ++v)
          w[v] = iload(words + kPanel / 2 + i * kPanel + j + v * kLanes);
#pragma GCC unroll 16
        for (int pair = 0; pair < in_word / 2; ++pair) {
#pragma GCC unroll 16
          for (int r = 0; r < rows; ++r) {
            const IVec x_pair = isplat(x[r * (n.rows.next / 2) + i * (in_word / 2) + pair]);
#pragma GCC unroll 16
            for (int v = 0; v < kAtOnce; ++v)
              sum[r][v] = sum[r][v] + dot_pairs(w[v] & mask, x_pair);
          }
#pragma GCC unroll 16
          for (int v = 0; v < kAtOnce; ++v) w[v] = shift_right<bits>(w[v]);
        }
      }
#pragma GCC unroll 16
      for (int r = 0; r < rows; ++r) {
        const Vec scale = splat(n.rows.scales[at + r * n.rows.groups]);
#pragma GCC unroll 16
        for (int v = 0; v < kAtOnce; ++v) {
          float* to = sums + r * kPanel + j + v * kLanes;
          const Vec step = steps_at(words, j + v * kLanes);
          store(to, fma(to_float(sum[r][v]), step * scale, load(to)));
        }
      }
    }
  }
  write_part(n, panel, row, rows, sums, 0, kPanel);
}

template <int rows>
void multiply_panel(const Call& n, Index panel, Index row) {
  switch (n.w.type) {
    case PackedType::f32:
      return multiply_f32<rows, 1>(n, panel, row);
    case PackedType::bf16:
      return multiply_bf16<rows>(n, panel, row);
    case PackedType::int8:
      return multiply_whole<PackedType::int8, rows>(n, panel, row);
    case PackedType::int4:
      return multiply_whole<PackedType::int4, rows>(n, panel, row);
  }
}

void multiply_panels_of(const Call& n, Index begin, Index end) {
  for (Index panel = begin; panel < end; ++panel) {
    if (n.w.type == PackedType::f32 && n.M == 1 && panel + kStreams <= end) {
      multiply_f32<1, kStreams>(n, panel, 0);
      panel += kStreams - 1;
      continue;
    }
    for (Index row = 0; row < n.M; row += kRowsAtOnce) {   // the panel is in a cache by now
      switch (smaller(kRowsAtOnce, n.M - row)) {
        case 1:
          multiply_panel<1>(n, panel, row);
          break;
        case 2:
          multiply_panel<2>(n, panel, row);
          break;
        case 3:
          multiply_panel<3>(n, panel, row);
          break;
        default:
          multiply_panel<4>(n, panel, row);
          break;
      }
    }
  }
}

// A row of x as floats, with zeros behind them.
template <class Number>
GLASS_SIMD void copy_row(float* to, const Number* from, const PackedProduct& p, Index width) {
  for (Index k = 0; k < width; k += kLanes) {
    const int lanes = p.K - k < 0 ? 0 : static_cast<int>(smaller(kLanes, p.K - k));
    store(to + k, p.x.deep == 1 ? load_first(from + k, lanes)
                                : load_strided_first(from + k * p.x.deep, p.x.deep, lanes));
  }
}
GLASS_SIMD void copy_row(float* to, const PackedProduct& p, Index r, Index width) {
  const Operand x = moved(p.x, r, 0);
  x.half ? copy_row(to, numbers<std::uint16_t>(x), p, width)
         : copy_row(to, numbers<float>(x), p, width);
}

// One group of x as 16-bit integers: x is nearly scale * integer, and the largest becomes 2^15 - 1.
struct Rounded {
  float scale;
  std::int32_t sum;
};
GLASS_SIMD Rounded round_group(std::uint32_t* pairs, const float* x, int group) {
  Vec most = zero();
  for (int k = 0; k < group; k += kLanes) most = max(abs(load(x + k)), most);
  constexpr float kLargest = 32767.0f;
  float largest = 0;
  float lanes[kLanes];
  store(lanes, most);
  for (int i = 0; i < kLanes; ++i)
    if (!(lanes[i] <= largest)) largest = lanes[i];   // a NaN comes through
  // A group of zeros, or of what is too small to divide by.
  if (largest < 0x1p-100f) {
    for (int i = 0; i < group / 2; ++i) pairs[i] = 0;
    return {0, 0};
  }
  const Vec scale = splat(kLargest / largest);
  std::uint32_t whole[64];
  IVec sum = isplat(0);
  for (int k = 0; k < group; k += kLanes) {
    const IVec v = to_int(round(load(x + k) * scale));
    sum = sum + v;
    istore(whole + k, v);
  }
  for (int i = 0; i < group / 2; ++i) pairs[i] = (whole[2 * i] & 0xFFFFu) | whole[2 * i + 1] << 16;
  std::uint32_t parts[kLanes], all = 0;
  istore(parts, sum);
  for (int i = 0; i < kLanes; ++i) all += parts[i];
  return {largest / kLargest, static_cast<std::int32_t>(all)};
}

// x as the few-rows kernels want it, in memory of the calling thread.
GLASS_SIMD Rows prepared_rows(const PackedProduct& n) {
  const bool whole = group_of(n.w.type) > 1;
  const Index unit = whole ? group_of(n.w.type) : kLanes < 2 ? 2 : kLanes;
  Rows rows{};
  rows.groups = (n.K + unit - 1) / unit;
  rows.next = rows.groups * unit;
  float* numbers = scratch(Scratch::pack_a, n.M * rows.next * 2 + n.M * rows.groups * 2);
  for (Index r = 0; r < n.M; ++r) copy_row(numbers + r * rows.next, n, r, rows.next);
  rows.numbers = numbers;
  if (!whole) return rows;
  auto* pairs = reinterpret_cast<std::uint32_t*>(numbers + n.M * rows.next);
  float* scales = numbers + n.M * rows.next * 2;
  auto* sums = reinterpret_cast<std::int32_t*>(scales + n.M * rows.groups);
  for (Index g = 0; g < n.M * rows.groups; ++g) {
    const Rounded rounded =
        round_group(pairs + g * (unit / 2), numbers + g * unit, static_cast<int>(unit));
    scales[g] = rounded.scale, sums[g] = rounded.sum;
  }
  rows.pairs = pairs, rows.scales = scales, rows.sums = sums;
  return rows;
}

// A bias as neighbouring floats.
const float* bias_row(const View& bias) {
  if (bias.data == nullptr) return nullptr;
  const bool half = bias.dtype == DType::bf16;
  if (!half && bias.stride[0] == 1) return floats(bias);
  float* row = scratch(Scratch::partials, bias.shape[0]);
  for (Index j = 0; j < bias.shape[0]; ++j) {
    const Index at = j * bias.stride[0];
    row[j] = half ? widen(halves(bias)[at]) : floats(bias)[at];
  }
  return row;
}

}   // namespace

void multiply_packed_few(const Team& team, const PackedProduct& p) {
  const Call n = {p, prepared_rows(p)};
  const Index panels = panels_of(p);
  // Small enough that a thread which is held up costs little, and whole streams.
  const Index each = chunks_of(chunks_of(panels, 4 * team.threads), kStreams) * kStreams;
  parallel_or_not(team, chunks_of(panels, each), is_worth_sharing(p), [&](Index chunk) {
    multiply_panels_of(n, chunk * each, smaller(panels, (chunk + 1) * each));
  });
}

void Cpu::linear_packed(View y, View x, PackedWeight w, View bias) {
  require_floats("linear_packed", y, x, bias);
  PackedProduct p{};
  p.M = y.shape[0], p.N = w.N, p.K = w.K;
  if (p.M == 0 || p.N == 0) return;
  p.y = {y.data, y.dtype == DType::bf16, y.stride[0], y.stride[1], false};
  p.x = {x.data, x.dtype == DType::bf16, x.stride[0], x.stride[1]};
  p.w = w;
  p.bias = bias_row(bias);
  p.M > kFewPackedRows ? multiply_packed_many(team_, p) : multiply_packed_few(team_, p);
}

}   // namespace glass::GLASS_ISA
