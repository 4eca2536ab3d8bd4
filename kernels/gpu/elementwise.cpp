// Starts the kernels of elementwise.h.
#include "kernels/gpu/elementwise.h"

#include <cmath>
#include <limits>

#include "kernels/gpu/gpu_backend.h"
#include "kernels/gpu/operands.h"

namespace glass {
using namespace gpu;

namespace {

Output output(const Into& into) { return {{}, into.add ? 1u : 0u}; }

// What an i32 holds after c was written to it: towards zero, and the nearest that there is.
int to_integer(double c) {
  if (std::isnan(c)) return 0;
  if (c <= std::numeric_limits<int>::min()) return std::numeric_limits<int>::min();
  if (c >= std::numeric_limits<int>::max()) return std::numeric_limits<int>::max();
  return static_cast<int>(c);
}

}   // namespace

template <class Args>
void GpuBackend::each_element(const char* kernel, const Args& args) {
  launch(kernel, args, {groups_for(args.walk.count, kPerGroup)});
}

void GpuBackend::fill(View y, double c) {
  if (y.dtype != DType::i32) require_floats("fill", {&y});
  FillArgs p = {};
  p.walk = walk("fill", {{&p.y.array, y}});
  p.value = static_cast<float>(c);
  p.integer = to_integer(c);
  each_element("fill", p);
}

void GpuBackend::copy(Into y, View x) {
  if (!y.view.data) return;
  if (y.view.dtype != DType::i32) require_floats("copy", {&y.view});
  if (x.dtype != DType::i32) require_floats("copy", {&x});
  CopyArgs p = {};
  p.y = output(y);
  p.walk = walk("copy", {{&p.y.array, y.view}, {&p.x, x}});
  each_element("copy", p);
}

void GpuBackend::affine(Into y, View x, double scale, double shift) {
  if (!y.view.data) return;
  require_floats("affine", {&y.view, &x});
  AffineArgs p = {};
  p.y = output(y);
  p.walk = walk("affine", {{&p.y.array, y.view}, {&p.x, x}});
  p.scale = static_cast<float>(scale);
  p.shift = static_cast<float>(shift);
  each_element("affine", p);
}

void GpuBackend::map(Unary f, View y, View x) {
  require_floats("map", {&y, &x});
  MapArgs p = {};
  p.walk = walk("map", {{&p.y.array, y}, {&p.x, x}});
  p.formula = static_cast<uint>(f);
  each_element("map", p);
}

void GpuBackend::map_backward(Unary f, Into dx, View dy, View x) {
  if (!dx.view.data) return;
  require_floats("map_backward", {&dx.view, &dy, &x});
  MapArgs p = {};
  p.y = output(dx);
  p.walk = walk("map_backward", {{&p.y.array, dx.view}, {&p.dy, dy}, {&p.x, x}});
  p.formula = static_cast<uint>(f);
  each_element("map_backward", p);
}

void GpuBackend::zip(Binary f, Into y, View a, View b) {
  if (!y.view.data) return;
  require_floats("zip", {&y.view, &a, &b});
  ZipArgs p = {};
  p.y = output(y);
  p.walk = walk("zip", {{&p.y.array, y.view}, {&p.a, a}, {&p.b, b}});
  p.formula = static_cast<uint>(f);
  each_element("zip", p);
}

void GpuBackend::swiglu(View y, View gate, View up) {
  require_floats("swiglu", {&y, &gate, &up});
  SwigluArgs p = {};
  p.walk = walk("swiglu", {{&p.y.array, y}, {&p.gate, gate}, {&p.up, up}});
  each_element("swiglu", p);
}

void GpuBackend::swiglu_backward(Into dgate, Into dup, View dy, View gate, View up) {
  require_floats("swiglu_backward", {&dgate.view, &dup.view, &dy, &gate, &up});
  if (dgate.view.data) {
    SwigluArgs p = {};
    p.y = output(dgate);
    p.walk = walk("swiglu_backward",
                  {{&p.y.array, dgate.view}, {&p.dy, dy}, {&p.gate, gate}, {&p.up, up}});
    each_element("swiglu_dgate", p);
  }
  if (dup.view.data) {
    SwigluArgs p = {};
    p.y = output(dup);
    p.walk = walk("swiglu_backward", {{&p.y.array, dup.view}, {&p.dy, dy}, {&p.gate, gate}});
    each_element("swiglu_dup", p);
  }
}

void GpuBackend::dropout(Into y, View x, double p, RandomKey key) {
  if (!y.view.data) return;
  require_floats("dropout", {&y.view, &x});
  require(p >= 0 && p < 1, "dropout", "p must be in [0, 1)");
  DropoutArgs a = {};
  a.y = output(y);
  a.walk = walk("dropout", {{&a.y.array, y.view}, {&a.x, x}});
  a.scale = static_cast<float>(1 / (1 - p));
  a.threshold = drop_threshold(p);
  a.draws = draws_of(key, p);
  each_element("dropout", a);
}

}   // namespace glass
