// fold: many elements become one, along any axes; and the norm of all gradients.
//
// Two shapes of work. Where neighbours in memory disappear into one another, a run is summed up
// (fold_runs). Where they stay apart, rows are added to rows (fold_columns): a bias gradient. Long
// sums are cut into chunks by the size of the problem, and the chunks' results are combined in
// order, so the team does not change a bit.
#include "kernels/cpu/isa/loops.h"
#include "kernels/cpu/isa/rows.h"

namespace glass::GLASS_ISA {

namespace {

// A list of axes to walk, the fastest first: sizes, and strides in x and y.
struct Axes {
  int count = 0;
  std::int64_t size[kMaxRank], x[kMaxRank], y[kMaxRank];
  std::int64_t elements = 1;
};
struct Offset {
  std::int64_t x, y;
};

GLASS_SIMD Offset offset_at(const Axes& axes, std::int64_t n) {
  Offset offset = {0, 0};
  for (int i = 0; i < axes.count; ++i) {
    offset.x += n % axes.size[i] * axes.x[i], offset.y += n % axes.size[i] * axes.y[i];
    n /= axes.size[i];
  }
  return offset;
}

// Puts an axis in its place by x's stride.
void insert(Axes& axes, std::int64_t size, std::int64_t x, std::int64_t y) {
  int at = axes.count++;
  for (; at > 0 && x < axes.x[at - 1]; --at)
    axes.size[at] = axes.size[at - 1], axes.x[at] = axes.x[at - 1], axes.y[at] = axes.y[at - 1];
  axes.size[at] = size, axes.x[at] = x, axes.y[at] = y;
  axes.elements *= size;
}

// Axes that continue each other in both x and y become one.
void merge(Axes& axes) {
  int used = 0;
  for (int i = 0; i < axes.count; ++i) {
    if (used > 0 && axes.x[i] == axes.x[used - 1] * axes.size[used - 1] &&
        axes.y[i] == axes.y[used - 1] * axes.size[used - 1]) {
      axes.size[used - 1] *= axes.size[i];
    } else {
      axes.size[used] = axes.size[i], axes.x[used] = axes.x[i], axes.y[used] = axes.y[i], ++used;
    }
  }
  axes.count = used;
}

// The innermost axis, and the others.
struct Split {
  std::int64_t n, x, y;
  Axes outer;
};
GLASS_SIMD Split split(const Axes& axes) {
  Split s = {1, 1, 1, {}};
  if (axes.count == 0) return s;
  s.n = axes.size[0], s.x = axes.x[0], s.y = axes.y[0];
  for (int i = 1; i < axes.count; ++i) insert(s.outer, axes.size[i], axes.x[i], axes.y[i]);
  return s;
}

struct Sum {
  static constexpr float kEmpty = 0;
  static Vec combine(Vec a, Vec b) { return a + b; }
  static float over(Vec v) { return sum(v); }
  static double combine(double a, double b) { return a + b; }
};
struct Max {
  static constexpr float kEmpty = -__builtin_inff();
  static Vec combine(Vec a, Vec b) { return max(a, b); }
  static float over(Vec v) {   // max_of may lose a NaN
    return any(is_nan(v)) ? __builtin_nanf("") : max_of(v);
  }
  static double combine(double a, double b) { return a != a ? a : b != b ? b : a > b ? a : b; }
};
struct SumOfSquares : Sum {};

template <class F>
GLASS_SIMD Vec enter(Vec v) {
  return v;
}
template <>
[[gnu::always_inline]] inline Vec enter<SumOfSquares>(Vec v) {
  return v * v;
}

// n neighbours. Blocks keep a float's sum short: beyond them it is a double.
template <class F, class Number>
double fold_run(const Number* x, std::int64_t n) {
  constexpr std::int64_t kBlock = 4096;
  double total = F::kEmpty;
  for (std::int64_t begin = 0; begin < n; begin += kBlock) {
    const Number* p = x + begin;
    const std::int64_t m = n - begin < kBlock ? n - begin : kBlock;
    Vec s0 = splat(F::kEmpty), s1 = s0, s2 = s0, s3 = s0;
    std::int64_t i = 0;
    for (; i + 4 * kLanes <= m; i += 4 * kLanes) {
      s0 = F::combine(s0, enter<F>(load(p + i))),
      s1 = F::combine(s1, enter<F>(load(p + i + kLanes)));
      s2 = F::combine(s2, enter<F>(load(p + i + 2 * kLanes))),
      s3 = F::combine(s3, enter<F>(load(p + i + 3 * kLanes)));
    }
    for (; i + kLanes <= m; i += kLanes) s0 = F::combine(s0, enter<F>(load(p + i)));
    if (i < m) {
      const int rest = static_cast<int>(m - i);
      s1 = select(first(rest), F::combine(s1, enter<F>(load_first(p + i, rest))), s1);
    }
    total = F::combine(
        total, static_cast<double>(F::over(F::combine(F::combine(s0, s1), F::combine(s2, s3)))));
  }
  return total;
}
template <class F, class Number>
double fold_run(const Number* x, std::int64_t step, std::int64_t n) {
  if (step == 1) return fold_run<F>(x, n);
  double total = F::kEmpty;
  float buffer[256];
  for (std::int64_t begin = 0; begin < n; begin += 256) {
    const std::int64_t m = n - begin < 256 ? n - begin : 256;
    gather_row(buffer, x + begin * step, step, m);
    total = F::combine(total, fold_run<F>(buffer, m));
  }
  return total;
}

void put(float* y, bool add, double value) {
  *y = static_cast<float>(add ? static_cast<double>(*y) + value : value);
}

// The first number of a View, of the type that is asked for.
template <class Number>
const Number* numbers(const View& v) {
  return reinterpret_cast<const Number*>(v.data);
}

// Every element of y folds a run, or several runs, of x.
template <class F, class Number>
void fold_runs(const Team& team, const Into& y, const View& x, const Axes& kept, const Axes& gone) {
  const Split run = split(gone);
  const std::int64_t pieces = chunks_of(run.n, kGrain);     // of one run
  const std::int64_t units = run.outer.elements * pieces;   // that make up an element of y
  const auto unit = [&](const Number* from, std::int64_t u) {
    const std::int64_t begin = u % pieces * kGrain,
                       n = run.n - begin < kGrain ? run.n - begin : kGrain;
    return fold_run<F>(from + offset_at(run.outer, u / pieces).x + begin * run.x, run.x, n);
  };
  if (gone.elements <= kGrain) {
    const std::int64_t per_chunk = rows_per_chunk(gone.elements, kGrain);
    parallel_ranges(team, kept.elements, per_chunk, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const Offset at = offset_at(kept, i);
        double total = F::kEmpty;
        for (std::int64_t u = 0; u < units; ++u)
          total = F::combine(total, unit(numbers<Number>(x) + at.x, u));
        put(floats(y.view) + at.y, y.add, total);
      }
    });
    return;
  }
  // Long: each chunk takes some units of one element of y, and leaves its result for the end.
  const std::int64_t per_chunk =
      units * kGrain / gone.elements > 0 ? units * kGrain / gone.elements : 1;
  const std::int64_t chunks = chunks_of(units, per_chunk);
  double* partial =
      reinterpret_cast<double*>(scratch(Scratch::partials, 2 * kept.elements * chunks));
  parallel_for(team, kept.elements * chunks, [&](std::int64_t c) {
    const std::int64_t begin = c % chunks * per_chunk,
                       end = begin + per_chunk < units ? begin + per_chunk : units;
    const Number* from = numbers<Number>(x) + offset_at(kept, c / chunks).x;
    double total = F::kEmpty;
    for (std::int64_t u = begin; u < end; ++u) total = F::combine(total, unit(from, u));
    partial[c] = total;
  });
  for (std::int64_t i = 0; i < kept.elements; ++i) {
    double total = F::kEmpty;
    for (std::int64_t c = 0; c < chunks; ++c) total = F::combine(total, partial[i * chunks + c]);
    put(floats(y.view) + offset_at(kept, i).y, y.add, total);
  }
}

