// rope (rotary position embedding): at position t the pair (i, i + D/2) of a head turns by the
// angle t base^(-2i/D).
//
// The angles are the same for every head and batch, so their cosines and sines are computed once
// per call, in double (position 10,000 in float would be off by 0.0005 of a turn), one position
// from the one before by a rotation. The table of the last call is kept: queries and keys of all
// layers ask for the same one.
#include "kernels/cpu/isa/loops.h"
#include "kernels/cpu/isa/rows.h"
#include "kernels/formulas.h"

namespace glass::GLASS_ISA {

namespace {

// What a table was computed for, stored in front of it. Fresh workspace begins with zeros, and no
// base is 0.
struct AnglesKey {
  double base;
  std::int64_t position, T, D;
};
constexpr std::int64_t kKeyFloats = 16;
static_assert(sizeof(AnglesKey) <= kKeyFloats * sizeof(float),
              "the key fits in front of the table");

// (T, D): in row t the D/2 cosines, then the D/2 sines.
const float* angles(double base, std::int64_t position, std::int64_t T, std::int64_t D) {
  const std::int64_t half = D / 2;
  // cos, sin of the angle, and of the step from one position to the next: 4 doubles a pair.
  float* memory = scratch(Scratch::angles, kKeyFloats + T * D + 8 * half);
  AnglesKey* key = reinterpret_cast<AnglesKey*>(memory);
  float* table = memory + kKeyFloats;
  if (key->base == base && key->position == position && key->T == T && key->D == D) return table;

  double* cosine = reinterpret_cast<double*>(table + T * D);
  double *sine = cosine + half, *step_cosine = sine + half, *step_sine = step_cosine + half;
  for (std::int64_t i = 0; i < half; ++i) {
    const double frequency =
        __builtin_pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(D));
    cosine[i] = __builtin_cos(static_cast<double>(position) * frequency);
    sine[i] = __builtin_sin(static_cast<double>(position) * frequency);
    step_cosine[i] = __builtin_cos(frequency), step_sine[i] = __builtin_sin(frequency);
  }
  for (std::int64_t t = 0; t < T; ++t) {
    float* row_cosine = table + t * D;
    float* row_sine = row_cosine + half;
    for (std::int64_t i = 0; i < half; ++i) {
      row_cosine[i] = static_cast<float>(cosine[i]), row_sine[i] = static_cast<float>(sine[i]);
      const double c = cosine[i] * step_cosine[i] - sine[i] * step_sine[i];
      sine[i] = sine[i] * step_cosine[i] + cosine[i] * step_sine[i];
      cosine[i] = c;
    }
  }
  *key = {base, position, T, D};
  return table;
}

}   // namespace

void Cpu::rope(Into y, View x, double base, std::int64_t position, bool inverse) {
  if (y.view.data == nullptr) return;
  require_floats("rope", y.view, x);
  const Rows Y = rows_of(y.view), X = rows_of(x);
  if (X.count == 0 || X.C == 0) return;
  const std::int64_t T = x.shape[x.rank - 2], D = X.C, half = D / 2;
  const float* table = angles(base, position, T, D);
  const bool pack = !is_plain(X) || !is_plain(Y), add = y.add;
  const Vec direction = splat(inverse ? -1.0f : 1.0f);
  const std::int64_t rows = rows_per_chunk(D, kGrain);
  parallel_ranges(team_, X.count, rows, [&](std::int64_t begin, std::int64_t end) {
    const RowBuffers buffers = row_buffers(pack, 2, D);
    RowPlace x_place = place_at(X, begin), y_place = place_at(Y, begin);
    std::int64_t t = begin % T;
    for (std::int64_t r = begin; r < end; ++r) {
      const float* from = read_at(X, x_place.offset, D, buffers[1]);
      float* to = begin_at(Y, y_place.offset, D, add, buffers[0]);
      const float *cosines = table + t * D, *sines = cosines + half;
      each_vec(half, [&](auto part, std::int64_t i) {
        const Vec a = part.load(from + i), b = part.load(from + half + i);
        const Vec cosine = part.load(cosines + i), sine = part.load(sines + i) * direction;
        const Vec first = formulas::rope_first(a, b, cosine, sine);
        const Vec second = formulas::rope_second(a, b, cosine, sine);
        part.store(to + i, add ? part.load(to + i) + first : first);
        part.store(to + half + i, add ? part.load(to + half + i) + second : second);
      });
      finish_at(Y, y_place.offset, D, buffers[0]);
      move_on(x_place, X), move_on(y_place, Y);
      t = t + 1 < T ? t + 1 : 0;
    }
  });
}

}   // namespace glass::GLASS_ISA
