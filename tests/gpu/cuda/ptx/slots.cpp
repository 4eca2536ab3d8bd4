// Which registers live where: backwards through the blocks until nothing changes, as every compiler
// does it; then the stretch of code from a register's first mention to its last is its life.
#include "tests/gpu/cuda/ptx/slots.h"

#include <algorithm>
#include <map>

namespace glass::test::ptx {
namespace {

using Set = std::vector<std::uint64_t>;
bool holds(const Set& s, std::uint32_t i) { return s[i / 64] >> (i % 64) & 1; }
void add(Set& s, std::uint32_t i) { s[i / 64] |= std::uint64_t{1} << (i % 64); }

struct Block {
  std::size_t begin, end;
  std::vector<std::size_t> next;   // blocks
  Set used, made;                  // read before written here; written
  Set live_in, live_out;
};

std::vector<Block> blocks_of(const std::vector<Access>& code, std::size_t registers) {
  std::vector<bool> starts(code.size() + 1);
  starts[0] = true;
  for (std::size_t i = 0; i < code.size(); ++i) {
    if (code[i].target >= 0) starts[static_cast<std::size_t>(code[i].target)] = true;
    if (code[i].target >= 0 || code[i].ends) starts[i + 1] = true;
  }
  std::vector<Block> blocks;
  std::map<std::size_t, std::size_t> at;
  for (std::size_t i = 0; i < code.size(); ++i) {
    if (starts[i]) at[i] = blocks.size(), blocks.push_back({i, i, {}, {}, {}, {}, {}});
    blocks.back().end = i + 1;
  }
  for (std::size_t n = 0; n < blocks.size(); ++n) {
    Block& b = blocks[n];
    b.used.resize(registers / 64 + 1), b.made = b.live_in = b.live_out = b.used;
    const Access& last = code[b.end - 1];
    if (last.target >= 0) b.next.push_back(at.at(static_cast<std::size_t>(last.target)));
    if (!last.ends && n + 1 < blocks.size()) b.next.push_back(n + 1);
    for (std::size_t i = b.begin; i < b.end; ++i) {
      for (const std::uint32_t r : code[i].reads)
        if (!holds(b.made, r)) add(b.used, r);
      for (const std::uint32_t r : code[i].writes) add(b.made, r);
    }
  }
  return blocks;
}

void find_living(std::vector<Block>& blocks) {
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t n = blocks.size(); n-- > 0;) {
      Block& b = blocks[n];
      for (std::size_t w = 0; w < b.used.size(); ++w) {
        std::uint64_t out = 0;
        for (const std::size_t next : b.next) out |= blocks[next].live_in[w];
        const std::uint64_t in = b.used[w] | (out & ~b.made[w]);
        changed = changed || in != b.live_in[w];
        b.live_out[w] = out, b.live_in[w] = in;
      }
    }
  }
}

struct Life {
  std::size_t begin = ~std::size_t{0}, end = 0;
  void reach(std::size_t at) { begin = std::min(begin, at), end = std::max(end, at); }
};

}   // namespace

std::vector<std::uint32_t> share_slots(const std::vector<Access>& code,
                                       const std::vector<bool>& wide, std::uint32_t& units) {
  const std::size_t registers = wide.size();
  std::vector<Block> blocks = blocks_of(code, registers);
  find_living(blocks);
  std::vector<Life> lives(registers);
  for (const Block& b : blocks) {
    for (std::size_t i = b.begin; i < b.end; ++i)
      for (const auto* list : {&code[i].reads, &code[i].writes})
        for (const std::uint32_t r : *list) lives[r].reach(i);
    for (std::uint32_t r = 0; r < registers; ++r) {
      if (holds(b.live_in, r)) lives[r].reach(b.begin);
      if (holds(b.live_out, r)) lives[r].reach(b.end - 1);
    }
  }
  std::vector<std::uint32_t> order;
  for (std::uint32_t r = 0; r < registers; ++r)
    if (lives[r].begin <= lives[r].end) order.push_back(r);
  std::sort(order.begin(), order.end(),
            [&](std::uint32_t x, std::uint32_t y) { return lives[x].begin < lives[y].begin; });

  std::vector<std::uint32_t> slot(registers, 0);
  std::multimap<std::size_t, std::uint32_t> active;   // by the end of life
  std::vector<std::uint32_t> free[2];                 // narrow, wide
  units = 0;
  for (const std::uint32_t r : order) {
    // What an instruction reads and what it writes never share: lanes may be of different widths.
    while (!active.empty() && active.begin()->first < lives[r].begin) {
      const std::uint32_t gone = active.begin()->second;
      free[wide[gone]].push_back(slot[gone]);
      active.erase(active.begin());
    }
    std::vector<std::uint32_t>& mine = free[wide[r]];
    if (mine.empty()) {
      mine.push_back(units);
      units += wide[r] ? 2 : 1;
    }
    slot[r] = mine.back();
    mine.pop_back();
    active.emplace(lives[r].end, r);
  }
  return slot;
}

}   // namespace glass::test::ptx
