// What GPU programs do beyond the end of their memory. Blocks lie in a slab one behind the other,
// so a kernel that writes too far changes somebody else's numbers, and no page of the system stops
// it. Behind each block is a fence, bytes that are nobody's; whoever writes on past the end breaks
// it first.
#pragma once
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

namespace glass::emulator {

class Fences {
 public:
  static constexpr std::size_t kBytes = 64;   // of a fence: a line of a cache

  void set_up(std::byte* block, std::size_t bytes);
  void take_down(const std::byte* block);
  // Makes all of them whole. If one was broken: how many bytes the block in front of it has.
  std::optional<std::size_t> mend();

 private:
  struct Block {
    std::byte* data;
    std::size_t bytes;
  };
  std::mutex mutex_;
  std::vector<Block> blocks_;
};

}   // namespace glass::emulator
