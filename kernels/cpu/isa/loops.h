// How elementwise kernels walk over Views of any strides.
//
// A Nest joins the axes that lie behind each other in memory, so that contiguous operands become
// one long run whatever their rank. Along the innermost axis one loop serves every kernel: it wants
// each operand at stride 1, and what is not (a repeated element, a column) is laid out in a small
// buffer first, a block at a time. Operands in bf16 are widened as they are read.
#pragma once
#include "kernels/cpu/isa/cpu.h"
#include "kernels/cpu/transpose.h"

namespace glass::GLASS_ISA {

// How much work makes a chunk for one thread: a few microseconds, which is more than waking the
// team costs.
constexpr std::int64_t kGrain = 32768;      // elements that are moved
constexpr std::int64_t kGrainMath = 8192;   // elements that go through an exponential

// k operands of one shape, walked together. Operand 0 is the output: its axes are taken in the
// order of its memory.
template <int k>
struct Nest {
  int axes;   // outer axes, the fastest first
  std::int64_t size[kMaxRank], stride[kMaxRank][k];
  std::int64_t n, step[k];   // the innermost run: its length, its strides
  std::int64_t rows;         // how many runs
  float* data[k];
  bool half[k];   // bf16: data is not floats, though it is called so
  bool mixed;     // some operand is
};

template <int k>
GLASS_SIMD Nest<k> make_nest(const View* const (&views)[k]) {
  Nest<k> nest;
  int order[kMaxRank], used = 0;   // the axes of size above 1, output stride ascending
  nest.rows = nest.n = 1, nest.axes = 0, nest.mixed = false;
  for (int j = 0; j < k; ++j) {
    nest.data[j] = floats(*views[j]), nest.step[j] = 1;
    nest.half[j] = views[j]->dtype == DType::bf16, nest.mixed = nest.mixed || nest.half[j];
  }
  for (int axis = views[0]->rank - 1; axis >= 0; --axis) {
    if (views[0]->shape[axis] == 0) {
      nest.n = nest.rows = 0;
      return nest;
    }
    if (views[0]->shape[axis] == 1) continue;
    int at = used++;
    for (; at > 0 && views[0]->stride[axis] < views[0]->stride[order[at - 1]]; --at)
      order[at] = order[at - 1];
    order[at] = axis;
  }
  for (int i = 0; i < used; ++i) {
    const int axis = order[i];
    const std::int64_t size = views[0]->shape[axis];
    // This axis continues the run that is being built if every operand goes on where it ends.
    std::int64_t* length = nest.axes == 0 ? &nest.n : &nest.size[nest.axes - 1];
    std::int64_t* strides = nest.axes == 0 ? nest.step : nest.stride[nest.axes - 1];
    bool continues = i > 0;
    for (int j = 0; j < k; ++j)
      continues = continues && views[j]->stride[axis] == strides[j] * *length;
    if (continues) {
      *length *= size;
      continue;
    }
    if (i > 0) {
      length = &nest.size[nest.axes], strides = nest.stride[nest.axes];
      ++nest.axes;
    }
    *length = size;
    for (int j = 0; j < k; ++j) strides[j] = views[j]->stride[axis];
  }
  for (int i = 0; i < nest.axes; ++i) nest.rows *= nest.size[i];
  return nest;
}

// An operand somewhere: p elements behind its data.
GLASS_SIMD float* moved(float* data, bool half, std::int64_t p) {
  return half ? reinterpret_cast<float*>(reinterpret_cast<std::uint16_t*>(data) + p) : data + p;
}

// A place in the outer axes of a Nest, and where every operand is there.
template <int k>
struct Place {
  std::int64_t index[kMaxRank];
  float* data[k];
};
template <int k>
GLASS_SIMD Place<k> place_at(const Nest<k>& nest, std::int64_t row) {
  Place<k> place;
  for (int j = 0; j < k; ++j) place.data[j] = nest.data[j];
  for (int i = 0; i < nest.axes; ++i) {
    place.index[i] = row % nest.size[i], row /= nest.size[i];
    for (int j = 0; j < k; ++j)
      place.data[j] = moved(place.data[j], nest.half[j], place.index[i] * nest.stride[i][j]);
  }
  return place;
}
template <int k>
GLASS_SIMD void move_on(Place<k>& place, const Nest<k>& nest) {
  for (int i = 0; i < nest.axes; ++i) {
    for (int j = 0; j < k; ++j)
      place.data[j] = moved(place.data[j], nest.half[j], nest.stride[i][j]);
    if (++place.index[i] < nest.size[i]) return;
    for (int j = 0; j < k; ++j)
      place.data[j] = moved(place.data[j], nest.half[j], -nest.stride[i][j] * nest.size[i]);
    place.index[i] = 0;
  }
}

// y[i] = f(x[0][i], x[1][i], ...), or y[i] += ...; every operand contiguous. The loop of all
// elementwise kernels. `formula` is an F: what calls this does not know which, see Formula.
template <int inputs, class F>
static void stretch(float* y, const float* const (&x)[inputs], std::int64_t n, bool add,
                    const void* formula) {
  // A copy of its own: nothing that is stored to y can change it.
  const F f = *static_cast<const F*>(formula);
  Vec in[inputs];
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int j = 0; j < inputs; ++j) in[j] = load(x[j] + i);
    const Vec value = f(in);
    store(y + i, add ? load(y + i) + value : value);
  }
  if (i < n) {
    const int rest = static_cast<int>(n - i);
    for (int j = 0; j < inputs; ++j) in[j] = load_first(x[j] + i, rest);
    const Vec value = f(in);
    store_first(y + i, add ? load_first(y + i, rest) + value : value, rest);
  }
}

