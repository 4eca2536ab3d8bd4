// XXH64: a checksum of 64 bits at the speed of memory. It finds damage (a random change goes unseen
// once in 2^64), not forgery: whoever can write a file can write its checksum too.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace glass {

// In pieces of any size; the digest depends only on the bytes. Seed 0, so that other programs that
// compute XXH64 say the same.
class Xxh64 {
 public:
  void add(std::span<const std::byte> bytes);
  void add(std::string_view text) { add(std::as_bytes(std::span(text.data(), text.size()))); }
  std::uint64_t digest() const;   // of everything so far; more may follow

 private:
  static constexpr std::size_t kStripe = 32;   // bytes that the four lanes take together
  static constexpr std::uint64_t kPrime1 = 0x9e3779b185ebca87, kPrime2 = 0xc2b2ae3d27d4eb4f,
                                 kPrime3 = 0x165667b19e3779f9, kPrime4 = 0x85ebca77c2b2ae63,
                                 kPrime5 = 0x27d4eb2f165667c5;
  static std::uint64_t round(std::uint64_t lane, std::uint64_t word);
  const std::byte* take_stripes(const std::byte* at, std::size_t count);

  std::array<std::uint64_t, 4> lanes_ = {kPrime1 + kPrime2, kPrime2, 0, 0 - kPrime1};
  std::array<std::byte, kStripe> rest_{};   // what did not fill a stripe yet: size_ % kStripe bytes
  std::uint64_t size_ = 0;
};

std::uint64_t xxh64(std::span<const std::byte> bytes);
std::string hex16(std::uint64_t value);   // 16 digits, lower case

}   // namespace glass
