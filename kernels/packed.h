// A weight in the order in which inference reads it, and in as few bits as it bears: f32, bf16, or
// whole numbers of 8 or 4 bits with a step for each small group of them.
//
// The idea to hold: to write one token a model multiplies every weight once, so its speed is the
// bandwidth of memory divided by the bytes of the weights. Halving the bytes doubles the tokens a
// second; everything else is bookkeeping.
//
// A weight w (N,K) is cut into panels of kPanel outputs, the last one filled up with zeros. Within
// a panel the inputs k follow each other, and for each k (or each few) the outputs j do, so that
// the vectors of any machine hold neighbouring outputs and a panel is read from its first byte to
// its last:
// clang-format off
//   f32         float (k, j), j fastest
//   bf16        word (k / 2, j): the number of an even k in its low half, the next one in its high half
//   int8, int4  groups of group_of(type) inputs: first the steps of all outputs, then the numbers.
//               Steps are bf16; word j of 16 has that of output j low and that of j + 16 high.
//               A number u = 0 .. 2^b - 1 stands for step (u - 2^(b-1)). A word holds 32 / b of one
//               output, in pairs (place_in_word): `word & mask`, and again after a shift by b, gives
//               neighbours in its halves, as integer dot products want them.
// clang-format on
#pragma once
#include <cstddef>
#include <cstdint>

namespace glass {

enum class PackedType : std::uint8_t { f32, bf16, int8, int4 };
constexpr int kPackedTypes = 4;

// What a kernel is given: like a View, it owns nothing.
struct PackedWeight {
  const std::byte* data;   // on the backend that is given it, 64-byte aligned
  PackedType type;
  std::int64_t N, K;
};

constexpr int kPanel = 32;

// So many rows of x, tokens being written, are worth a kernel that reads w as it is packed; more, a
// prompt, are worth tiles, and beside a rounded w an x in bf16.
constexpr std::int64_t kFewPackedRows = 8;

// Bits of a number; inputs that share a step (1: there are no steps); bytes from one panel to the
// next.
[[gnu::always_inline]] constexpr int bits_of(PackedType t) {
  return t == PackedType::f32 ? 32 : t == PackedType::bf16 ? 16 : t == PackedType::int8 ? 8 : 4;
}
[[gnu::always_inline]] constexpr int group_of(PackedType t) {
  return t == PackedType::int8 ? 64 : t == PackedType::int4 ? 32 : 1;
}
[[gnu::always_inline]] constexpr std::int64_t panel_bytes(PackedType t, std::int64_t K) {
  const std::int64_t unit = t == PackedType::bf16 ? 2 : group_of(t);
  const std::int64_t steps = group_of(t) > 1 ? 2 * kPanel : 0;
  return (K + unit - 1) / unit * (steps + unit * kPanel * bits_of(t) / 8);
}
// Where number i of a word begins.
[[gnu::always_inline]] constexpr int place_in_word(int i, int bits) {
  return i / 2 * bits + i % 2 * 16;
}

const char* name_of(PackedType);
std::size_t packed_bytes(PackedType, std::int64_t N, std::int64_t K);

// Packs w, element (n, k) at w[n row + k column], into packed_bytes of host memory. bf16 rounds to
// the nearest. A group of whole numbers takes its number of largest magnitude for -2^(b-1) steps
// and everything to the nearest step, so a number is off by half a step at most, or by one where it
// is as large with the other sign.
void pack(std::byte* to, PackedType type, std::int64_t N, std::int64_t K, const float* w,
          std::int64_t row, std::int64_t column);

// The number that stands for w(n, k): exact in f32. The definition that every kernel is held to.
float packed_number(const PackedWeight& w, std::int64_t n, std::int64_t k);
// The step of its group; 0 where there are none.
float packed_step(const PackedWeight& w, std::int64_t n, std::int64_t k);

}   // namespace glass
