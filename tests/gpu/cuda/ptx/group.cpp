#include "tests/gpu/cuda/ptx/group.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace glass::test::ptx {

void Warp::fault(const Instruction& i, unsigned lane, const std::string& what) const {
  throw Fault("kernel " + group->kernel().name + ", PTX line " + std::to_string(i.line) + ", " +
              group->place_text(first + lane) + ": " + what);
}

Group::Group(const Kernel& kernel, const void* parameters, Grid grid, std::uint32_t dynamic_bytes,
             std::span<const Range> memory, Rules rules)
    : kernel_(kernel),
      shared_size_(kernel.dynamic_begin + dynamic_bytes + 64),
      parameters_(static_cast<const std::byte*>(parameters)),
      grid_(grid),
      memory_(memory),
      rules_(rules),
      warps_((kernel.threads + kLanes - 1) / kLanes),
      registers_(warps_.size() * kernel.register_bytes + 64),
      local_(std::size_t{kernel.threads} * kernel.local_bytes),
      shared_(shared_size_ / 8 + 129),
      inside_(shared_size_, 0),
      touches_(shared_size_ / 2 + 1),
      unfenced_(kernel.has_wgmma ? shared_size_ / 16 + 1 : 0) {
  constexpr std::uintptr_t kAlign = 1024;   // what the swizzle of wgmma counts from
  std::byte* const start = reinterpret_cast<std::byte*>(shared_.data());
  shared_bytes_ = start + (kAlign - reinterpret_cast<std::uintptr_t>(start) % kAlign) % kAlign;
  for (const SharedArray& a : kernel.shared)
    std::fill(inside_.begin() + a.begin, inside_.begin() + a.end, std::uint8_t{1});
  std::fill_n(inside_.begin() + kernel.dynamic_begin, dynamic_bytes, std::uint8_t{1});

  std::byte* aligned = registers_.data();
  aligned += (64 - reinterpret_cast<std::uintptr_t>(aligned) % 64) % 64;
  std::uint32_t first = 0;
  for (Warp& w : warps_) {
    w.registers = aligned + std::size_t{first / kLanes} * kernel.register_bytes;
    w.places = kernel.places.data();
    w.group = this;
    w.first = first;
    first += kLanes;
    for (const auto& [place, constant] : kernel.constants)
      for (unsigned l = 0; l < kLanes; ++l)
        if (constant.wide) w.lanes<std::uint64_t>(place)[l] = constant.number;
        else w.lanes<std::uint32_t>(place)[l] = static_cast<std::uint32_t>(constant.number);
  }
}

std::uint64_t Group::instructions() const {
  std::uint64_t all = 0;
  for (const Warp& w : warps_) all += w.instructions;
  return all;
}

std::string Group::place_text(unsigned thread) const {
  return "thread " + std::to_string(thread) + " of group (" + std::to_string(at_.x) + "," +
         std::to_string(at_.y) + "," + std::to_string(at_.z) + ")";
}

void Group::set_specials(Grid at) {
  for (const auto& [place, name] : kernel_.specials) {
    const std::uint32_t same = name == "%ntid.x"                        ? kernel_.threads
                               : name == "%ctaid.x"                     ? at.x
                               : name == "%ctaid.y"                     ? at.y
                               : name == "%ctaid.z"                     ? at.z
                               : name == "%nctaid.x"                    ? grid_.x
                               : name == "%nctaid.y"                    ? grid_.y
                               : name == "%nctaid.z"                    ? grid_.z
                               : name == "%ntid.y" || name == "%ntid.z" ? 1
                                                                        : 0;
    for (Warp& w : warps_)
      for (unsigned l = 0; l < kLanes; ++l)
        w.lanes<std::uint32_t>(place)[l] = name == "%tid.x"    ? w.first + l
                                           : name == "%laneid" ? l
                                           : name == "%warpid" ? w.first / kLanes
                                                               : same;
  }
}

void Group::run(Grid at) {
  at_ = at;
  set_specials(at);
  std::memset(shared_bytes_, 0xff, shared_size_);   // NaN
  std::fill(unfenced_.begin(), unfenced_.end(), std::uint16_t{0});
  readings_.clear();
  barriers_ += 2;   // nothing that the last group did counts
  for (Warp& w : warps_) {
    const std::uint32_t threads = std::min(kernel_.threads - w.first, kLanes);
    w.at = 0;
    w.others.clear();
    w.copies.clear();
    std::fill(std::begin(w.batch), std::end(w.batch), 0u);
    if (kernel_.has_wgmma) {
      w.products = {};
      w.products.batch_of.resize(kernel_.register_bytes / (4 * kLanes));
    }
    w.returned = threads == kLanes ? 0 : ~((1u << threads) - 1);
    w.wake(~w.returned);
  }
  std::vector<Stop> stops(warps_.size(), Stop::barrier);
  std::vector<bool> ready(warps_.size(), true);
  for (;;) {
    for (std::size_t n = 0; n < warps_.size(); ++n) {
      const std::size_t which = rules_.backwards ? warps_.size() - 1 - n : n;
      if (ready[which]) stops[which] = run_warp(warps_[which]);
    }
    std::fill(ready.begin(), ready.end(), false);
    run_warpgroups(stops, ready);
    if (std::find(ready.begin(), ready.end(), true) != ready.end()) continue;
    if (std::all_of(stops.begin(), stops.end(), [](Stop s) { return s == Stop::returned; })) return;
    release_barrier(stops);
    std::fill(ready.begin(), ready.end(), true);
  }
}