// to[i] = fold over rows r of x[r][i], for n columns. to: contiguous.
template <class F, class Number>
void fold_rows(float* to, const Number* x, std::int64_t step, std::int64_t n, const Axes& rows,
               std::int64_t begin, std::int64_t end, float* buffer) {
  each_vec(n, [&](auto part, std::int64_t i) { part.store(to + i, splat(F::kEmpty)); });
  std::int64_t r = begin;
  if (step == 1) {   // four rows at a time: a quarter of the traffic to the sums
    for (; r + 4 <= end; r += 4) {
      const Number *a = x + offset_at(rows, r).x, *b = x + offset_at(rows, r + 1).x;
      const Number *c = x + offset_at(rows, r + 2).x, *d = x + offset_at(rows, r + 3).x;
      each_vec(n, [&](auto part, std::int64_t i) {
        const Vec ab = F::combine(part.load(a + i), part.load(b + i)),
                  cd = F::combine(part.load(c + i), part.load(d + i));
        part.store(to + i, F::combine(part.load(to + i), F::combine(ab, cd)));
      });
    }
  }
  for (; r < end; ++r) {
    const Number* from = x + offset_at(rows, r).x;
    if (step != 1) gather_row(buffer, from, step, n);
    each_vec(n, [&](auto part, std::int64_t i) {
      const Vec value = step == 1 ? part.load(from + i) : part.load(buffer + i);
      part.store(to + i, F::combine(part.load(to + i), value));
    });
  }
}

