// What the lanes of a warp do together: barriers, shuffles, votes.
#include "tests/gpu/cuda/ptx/warp.h"

namespace glass::test::ptx {
namespace {

enum Shuffle : std::uint8_t { kXor, kUp, kDown, kIndex };

void require_all(const Warp& w, const Instruction& i, Place members) {
  if (*w.lanes<u32>(members) != kAllLanes)
    w.fault(i, 0, "not all 32 lanes are asked for, which is not known here");
}

// shfl d|p, a, lane, c, members: c says how far it reaches, in its low five bits, and in which
// segments.
template <Shuffle how>
void shuffle(Warp& w, const Instruction& i) {
  const bool tells = i.count > 1;
  const Place from = w.place(i, tells ? 2 : 1);
  const u32 *a = w.lanes<u32>(from), *b = w.lanes<u32>(w.place(i, tells ? 3 : 2)),
            *c = w.lanes<u32>(w.place(i, tells ? 4 : 3));
  require_all(w, i, w.place(i, tells ? 5 : 4));
  u32 before[kLanes];
  for (unsigned l = 0; l < kLanes; ++l) before[l] = a[l];
  u32 *d = w.lanes<u32>(i.d), *p = tells ? w.lanes<u32>(i.a) : nullptr;
  for (unsigned l = 0; l < kLanes; ++l) {
    const u32 segment = c[l] >> 8 & 31, last = (l & segment) | (c[l] & 31 & ~segment),
              step = b[l] & 31;
    const u32 other = how == kXor    ? l ^ step
                      : how == kUp   ? l - step
                      : how == kDown ? l + step
                                     : (l & segment) | (step & ~segment);
    const bool there = how == kUp
                           ? static_cast<std::int32_t>(other) >= static_cast<std::int32_t>(last)
                           : other <= last;
    d[l] = before[there ? other : l];
    if (p) p[l] = there ? ~0u : 0u;
  }
}

void ballot(Warp& w, const Instruction& i) {
  require_all(w, i, i.b);
  const u32 votes = w.bits(i.a);
  u32* d = w.lanes<u32>(i.d);
  for (unsigned l = 0; l < kLanes; ++l) d[l] = votes;
}
template <bool all>
void agree(Warp& w, const Instruction& i) {
  require_all(w, i, i.b);
  const u32 votes = w.bits(i.a);
  u32* d = w.lanes<u32>(i.d);
  for (unsigned l = 0; l < kLanes; ++l) d[l] = (all ? votes == kAllLanes : votes != 0) ? ~0u : 0u;
}

void warp_barrier(Warp& w, const Instruction&) { ++w.syncs; }

}   // namespace

Run exchange(const Statement& s, Instruction& i) {
  const std::string& op = s.name[0];
  if (op == "bar" || op == "barrier") {
    if (s.has("warp")) {
      i.kind = Kind::together;
      return warp_barrier;
    }
    if (!s.has("sync") || s.operands.size() != 1 || s.operands[0][0] != "0") return nullptr;
    i.kind = Kind::barrier;
    return warp_barrier;
  }
  if (op == "shfl") {
    i.kind = Kind::together;
    i.count = static_cast<std::uint8_t>(s.operands[0].size());
    return s.has("bfly")   ? shuffle<kXor>
           : s.has("up")   ? shuffle<kUp>
           : s.has("down") ? shuffle<kDown>
           : s.has("idx")  ? shuffle<kIndex>
                           : nullptr;
  }
  if (op == "vote") {
    i.kind = Kind::together;
    for (const auto& operand : s.operands)
      if (operand[0][0] == '!') return nullptr;
    return s.has("ballot") ? ballot
           : s.has("all")  ? agree<true>
           : s.has("any")  ? agree<false>
                           : nullptr;
  }
  return nullptr;
}

}   // namespace glass::test::ptx
