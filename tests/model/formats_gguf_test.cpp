// model/formats/gguf.h: files put together here by hand are read as the format says, and no header
// can lie to it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "model/formats/elements.h"
#include "model/formats/gguf.h"
#include "model/formats/gguf_writer.h"
#include "tests/model/scratch.h"
#include "tests/peak_memory.h"
#include "tests/scratch.h"

namespace glass {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

template <class T>
std::string le(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}
std::string text(const std::string& s) { return le<std::uint64_t>(s.size()) + s; }
std::string key(const std::string& name, std::uint32_t type, const std::string& value) {
  return text(name) + le(type) + value;
}
std::string list(std::uint32_t type, std::uint64_t count, const std::string& items) {
  return le(type) + le(count) + items;
}
std::string tensor(const std::string& name, const std::vector<std::uint64_t>& ne,
                   std::uint32_t type, std::uint64_t offset) {
  std::string bytes = text(name) + le(static_cast<std::uint32_t>(ne.size()));
  for (const std::uint64_t n : ne) bytes += le(n);
  return bytes + le(type) + le(offset);
}

struct Parts {
  std::string magic = "GGUF";
  std::uint32_t version = 3;
  std::vector<std::string> keys = {key("general.architecture", 8, text("any"))};
  std::vector<std::string> tensors = {tensor("a", {4}, 0, 0), tensor("b", {3, 2}, 0, 32)};
  std::size_t data = 56;
  std::uint64_t more_keys = 0, more_tensors = 0;   // promised beside those that are there
  std::size_t alignment = 32;

