// A group of threads that runs: its warps, its memory, and who may read what whom wrote when.
#pragma once
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/gpu/cuda/ptx/kernel.h"
#include "tests/gpu/cuda/ptx/traffic.h"
#include "tests/gpu/cuda/ptx/warp.h"

namespace glass::test::ptx {

// Where the memory of a group and of a thread lie among generic addresses.
constexpr std::uint64_t kSharedWindow = std::uint64_t{1} << 60,
                        kLocalWindow = std::uint64_t{1} << 61;

// A kernel did what a GPU would not have forgiven, or would have forgiven until one day.
class Fault : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Range {   // of device memory
  std::uint64_t begin, end;
};

struct Rules {
  bool early_copies = false;    // cp.async arrives at once; else as late as it may
  bool backwards = false;       // the last warp goes first
  Traffic* traffic = nullptr;   // where it is noted
};

struct Grid {
  std::uint32_t x = 1, y = 1, z = 1;
};

// Two bytes of shared memory: who touched them last, and when.
struct Touch {
  std::uint32_t written = 0, read = 0;             // at which barrier
  std::uint32_t written_sync = 0, read_sync = 0;   // at which barrier of the warp
  std::uint16_t writer = 0, reader = 0;            // thread + 1; kSeveral: of several warps
  static constexpr std::uint16_t kSeveral = 0xffff;

  void note_reader(std::uint16_t thread, std::uint32_t barrier, std::uint32_t sync) {
    if (read == barrier && reader != 0 && (reader - 1u) / kLanes != (thread - 1u) / kLanes) {
      reader = kSeveral;
      return;
    }
    reader = thread, read = barrier, read_sync = sync;
  }
};

class Group {
 public:
  Group(const Kernel&, const void* parameters, Grid, std::uint32_t dynamic_bytes,
        std::span<const Range> memory, Rules);
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  void run(Grid at);   // one group
  std::uint64_t instructions() const;

  // ---- for instructions ----
  // Memory of a thread, checked; `writes` counts for races.
  std::byte* reach(const Warp&, const Instruction&, unsigned lane, Space, std::uint64_t address,
                   unsigned bytes, bool writes);
  // The same for the group's memory, quick where nothing is wrong.
  std::byte* reach_shared(const Warp& w, const Instruction& i, unsigned lane, std::uint64_t address,
                          unsigned bytes, bool writes) {
    if (writes || address % bytes || address + bytes > shared_size_ ||
        inside_[address] != kInside || inside_[address + bytes - 1] != kInside)
      return reach(w, i, lane, Space::shared, address, bytes, writes);
    const std::uint16_t thread = static_cast<std::uint16_t>(w.first + lane + 1);
    for (Touch *t = &touches_[address / 2], *end = &touches_[(address + bytes + 1) / 2]; t < end;
         ++t) {
      if (t->written == barriers_) return reach(w, i, lane, Space::shared, address, bytes, writes);
      t->note_reader(thread, barriers_, w.syncs);
    }
    return shared_bytes_ + address;
  }
  // Whether all lanes that are awake stay inside of one allocation; then `reach` need not be asked.
  bool all_inside(const Warp&, const std::uint64_t* addresses, unsigned bytes);
  std::string place_text(unsigned thread) const;
  const Kernel& kernel() const { return kernel_; }
  const std::byte* parameters() const { return parameters_; }
  std::span<Warp> warps() { return warps_; }
  const Rules& rules() const { return rules_; }

  // Bytes of the group's memory that cp.async brings, until somebody has waited for them.
  void begin_copy(const Warp&, const Instruction&, unsigned lane, std::uint64_t to, unsigned bytes);
  void end_copy(std::uint64_t to, unsigned bytes);

  // For wgmma: what a thread wrote is seen by it after that thread's fence.proxy.async.
  void fence_proxy(std::uint32_t thread);
  std::uint32_t unfenced_writer(std::uint64_t address) const {
    return unfenced_.empty() ? 0 : unfenced_[address / 16];
  }
  // What products of a warpgroup read, until one of its warps has waited for their batch.
  void begin_reading(std::uint64_t address, std::uint32_t warpgroup, std::uint32_t batch, int line);
  void end_reading(std::uint32_t warpgroup, std::uint32_t last_batch);

 private:
  enum class Stop { barrier, warpgroup, returned };
  Stop run_warp(Warp&);
  bool choose_lanes(Warp&);
  void branch(Warp&, const Instruction&);
  void leave(Warp&, const Instruction&);
  bool gather_lanes(Warp&, const Instruction&);
  void release_barrier(const std::vector<Stop>&);
  void run_warpgroups(const std::vector<Stop>&, std::vector<bool>& ready);
  void set_specials(Grid at);
  void watch(const Warp&, const Instruction&, unsigned lane, std::uint64_t address, unsigned bytes,
             bool writes);
  void require_inside(const Warp&, const Instruction&, unsigned lane, std::uint64_t address,
                      unsigned bytes) const;
  void require_unread(const Warp&, const Instruction&, unsigned lane, std::uint64_t address,
                      unsigned bytes) const;
  const Range* find(std::uint64_t address) const;

  const Kernel& kernel_;
  const std::uint32_t shared_size_;   // with what the launch asked for, and room behind it
  const std::byte* parameters_;
  Grid grid_, at_;
  std::span<const Range> memory_;
  Rules rules_;
  Range last_{0, 0};
  std::vector<Warp> warps_;
  std::vector<std::byte> registers_, local_;
  std::vector<std::uint64_t> shared_;   // aligned as wgmma wants it, see the constructor
  std::byte* shared_bytes_ = nullptr;
  enum : std::uint8_t { kOutside, kInside, kOnItsWay };
  std::vector<std::uint8_t> inside_;   // of an array, for each byte; on its way: by cp.async
  std::vector<Touch> touches_;
  std::vector<std::uint16_t> unfenced_;   // writer + 1 of each 16 bytes
  struct Reading {
    std::uint64_t piece;   // of 16 bytes
    std::uint32_t warpgroup, batch;
    int line;
    bool operator==(const Reading&) const = default;
  };
  std::vector<Reading> readings_;
  std::uint32_t barriers_ = 1;
};

// Nothing that products on their way have is touched by this instruction (wgmma.cpp).
void require_landed(const Warp&, const Instruction&);

}   // namespace glass::test::ptx
