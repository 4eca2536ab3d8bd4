// layernorm: y = xhat w + b with xhat = (x - mean) rstd; rmsnorm: y = xhat w with xhat = x rstd;
// and their derivatives. dw and db sum over rows: every chunk of rows keeps its own sums, and the
// chunks are added up in order at the end.
#include "kernels/cpu/isa/loops.h"
#include "kernels/cpu/isa/rows.h"
#include "kernels/formulas.h"

namespace glass::GLASS_ISA {

namespace {

// A weight per column at stride 1, or nullptr for none.
const float* columns(const View& w, std::int64_t C, float* buffer) {
  if (w.data == nullptr) return nullptr;
  return read_at(rows_of(w), 0, C, buffer);
}

float mean_of(double sum, std::int64_t C) {
  return static_cast<float>(sum / static_cast<double>(C));
}

struct Statistics {
  float mean, rstd;
};

Statistics layernorm_row(float* y, const float* x, const float* w, const float* b, std::int64_t C,
                         float eps) {
  const float mean =
      mean_of(sum_row(C, [&](auto part, std::int64_t i) { return part.load(x + i); }), C);
  const Vec m = splat(mean);
  const double squares = sum_row(C, [&](auto part, std::int64_t i) {
    const Vec d = part.load(x + i) - m;
    return d * d;
  });
  const float rstd = 1.0f / __builtin_sqrtf(mean_of(squares, C) + eps);
  const Vec s = splat(rstd);
  each_vec(C, [&](auto part, std::int64_t i) {
    const Vec shift = b == nullptr ? zero() : part.load(b + i);
    part.store(y + i, fma(formulas::normalized(part.load(x + i), m, s), part.load(w + i), shift));
  });
  return {mean, rstd};
}

float rmsnorm_row(float* y, const float* x, const float* w, std::int64_t C, float eps) {
  const double squares = sum_row(C, [&](auto part, std::int64_t i) {
    const Vec v = part.load(x + i);
    return v * v;
  });
  const float rstd = 1.0f / __builtin_sqrtf(mean_of(squares, C) + eps);
  const Vec s = splat(rstd);
  each_vec(C, [&](auto part, std::int64_t i) {
    const Vec xhat = part.load(x + i) * s;
    part.store(y + i, w == nullptr ? xhat : xhat * part.load(w + i));
  });
  return rstd;
}

// One row backwards. dx, dw, db: nullptr where nobody wants them; dw and db are added to.
// With g = dy w: dx = rstd (g - mean(g) - xhat mean(g xhat)).
void layernorm_backward_row(float* dx, bool add, float* dw, float* db, const float* dy,
                            const float* x, const float* w, Statistics row, std::int64_t C) {
  const Vec mean = splat(row.mean), rstd = splat(row.rstd);
  const TwoSums sums = sum_row<TwoSums>(C, [&](auto part, std::int64_t i) {
    const Vec d = part.load(dy + i), xhat = formulas::normalized(part.load(x + i), mean, rstd);
    if (dw != nullptr) part.store(dw + i, fma(d, xhat, part.load(dw + i)));
    if (db != nullptr) part.store(db + i, d + part.load(db + i));
    const Vec g = d * part.load(w + i);
    return Pair{g, g * xhat};
  });
  if (dx == nullptr) return;
  const Vec mean_g = splat(mean_of(sums.a, C)), mean_gx = splat(mean_of(sums.b, C));
  each_vec(C, [&](auto part, std::int64_t i) {
    const Vec xhat = formulas::normalized(part.load(x + i), mean, rstd);
    const Vec value =
        formulas::layernorm_dx(part.load(dy + i) * part.load(w + i), xhat, rstd, mean_g, mean_gx);
    part.store(dx + i, add ? part.load(dx + i) + value : value);
  });
}

void rmsnorm_backward_row(float* dx, bool add, float* dw, const float* dy, const float* x,
                          const float* w, float row_rstd, std::int64_t C) {
  const Vec rstd = splat(row_rstd);
  const double sum_gx = sum_row(C, [&](auto part, std::int64_t i) {
    const Vec d = part.load(dy + i), xhat = part.load(x + i) * rstd;
    if (dw != nullptr) part.store(dw + i, fma(d, xhat, part.load(dw + i)));
    return (w == nullptr ? d : d * part.load(w + i)) * xhat;
  });
  if (dx == nullptr) return;
  const Vec mean_gx = splat(mean_of(sum_gx, C));
  each_vec(C, [&](auto part, std::int64_t i) {
    const Vec d = part.load(dy + i), g = w == nullptr ? d : d * part.load(w + i);
    const Vec value = formulas::rmsnorm_dx(g, part.load(x + i) * rstd, rstd, mean_gx);
    part.store(dx + i, add ? part.load(dx + i) + value : value);
  });
}

// into = or += the sum of the chunks' partial rows; chunk k's row begins at partial + k * pitch.
template <class Number>
void add_partials(Number* to, std::int64_t step, bool add, const float* partial,
                  std::int64_t chunks, std::int64_t pitch, std::int64_t C) {
  for (std::int64_t i = 0; i < C; i += kLanes, to += kLanes * step) {
    const int n = C - i < kLanes ? static_cast<int>(C - i) : kLanes;
    Vec total = zero();
    for (std::int64_t k = 0; k < chunks; ++k) total += load_first(partial + k * pitch + i, n);
    if (add) total = load_strided_first(to, step, n) + total;
    store_strided_first(to, step, total, n);
  }
}
void add_partials(const Into& into, const float* partial, std::int64_t chunks, std::int64_t pitch,
                  std::int64_t C) {
  const View& v = into.view;
  if (v.data == nullptr) return;
  const std::int64_t step = v.rank == 0 ? 1 : v.stride[v.rank - 1];
  v.dtype == DType::bf16 ? add_partials(halves(v), step, into.add, partial, chunks, pitch, C)
                         : add_partials(floats(v), step, into.add, partial, chunks, pitch, C);
}

// Rows per chunk of a backward: enough that writing a chunk's sums costs little beside reading its
// rows.
std::int64_t backward_rows(std::int64_t C) {
  return rows_per_chunk(C, kGrain) < 16 ? 16 : rows_per_chunk(C, kGrain);
}

}   // namespace

void Cpu::layernorm(View y, View mean, View rstd, View x, View w, View b, double eps) {
  require_f32("layernorm", mean, rstd), require_floats("layernorm", y, x, w, b);
  const Rows Y = rows_of(y), X = rows_of(x), M = elements_of(mean), S = elements_of(rstd);
  const std::int64_t C = X.C;
  if (X.count == 0) return;
  float weights[2 * 64];
  const bool small = C <= 64;
  float* buffer = small ? weights : scratch(Scratch::partials, 2 * C);
  const float* W = columns(w, C, buffer);
  const float* B = columns(b, C, buffer + C);
  const bool pack = !is_plain(X) || !is_plain(Y);
  const std::int64_t per_chunk = rows_per_chunk(C, kGrain);
  parallel_ranges(team_, X.count, per_chunk, [&](std::int64_t begin, std::int64_t end) {
    const RowBuffers rows = row_buffers(pack, 2, C);
    for (std::int64_t r = begin; r < end; ++r) {
      float* to = begin_row(Y, r, false, rows[0]);
      const Statistics s =
          layernorm_row(to, read_row(X, r, rows[1]), W, B, C, static_cast<float>(eps));
      finish_row(Y, r, rows[0]);
      *row(M, r) = s.mean, *row(S, r) = s.rstd;
    }
  });
}

void Cpu::rmsnorm(View y, View rstd, View x, View w, double eps) {
  require_f32("rmsnorm", rstd), require_floats("rmsnorm", y, x, w);
  const Rows Y = rows_of(y), X = rows_of(x), S = elements_of(rstd);
  const std::int64_t C = X.C;
  if (X.count == 0) return;
  float weights[64];
  const float* W = columns(w, C, C <= 64 ? weights : scratch(Scratch::partials, C));
  const bool pack = !is_plain(X) || !is_plain(Y);
  const std::int64_t per_chunk = rows_per_chunk(C, kGrain);
  parallel_ranges(team_, X.count, per_chunk, [&](std::int64_t begin, std::int64_t end) {
    const RowBuffers rows = row_buffers(pack, 2, C);
    for (std::int64_t r = begin; r < end; ++r) {
      float* to = begin_row(Y, r, false, rows[0]);
      *row(S, r) = rmsnorm_row(to, read_row(X, r, rows[1]), W, C, static_cast<float>(eps));
      finish_row(Y, r, rows[0]);
    }
  });
}

void Cpu::layernorm_backward(Into dx, Into dw, Into db, View dy, View x, View w, View mean,
                             View rstd) {
  require_f32("layernorm_backward", mean, rstd);
  require_floats("layernorm_backward", dx.view, dw.view, db.view, dy, x, w);
  const bool want_dx = dx.view.data != nullptr, want_dw = dw.view.data != nullptr,
             want_db = db.view.data != nullptr;
  if (!want_dx && !want_dw && !want_db) return;
  const Rows DX = rows_of(want_dx ? dx.view : x), DY = rows_of(dy), X = rows_of(x);
  const Rows M = elements_of(mean), S = elements_of(rstd);
  const std::int64_t C = X.C, per_chunk = backward_rows(C),
                     chunks = X.count == 0 ? 0 : chunks_of(X.count, per_chunk);

  float* partial = scratch(Scratch::partials, (2 * chunks + 1) * C);   // per chunk: dw, db; then w
  const float* W = columns(w, C, partial + 2 * chunks * C);
  const bool pack = !is_plain(DX) || !is_plain(DY) || !is_plain(X);
  if (chunks > 0)
    parallel_for(team_, chunks, [&](std::int64_t chunk) {
      const std::int64_t begin = chunk * per_chunk,
                         end = begin + per_chunk < X.count ? begin + per_chunk : X.count;
      float* sum_dw = partial + 2 * chunk * C;
      for (std::int64_t i = 0; i < 2 * C; ++i) sum_dw[i] = 0;
      const RowBuffers rows = row_buffers(pack, 3, C);
      for (std::int64_t r = begin; r < end; ++r) {
        float* to = want_dx ? begin_row(DX, r, dx.add, rows[0]) : nullptr;
        layernorm_backward_row(to, dx.add, want_dw ? sum_dw : nullptr,
                               want_db ? sum_dw + C : nullptr, read_row(DY, r, rows[1]),
                               read_row(X, r, rows[2]), W, Statistics{*row(M, r), *row(S, r)}, C);
        if (want_dx) finish_row(DX, r, rows[0]);
      }
    });
  add_partials(dw, partial, chunks, 2 * C, C);
  add_partials(db, partial + C, chunks, 2 * C, C);
}

void Cpu::rmsnorm_backward(Into dx, Into dw, View dy, View x, View w, View rstd) {
  require_f32("rmsnorm_backward", rstd);
  require_floats("rmsnorm_backward", dx.view, dw.view, dy, x, w);
  const bool want_dx = dx.view.data != nullptr, want_dw = dw.view.data != nullptr;
  if (!want_dx && !want_dw) return;
  const Rows DX = rows_of(want_dx ? dx.view : x), DY = rows_of(dy), X = rows_of(x),
             S = elements_of(rstd);
  const std::int64_t C = X.C, per_chunk = backward_rows(C),
                     chunks = X.count == 0 ? 0 : chunks_of(X.count, per_chunk);

  float* partial = scratch(Scratch::partials, (chunks + 1) * C);   // per chunk: dw; then w
  const float* W = columns(w, C, partial + chunks * C);
  const bool pack = !is_plain(DX) || !is_plain(DY) || !is_plain(X);
  if (chunks > 0)
    parallel_for(team_, chunks, [&](std::int64_t chunk) {
      const std::int64_t begin = chunk * per_chunk,
                         end = begin + per_chunk < X.count ? begin + per_chunk : X.count;
      float* sum_dw = partial + chunk * C;
      for (std::int64_t i = 0; want_dw && i < C; ++i) sum_dw[i] = 0;
      const RowBuffers rows = row_buffers(pack, 3, C);
      for (std::int64_t r = begin; r < end; ++r) {
        float* to = want_dx ? begin_row(DX, r, dx.add, rows[0]) : nullptr;
        rmsnorm_backward_row(to, dx.add, want_dw ? sum_dw : nullptr, read_row(DY, r, rows[1]),
                             read_row(X, r, rows[2]), W, *row(S, r), C);
        if (want_dx) finish_row(DX, r, rows[0]);
      }
    });
  add_partials(dw, partial, chunks, C, C);
}

}   // namespace glass::GLASS_ISA
