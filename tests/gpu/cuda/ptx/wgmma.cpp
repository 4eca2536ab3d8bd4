// Hopper's products: a warpgroup, four warps, starts an instruction that reads its factors from the
// group's memory and goes on. What it may not touch meanwhile, and what has to be said before, is
// the PTX ISA's: "Asynchronous warpgroup level matrix instructions", "Register fragments for
// wgmma.mma_async", "Matrix descriptor".
//
// Here sums are there at once, and the rules are kept by keeping books: which registers belong to
// products on their way (Products), what they read (Group::begin_reading), and what the registers
// were at the last wgmma.fence.
#include <cstring>

#include "tests/gpu/cuda/ptx/group.h"
#include "tests/gpu/cuda/ptx/warp.h"

namespace glass::test::ptx {
namespace {

constexpr u32 kRegisterBytes = 4 * kLanes;
constexpr unsigned kWarps = 4;

// A factor, by its descriptor: `across`: whether the 16 are the rows that lie one after the other.
void read_factor(const Warp& w, const Instruction& i, u64 descriptor, bool across, unsigned sides,
                 float* to) {
  if (descriptor >> 62 != 1 || (descriptor >> 49 & 7))
    w.fault(i, 0,
            "a descriptor of wgmma without the swizzle of 128 bytes, which alone is known here");
  const u64 start = (descriptor & 0x3fff) << 4, leading = (descriptor >> 16 & 0x3fff) << 4,
            stride = (descriptor >> 32 & 0x3fff) << 4;
  for (unsigned side = 0; side < sides; ++side)
    for (unsigned k = 0; k < 16; ++k) {
      u64 at = across ? start + side / 64 * leading + k / 8 * stride + k % 8 * 128 + side % 64 * 2
                      : start + side / 8 * stride + side % 8 * 128 + k * 2;
      at ^= (at >> 7 & 7) << 4;
      const std::byte* p = w.group->reach(w, i, 0, Space::shared, at, 2, false);
      if (const u32 writer = w.group->unfenced_writer(at))
        w.fault(i, 0,
                "wgmma reads what thread " + std::to_string(writer - 1) +
                    " wrote without a fence.proxy.async");
      w.group->begin_reading(at, w.first / kLanes / kWarps, w.products.batch, i.line);
      u16 bits;
      std::memcpy(&bits, p, 2);
      to[side * 16 + k] = of_bf16(bits);
    }
}

// The registers of the sums are what they were at the last wgmma.fence, or what products made of
// them.
void require_fenced(const Warp& w, const Instruction& i) {
  if (w.products.fenced.empty()) w.fault(i, 0, "wgmma before any wgmma.fence");
  for (unsigned e = 0; e < i.count / 2u; ++e) {
    const Place at = w.place(i, e);
    if (std::memcmp(w.registers + at, &w.products.fenced[at], kRegisterBytes) != 0)
      w.fault(i, 0,
              "wgmma adds to a register that was changed since the last wgmma.fence, number " +
                  std::to_string(e) + " of its sums");
  }
}

// What one warp of the four gets: C has rows of N.
void add_sums(Warp& w, const Instruction& i, const float* C, bool adds) {
  const unsigned N = i.count, first_row = w.first / kLanes % kWarps * 16;
  Products& mine = w.products;
  for (unsigned e = 0; e < N / 2; ++e) {
    const Place at = w.place(i, e);
    float* d = w.lanes<float>(at);
    for (unsigned l = 0; l < kLanes; ++l) {
      const unsigned row = first_row + l / 4 + (e >> 1 & 1) * 8,
                     col = e / 4 * 8 + l % 4 * 2 + (e & 1);
      d[l] = (adds ? d[l] : 0.0f) + C[row * N + col];
    }
    std::memcpy(&mine.fenced[at], w.registers + at, kRegisterBytes);
    u32& batch = mine.batch_of[at / kRegisterBytes];
    mine.registers += batch == 0;
    batch = mine.batch;
  }
}

// 64 x count = (64 x 16) (16 x count), by the first warp for all four.
void multiply(Warp& first, const Instruction& i) {
  const unsigned N = i.count, sums = N / 2;
  const u64 a = *first.lanes<u64>(first.place(i, sums)),
            b = *first.lanes<u64>(first.place(i, sums + 1));
  const bool adds = *first.lanes<u32>(first.place(i, sums + 2));
  const u32 across_a = *first.lanes<u32>(first.place(i, sums + 5)),
            across_b = *first.lanes<u32>(first.place(i, sums + 6));
  for (unsigned n = 3; n < 5; ++n)
    if (*first.lanes<u32>(first.place(i, sums + n)) != 1)
      first.fault(i, 0, "wgmma with a factor negated, which is not known here");
  const std::span<Warp> warps = first.group->warps().subspan(first.first / kLanes, kWarps);
  for (const Warp& w : warps) require_fenced(w, i);
  std::vector<float> A(64 * 16), B(N * 16), C(64 * N);
  read_factor(first, i, a, across_a, 64, A.data());
  read_factor(first, i, b, across_b, N, B.data());
  for (unsigned m = 0; m < 64; ++m)
    for (unsigned n = 0; n < N; ++n)
      for (unsigned k = 0; k < 16; ++k) C[m * N + n] += A[m * 16 + k] * B[n * 16 + k];
  for (Warp& w : warps) add_sums(w, i, C.data(), adds);
}

void fence(Warp& w, const Instruction&) {
  w.products.fenced.assign(w.registers, w.registers + w.group->kernel().register_bytes);
}
void commit(Warp& w, const Instruction&) { ++w.products.batch; }
void wait(Warp& w, const Instruction& i) {   // until no more than so many batches are on the way
  const u32 may_be_left = *w.lanes<u32>(i.d);
  Products& mine = w.products;
  for (u32& batch : mine.batch_of)
    if (batch > 0 && batch + may_be_left < mine.batch) batch = 0, --mine.registers;
  if (mine.batch > may_be_left + 1)
    w.group->end_reading(w.first / kLanes / kWarps, mine.batch - may_be_left - 1);
}

}   // namespace

Run wgmma(const Statement& s, Instruction& i) {
  if (s.name[0] != "wgmma") return nullptr;
  i.kind = Kind::together;
  if (s.has("fence")) return fence;
  if (s.has("commit_group")) return commit;
  if (s.has("wait_group")) return wait;
  if (!s.has("mma_async")) return nullptr;
  const std::string& shape = s.name[4];
  if (shape.rfind("m64n", 0) != 0 || shape.find("k16") == std::string::npos ||
      s.name.back() != "bf16" || s.operands.size() != 8)
    return nullptr;
  i.count = static_cast<std::uint8_t>(std::stoul(shape.substr(4)));
  i.kind = Kind::warpgroup;
  return s.operands[0].size() == i.count / 2u ? multiply : nullptr;
}

// An instruction of the warp itself touches no register that products on their way have.
void require_landed(const Warp& w, const Instruction& i) {
  if (i.kind == Kind::warpgroup || i.kind == Kind::branch || i.kind == Kind::end) return;
  if (i.guarded && !(w.awake & (i.unless ? ~w.bits(i.guard) : w.bits(i.guard)))) return;
  for (unsigned n = 0; n < i.operands; ++n)
    if (w.products.batch_of[w.place(i, n) / kRegisterBytes] != 0)
      w.fault(i, static_cast<unsigned>(__builtin_ctz(w.awake)),
              "touches a register that a product of wgmma on its way has: nobody has waited for "
              "its batch");
}

}   // namespace glass::test::ptx
