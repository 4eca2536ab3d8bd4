// The least that runs a GPU kernel: for a debugger (kernels/README.md). Four rows of 300 logits, a
// group of 256 threads for each; logit v of row r is v % (r + 2), and the target of every row is 1.
#include <cstdio>
#include <vector>

#include "kernels/emulator/group.h"
#include "kernels/gpu/cross_entropy.h"

using namespace glass;

int main() {
  constexpr gpu::uint kRows = 4, kLogits = 300;
  std::vector<float> logits(kRows * kLogits), loss(kRows), lse(kRows);
  std::vector<int> targets(kRows, 1);
  for (gpu::uint i = 0; i < logits.size(); ++i)
    logits[i] = static_cast<float>(i % kLogits % (i / kLogits + 2));
  gpu::uint fault = 0;
  gpu::CrossEntropyArgs p = {};
  p.rows = kRows;
  p.V = kLogits;
  p.logits = {logits.data(), gpu::kF32, {kLogits, 1}};
  p.loss = {loss.data(), gpu::kF32, {1}};
  p.lse = {lse.data(), gpu::kF32, {1}};
  p.targets = {targets.data(), gpu::kI32, {1}};
  p.fault = &fault;
  emulator::run(*gpu::find_kernel("cross_entropy"), &p, {kRows}, {});
  for (const float l : loss) std::printf("%.4f\n", static_cast<double>(l));
}
