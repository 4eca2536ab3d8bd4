// Starts the kernel of rope.h.
#include "kernels/gpu/rope.h"

#include <cmath>
#include <vector>

#include "kernels/gpu/gpu_backend.h"
#include "kernels/gpu/operands.h"

namespace glass {
using namespace gpu;

namespace {

// frequency / (2 pi) without its whole turns, times 2^64.
ulong turns_of(double frequency) {
  constexpr long double kTurn = 6.283185307179586476925286766559L;
  const long double turns = static_cast<long double>(frequency) / kTurn;
  return static_cast<ulong>((turns - std::floor(turns)) * 18446744073709551616.0L);
}

}   // namespace

// The turns of all pairs for this base, on the device: computed once.
const ulong* GpuBackend::turns(double base, unsigned D) {
  const std::lock_guard<std::mutex> lock(turns_mutex_);
  for (const Turns& known : turns_)
    if (known.base == base && known.D == D) return reinterpret_cast<const ulong*>(known.data);
  std::vector<ulong> turns;
  for (unsigned i = 0; i < D / 2; ++i) turns.push_back(turns_of(std::pow(base, -2.0 * i / D)));
  const std::size_t bytes = turns.size() * sizeof(ulong);
  turns_.push_back({base, D, allocate(bytes), bytes});
  upload(turns_.back().data, turns.data(), bytes);
  return reinterpret_cast<const ulong*>(turns_.back().data);
}

void GpuBackend::rope(Into y, View x, double base, std::int64_t position, bool inverse) {
  if (!y.view.data) return;
  require_floats("rope", {&y.view, &x});
  const uint D = row_length(x);
  require(x.rank >= 2 && D % 2 == 0, "rope", "x must be (B,H,T,D), and D even");
  RopeArgs p = {};
  p.y.add = y.add;
  p.walk = walk_rows("rope", {{&p.y.rows, y.view}, {&p.x, x}});
  p.T = static_cast<uint>(x.shape[x.rank - 2]);
  p.half = D / 2;
  p.position = static_cast<uint>(position);
  p.inverse = inverse;
  p.turns = turns(base, D);
  launch("rope", p, {groups_for(std::uint64_t{p.walk.count} * p.half, 256)});
}

}   // namespace glass
