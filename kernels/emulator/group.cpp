#include "kernels/emulator/group.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace glass::emulator {
namespace {

constexpr unsigned kWarp = 32, kMaxThreads = 1024;
constexpr std::size_t kStackBytes = 256 * 1024;

enum class State { ready, at_barrier, at_warp, done };

struct FlyingCopy {
  Copy copy;
  unsigned batch;
};

struct Lane {   // one GPU thread
  Fiber fiber;
  unsigned id = 0;
  State state = State::ready;
  const char* file = "";   // where it waits, and with what
  int line = 0;
  Exchange exchange = nullptr;
  void* value = nullptr;
  std::size_t shared_used = 0;
  std::vector<FlyingCopy> copies;   // in the order in which they were started
  unsigned batch = 0;               // the one that is open
  std::uint32_t barriers = 0, warp_barriers = 0;
};

std::string place_of(const Lane& lane) {
  const char* slash = std::strrchr(lane.file, '/');
  return std::string(slash ? slash + 1 : lane.file) + ":" + std::to_string(lane.line);
}

// The fibers of the group that runs, their stacks, and who gives them their turns. One for each
// thread of the system.
class Machine {
 public:
  Machine() = default;
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  ~Machine() { unmap(); }

  Counters run(const gpu::Kernel&, const void* args, gpu::Grid, const Options&, std::uint64_t first,
               std::uint64_t last);

  // called by the running lane
  Where here() const { return {running_->id, kernel_->threads, group_}; }
  void wait_at(State, Exchange, void* value, const char* file, int line);
  void* shared(std::size_t bytes, const char* name);
  bool copy_later(const Copy&, const char* file, int line);
  void copy_commit() { ++running_->batch; }
  bool next_arrival(unsigned batches_in_flight, Copy&);
  bool apple_tiles() const { return options_.apple_tiles; }
  bool standing(Standing& here, std::uintptr_t address) const;
  [[noreturn]] void leave();
  void stop_with(const std::string& mistake) {
    if (failure_.empty()) failure_ = "kernel " + std::string(kernel_->name) + ": " + mistake;
  }

 private:
  static void lane_main();
  void map(std::size_t shared_bytes);
  void unmap() noexcept;
  void run_group();
  void start(Lane&);
  void resume(Lane&);
  void shuffle_order(unsigned warps);
  void run_warp(unsigned first);
  bool exchange_in_warp(unsigned first);
  unsigned pass_barrier();
  [[noreturn]] void fail(const std::string& what) const;