// The same where some operands are bf16.
GLASS_SIMD const std::uint16_t* as_halves(const float* p) {
  return reinterpret_cast<const std::uint16_t*>(p);
}
GLASS_SIMD Vec load_some(const float* p, bool half, std::int64_t i, int n) {
  return half ? load_bf16_first(as_halves(p) + i, n) : load_first(p + i, n);
}
GLASS_SIMD Vec load_some(const float* p, bool half, std::int64_t i) {
  return half ? load_bf16(as_halves(p) + i) : load(p + i);
}
template <int inputs, class F>
static void mixed_stretch(float* y, const float* const (&x)[inputs], const bool (&half)[inputs + 1],
                          std::int64_t n, bool add, const void* formula) {
  const F f = *static_cast<const F*>(formula);
  bool is_half[inputs + 1];
  for (int j = 0; j <= inputs; ++j) is_half[j] = half[j];
  Vec in[inputs];
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int j = 0; j < inputs; ++j) in[j] = load_some(x[j], is_half[j + 1], i);
    Vec value = f(in);
    if (add) value = load_some(y, is_half[0], i) + value;
    is_half[0] ? store_bf16(reinterpret_cast<std::uint16_t*>(y) + i, value) : store(y + i, value);
  }
  if (i < n) {
    const int rest = static_cast<int>(n - i);
    for (int j = 0; j < inputs; ++j) in[j] = load_some(x[j], is_half[j + 1], i, rest);
    Vec value = f(in);
    if (add) value = load_some(y, is_half[0], i, rest) + value;
    is_half[0] ? store_bf16_first(reinterpret_cast<std::uint16_t*>(y) + i, value, rest)
               : store_first(y + i, value, rest);
  }
}

// A formula for those who walk: how it goes over a stretch. So all walking is compiled once for a
// number of operands, and not once more for every formula.
template <int inputs>
struct Formula {
  void (*stretch)(float* y, const float* const (&x)[inputs], std::int64_t n, bool add,
                  const void* formula);
  void (*mixed_stretch)(float* y, const float* const (&x)[inputs], const bool (&half)[inputs + 1],
                        std::int64_t n, bool add, const void* formula);
  const void* formula;
};

// Elements [from, to) of the runs [first, last) of a Nest whose strides are not all 1. What has
// another stride, or is bf16, is laid out first, a tile of some runs times some elements. Of a
// transposed operand, whose runs are columns, such a tile is a transposed square: cache lines are
// read whole, turned in registers, and written whole.
constexpr std::int64_t kTileRuns = 64, kTileElements = 64;
struct Tile {
  alignas(64) float at[kTileRuns][kTileElements];
};