// Warpgroups that are together at wgmma do it, and are ready to go on.
void Group::run_warpgroups(const std::vector<Stop>& stops, std::vector<bool>& ready) {
  for (std::size_t n = 0; n < warps_.size(); ++n) {
    if (stops[n] != Stop::warpgroup) continue;
    const std::size_t first = n / 4 * 4;
    const Instruction& i = kernel_.code[warps_[n].at];
    for (std::size_t other = first; other < first + 4; ++other)
      if (other >= warps_.size() || stops[other] != Stop::warpgroup ||
          warps_[other].at != warps_[n].at)
        warps_[n].fault(i, 0, "the four warps of its warpgroup are not together at wgmma");
    i.run(warps_[first], i);
    for (; n < first + 4; ++n) ++warps_[n].at, ready[n] = true;
    --n;
  }
}

// All warps stand at one barrier, or somebody has made a mistake.
void Group::release_barrier(const std::vector<Stop>& stops) {
  std::size_t first = 0;
  while (stops[first] != Stop::barrier) ++first;
  const Warp& w = warps_[first];
  const Instruction& i = kernel_.code[w.at];
  for (std::size_t n = 0; n < warps_.size(); ++n) {
    if (stops[n] == Stop::returned)
      w.fault(
          i, 0,
          "waits at a barrier, but thread " + std::to_string(warps_[n].first) + " has returned");
    if (warps_[n].at != w.at)
      w.fault(i, 0,
              "waits at a barrier, but thread " + std::to_string(warps_[n].first) +
                  " waits at another one, PTX line " +
                  std::to_string(kernel_.code[warps_[n].at].line));
  }
  ++barriers_;
  for (Warp& each_warp : warps_) ++each_warp.at;
}

// ---- memory ----

const Range* Group::find(std::uint64_t address) const {
  const auto after = std::upper_bound(memory_.begin(), memory_.end(), address,
                                      [](std::uint64_t a, const Range& r) { return a < r.begin; });
  if (after == memory_.begin()) return nullptr;
  const Range* r = &*(after - 1);
  return address < r->end ? r : nullptr;
}

bool Group::all_inside(const Warp& w, const std::uint64_t* addresses, unsigned bytes) {
  std::uint64_t low = ~std::uint64_t{0}, high = 0, all = 0;
  for (unsigned l = 0; l < kLanes; ++l) {
    const std::uint64_t awake = w.mask[l] ? ~std::uint64_t{0} : 0;
    low = std::min(low, addresses[l] | ~awake);
    high = std::max(high, addresses[l] & awake);
    all |= addresses[l] & awake;
  }
  if (all % bytes) return false;
  if (low < last_.begin || high + bytes > last_.end) {
    const Range* r = find(low);
    if (!r || high + bytes > r->end) return false;
    last_ = *r;
  }
  return true;
}

std::byte* Group::reach(const Warp& w, const Instruction& i, unsigned lane, Space space,
                        std::uint64_t address, unsigned bytes, bool writes) {
  if (space == Space::generic) {
    if (address >= kLocalWindow) space = Space::local, address -= kLocalWindow;
    else if (address >= kSharedWindow) space = Space::shared, address -= kSharedWindow;
    else space = Space::global;
  }
  if (address % bytes)
    w.fault(i, lane, "an address that is no multiple of " + std::to_string(bytes));
  switch (space) {
    case Space::param:
      if (writes || address + bytes > kernel_.parameter_bytes)
        w.fault(i, lane, "reaches past the kernel's arguments");
      return const_cast<std::byte*>(parameters_) + address;
    case Space::local:
      if (address + bytes > kernel_.local_bytes) w.fault(i, lane, "reaches past its own memory");
      return local_.data() + std::size_t{w.first + lane} * kernel_.local_bytes + address;
    case Space::shared:
      require_inside(w, i, lane, address, bytes);
      if (inside_[address] == kOnItsWay || inside_[address + bytes - 1] == kOnItsWay)
        w.fault(i, lane,
                std::string(writes ? "overwrites" : "reads") + " byte " + std::to_string(address) +
                    " of the group's memory, which cp.async is still to bring: nobody has waited");
      watch(w, i, lane, address, bytes, writes);
      return shared_bytes_ + address;
    default:
      break;
  }
  const Range* r = find(address);
  if (!r || address + bytes > r->end) {
    char text[96];
    std::snprintf(text, sizeof text, "%u bytes at %#llx are in no allocation of the GPU", bytes,
                  static_cast<unsigned long long>(address));
    w.fault(i, lane, text);
  }
  return reinterpret_cast<std::byte*>(address);
}