  std::vector<Lane> lanes_;
  std::vector<unsigned> order_;
  std::byte* mapped_ = nullptr;   // the group's shared memory, then the stacks
  std::size_t mapped_bytes_ = 0, shared_bytes_ = 0, shared_used_ = 0, limit_ = 0;
  Fiber scheduler_;
  Lane* running_ = nullptr;
  const gpu::Kernel* kernel_ = nullptr;
  const void* args_ = nullptr;
  gpu::Grid group_;
  Options options_;
  std::uint32_t launches_ = 0, group_number_ = 0;   // the number of group_
  Counters counters_;
  std::string failure_;
  std::mt19937 random_;
};

thread_local Machine machine;

void Machine::fail(const std::string& what) const {
  throw std::logic_error("kernel " + std::string(kernel_->name) + ": " + what);
}

void Machine::unmap() noexcept {
  if (mapped_) munmap(mapped_, mapped_bytes_);
  mapped_ = nullptr;
}

void Machine::map(std::size_t shared_bytes) {
  unmap();
  constexpr std::size_t kPages = 65536;
  shared_bytes_ = (shared_bytes + kPages - 1) / kPages * kPages;
  mapped_bytes_ = shared_bytes_ + kMaxThreads * kStackBytes;
  void* all = mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (all == MAP_FAILED) throw std::bad_alloc();
  mapped_ = static_cast<std::byte*>(all);
}

void Machine::lane_main() {
  Machine& m = machine;
  begin(m.scheduler_);
  try {
    m.kernel_->run(m.args_);
  } catch (const std::exception& error) {
    m.failure_ = error.what();   // no exception leaves a fiber: the scheduler throws it again
  }
  m.leave();
}

void Machine::leave() {
  Lane& me = *running_;
  me.state = State::done;
  switch_fiber(me.fiber, scheduler_, true);
  std::abort();
}

void Machine::start(Lane& lane) {
  lane.state = State::ready;
  lane.shared_used = 0;
  lane.barriers = lane.warp_barriers = 0;
  lane.copies.clear();
  lane.batch = 0;
  // Stacks are alike, and so would be the cache lines they use: each begins a little lower than the
  // one before.
  const std::size_t below_top = 64 + lane.id % kWarp * 320;
  prepare(lane.fiber, mapped_ + shared_bytes_ + lane.id * kStackBytes, kStackBytes, below_top,
          lane_main);
}

void Machine::resume(Lane& lane) {
  running_ = &lane;
  ++counters_.switches;
  switch_fiber(scheduler_, lane.fiber);
  running_ = nullptr;
  if (!failure_.empty()) throw std::logic_error(std::exchange(failure_, ""));
}

void Machine::wait_at(State state, Exchange exchange, void* value, const char* file, int line) {
  Lane& me = *running_;
  me.state = state;
  me.file = file;
  me.line = line;
  me.exchange = exchange;
  me.value = value;
  switch_fiber(me.fiber, scheduler_);
  if (state == State::at_barrier) ++me.barriers;
  if (state == State::at_warp && !exchange) ++me.warp_barriers;   // an exchange orders no memory
}

bool Machine::standing(Standing& here, std::uintptr_t address) const {
  if (!running_) return false;
  const std::uintptr_t begin = reinterpret_cast<std::uintptr_t>(mapped_);
  const bool inside = address >= begin && address < begin + mapped_bytes_;
  const bool in_group_memory = inside && address < begin + shared_bytes_;
  const std::uintptr_t given = reinterpret_cast<std::uintptr_t>(args_);
  here = {kernel_,
          launches_,
          group_number_,
          running_->id,
          running_->barriers,
          running_->warp_barriers,
          in_group_memory,
          in_group_memory && address >= begin + shared_used_,
          address >= given && address < given + kernel_->args_bytes};
  return !inside || in_group_memory;
}

void* Machine::shared(std::size_t bytes, const char* name) {
  Lane& me = *running_;
  const std::size_t at = me.shared_used, end = at + (bytes + 15) / 16 * 16;
  me.shared_used = end;
  if (end > shared_used_) {   // the first thread that gets here
    if (end > limit_)
      throw std::logic_error("kernel " + std::string(kernel_->name) +
                             ": the group's memory is full at " + name);
    std::memset(mapped_ + at, 0xff, end - at);   // NaN: nobody may read what nobody wrote
    shared_used_ = end;
  }
  return mapped_ + at;
}

bool Machine::copy_later(const Copy& copy, const char* file, int line) {
  constexpr std::uintptr_t kPiece = 16;
  if (reinterpret_cast<std::uintptr_t>(copy.to) % kPiece != 0 ||
      reinterpret_cast<std::uintptr_t>(copy.from) % kPiece != 0) {
    running_->file = file;
    running_->line = line;
    stop_with("a copy at " + place_of(*running_) + " is not aligned to 16 bytes");
  }
  if (!options_.early_copies) running_->copies.push_back({copy, running_->batch});
  return !options_.early_copies;
}

bool Machine::next_arrival(unsigned batches_in_flight, Copy& next) {
  std::vector<FlyingCopy>& copies = running_->copies;
  if (copies.empty() || copies.front().batch + batches_in_flight >= running_->batch) return false;
  next = copies.front().copy;
  copies.erase(copies.begin());
  return true;
}

// Runs the lanes of a warp, and their operations, until each is at a barrier or has returned.
void Machine::run_warp(unsigned first) {
  do {
    for (unsigned i = first; i < first + kWarp; ++i)
      if (lanes_[order_[i]].state == State::ready) resume(lanes_[order_[i]]);
  } while (exchange_in_warp(order_[first] / kWarp * kWarp));
}

// Whether the warp stood at an operation, which then is done.
bool Machine::exchange_in_warp(unsigned first) {
  Lane* const warp = &lanes_[first];
  const auto waits = [](const Lane& lane) { return lane.state == State::at_warp; };
  const Lane* const one = std::find_if(warp, warp + kWarp, waits);
  if (one == warp + kWarp) return false;
  void* values[kWarp];
  for (unsigned i = 0; i < kWarp; ++i) {
    const Lane& lane = warp[i];
    if (lane.state == State::done)
      fail("lane " + std::to_string(i) + " has returned while lane " +
           std::to_string(one->id % kWarp) + " of its warp waits at " + place_of(*one));
    if (lane.state != State::at_warp || lane.line != one->line || lane.exchange != one->exchange)
      fail("lanes " + std::to_string(one->id % kWarp) + " and " + std::to_string(i) +
           " of a warp wait at " + place_of(*one) + " and " + place_of(lane));
    values[i] = lane.value;
  }
  if (one->exchange) one->exchange(values);
  for (unsigned i = 0; i < kWarp; ++i) warp[i].state = State::ready;
  ++counters_.warp_operations;
  return true;
}

// All that are left stand at one barrier, and go on. How many are left?
unsigned Machine::pass_barrier() {
  const Lane* first = nullptr;
  unsigned waiting = 0;
  for (const Lane& lane : lanes_) {
    if (lane.state == State::done) continue;
    ++waiting;
    if (!first) first = &lane;
    if (lane.line != first->line || std::strcmp(lane.file, first->file) != 0)
      fail("threads " + std::to_string(first->id) + " and " + std::to_string(lane.id) +
           " wait at different barriers, " + place_of(*first) + " and " + place_of(lane));
  }
  if (waiting == 0) return 0;
  if (waiting < lanes_.size())
    fail("thread " + std::to_string(first->id) + " waits at the barrier at " + place_of(*first) +
         ", but " + std::to_string(lanes_.size() - waiting) + " threads have returned");
  for (Lane& lane : lanes_) lane.state = State::ready;
  ++counters_.barriers;
  return waiting;
}

// Warps in another order, and the lanes within each.
void Machine::shuffle_order(unsigned warps) {
  for (unsigned w = 0; w < warps; ++w)
    std::shuffle(&order_[w * kWarp], &order_[w * kWarp] + kWarp, random_);
  for (unsigned w = warps; w > 1; --w) {
    const unsigned other = static_cast<unsigned>(random_() % w);
    if (other != w - 1)
      std::swap_ranges(&order_[(w - 1) * kWarp], &order_[(w - 1) * kWarp] + kWarp,
                       &order_[other * kWarp]);
  }
}

void Machine::run_group() {
  const unsigned n = kernel_->threads;
  for (unsigned i = 0; i < n; ++i) order_[i] = options_.order == Order::reverse ? n - 1 - i : i;
  if (options_.order == Order::shuffle) random_.seed(options_.seed + group_number_);
  shared_used_ = 0;
  const struct Dismissal {   // also where a mistake ends the group
    std::vector<Lane>& lanes;
    ~Dismissal() {
      for (Lane& lane : lanes) dismiss(lane.fiber);
    }
  } at_the_end = {lanes_};
  for (Lane& lane : lanes_) start(lane);
  do {
    if (options_.order == Order::shuffle) shuffle_order(n / kWarp);
    for (unsigned first = 0; first < n; first += kWarp) run_warp(first);
  } while (pass_barrier() > 0);
  counters_.threads += n;
}

Counters Machine::run(const gpu::Kernel& kernel, const void* args, gpu::Grid grid,
                      const Options& options, std::uint64_t first, std::uint64_t last) {
  kernel_ = &kernel;
  args_ = args;
  options_ = options;
  counters_ = {};
  failure_.clear();
  limit_ = options.shared_bytes + kernel.block_bytes;
  ++launches_;
  if (kernel.threads == 0 || kernel.threads > kMaxThreads || kernel.threads % kWarp != 0)
    fail("a group has 32 to 1024 threads, a multiple of 32");
  if (shared_bytes_ < limit_ || !mapped_) map(limit_);
  adopt_running(scheduler_);
  lanes_.resize(kernel.threads);
  order_.resize(kernel.threads);
  for (unsigned i = 0; i < kernel.threads; ++i) lanes_[i].id = i;
  for (std::uint64_t n = first; n < last; ++n) {
    group_number_ = static_cast<std::uint32_t>(n);
    group_ = {static_cast<unsigned>(n % grid.x), static_cast<unsigned>(n / grid.x % grid.y),
              static_cast<unsigned>(n / grid.x / grid.y)};
    run_group();
  }
  return counters_;
}

}   // namespace

