// SHA-256 against what the standard and other programs say.
#include "engine/base/sha256.h"

#include <gtest/gtest.h>

#include <string_view>

namespace glass {
namespace {

std::string sha256(std::string_view text) {
  Sha256 hash;
  hash.add(std::as_bytes(std::span(text.data(), text.size())));
  return hash.hex();
}

TEST(Sha256, SaysWhatTheStandardSays) {
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

// Every length around the ends of blocks, where the padding takes another form. The expected value
// is python3 -c 'hashlib.sha256 of the hex digests of "x" * n, n = 0 .. 199, one after the other'.
TEST(Sha256, EveryLengthIsPaddedRight) {
  std::string all;
  for (std::size_t n = 0; n < 200; ++n) all += sha256(std::string(n, 'x'));
  EXPECT_EQ(sha256(all), "f61ffcc417e1f0e59eba2da7fa32fbe05b64e478b68c6bacf990455f00248b98");
}

TEST(Sha256, PiecesOfAnySizeGiveTheSame) {
  const std::string text(300, 'q');
  for (std::size_t size = 1; size < 150; ++size) {
    Sha256 hash;
    for (std::size_t at = 0; at < text.size(); at += size) {
      const std::string_view piece = std::string_view(text).substr(at, size);
      hash.add(std::as_bytes(std::span(piece.data(), piece.size())));
    }
    EXPECT_EQ(hash.hex(), sha256(text)) << "pieces of " << size;
  }
}

}   // namespace
}   // namespace glass
