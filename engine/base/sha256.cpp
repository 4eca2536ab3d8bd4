// A block of 64 bytes is stretched to 64 words, and each word stirs the eight words of the state
// once. The letters are those of the standard.
#include "engine/base/sha256.h"

#include <algorithm>
#include <bit>
#include <vector>

#include "engine/base/byte_source.h"
#include "engine/base/text.h"

namespace glass {
namespace {

// The first 32 bits of the fractions of the cube roots of the first 64 primes.
constexpr std::array<std::uint32_t, 64> kRoots = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

std::uint32_t word_at(const std::byte* bytes) {   // big end first
  std::uint32_t word = 0;
  for (std::size_t i = 0; i < 4; ++i) word = word << 8 | std::to_integer<std::uint32_t>(bytes[i]);
  return word;
}

}   // namespace

void Sha256::take_block(const std::byte* block) {
  std::array<std::uint32_t, 64> w;
  for (std::size_t t = 0; t < 16; ++t) w[t] = word_at(block + 4 * t);
  for (std::size_t t = 16; t < 64; ++t) {
    const std::uint32_t x = w[t - 15], y = w[t - 2];
    const std::uint32_t small0 = std::rotr(x, 7) ^ std::rotr(x, 18) ^ x >> 3;
    const std::uint32_t small1 = std::rotr(y, 17) ^ std::rotr(y, 19) ^ y >> 10;
    w[t] = small1 + w[t - 7] + small0 + w[t - 16];
  }
  auto [a, b, c, d, e, f, g, h] = state_;
  for (std::size_t t = 0; t < 64; ++t) {
    const std::uint32_t big1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
    const std::uint32_t big0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
    const std::uint32_t choice = (e & f) ^ (~e & g), majority = (a & b) ^ (a & c) ^ (b & c);
    const std::uint32_t t1 = h + big1 + choice + kRoots[t] + w[t], t2 = big0 + majority;
    h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
  }
  const std::array<std::uint32_t, 8> stirred = {a, b, c, d, e, f, g, h};
  for (std::size_t i = 0; i < 8; ++i) state_[i] += stirred[i];
}

void Sha256::add(std::span<const std::byte> bytes) {
  std::size_t filled = size_ % 64;
  size_ += bytes.size();
  while (!bytes.empty()) {
    if (filled == 0 && bytes.size() >= 64) {
      take_block(bytes.data());
      bytes = bytes.subspan(64);
      continue;
    }
    const std::size_t here = std::min(64 - filled, bytes.size());
    std::copy_n(bytes.begin(), here, rest_.begin() + static_cast<std::ptrdiff_t>(filled));
    bytes = bytes.subspan(here);
    filled += here;
    if (filled == 64) {
      take_block(rest_.data());
      filled = 0;
    }
  }
}

std::string Sha256::hex() {
  // A one bit, zeros, and the length in bits, so that the last block is full.
  const std::uint64_t bits = size_ * 8;
  std::vector<std::byte> end((119 - size_ % 64) % 64 + 1);
  end[0] = std::byte{0x80};
  for (int shift = 56; shift >= 0; shift -= 8)
    end.push_back(static_cast<std::byte>(bits >> shift & 0xff));
  add(end);
  std::string text;
  for (const std::uint32_t word : state_) text += format("%08x", static_cast<unsigned>(word));
  return text;
}

std::string sha256_of_file(const std::string& path) {
  const FileSource file(path);
  Sha256 hash;
  file.read_pieces(0, file.size(), [&](std::span<const std::byte> piece) { hash.add(piece); });
  return hash.hex();
}

}   // namespace glass