// tile[r][i] = element r of the runs[i] that begin `step` apart: squares of kLanes x kLanes.
template <class Number>
[[gnu::noinline]] static void lay_out_columns(Tile& tile, const Number* from, std::int64_t step,
                                              std::int64_t runs, std::int64_t m) {
  for (std::int64_t i = 0; i < m; i += kLanes) {
    for (std::int64_t run = 0; run < runs; run += kLanes) {
      const int deep = static_cast<int>(m - i < kLanes ? m - i : kLanes);
      const int wide = static_cast<int>(runs - run < kLanes ? runs - run : kLanes);
      const Number* corner = from + i * step + run;
      Vec square[kLanes];
      if (deep == kLanes && wide == kLanes) {
#pragma GCC unroll 16
        for (int e = 0; e < kLanes; ++e) square[e] = load(corner + e * step);
      } else {
#pragma GCC unroll 16
        for (int e = 0; e < kLanes; ++e)
          square[e] = e < deep ? load_first(corner + e * step, wide) : zero();
      }
      transpose(square);
#pragma GCC unroll 16
      for (int r = 0; r < kLanes; ++r) store(tile.at[run + r] + i, square[r]);
    }
  }
}

// tile[r][i] = element i of run r, for m elements; data: where the runs begin, every k-th pointer.
// neighbours: each run begins one element after the one before.
template <class Number>
[[gnu::noinline]] static void lay_out(Tile& tile, float* const* data, int k, std::int64_t runs,
                                      bool neighbours, std::int64_t begin, std::int64_t step,
                                      std::int64_t m) {
  if (neighbours) {
    const Number* from = reinterpret_cast<const Number*>(*data) + begin * step;
    return lay_out_columns(tile, from, step, runs, m);
  }
  for (std::int64_t run = 0; run < runs; ++run, data += k) {
    const Number* from = reinterpret_cast<const Number*>(*data) + begin * step;
    if (step == 1) {
      std::int64_t i = 0;
      for (; i + kLanes <= m; i += kLanes) store(tile.at[run] + i, load(from + i));
      if (i < m) store(tile.at[run] + i, load_first(from + i, static_cast<int>(m - i)));
    } else {
      for (std::int64_t i = 0; i < m; ++i) tile.at[run][i] = widen(from[i * step]);
    }
  }
}
// A run of results to where it belongs, `step` apart.
template <class Number>
[[gnu::noinline]] static void put_back(float* y, std::int64_t begin, std::int64_t step,
                                       const float* from, std::int64_t m) {
  Number* to = reinterpret_cast<Number*>(y) + begin * step;
  if (step == 1) {
    std::int64_t i = 0;
    for (; i + kLanes <= m; i += kLanes) store(to + i, load(from + i));
    if (i < m) store_first(to + i, load(from + i), static_cast<int>(m - i));
  } else {
    for (std::int64_t i = 0; i < m; ++i) put(to + i * step, from[i]);
  }
}

template <int inputs>
[[gnu::noinline]] static void strided_runs(const Nest<inputs + 1>& nest, std::int64_t first,
                                           std::int64_t last, std::int64_t from, std::int64_t to,
                                           bool add, const Formula<inputs>& f) {
  Tile tiles[inputs + 1];
  float* data[kTileRuns][inputs + 1];
  bool plain[inputs + 1];
  for (int j = 0; j <= inputs; ++j) plain[j] = nest.step[j] == 1 && !nest.half[j];
  Place<inputs + 1> place = place_at(nest, first);
  while (first < last) {
    // No further than to the end of the first outer axis: along that the strides tell who are
    // neighbours.
    const std::int64_t ahead = nest.axes > 0 ? nest.size[0] - place.index[0] : 1;
    const std::int64_t most = ahead < kTileRuns ? ahead : kTileRuns;
    std::int64_t runs = 0;
    for (; runs < most && first < last; ++runs, ++first, move_on(place, nest))
      for (int j = 0; j <= inputs; ++j) data[runs][j] = place.data[j];
    for (std::int64_t begin = from; begin < to; begin += kTileElements) {
      const std::int64_t m = to - begin < kTileElements ? to - begin : kTileElements;
      for (int j = add ? 0 : 1; j <= inputs; ++j) {
        if (plain[j]) continue;
        const bool neighbours = runs > 1 && nest.stride[0][j] == 1 && nest.step[j] != 1;
        nest.half[j] ? lay_out<std::uint16_t>(tiles[j], &data[0][j], inputs + 1, runs, neighbours,
                                              begin, nest.step[j], m)
                     : lay_out<float>(tiles[j], &data[0][j], inputs + 1, runs, neighbours, begin,
                                      nest.step[j], m);
      }
      for (std::int64_t run = 0; run < runs; ++run) {
        const float* x[inputs];
        for (int j = 0; j < inputs; ++j)
          x[j] = plain[j + 1] ? data[run][j + 1] + begin : tiles[j + 1].at[run];
        if (plain[0]) {
          f.stretch(data[run][0] + begin, x, m, add, f.formula);
          continue;
        }
        f.stretch(tiles[0].at[run], x, m, add, f.formula);
        nest.half[0]
            ? put_back<std::uint16_t>(data[run][0], begin, nest.step[0], tiles[0].at[run], m)
            : put_back<float>(data[run][0], begin, nest.step[0], tiles[0].at[run], m);
      }
    }
  }
}