  std::string bytes() const {
    std::string all = magic + le(version) + le<std::uint64_t>(tensors.size() + more_tensors) +
                      le<std::uint64_t>(keys.size() + more_keys);
    for (const std::string& k : keys) all += k;
    for (const std::string& t : tensors) all += t;
    all.resize((all.size() + alignment - 1) / alignment * alignment);
    for (std::size_t i = 0; i < data; ++i) all += static_cast<char>(i);
    return all;
  }
};

MemorySource source_of(const std::string& bytes) {
  return {"'x.gguf'", std::as_bytes(std::span(bytes.data(), bytes.size()))};
}

std::string refusal(const std::string& bytes) {
  const MemorySource source = source_of(bytes);
  try {
    const GgufFile file(source);
    for (const GgufTensor& t : file.tensors()) file.read(t);
  } catch (const ContentError& error) {
    EXPECT_THAT(error.what(), HasSubstr("'x.gguf'")) << "every message names the file";
    return error.what();
  }
  return "accepted";
}

TEST(Gguf, ReadsKeysOfEveryType) {
  Parts parts;
  parts.keys = {key("u8", 0, le<std::uint8_t>(200)),
                key("i8", 1, le<std::int8_t>(-3)),
                key("u16", 2, le<std::uint16_t>(60000)),
                key("i16", 3, le<std::int16_t>(-300)),
                key("u32", 4, le<std::uint32_t>(4000000000)),
                key("i32", 5, le<std::int32_t>(-70000)),
                key("f32", 6, le(0.5f)),
                key("bool", 7, le<std::uint8_t>(1)),
                key("text", 8, text("h\xc3\xa9")),
                key("texts", 9, list(8, 3, text("a") + text("") + text("bc"))),
                key("u64", 10, le<std::uint64_t>(1)),
                key("i64", 11, le<std::int64_t>(-5)),
                key("f64", 12, le(0.1)),
                key("i32s", 9, list(5, 2, le<std::int32_t>(-1) + le<std::int32_t>(7))),
                key("huge", 10, le<std::uint64_t>(UINT64_MAX))};
  const std::string bytes = parts.bytes();
  const MemorySource source = source_of(bytes);
  const GgufFile file(source);
  EXPECT_EQ(file.integer("u8"), 200);
  EXPECT_EQ(file.integer("i8"), -3);
  EXPECT_EQ(file.integer("u16"), 60000);
  EXPECT_EQ(file.integer("i16"), -300);
  EXPECT_EQ(file.integer("u32"), 4000000000);
  EXPECT_EQ(file.integer("i32"), -70000);
  EXPECT_EQ(file.number("f32"), 0.5);
  EXPECT_EQ(file.number("f64"), 0.1);
  EXPECT_EQ(file.number("i64"), -5);
  EXPECT_EQ(file.text("text"), "h\xc3\xa9");
  EXPECT_THAT(*file.texts("texts", 3), ElementsAre("a", "", "bc"));
  EXPECT_THAT(*file.integers("i32s", 9), ElementsAre(-1, 7));
  EXPECT_FALSE(file.text("absent"));
  EXPECT_THROW(file.integer("text"), ContentError);
  EXPECT_THROW(file.integer("bool"), ContentError);
  EXPECT_THROW(file.text("u32"), ContentError);
  EXPECT_THROW(file.texts("i32s", 9), ContentError);
  EXPECT_THROW(file.texts("texts", 2), ContentError) << "more than the caller allows";
  EXPECT_THROW(file.integer("huge"), ContentError);
  EXPECT_THROW(file.need_integer("absent"), ContentError);
}

TEST(Gguf, ReadsTensorsWithTheFastestAxisLast) {
  const std::string bytes = Parts().bytes();
  const MemorySource source = source_of(bytes);
  const GgufFile file(source);
  ASSERT_EQ(file.tensors().size(), 2u);
  EXPECT_THAT(file.tensors()[1].shape, ElementsAre(2, 3));
  const StoredTensor b = file.read(file.tensors()[1]);
  ASSERT_EQ(b.bytes.size(), 24u);
  EXPECT_EQ(static_cast<int>(b.bytes[0]), 32) << "it begins at offset 32 of the data";
  EXPECT_EQ(file.find("b"), &file.tensors()[1]);
  EXPECT_EQ(file.find("c"), nullptr);
}

TEST(Gguf, AnotherAlignmentMovesTheData) {
  Parts parts;
  parts.alignment = 64;
  parts.keys.push_back(key("general.alignment", 4, le<std::uint32_t>(64)));
  parts.tensors = {tensor("a", {4}, 0, 0), tensor("b", {3, 2}, 0, 64)};
  parts.data = 64 + 24;
  EXPECT_EQ(refusal(parts.bytes()), "accepted");
}

TEST(Gguf, NoHeaderCanLie) {
  ASSERT_EQ(refusal(Parts().bytes()), "accepted") << "the table starts from a sound file";
  struct Lie {
    std::string file, reason;
  };
  std::vector<Lie> lies;
  const auto lie = [&](const std::string& reason, const auto& change) {
    Parts parts;
    change(parts);
    lies.push_back({parts.bytes(), reason});
  };
  const auto with_key = [&](const std::string& reason, const std::string& k) {
    lie(reason, [&](Parts& p) { p.keys.push_back(k); });
  };
  const auto with_tensor = [&](const std::string& reason, const std::string& t) {
    lie(reason, [&](Parts& p) { p.tensors = {t}; });
  };
  lies.push_back({"", "it is empty"});
  lies.push_back({"GGU", "does not begin with 'GGUF'"});
  lies.push_back({"\xef\xbb\xbf" + Parts().bytes(), "does not begin with 'GGUF'"});
  lie("does not begin with 'GGUF'", [](Parts& p) { p.magic = "GGJT"; });
  for (const std::uint32_t version : {0u, 1u, 4u, 0xffffffffu})
    lie("its version is " + std::to_string(version), [&](Parts& p) { p.version = version; });
  lie("big-endian", [](Parts& p) { p.version = 3u << 24; });
  for (const std::uint64_t n : {std::uint64_t{1} << 31, std::uint64_t{1} << 63, UINT64_MAX - 7}) {
    lie("tensors; ", [&](Parts& p) { p.more_tensors = n; });
    lie("keys; ", [&](Parts& p) { p.more_keys = n; });
    with_key("a key at byte", le(n) + "k");
    with_key("is a text of " + std::to_string(n), key("k", 8, le(n)));
    with_key("items of type text", key("k", 9, list(8, n, "")));
    with_key("items of type u8", key("k", 9, list(0, n, "")));
    with_key("items of type f64", key("k", 9, list(12, n, "")));
  }
  lie("it promises 1 keys",
      [](Parts& p) { p.data = 0, p.more_keys = 1, p.tensors = {}, p.keys = {}; });
  with_key("a key at byte", key("", 4, le(1u)));
  with_key("a key at byte", key(std::string(65536, 'k'), 4, le(1u)));
  with_key("control bytes", key(std::string("a\0b", 3), 4, le(1u)));
  with_key("../", key("../k", 4, le(1u)));
  with_key("has the type 13", key("k", 13, ""));
  with_key("has the type 4294967295", key("k", 0xffffffff, ""));
  with_key("a list of lists", key("k", 9, list(9, 1, list(0, 1, "x"))));
  with_key("the items of 'k' has the type 99", key("k", 9, list(99, 1, "x")));
  with_key("for the second time", key("general.architecture", 8, text("again")));
  with_key("is a text of 1048577", key("k", 8, text(std::string(1048577, 't'))));
  for (const std::uint32_t n : {0u, 3u, 33u, 131072u, 0x80000000u, 0xffffffffu})
    with_key("general.alignment is", key("general.alignment", 4, le(n)));
  with_key("general.alignment is u64", key("general.alignment", 10, le<std::uint64_t>(32)));

  const std::uint64_t big = std::uint64_t{1} << 32;
  with_tensor("more than 2^40 elements", tensor("a", {big, big}, 0, 0));
  with_tensor("more than 2^40 elements", tensor("a", {std::uint64_t{1} << 63, 2}, 0, 0));
  with_tensor("more than 2^40 elements", tensor("a", {UINT64_MAX, 0}, 0, 0));
  with_tensor("more than 2^40 elements", tensor("a", {0, big, big}, 0, 0));
  with_tensor("has 5 dimensions", tensor("a", {1, 1, 1, 1, 1}, 0, 0));
  with_tensor("has 100 dimensions", tensor("a", std::vector<std::uint64_t>(100, 1), 0, 0));
  with_tensor("dimensions", text("a") + le(0xffffffffu) + std::string(64, '\0'));
  with_tensor("of the data, which are only 56", tensor("a", {1000}, 0, 0));
  with_tensor("of the data, which are only 56", tensor("a", {std::uint64_t{1} << 40}, 28, 0));
  for (const std::uint64_t offset : {std::uint64_t{32}, std::uint64_t{1} << 40, UINT64_MAX - 31})
    with_tensor("begins at offset " + std::to_string(offset), tensor("a", {4}, 0, offset));
  for (const std::uint32_t type : {4u, 5u, 31u, 40u, 0xffffffffu})
    with_tensor("has the type " + std::to_string(type), tensor("a", {32}, type, 0));
  with_tensor("comes in blocks of 32", tensor("a", {31, 32}, 8, 0));
  with_tensor("the name of a tensor at byte", tensor("", {4}, 0, 0));
  with_tensor("the name of a tensor at byte", tensor(std::string(64, 'n'), {4}, 0, 0));
  with_tensor("the name of a tensor at byte", tensor(std::string(65536, 'n'), {4}, 0, 0));
  with_tensor("control bytes", tensor(std::string("a\0b", 3), {4}, 0, 0));
  with_tensor("../", tensor("../a", {4}, 0, 0));
  with_tensor("are only 56", tensor("a", {256}, 12, 0));   // 144 bytes
  const auto two = [&](const std::string& reason, std::uint64_t first, std::uint64_t second) {
    lie(reason, [&](Parts& p) {
      p.tensors = {tensor("a", {4}, 0, first), tensor("b", {3, 2}, 0, second)};
    });
  };
  two("tensor 'a' begins at offset 32", 32, 0);   // reversed
  two("tensor 'b' begins at offset 0", 0, 0);     // on the same bytes
  two("tensor 'b' begins at offset 8", 0, 8);     // overlapping, and not aligned
  two("tensor 'b' begins at offset 64", 0, 64);   // a hole
  lie("tensor 'a' comes for the second time", [](Parts& p) {
    p.tensors = {tensor("a", {4}, 0, 0), tensor("a", {4}, 0, 32)};
  });
  lie("65536 are allowed", [](Parts& p) {
    p.tensors.clear();
    for (int i = 0; i < 100000; ++i)
      p.tensors.push_back(tensor("t" + std::to_string(i), {4}, 0, 0));
  });
  lie("begins at offset 0", [](Parts& p) {
    p.tensors.clear();
    for (int i = 0; i < 60000; ++i) p.tensors.push_back(tensor("t" + std::to_string(i), {4}, 0, 0));
  });
  lie("and the file at", [](Parts& p) { p.data = 65; });
  lie("of the data, which are only 55", [](Parts& p) { p.data = 55; });
  for (const Lie& l : lies)
    EXPECT_THAT(refusal(l.file), HasSubstr(l.reason)) << l.file.substr(0, 300);
  const long needed = test::kilobytes_needed([&] {
    for (const Lie& l : lies) refusal(l.file);
  });
  EXPECT_LT(needed, test::kMostKilobytes + 2 * 8000) << "a claim costs nothing";
}

TEST(Gguf, EveryCutOfAFileIsRefused) {
  const std::string bytes = Parts().bytes();
  for (std::size_t n = 0; n < bytes.size(); ++n)
    EXPECT_NE(refusal(bytes.substr(0, n)), "accepted") << n << " bytes";
}

TEST(Gguf, TypesThatAreNotReadAreRefusedByTheirNames) {
  const std::pair<std::uint32_t, const char*> kTypes[] = {
      {2, "Q4_0"}, {12, "Q4_K"}, {14, "Q6_K"}, {20, "IQ4_NL"}, {26, "I32"}};
  for (const auto& [id, name] : kTypes) {
    Parts parts;
    parts.tensors = {tensor("a", {256}, id, 0)};
    parts.data = 256 / ggml_type(id)->numbers * ggml_type(id)->bytes;
    EXPECT_THAT(refusal(parts.bytes()), HasSubstr(std::string("stored as ") + name));
  }
}

TEST(Gguf, MissingDataOfALargeFileTakeNoMemory) {
  const std::string bytes = [] {
    Parts parts;
    parts.tensors = {tensor("a", {std::uint64_t{1} << 32}, 0, 0)};
    return parts.bytes();
  }();
  EXPECT_LT(test::kilobytes_needed([&] { refusal(bytes); }), test::kMostKilobytes);
}

// --- q8_0 ----------------------------------------------------------------------------------------

TEST(Q8, KeepsNumbersToHalfAStepOfTheLargest) {
  std::mt19937 random(20240811);
  std::normal_distribution<float> normal;
  std::vector<float> x(320), back(320);
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] = normal(random) * std::exp2(static_cast<float>(i / 32) - 5);
  std::vector<std::byte> blocks(x.size() / kQ8Numbers * kQ8Bytes);
  to_q8_0(x, blocks);
  from_q8_0(blocks, back);
  for (std::size_t b = 0; b < 10; ++b) {
    float largest = 0;
    for (std::size_t i = 0; i < 32; ++i) largest = std::max(largest, std::abs(x[32 * b + i]));
    // Half a step of the scale, and the scale itself is rounded to 11 bits (127 steps of it).
    const float most = largest / 127 * 0.5f + largest * 0x1p-11f;
    for (std::size_t i = 0; i < 32; ++i)
      EXPECT_NEAR(back[32 * b + i], x[32 * b + i], most) << "block " << b << ", number " << i;
  }
}

