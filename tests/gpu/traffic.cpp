#include "tests/gpu/traffic.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "tests/gpu/watch.h"

namespace glass::test {
namespace {

constexpr std::uintptr_t kSector = 32, kCell = 2, kBankBytes = 4, kBanks = 32;
constexpr unsigned kWarp = 32, kMaxThreads = 1024;

// The k-th time that a warp comes to an instruction is a request: that of all lanes which come
// there for the k-th time.
struct Request {
  std::array<std::uintptr_t, kWarp> address = {};
  std::uint32_t lanes = 0;
  std::uint32_t bytes = 0;   // of each lane
  bool writes = false, in_group_memory = false;
};
struct Instruction {
  std::array<std::uint32_t, kMaxThreads> times = {};   // that a thread came here
  std::array<std::vector<Request>, kMaxThreads / kWarp> requests;
};

struct Profiler {
  std::map<std::string, Traffic> of_kernel;
  // of the group that runs
  const gpu::Kernel* kernel = nullptr;
  std::uint32_t launch = 0, group = 0;
  std::unordered_map<const void*, Instruction> instructions;
  // of the launch
  std::unordered_set<std::uintptr_t> sectors_read, sectors_written;

  void see(const MemoryAccess&);
  void end_group();
  void end_launch();
  void count(Traffic&, const Request&);
};
Profiler* profiler = nullptr;

void Profiler::see(const MemoryAccess& access) {
  const emulator::Standing& by = access.by;
  if (by.in_arguments) return;   // they have a memory of their own, which serves all lanes at once
  if (!kernel || by.launch != launch || by.group != group) {
    end_group();
    if (by.launch != launch) end_launch();
    kernel = by.kernel, launch = by.launch, group = by.group;
  }
  Instruction& here = instructions[access.instruction];
  std::vector<Request>& requests = here.requests[by.thread / kWarp];
  const std::uint32_t k = here.times[by.thread]++;
  if (requests.size() <= k) requests.resize(k + 1);
  Request& r = requests[k];
  r.address[by.thread % kWarp] = access.address;
  r.lanes |= 1u << by.thread % kWarp;
  r.bytes = static_cast<std::uint32_t>(access.bytes);
  r.writes = access.writes;
  r.in_group_memory = by.in_group_memory;
}

// The different pieces of `size` bytes that a request touches.
std::vector<std::uintptr_t> pieces(const Request& r, std::uintptr_t size) {
  std::vector<std::uintptr_t> all;
  for (unsigned lane = 0; lane < kWarp; ++lane) {
    if (!(r.lanes >> lane & 1)) continue;
    const std::uintptr_t last = (r.address[lane] + r.bytes - 1) / size;
    for (std::uintptr_t piece = r.address[lane] / size; piece <= last; ++piece)
      all.push_back(piece);
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

std::uint64_t divided_up(std::uint64_t n, std::uint64_t by) { return (n + by - 1) / by; }

void Profiler::count(Traffic& t, const Request& r) {
  Requests& kind = r.in_group_memory ? t.group : t.device;
  ++kind.count;
  if (r.in_group_memory) {
    const std::vector<std::uintptr_t> words = pieces(r, kBankBytes);
    std::array<std::uint64_t, kBanks> of_bank = {};
    for (const std::uintptr_t word : words) ++of_bank[word % kBanks];
    kind.units += *std::max_element(of_bank.begin(), of_bank.end());
    kind.least += divided_up(words.size(), kBanks);
    return;
  }
  const std::vector<std::uintptr_t> sectors = pieces(r, kSector);
  kind.units += sectors.size();
  kind.least += divided_up(pieces(r, kCell).size() * kCell, kSector);
  t.moved += sectors.size() * kSector;
  (r.writes ? sectors_written : sectors_read).insert(sectors.begin(), sectors.end());
}

void Profiler::end_group() {
  if (!kernel) return;
  Traffic& t = of_kernel[kernel->name];
  for (const auto& [at, instruction] : instructions)
    for (const std::vector<Request>& of_warp : instruction.requests)
      for (const Request& r : of_warp) count(t, r);
  instructions.clear();
}

void Profiler::end_launch() {
  if (kernel)
    of_kernel[kernel->name].touched += (sectors_read.size() + sectors_written.size()) * kSector;
  sectors_read.clear();
  sectors_written.clear();
}

}   // namespace

std::map<std::string, Traffic> traffic_of(const std::function<void()>& run) {
  Profiler mine;
  profiler = &mine;
  {
    const Watch watch([](const MemoryAccess& access) { profiler->see(access); });
    run();
  }
  mine.end_group();
  mine.end_launch();
  profiler = nullptr;
  return mine.of_kernel;
}

}   // namespace glass::test