template <int inputs>
[[gnu::noinline]] static void apply_formula(const Team& team, const Into& y,
                                            const View* const (&x)[inputs], std::int64_t grain,
                                            const Formula<inputs>& f) {
  const View* views[inputs + 1] = {&y.view};
  for (int j = 0; j < inputs; ++j) views[j + 1] = x[j];
  const Nest<inputs + 1> nest = make_nest(views);
  const bool add = y.add;
  if (nest.rows == 0) return;
  bool plain = true;
  for (int j = 0; j <= inputs; ++j) plain = plain && nest.step[j] == 1;
  if (!plain) {
    // A chunk is a number of tiles: rows of them, or a piece of one where runs are long.
    const std::int64_t runs = nest.rows < kTileRuns ? nest.rows : kTileRuns;
    const std::int64_t columns = (grain / runs + kTileElements - 1) / kTileElements * kTileElements;
    const std::int64_t pieces = chunks_of(nest.n, columns);
    const std::int64_t tall =
        pieces > 1 ? runs : (grain / nest.n + kTileRuns) / kTileRuns * kTileRuns;
    parallel_for(team, chunks_of(nest.rows, tall) * pieces, [&](std::int64_t chunk) {
      const std::int64_t first = chunk / pieces * tall, begin = chunk % pieces * columns;
      const std::int64_t last = first + tall < nest.rows ? first + tall : nest.rows;
      const std::int64_t end = begin + columns < nest.n ? begin + columns : nest.n;
      strided_runs<inputs>(nest, first, last, begin, end, add, f);
    });
    return;
  }
  // A chunk is a number of whole runs, or a piece of one where runs are long.
  const std::int64_t pieces = nest.n > grain ? chunks_of(nest.n, grain) : 1;
  const std::int64_t runs = nest.n >= grain ? 1 : grain / nest.n;
  parallel_for(team, chunks_of(nest.rows, runs) * pieces, [&](std::int64_t chunk) {
    const std::int64_t first = chunk / pieces * runs,
                       last = first + runs < nest.rows ? first + runs : nest.rows;
    const std::int64_t begin = pieces == 1 ? 0 : chunk % pieces * grain;
    const std::int64_t end = pieces == 1 || begin + grain > nest.n ? nest.n : begin + grain;
    Place<inputs + 1> place = place_at(nest, first);
    for (std::int64_t row = first; row < last; ++row, move_on(place, nest)) {
      const float* from[inputs];
      for (int j = 0; j < inputs; ++j) from[j] = moved(place.data[j + 1], nest.half[j + 1], begin);
      float* to = moved(place.data[0], nest.half[0], begin);
      if (nest.mixed) f.mixed_stretch(to, from, nest.half, end - begin, add, f.formula);
      else f.stretch(to, from, end - begin, add, f.formula);
    }
  });
}

// y = f(x...) or y += f(x...), element by element, any strides. f: (const Vec*) -> Vec. y may be
// one of the x.
template <int inputs, class F>
GLASS_SIMD void apply(const Team& team, const Into& y, const View* const (&x)[inputs],
                      std::int64_t grain, const F& f) {
  apply_formula<inputs>(team, y, x, grain, {stretch<inputs, F>, mixed_stretch<inputs, F>, &f});
}

// Whose chunk it is when chunks are counted through a list of tensors and those of tensor t begin
// with number first[t].
GLASS_SIMD int owner_of(const std::int64_t* first, int count, std::int64_t chunk) {
  int t = 0;
  while (t + 1 < count && first[t + 1] <= chunk) ++t;
  return t;
}

}   // namespace glass::GLASS_ISA