// Whole rows of y, each the fold of rows of x.
template <class F, class Number>
void fold_columns(const Team& team, const Into& y, const View& x, const Axes& kept,
                  const Axes& gone) {
  constexpr std::int64_t kTile = 1024;   // columns at a time: their sums stay in the first cache
  const Split columns = split(kept);
  const std::int64_t width = columns.n < kTile ? columns.n : kTile,
                     tiles = chunks_of(columns.n, kTile);
  std::int64_t rows = kGrain / width;   // of x, per chunk
  rows = rows < 16 ? 16 : rows > 1024 ? 1024 : rows;
  const std::int64_t row_chunks = chunks_of(gone.elements, rows);
  const std::int64_t units = columns.outer.elements * tiles;   // stretches of y
  const auto place = [&](std::int64_t unit) {
    const std::int64_t begin = unit % tiles * kTile;
    Offset at = offset_at(columns.outer, unit / tiles);
    at.x += begin * columns.x, at.y += begin * columns.y;
    return at;
  };
  const auto length = [&](std::int64_t unit) {
    const std::int64_t begin = unit % tiles * kTile;
    return columns.n - begin < kTile ? columns.n - begin : kTile;
  };
  const auto finish = [&](std::int64_t unit, const float* sums) {
    float* to = floats(y.view) + place(unit).y;
    const std::int64_t n = length(unit);
    if (columns.y == 1) {
      each_vec(n, [&](auto part, std::int64_t i) {
        const Vec value = part.load(sums + i);
        part.store(to + i, y.add ? part.load(to + i) + value : value);
      });
      return;
    }
    for (std::int64_t i = 0; i < n; ++i) put(to + i * columns.y, y.add, sums[i]);
  };

  if (row_chunks == 1) {
    const std::int64_t work = width * gone.elements;
    parallel_ranges(team, units, work >= kGrain ? 1 : kGrain / work,
                    [&](std::int64_t begin, std::int64_t end) {
                      alignas(64) float sums[kTile], buffer[kTile];
                      for (std::int64_t unit = begin; unit < end; ++unit) {
                        fold_rows<F>(sums, numbers<Number>(x) + place(unit).x, columns.x,
                                     length(unit), gone, 0, gone.elements, buffer);
                        finish(unit, sums);
                      }
                    });
    return;
  }
  float* partial = scratch(Scratch::partials, units * row_chunks * width);
  parallel_for(team, units * row_chunks, [&](std::int64_t chunk) {
    alignas(64) float buffer[kTile];
    const std::int64_t unit = chunk / row_chunks, begin = chunk % row_chunks * rows;
    const std::int64_t end = begin + rows < gone.elements ? begin + rows : gone.elements;
    fold_rows<F>(partial + chunk * width, numbers<Number>(x) + place(unit).x, columns.x,
                 length(unit), gone, begin, end, buffer);
  });
  Axes chunk_rows;
  insert(chunk_rows, row_chunks, width, 0);
  parallel_ranges(team, units, rows_per_chunk(width * row_chunks, kGrain),
                  [&](std::int64_t begin, std::int64_t end) {
                    alignas(64) float sums[kTile];
                    for (std::int64_t unit = begin; unit < end; ++unit) {
                      fold_rows<F>(sums, partial + unit * row_chunks * width, 1, length(unit),
                                   chunk_rows, 0, row_chunks, nullptr);
                      finish(unit, sums);
                    }
                  });
}

