// Starts the kernels of optimizer.h.
#include "kernels/gpu/optimizer.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <vector>

#include "kernels/gpu/gpu_backend.h"
#include "kernels/gpu/operands.h"
#include "kernels/gpu/workspace.h"

namespace glass {
using namespace gpu;

namespace {

template <class T>
T* first_of(const View& v) {
  return reinterpret_cast<T*>(v.data);
}

uint size_of_part(const char* op, const View& v) {
  const std::int64_t n = count(v);
  require(n <= std::numeric_limits<uint>::max(), op, "a tensor has more than 2^32 elements");
  return static_cast<uint>(n);
}

void require_f32(const char* op, const View& v) {
  require(!v.data || v.dtype == DType::f32, op, "all but the shadow must be f32");
}

}   // namespace

View GpuBackend::contiguous_copy(gpu::Workspace& to, View from) {
  View y = from;
  y.data = reinterpret_cast<std::byte*>(to.data());
  for (std::int64_t axis = y.rank, stride = 1; axis-- > 0; stride *= y.shape[axis])
    y.stride[axis] = stride;
  copy({y, false}, from);
  return y;
}

void GpuBackend::global_norm(View norm, const View* grads, int n) {
  require_f32("global_norm", norm);
  std::vector<NormPart> parts;
  std::deque<Workspace> copies;   // of gradients with gaps between their rows
  uint pieces = 0;
  for (int g = 0; g < n; ++g) {
    require_f32("global_norm", grads[g]);
    const uint size = size_of_part("global_norm", grads[g]);
    if (size == 0) continue;
    const View grad = is_contiguous(grads[g])
                          ? grads[g]
                          : contiguous_copy(copies.emplace_back(*this, size), grads[g]);
    parts.push_back({first_of<const float>(grad), pieces, size});
    pieces += groups_for(size, kNormPiece);
  }
  GlobalNormArgs p = {};
  p.part_count = static_cast<uint>(parts.size());
  p.count = pieces;
  p.parts = norm_parts_.on_device(*this, parts);
  const Workspace squares(*this, std::size_t{3} * pieces);
  p.squares = squares.data();
  p.norm = first_of<float>(norm);
  launch("sum_squares", p, {pieces});
  launch("global_norm", p, {1});
}

void GpuBackend::adamw(const AdamWItem* items, int n, View numbers, View norm, View skipped) {
  require(count(numbers) >= kAdamWNumbers, "adamw", "numbers must hold every AdamWNumber");
  require_f32("adamw", numbers);
  require_f32("adamw", norm);
  std::vector<AdamWPart> parts;
  uint pieces = 0;
  for (int k = 0; k < n; ++k) {
    const AdamWItem& item = items[k];
    for (const View* v : {&item.param, &item.grad, &item.m, &item.v}) {
      require_f32("adamw", *v);
      require(count(*v) == count(item.param), "adamw", "param, grad, m and v must have one shape");
    }
    require(!item.shadow.data ||
                (item.shadow.dtype == DType::bf16 && count(item.shadow) == count(item.param)),
            "adamw", "the shadow must be bf16, and have param's shape");
    const uint size = size_of_part("adamw", item.param);
    if (size == 0) continue;
    parts.push_back({first_of<float>(item.param), first_of<const float>(item.grad),
                     first_of<float>(item.m), first_of<float>(item.v), first_of<bf16>(item.shadow),
                     pieces, size, static_cast<float>(item.decay), 0});
    pieces += groups_for(size, kAdamWPiece);
  }
  AdamWArgs p = {};
  p.part_count = static_cast<uint>(parts.size());
  p.parts = adamw_parts_.on_device(*this, parts);
  p.numbers = first_of<const float>(numbers);
  p.norm = first_of<const float>(norm);
  p.skipped = first_of<int>(skipped);
  // A step of nothing still says whether it was skipped.
  launch("adamw", p, {std::max(pieces, 1u)});
}

}   // namespace glass
