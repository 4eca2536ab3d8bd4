// Tiles of bf16. One vdpbf16ps multiplies 16 pairs of numbers and adds both products to 16 sums in
// f32: two multiply-adds a lane where the f32 tile does one. kernels/CMakeLists.txt compiles this
// file alone with the instruction, and pair_tiles says whether the machine at hand has it.
//
// A product of two bf16 is exact in f32, so the error is that of the sum. Three things differ from
// an fma: the two products of a pair are added one after the other, odd first; subnormal inputs
// count as 0; and so do subnormal sums.
#if defined(GLASS_ISA_avx512) && defined(__AVX512BF16__)
#include "kernels/cpu/matmul_tile_body.h"

namespace glass::GLASS_ISA {
namespace {

struct Pairs {
  [[gnu::always_inline]] static Vec add(Vec a, Vec b, Vec sum) {
    const auto pairs = [](Vec v) __attribute__((always_inline)) {
      return reinterpret_cast<__m512bh>(_mm512_castps_si512(v.v));
    };
    return {_mm512_dpbf16_ps(sum.v, pairs(a), pairs(b))};
  }
};

constexpr TileKernels kPairTiles = all_tiles<Pairs>();

}   // namespace

const TileKernels* pair_tiles() {
  return __builtin_cpu_supports("avx512bf16") ? &kPairTiles : nullptr;
}

}   // namespace glass::GLASS_ISA
#else
#include "kernels/cpu/matmul_tile.h"

namespace glass::GLASS_ISA {

const TileKernels* pair_tiles() { return nullptr; }

}   // namespace glass::GLASS_ISA
#endif
