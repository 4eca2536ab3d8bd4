// Four lanes each swallow every fourth word of 8 bytes; they do not wait for one another, which is
// where the speed comes from. At the end they are folded into one number, the last bytes are added,
// and an avalanche spreads every bit over all the others.
#include "engine/base/hash.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace glass {
namespace {

static_assert(std::endian::native == std::endian::little, "words are read as they lie in memory");

template <class Word>
std::uint64_t word_at(const std::byte* at) {
  Word word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

}   // namespace

std::uint64_t Xxh64::round(std::uint64_t lane, std::uint64_t word) {
  return std::rotl(lane + word * kPrime2, 31) * kPrime1;
}

const std::byte* Xxh64::take_stripes(const std::byte* at, std::size_t count) {
  auto [a, b, c, d] = lanes_;
  for (; count > 0; --count, at += kStripe) {
    a = round(a, word_at<std::uint64_t>(at));
    b = round(b, word_at<std::uint64_t>(at + 8));
    c = round(c, word_at<std::uint64_t>(at + 16));
    d = round(d, word_at<std::uint64_t>(at + 24));
  }
  lanes_ = {a, b, c, d};
  return at;
}

void Xxh64::add(std::span<const std::byte> bytes) {
  const std::byte* at = bytes.data();
  std::size_t left = bytes.size();
  const std::size_t waiting = size_ % kStripe;
  size_ += left;
  if (waiting > 0) {
    const std::size_t fill = std::min(left, kStripe - waiting);
    std::copy_n(at, fill, rest_.data() + waiting);
    at += fill;
    left -= fill;
    if (waiting + fill < kStripe) return;
    take_stripes(rest_.data(), 1);
  }
  at = take_stripes(at, left / kStripe);
  std::copy_n(at, left % kStripe, rest_.data());
}

std::uint64_t Xxh64::digest() const {
  std::uint64_t h = kPrime5;   // where less than one stripe came
  if (size_ >= kStripe) {
    h = std::rotl(lanes_[0], 1) + std::rotl(lanes_[1], 7) + std::rotl(lanes_[2], 12) +
        std::rotl(lanes_[3], 18);
    for (const std::uint64_t lane : lanes_) h = (h ^ round(0, lane)) * kPrime1 + kPrime4;
  }
  h += size_;

  const std::byte* at = rest_.data();
  std::size_t left = size_ % kStripe;
  for (; left >= 8; left -= 8, at += 8)
    h = std::rotl(h ^ round(0, word_at<std::uint64_t>(at)), 27) * kPrime1 + kPrime4;
  for (; left >= 4; left -= 4, at += 4)
    h = std::rotl(h ^ word_at<std::uint32_t>(at) * kPrime1, 23) * kPrime2 + kPrime3;
  for (; left > 0; --left, ++at)
    h = std::rotl(h ^ word_at<std::uint8_t>(at) * kPrime5, 11) * kPrime1;

  h = (h ^ h >> 33) * kPrime2;
  h = (h ^ h >> 29) * kPrime3;
  return h ^ h >> 32;
}

std::uint64_t xxh64(std::span<const std::byte> bytes) {
  Xxh64 hash;
  hash.add(bytes);
  return hash.digest();
}

std::string hex16(std::uint64_t value) {
  std::string digits(16, '0');
  for (std::size_t i = 16; i-- > 0; value >>= 4) digits[i] = "0123456789abcdef"[value & 15];
  return digits;
}

}   // namespace glass
