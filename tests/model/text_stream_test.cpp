// Text in pieces: whatever the cuts, the same text comes out, nothing of a stop text is ever shown,
// and every piece is whole letters.
#include "model/text_stream.h"

#include <gtest/gtest.h>

#include <random>

#include "engine/base/text.h"
#include "engine/base/utf8.h"

namespace glass {
namespace {

const std::string kReplacement = "\xEF\xBF\xBD";

bool is_utf8(const std::string& text) {
  std::u32string letters;
  return decode_utf8(text, letters) == text.size();
}

// The text cut into random pieces, through the stream.
std::string streamed(const std::string& text, const std::vector<std::string>& stops, unsigned seed,
                     bool* stopped = nullptr) {
  std::mt19937 random(seed);
  TextStream stream(stops);
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t n = 1 + random() % 4;
    const std::string piece = stream.push(std::string_view(text).substr(at, n));
    EXPECT_TRUE(is_utf8(piece)) << "seed " << seed << ", at " << at;
    out += piece;
    at += n;
  }
  out += stream.finish();
  if (stopped != nullptr) *stopped = stream.stopped();
  return out;
}

TEST(TextStream, TextComesOutAsItWentInWhateverTheCuts) {
  const std::string text =
      "Gr\xC3\xBC\xC3\x9F"
      "e \xE2\x82\xAC 5 \xF0\x9F\x99\x82, 10%\n";
  for (unsigned seed = 0; seed < 50; ++seed) EXPECT_EQ(streamed(text, {}, seed), text);
}

TEST(TextStream, APieceOfALetterWaitsForTheRest) {
  TextStream stream;
  EXPECT_EQ(stream.push("a\xF0"), "a");
  EXPECT_EQ(stream.push("\x9F\x99"), "");
  EXPECT_EQ(stream.push("\x82z"), "\xF0\x9F\x99\x82z");
  EXPECT_EQ(stream.finish(), "");
}

TEST(TextStream, HalfALetterAtTheEndIsOneSign) {
  TextStream stream;
  EXPECT_EQ(stream.push("a\xF0\x9F\x99"), "a");
  EXPECT_EQ(stream.finish(), kReplacement);
}

TEST(TextStream, BytesThatCanBeNoLetterDoNotWait) {
  const std::pair<const char*, std::string> cases[] = {
      {"\xFF", kReplacement},
      {"\x80", kReplacement},
      {"\xC0\xAF", kReplacement + kReplacement},                             // overlong
      {"\xED\xA0\x80z", kReplacement + kReplacement + kReplacement + "z"},   // a surrogate
      {"\xE2\x82"
       "A",
       kReplacement + "A"},     // half a letter, then another
      {"\xF5", kReplacement},   // above U+10FFFF
  };
  for (const auto& [bytes, expected] : cases) {
    TextStream stream;
    EXPECT_EQ(stream.push(bytes), expected) << in_quotes(bytes);
  }
}

TEST(TextStream, RandomBytesAlwaysComeOutAsLetters) {
  std::mt19937 random(5);
  for (int i = 0; i < 300; ++i) {
    std::string bytes(1 + random() % 40, '\0');
    for (char& c : bytes)
      c = static_cast<char>(random() % 3 == 0 ? random() % 128 : random() % 256);
    const unsigned cut = static_cast<unsigned>(i);
    EXPECT_EQ(streamed(bytes, {}, cut), streamed(bytes, {}, cut + 1000)) << in_quotes(bytes);
  }
}

TEST(TextStream, AStopTextEndsTheTextInFrontOfItWhateverTheCuts) {
  for (unsigned seed = 0; seed < 50; ++seed) {
    bool stopped = false;
    EXPECT_EQ(streamed("one\ntwo\n\nthree\n\nfour", {"\n\n"}, seed, &stopped), "one\ntwo");
    EXPECT_TRUE(stopped);
    EXPECT_EQ(streamed("aaab aab", {"aab"}, seed), "a")
        << "a beginning that goes wrong, then right";
    EXPECT_EQ(streamed("no such thing", {"thong"}, seed, &stopped), "no such thing");
    EXPECT_FALSE(stopped);
  }
}

TEST(TextStream, TheEarliestOfSeveralStopsWins) {
  for (unsigned seed = 0; seed < 20; ++seed)
    EXPECT_EQ(streamed("x END y STOP z", {"STOP", "END", ""}, seed), "x ");
}

TEST(TextStream, WhatMayBecomeAStopTextWaits) {
  TextStream stream({"</s>"});
  EXPECT_EQ(stream.push("end</"), "end");
  EXPECT_EQ(stream.push("b>"), "</b>");
  EXPECT_EQ(stream.push("</"), "");
  EXPECT_EQ(stream.push("s>more"), "");
  EXPECT_TRUE(stream.stopped());
  EXPECT_EQ(stream.push("more"), "");
  EXPECT_EQ(stream.finish(), "");
}

TEST(TextStream, AStopTextMayBeginInsideOfALetter) {
  TextStream stream({"\x99\x82"});
  EXPECT_EQ(stream.push("a\xF0\x9F\x99"), "a");
  EXPECT_EQ(stream.push("\x82"), kReplacement)
      << "what is left of the letter can be shown no better";
  EXPECT_TRUE(stream.stopped());
}

}   // namespace
}   // namespace glass
