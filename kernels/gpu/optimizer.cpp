// Starts the kernels of optimizer.h.
#include "kernels/gpu/optimizer.h"

#include <algorithm>
#include <deque>
#include <vector>

#include "kernels/gpu/gpu_backend.h"
#include "kernels/gpu/operands.h"
#include "kernels/gpu/workspace.h"

namespace glass {
using namespace gpu;

namespace {

template <class T>
T* at(const View& v, std::int64_t i) {
  return v.data ? reinterpret_cast<T*>(v.data) + i : nullptr;
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
  std::vector<NormPiece> pieces;
  std::deque<Workspace> copies;   // of gradients with gaps between their rows
  for (int g = 0; g < n; ++g) {
    require_f32("global_norm", grads[g]);
    const std::int64_t size = count(grads[g]);
    const View grad =
        is_contiguous(grads[g])
            ? grads[g]
            : contiguous_copy(copies.emplace_back(*this, static_cast<std::size_t>(size)), grads[g]);
    for (std::int64_t i = 0; i < size; i += kNormPiece)
      pieces.push_back({at<const float>(grad, i),
                        static_cast<uint>(std::min<std::int64_t>(kNormPiece, size - i))});
  }
  GlobalNormArgs p = {};
  p.count = static_cast<uint>(pieces.size());
  p.pieces = norm_pieces_.on_device(*device_, pieces);
  const Workspace squares(*this, 3 * pieces.size());
  p.squares = squares.data();
  p.norm = at<float>(norm, 0);
  launch("sum_squares", p, {p.count});
  launch("global_norm", p, {1});
}

void GpuBackend::adamw(const AdamWItem* items, int n, View numbers, View norm, View skipped) {
  require(count(numbers) >= kAdamWNumbers, "adamw", "numbers must hold every AdamWNumber");
  require_f32("adamw", numbers);
  require_f32("adamw", norm);
  std::vector<AdamWPiece> pieces;
  for (int k = 0; k < n; ++k) {
    const AdamWItem& item = items[k];
    for (const View* v : {&item.param, &item.grad, &item.m, &item.v}) {
      require_f32("adamw", *v);
      require(count(*v) == count(item.param), "adamw", "param, grad, m and v must have one shape");
    }
    require(!item.shadow.data ||
                (item.shadow.dtype == DType::bf16 && count(item.shadow) == count(item.param)),
            "adamw", "the shadow must be bf16, and have param's shape");
    const std::int64_t size = count(item.param);
    for (std::int64_t i = 0; i < size; i += kAdamWPiece)
      pieces.push_back({at<float>(item.param, i), at<const float>(item.grad, i),
                        at<float>(item.m, i), at<float>(item.v, i), at<bf16>(item.shadow, i),
                        static_cast<uint>(std::min<std::int64_t>(kAdamWPiece, size - i)),
                        static_cast<float>(item.decay)});
  }
  if (pieces.empty()) pieces.push_back({});   // a step of nothing still says whether it was skipped
  AdamWArgs p = {};
  p.pieces = adamw_pieces_.on_device(*device_, pieces);
  p.numbers = at<const float>(numbers, 0);
  p.norm = at<const float>(norm, 0);
  p.skipped = at<int>(skipped, 0);
  launch("adamw", p, {static_cast<unsigned>(pieces.size())});
}

}   // namespace glass