template <class F, class Number>
void fold_numbers(const Team& team, const Into& y, const View& x, const Axes& kept,
                  const Axes& gone) {
  const bool neighbours_stay = kept.count > 0 && (gone.count == 0 || kept.x[0] < gone.x[0]);
  if (neighbours_stay) {
    fold_columns<F, Number>(team, y, x, kept, gone);
  } else {
    fold_runs<F, Number>(team, y, x, kept, gone);
  }
}

template <class F>
void fold_with(const Team& team, const Into& y, const View& x, const Axes& kept, const Axes& gone) {
  x.dtype == DType::bf16 ? fold_numbers<F, std::uint16_t>(team, y, x, kept, gone)
                         : fold_numbers<F, float>(team, y, x, kept, gone);
}

}   // namespace

void Cpu::fold(Fold f, Into y, View x) {
  if (y.view.data == nullptr) return;
  require_floats("fold", y.view, x);
  if (y.view.dtype == DType::bf16) {   // in f32, and rounded at the end
    View whole = y.view;
    std::int64_t stride = 1;
    for (int axis = whole.rank - 1; axis >= 0; --axis)
      whole.stride[axis] = stride, stride *= whole.shape[axis];
    whole.data = reinterpret_cast<std::byte*>(scratch(Scratch::pack_a, stride));
    whole.dtype = DType::f32;
    fold(f, {whole, false}, x);
    return copy(y, whole);
  }
  Axes kept, gone;
  for (int axis = x.rank - 1; axis >= 0; --axis) {
    const std::int64_t size = x.shape[axis], left = y.view.shape[axis];
    if (left == 0) return;
    if (size == 1) continue;
    if (left == size) insert(kept, size, x.stride[axis], y.view.stride[axis]);
    else insert(gone, size, x.stride[axis], 0);
  }
  if (gone.elements == 0) {   // the fold of nothing
    const Vec empty = splat(f == Fold::sum ? Sum::kEmpty : Max::kEmpty);
    const View* const from[] = {&y.view};
    apply(team_, y, from, kGrain, [empty](const Vec*) { return empty; });
    return;
  }
  merge(kept), merge(gone);
  if (f == Fold::sum) fold_with<Sum>(team_, y, x, kept, gone);
  else fold_with<Max>(team_, y, x, kept, gone);
}

namespace {

// Squares of huge or tiny numbers leave the range of a float though their root does not: then every
// square is a double.
double squares_in_double(const View& x) {
  const Rows elements = elements_of(x);
  double total = 0;
  for (std::int64_t i = 0; i < elements.count; ++i) {
    const double value = *row(elements, i);
    total += value * value;
  }
  return total;
}

Nest<1> nest_of(const View& v) {
  const View* const views[] = {&v};
  return make_nest(views);
}

}   // namespace

void Cpu::global_norm(View norm, const View* grads, int count) {
  require_f32("global_norm", norm);
  for (int g = 0; g < count; ++g) require_f32("global_norm", grads[g]);
  // Chunks are counted through all gradients, so that many small ones make one parallel region.
  std::int64_t* first = reinterpret_cast<std::int64_t*>(scratch(Scratch::tile, 2 * count));
  std::int64_t chunks = 0, elements = 0;
  for (int g = 0; g < count; ++g) {
    const Nest<1> nest = nest_of(grads[g]);
    first[g] = chunks;
    chunks += nest.rows * chunks_of(nest.n, kGrain);
    elements += nest.rows * nest.n;
  }
  double* partial = reinterpret_cast<double*>(scratch(Scratch::partials, 2 * chunks));
  const auto square_chunk = [&](std::int64_t chunk) {
    const int g = owner_of(first, count, chunk);
    const Nest<1> nest = nest_of(grads[g]);
    const std::int64_t pieces = chunks_of(nest.n, kGrain), own = chunk - first[g],
                       begin = own % pieces * kGrain;
    const std::int64_t n = nest.n - begin < kGrain ? nest.n - begin : kGrain;
    partial[chunk] = fold_run<SumOfSquares>(
        place_at(nest, own / pieces).data[0] + begin * nest.step[0], nest.step[0], n);
  };
  parallel_or_not(team_, chunks, elements > kGrain, square_chunk);
  double total = 0;
  for (std::int64_t c = 0; c < chunks; ++c) total += partial[c];
  if (!(total < 1e30 && total > 1e-30)) {
    total = 0;
    for (int g = 0; g < count; ++g) total += squares_in_double(grads[g]);
  }
  *floats(norm) = static_cast<float>(__builtin_sqrt(total));
}

}   // namespace glass::GLASS_ISA
