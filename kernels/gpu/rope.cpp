// Starts the kernel of rope.h.
#include "kernels/gpu/rope.h"

#include <cmath>

#include "kernels/gpu/gpu_backend.h"
#include "kernels/gpu/operands.h"

namespace glass {
using namespace gpu;

namespace {

// frequency / (2 pi) without its whole turns, times 2^64.
std::uint64_t turns_of(double frequency) {
  constexpr long double kTurn = 6.283185307179586476925286766559L;
  const long double turns = static_cast<long double>(frequency) / kTurn;
  return static_cast<std::uint64_t>((turns - std::floor(turns)) * 18446744073709551616.0L);
}

}   // namespace

void GpuBackend::rope(Into y, View x, double base, std::int64_t position, bool inverse) {
  if (!y.view.data) return;
  require_floats("rope", {&y.view, &x});
  const uint D = row_length(x);
  require(x.rank >= 2 && D % 2 == 0, "rope", "x must be (B,H,T,D), and D even");
  require(D / 2 <= kMostPairs, "rope", "a head may have at most 256 numbers");
  RopeArgs p = {};
  p.y.add = y.add;
  p.walk = walk_rows("rope", {{&p.y.rows, y.view}, {&p.x, x}});
  p.T = static_cast<uint>(x.shape[x.rank - 2]);
  p.half = D / 2;
  p.position = static_cast<uint>(position);
  p.inverse = inverse;
  for (uint i = 0; i < p.half; ++i) p.turns[i] = turns_of(std::pow(base, -2.0 * i / D));
  launch("rope", p, {groups_for(std::uint64_t{p.walk.count} * p.half, 256)});
}

}   // namespace glass