Where here() { return machine.here(); }
void barrier(const char* file, int line) {
  machine.wait_at(State::at_barrier, nullptr, nullptr, file, line);
}
void warp(Exchange exchange, void* value, const char* file, int line) {
  machine.wait_at(State::at_warp, exchange, value, file, line);
}
void* shared(std::size_t bytes, const char* name) { return machine.shared(bytes, name); }

bool copy_later(const Copy& copy, const char* file, int line) {
  return machine.copy_later(copy, file, line);
}
void copy_commit() { machine.copy_commit(); }
bool next_arrival(unsigned batches_in_flight, Copy& next) {
  return machine.next_arrival(batches_in_flight, next);
}
bool apple_tiles() { return machine.apple_tiles(); }

bool standing(Standing& here, std::uintptr_t address) { return machine.standing(here, address); }

void stop_with(const std::string& mistake) { machine.stop_with(mistake); }
void leave_with(const std::string& mistake) {
  machine.stop_with(mistake);
  machine.leave();
}

Counters run_groups(const gpu::Kernel& kernel, const void* args, gpu::Grid grid,
                    const Options& options, std::uint64_t first, std::uint64_t last) {
  constexpr unsigned kMostBelow = 65535;   // along the second axis
  if (grid.y > kMostBelow || grid.z > options.most_in_depth)
    throw std::logic_error("kernel " + std::string(kernel.name) + ": " + std::to_string(grid.x) +
                           " x " + std::to_string(grid.y) + " x " + std::to_string(grid.z) +
                           " groups, more than a GPU starts along the second or the third axis");
  return machine.run(kernel, args, grid, options, first, last);
}

}   // namespace glass::emulator
