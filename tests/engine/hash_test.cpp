// engine/base/hash.h against XXH64 as others compute it. The numbers come from the reference
// implementation, asked for the same bytes.
#include "engine/base/hash.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace glass {
namespace {

// Bytes that a page of any language can make: a linear congruential generator's middle bits.
std::vector<std::byte> bytes(std::size_t n) {
  std::uint32_t x = 0x12345678;
  std::vector<std::byte> out(n);
  for (std::byte& b : out) {
    x = x * 1103515245u + 12345u;
    b = static_cast<std::byte>(x >> 16);
  }
  return out;
}

TEST(Xxh64, AgreesWithPublishedVectors) {
  EXPECT_EQ(hex16(xxh64({})), "ef46db3751d8e999");
  Xxh64 abc;
  abc.add("abc");
  EXPECT_EQ(hex16(abc.digest()), "44bc2cf5ad770999");
}

TEST(Xxh64, AgreesAroundEveryBorderOfItsLoops) {
  const std::pair<std::size_t, const char*> kCases[] = {
      {1, "1b00b0a90a478a4d"},   {3, "505a602d926aca90"},    {4, "30f20d0eea146918"},
      {7, "c83a270f8eb48763"},   {8, "94e903778fb398e2"},    {11, "3780ebb667468ac4"},
      {12, "a314af00de17ed7f"},  {31, "cefe6160de05c2f5"},   {32, "3628382e62e6d951"},
      {33, "9aaec54af166496d"},  {63, "c65c6cf7c39dc8b5"},   {64, "be06faf66ce0995c"},
      {100, "d95fed0b11f2aced"}, {1000, "f0537a0c05025844"}, {4096, "f75285ba9b19a6a8"},
  };
  const std::vector<std::byte> data = bytes(4096);
  for (const auto& [n, digest] : kCases)
    EXPECT_EQ(hex16(xxh64(std::span(data).first(n))), digest) << n << " bytes";
}

TEST(Xxh64, AgreesAtEveryLengthUpTo1024) {
  const std::vector<std::byte> data = bytes(1024);
  Xxh64 all;   // a digest of the 1025 digests
  for (std::size_t n = 0; n <= data.size(); ++n) all.add(hex16(xxh64(std::span(data).first(n))));
  EXPECT_EQ(hex16(all.digest()), "ce80eeb75532a05a");
}

TEST(Xxh64, PiecesOfAnySizeGiveTheSameDigest) {
  const std::vector<std::byte> data = bytes(1000);
  const std::uint64_t whole = xxh64(data);
  for (std::size_t piece = 1; piece <= 130; ++piece) {
    Xxh64 hash;
    for (std::size_t at = 0; at < data.size(); at += piece) {
      hash.add(std::span(data).subspan(at, std::min(piece, data.size() - at)));
      hash.add(std::span<const std::byte>());
    }
    EXPECT_EQ(hash.digest(), whole) << "in pieces of " << piece;
  }
}

TEST(Xxh64, ADigestOnTheWayDisturbsNothing) {
  const std::vector<std::byte> data = bytes(300);
  Xxh64 hash;
  for (std::size_t n = 0; n < data.size(); ++n) {
    ASSERT_EQ(hash.digest(), xxh64(std::span(data).first(n))) << n;
    hash.add(std::span(data).subspan(n, 1));
  }
}

TEST(Xxh64, EveryBitCounts) {
  std::vector<std::byte> data = bytes(77);
  const std::uint64_t before = xxh64(data);
  for (std::size_t bit = 0; bit < data.size() * 8; ++bit) {
    data[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    EXPECT_NE(xxh64(data), before) << "bit " << bit;
    data[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
  }
}

}   // namespace
}   // namespace glass