TEST(Q8, ZerosAndWhatIsNoNumberBecomeZero) {
  std::vector<float> x(64), back(64, 1.0f);
  x[40] = 127, x[41] = -127, x[42] = NAN, x[43] = 0.5f;
  std::vector<std::byte> blocks(2 * kQ8Bytes);
  to_q8_0(x, blocks);
  from_q8_0(blocks, back);
  EXPECT_EQ(back[0], 0);
  EXPECT_EQ(back[40], 127);
  EXPECT_EQ(back[41], -127);
  EXPECT_EQ(back[42], 0);
  EXPECT_EQ(back[43], 1) << "halves go away from zero, as in C's round";
}

TEST(Q8, ABlockWithoutAStepIsZeros) {
  // 1e-38 / 127 is no half, and 1 / that is no float: nothing may be cast that no int holds.
  std::vector<float> x(32, -1e-38f), back(32, 1.0f);
  x[1] = 3e-37f;
  std::vector<std::byte> blocks(kQ8Bytes, std::byte{1});
  to_q8_0(x, blocks);
  EXPECT_THAT(blocks, ::testing::Each(std::byte{0}));
  from_q8_0(blocks, back);
  EXPECT_THAT(back, ::testing::Each(0.0f));
}

// --- Writing -------------------------------------------------------------------------------------

