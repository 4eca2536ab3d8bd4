// One element in, one element out: fill, copy, affine, map, zip, swiglu. The formulas come from
// kernels/formulas.h.
#include "kernels/cpu/isa/loops.h"
#include "kernels/cpu/vector_math.h"
#include "kernels/dispatch.h"

namespace glass::GLASS_ISA {

namespace {

// Which formulas cost little more than the memory they touch.
bool is_light(Unary f) {
  return f == Unary::neg || f == Unary::square || f == Unary::abs || f == Unary::relu ||
         f == Unary::relu2 || f == Unary::reciprocal;
}

bool is_number(const View& v) { return v.dtype == DType::f32 || v.dtype == DType::bf16; }

}   // namespace

void Cpu::fill(View y, double c) {
  if (!is_number(y)) return fill_ids(y, c);
  const Vec value = splat(static_cast<float>(c));
  const View* const none[] = {&y};
  apply(team_, Into{y, false}, none, kGrain, [value](const Vec*) { return value; });
}

void Cpu::copy(Into y, View x) {
  if (y.view.data == nullptr) return;
  // 32 bits are 32 bits: moving i32 as if it were f32 changes none of them.
  const bool moves = y.view.dtype == DType::i32 && x.dtype == DType::i32 && !y.add;
  if (!moves && !(is_number(y.view) && is_number(x))) return copy_converted(y, x);
  const View* const from[] = {&x};
  apply(team_, y, from, kGrain, [](const Vec* in) { return in[0]; });
}

void Cpu::affine(Into y, View x, double scale, double shift) {
  if (y.view.data == nullptr) return;
  require_floats("affine", y.view, x);
  const Vec a = splat(static_cast<float>(scale)), b = splat(static_cast<float>(shift));
  const View* const from[] = {&x};
  apply(team_, y, from, kGrain, [a, b](const Vec* in) { return fma(in[0], a, b); });
}

void Cpu::map(Unary f, View y, View x) {
  require_floats("map", y, x);
  const View* const from[] = {&x};
  with_unary(f, [&](auto tag) {
    apply(team_, Into{y, false}, from, is_light(f) ? kGrain : kGrainMath,
          [](const Vec* in) { return unary<decltype(tag)::value>(in[0]); });
  });
}

void Cpu::map_backward(Unary f, Into dx, View dy, View x) {
  if (dx.view.data == nullptr) return;
  require_floats("map_backward", dx.view, dy, x);
  const View* const from[] = {&dy, &x};
  with_unary(f, [&](auto tag) {
    apply(team_, dx, from, is_light(f) ? kGrain : kGrainMath,
          [](const Vec* in) { return in[0] * unary_slope<decltype(tag)::value>(in[1]); });
  });
}

void Cpu::zip(Binary f, Into y, View a, View b) {
  if (y.view.data == nullptr) return;
  require_floats("zip", y.view, a, b);
  const View* const from[] = {&a, &b};
  with_binary(f, [&](auto tag) {
    apply(team_, y, from, kGrain,
          [](const Vec* in) { return binary<decltype(tag)::value>(in[0], in[1]); });
  });
}

void Cpu::swiglu(View y, View gate, View up) {
  require_floats("swiglu", y, gate, up);
  const View* const from[] = {&gate, &up};
  apply(team_, Into{y, false}, from, kGrainMath,
        [](const Vec* in) { return formulas::swiglu(in[0], in[1]); });
}

void Cpu::swiglu_backward(Into dgate, Into dup, View dy, View gate, View up) {
  require_floats("swiglu_backward", dgate.view, dup.view, dy, gate, up);
  if (dgate.view.data != nullptr) {
    const View* const from[] = {&dy, &gate, &up};
    apply(team_, dgate, from, kGrainMath,
          [](const Vec* in) { return formulas::swiglu_dgate(in[0], in[1], in[2]); });
  }
  if (dup.view.data != nullptr) {
    const View* const from[] = {&dy, &gate};
    apply(team_, dup, from, kGrainMath,
          [](const Vec* in) { return formulas::swiglu_dup(in[0], in[1]); });
  }
}

}   // namespace glass::GLASS_ISA