// Two threads may touch the same bytes, one of them writing, only with a barrier between: the
// group's, or, within a warp, the warp's.
void Group::watch(const Warp& w, const Instruction& i, unsigned lane, std::uint64_t address,
                  unsigned bytes, bool writes) {
  const std::uint32_t thread = w.first + lane + 1, warp = w.first / kLanes;
  const auto conflicts = [&](std::uint16_t other, std::uint32_t barrier, std::uint32_t sync) {
    if (other == 0 || other == thread || barrier != barriers_) return false;
    return other == Touch::kSeveral || (other - 1u) / kLanes != warp || sync == w.syncs;
  };
  const auto report = [&](const char* does, const char* was, std::uint16_t other) {
    const std::string who =
        other == Touch::kSeveral ? "other threads" : "thread " + std::to_string(other - 1);
    w.fault(i, lane,
            std::string(does) + " what was " + was + " by " + who +
                " in the group's memory, byte " + std::to_string(address) +
                ", with no barrier between");
  };
  for (std::uint64_t at = address / 2, end = (address + bytes + 1) / 2; at < end; ++at) {
    Touch& t = touches_[at];
    if (conflicts(t.writer, t.written, t.written_sync))
      report(writes ? "overwrites" : "reads", "written", t.writer);
    if (writes) {
      if (conflicts(t.reader, t.read, t.read_sync)) report("overwrites", "read", t.reader);
      t.writer = static_cast<std::uint16_t>(thread), t.written = barriers_,
      t.written_sync = w.syncs;
    } else {
      t.note_reader(static_cast<std::uint16_t>(thread), barriers_, w.syncs);
    }
  }
  if (writes && !readings_.empty()) require_unread(w, i, lane, address, bytes);
  if (writes && !unfenced_.empty())
    for (std::uint64_t at = address / 16; at <= (address + bytes - 1) / 16; ++at)
      unfenced_[at] = static_cast<std::uint16_t>(thread);
}

void Group::require_inside(const Warp& w, const Instruction& i, unsigned lane,
                           std::uint64_t address, unsigned bytes) const {
  if (address + bytes > shared_size_ || !inside_[address] || !inside_[address + bytes - 1])
    w.fault(i, lane,
            "reaches past the end of an array in the group's memory, at byte " +
                std::to_string(address));
}

void Group::begin_copy(const Warp& w, const Instruction& i, unsigned lane, std::uint64_t to,
                       unsigned bytes) {
  require_inside(w, i, lane, to, bytes);
  if (!readings_.empty()) require_unread(w, i, lane, to, bytes);
  for (std::uint64_t at = to; at < to + bytes; ++at) {
    if (inside_[at] == kOnItsWay)
      w.fault(i, lane,
              "copies to byte " + std::to_string(at) +
                  " of the group's memory, where another copy is on its way");
    inside_[at] = kOnItsWay;
  }
}
void Group::end_copy(std::uint64_t to, unsigned bytes) {
  std::fill_n(inside_.begin() + static_cast<std::ptrdiff_t>(to), bytes, std::uint8_t{kInside});
}

void Group::begin_reading(std::uint64_t address, std::uint32_t warpgroup, std::uint32_t batch,
                          int line) {
  const Reading next = {address / 16, warpgroup, batch, line};
  if (readings_.empty() || !(readings_.back() == next)) readings_.push_back(next);
}
void Group::end_reading(std::uint32_t warpgroup, std::uint32_t last_batch) {
  std::erase_if(readings_, [=](const Reading& r) {
    return r.warpgroup == warpgroup && r.batch <= last_batch;
  });
}
void Group::require_unread(const Warp& w, const Instruction& i, unsigned lane,
                           std::uint64_t address, unsigned bytes) const {
  for (const Reading& r : readings_)
    if (r.piece >= address / 16 && r.piece <= (address + bytes - 1) / 16)
      w.fault(i, lane,
              "overwrites byte " + std::to_string(r.piece * 16) +
                  " of the group's memory, which wgmma of PTX line " + std::to_string(r.line) +
                  " may still read: nobody has waited");
}

void Group::fence_proxy(std::uint32_t thread) {
  for (std::uint16_t& writer : unfenced_)
    if (writer == thread + 1) writer = 0;
}

}   // namespace glass::test::ptx