TEST(GgufWriter, WhatIsWrittenIsReadAgain) {
  const test::Scratch scratch;
  const std::string path = scratch / "a.gguf";
  const OwnedBytes bytes = allocate_bytes(2 * 32 * sizeof(float));
  auto* numbers = reinterpret_cast<float*>(bytes.data.get());
  for (int i = 0; i < 64; ++i) numbers[i] = static_cast<float>(i - 32) / 4;
  const StoredTensor x = {"x", StoredType::f32, {2, 32}, bytes.span(), bytes.data};
  GgufWriter writer;
  writer.text("general.architecture", "any");
  writer.u32("n", 7);
  writer.f32("f", 0.25f);
  writer.boolean("b", true);
  writer.texts("t", {"a", "", "bc"});
  writer.i32s("i", {-1, 2});
  for (const std::uint32_t type : {kGgmlF32, kGgmlF16, kGgmlBf16, kGgmlQ8})
    writer.tensor("x" + std::to_string(type), x, type);
  writer.save(path);

  const FileSource source(path);
  EXPECT_EQ(source.size() % 32, 0u);
  const GgufFile file(source);
  EXPECT_EQ(file.version(), 3u);
  EXPECT_EQ(file.integer("n"), 7);
  EXPECT_EQ(file.number("f"), 0.25);
  EXPECT_THAT(*file.texts("t", 3), ElementsAre("a", "", "bc"));
  EXPECT_THAT(*file.integers("i", 3), ElementsAre(-1, 2));
  for (const GgufTensor& t : file.tensors()) {
    EXPECT_EQ(t.begin % 32, 0u) << t.name;
    EXPECT_THAT(t.shape, ElementsAre(2, 32));
    const StoredTensor back = file.read(t);
    ASSERT_EQ(back.bytes.size(), bytes.size);
    const auto* got = reinterpret_cast<const float*>(back.bytes.data());
    // q8_0: the largest of the first row is 8, so a step is 8/127. The others hold these numbers.
    const float most = t.type->id == kGgmlQ8 ? 8.0f / 127 : 0;
    for (int i = 0; i < 64; ++i) EXPECT_NEAR(got[i], numbers[i], most) << t.name << " " << i;
  }
}

TEST(GgufWriter, NumbersThatQ8CannotHoldAreRefusedByTheNameOfTheirTensor) {
  const test::Scratch scratch;
  const auto said = [&](float number) {
    const OwnedBytes bytes = allocate_bytes(64 * sizeof(float));
    auto* numbers = reinterpret_cast<float*>(bytes.data.get());
    std::fill_n(numbers, 64, 1.0f);
    numbers[40] = number;
    GgufWriter writer;
    writer.tensor("big", {"ours.big", StoredType::f32, {2, 32}, bytes.span(), bytes.data}, kGgmlQ8);
    return test::error_of([&] { writer.save(scratch / "a.gguf"); }, ExitCode::content);
  };
  for (const float number : {8.4e6f, -8.4e6f, 3e38f, HUGE_VALF})
    EXPECT_THAT(said(number), HasSubstr("tensor 'ours.big' has the number " + shortest(number)));
  EXPECT_THAT(scratch.names(), ElementsAre()) << "no file is left";
}

}   // namespace
}   // namespace glass
