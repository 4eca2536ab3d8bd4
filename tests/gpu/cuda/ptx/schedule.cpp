// How the lanes of a warp go through the code. They start together. At a branch that only some of
// them take they part, and those that are furthest behind go on first, so that they meet again:
// nvcc writes code in the order in which it runs.
#include <algorithm>

#include "tests/gpu/cuda/ptx/group.h"

namespace glass::test::ptx {

Group::Stop Group::run_warp(Warp& w) {
  const Instruction* const code = kernel_.code.data();
  for (;;) {
    if (!w.others.empty() || w.awake == 0)
      if (!choose_lanes(w)) return Stop::returned;
    if (w.products.registers > 0) require_landed(w, code[w.at]);
    // While products are on their way, one instruction at a time is looked at.
    if (const std::uint32_t straight =
            w.products.registers > 0 ? code[w.at].straight > 0 : code[w.at].straight) {
      const Instruction* i = code + w.at;
      w.at += straight;
      w.instructions +=
          std::uint64_t{straight} * static_cast<unsigned>(__builtin_popcount(w.awake));
      for (const Instruction* const end = i + straight; i < end; ++i) {
        if (!i->guarded) {
          i->run(w, *i);
          continue;
        }
        const std::uint32_t all = w.awake, yes = w.bits(i->guard);
        w.wake(all & (i->unless ? ~yes : yes));
        if (w.awake) i->run(w, *i);
        w.wake(all);
      }
      continue;
    }
    const Instruction& i = code[w.at];
    w.instructions += static_cast<unsigned>(__builtin_popcount(w.awake));
    if (i.guarded && i.kind != Kind::branch && i.kind != Kind::end)
      w.fault(i, 0, "an instruction for all lanes has a guard, which is not known here");
    switch (i.kind) {
      case Kind::branch:
        branch(w, i);
        break;
      case Kind::end:
        leave(w, i);
        break;
      case Kind::together:
        if (!gather_lanes(w, i)) break;
        i.run(w, i);
        ++w.at;
        break;
      case Kind::barrier:
        if (gather_lanes(w, i)) return Stop::barrier;
        break;
      case Kind::warpgroup:
        if (gather_lanes(w, i)) return Stop::warpgroup;
        break;
      case Kind::plain:
        break;
    }
  }
}

// Those that are furthest behind, and all that are at the same place. False: all have returned.
bool Group::choose_lanes(Warp& w) {
  if (w.awake) w.others.push_back({w.at, w.awake, false});
  const Split* best = nullptr;
  for (const Split& s : w.others)
    if (!s.waits && (!best || s.at < best->at)) best = &s;
  if (!best) {
    if (w.others.empty()) return false;
    const Split& stuck = w.others.front();
    const std::string others =
        w.others.size() > 1
            ? "others wait elsewhere, PTX line " + std::to_string(kernel_.code[w.others[1].at].line)
            : "thread " +
                  std::to_string(w.first + static_cast<unsigned>(__builtin_ctz(w.returned))) +
                  " has returned";
    w.fault(kernel_.code[stuck.at], static_cast<unsigned>(__builtin_ctz(stuck.lanes)),
            "waits for its whole warp, but " + others);
  }
  w.at = best->at;
  std::uint32_t lanes = 0;
  std::erase_if(w.others, [&](const Split& s) {
    if (s.at != w.at) return false;
    lanes |= s.lanes;
    return true;
  });
  w.wake(lanes);
  return true;
}

void Group::branch(Warp& w, const Instruction& i) {
  const std::uint32_t yes = !i.guarded ? kAllLanes : i.unless ? ~w.bits(i.guard) : w.bits(i.guard);
  const std::uint32_t jump = w.awake & yes, stay = w.awake & ~yes;
  if (!stay) w.at = i.target;
  else ++w.at;
  if (!stay || !jump) return;
  w.others.push_back({i.target, jump, false});
  w.wake(stay);
}

void Group::leave(Warp& w, const Instruction& i) {
  const std::uint32_t yes = !i.guarded ? kAllLanes : i.unless ? ~w.bits(i.guard) : w.bits(i.guard);
  const std::uint32_t gone = w.awake & yes;
  if (std::any_of(w.copies.begin(), w.copies.end(),
                  [&](const Copy& c) { return gone >> c.lane & 1; }))
    w.fault(i, static_cast<unsigned>(__builtin_ctz(gone)),
            "returns while a copy of its is on the way");
  if (gone && w.products.registers > 0)
    w.fault(i, static_cast<unsigned>(__builtin_ctz(gone)),
            "returns while a product of wgmma is on its way");
  w.returned |= gone;
  w.wake(w.awake & ~gone);
  ++w.at;
}

// Whether all lanes are here that have not returned; if not, those that are go to sleep.
bool Group::gather_lanes(Warp& w, const Instruction& i) {
  const bool never_full = w.first + kLanes > kernel_.threads;
  if (w.returned && w.awake == ~w.returned && !never_full)
    w.fault(i, static_cast<unsigned>(__builtin_ctz(w.awake)),
            "waits for its whole warp, but thread " +
                std::to_string(w.first + static_cast<unsigned>(__builtin_ctz(w.returned))) +
                " has returned");
  if (w.awake == ~w.returned) return true;
  w.others.push_back({w.at, w.awake, true});
  w.wake(0);
  return false;
}

}   // namespace glass::test::ptx
