// SHA-256 (FIPS 180-4): a name for a file that nobody can give to another one. Used to tell whether
// a file that came over the network is the one that was meant.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace glass {

class Sha256 {
 public:
  void add(std::span<const std::byte> bytes);   // in pieces of any size
  std::string hex();                            // 64 digits; ends it, nothing may be added after

 private:
  void take_block(const std::byte* block);

  std::array<std::uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::byte, 64> rest_{};   // what did not fill a block yet: size_ % 64 bytes
  std::uint64_t size_ = 0;
};

std::string sha256_of_file(const std::string& path);   // SystemError if it cannot be read

}   // namespace glass
