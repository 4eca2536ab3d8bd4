// model/formats/safetensors.h: what it writes is what the format says, and no header can lie to it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

#include "engine/base/error.h"
#include "model/formats/safetensors.h"
#include "tests/peak_memory.h"
#include "tests/scratch.h"

namespace glass {
namespace {

using testing::HasSubstr;

std::string le64(std::uint64_t n) {
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &n, 8);
  return bytes;
}

// A file with this header, whatever it says, and so many bytes of data.
std::string file_with(const std::string& header, std::size_t data) {
  return le64(header.size()) + header + std::string(data, 'd');
}

SafetensorsHeader read(const std::string& file) {
  const MemorySource source("'x.safetensors'", std::as_bytes(std::span(file.data(), file.size())));
  return read_safetensors_header(source);
}

std::string refusal(const std::string& file) {
  try {
    read(file);
  } catch (const ContentError& error) {
    EXPECT_THAT(error.what(), HasSubstr("'x.safetensors'")) << "every message names the file";
    return error.what();
  }
  return "accepted";
}

// One tensor of the given dtype, shape and offsets.
std::string one(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"a":{"dtype":)" + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets +
         "}}";
}

TEST(Safetensors, ReadsTensorsInTheOrderOfTheirBytes) {
  const SafetensorsHeader header =
      read(file_with(R"({"z":{"dtype":"F32","shape":[2,3],"data_offsets":[8,32]},)"
                     R"("__metadata__":{"format":"pt","k":"v"},)"
                     R"("s":{"dtype":"I64","shape":[],"data_offsets":[0,8]},)"
                     R"("none":{"dtype":"U8","shape":[4,0],"data_offsets":[32,32]}}   )",
                     32));
  ASSERT_EQ(header.tensors.size(), 3u);
  EXPECT_EQ(header.tensors[0].name, "s");
  EXPECT_EQ(header.tensors[0].elements(), 1);
  EXPECT_EQ(header.tensors[1].name, "z");
  EXPECT_EQ(header.tensors[1].type, StoredType::f32);
  EXPECT_EQ(header.tensors[1].shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(header.tensors[1].end - header.tensors[1].begin, 24u);
  EXPECT_EQ(header.tensors[1].begin, header.text.size() + 8);
  EXPECT_EQ(header.tensors[2].elements(), 0);
  EXPECT_EQ(header.notes, (Notes{{"format", "pt"}, {"k", "v"}}));
  EXPECT_TRUE(read(file_with("{}", 0)).tensors.empty());
}

TEST(Safetensors, KnowsThirteenTypesAndTheirSizes) {
  const std::pair<const char*, int> kTypes[] = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"I16", 2}, {"U16", 2}, {"F16", 2}, {"BF16", 2},
      {"I32", 4},  {"U32", 4}, {"F32", 4}, {"F64", 8}, {"I64", 8}, {"U64", 8}};
  int index = 0;
  for (const auto& [name, size] : kTypes) {
    const std::string end = std::to_string(3 * size);
    const SafetensorsHeader header =
        read(file_with(one("\"" + std::string(name) + "\"", "[3]", "[0," + end + "]"),
                       static_cast<std::size_t>(3 * size)));
    EXPECT_EQ(header.tensors[0].type, static_cast<StoredType>(index)) << name;
    EXPECT_STREQ(name_of(header.tensors[0].type), name);
    EXPECT_EQ(bytes_of(header.tensors[0].type), static_cast<std::size_t>(size)) << name;
    ++index;
  }
}

struct Lie {
  std::string file, reason;
};

TEST(Safetensors, NoHeaderCanLie) {
  const std::string kF = "\"F32\"";
  const std::string good = one(kF, "[2]", "[0,8]");
  ASSERT_EQ(refusal(file_with(good, 8)), "accepted") << "the table starts from a sound file";
  const auto with_size = [&](std::uint64_t n) { return le64(n) + good + "dddddddd"; };
  const auto two = [&](const std::string& a, const std::string& b) {
    return file_with(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":)" + a +
                         R"(},"b":{"dtype":"F32","shape":[2],"data_offsets":)" + b + "}}",
                     16);
  };
  std::string many = "{", same = "{", deep = one(kF, "[2]", "[0,8]");
  for (int i = 0; i < 70000; ++i) {
    const std::string name = "\"t" + std::to_string(i) + "\":{\"dtype\":\"U8\",\"shape\":";
    many += name + "[0],\"data_offsets\":[0,0]},";
    same += name + "[8],\"data_offsets\":[0,8]},";
  }
  const std::string huge = "18446744073709551615";
  std::string hundred;
  for (int i = 0; i < 99; ++i) hundred += ",1";
  const Lie kLies[] = {
      {"", "it is empty"},
      {"1234567", "only 7 bytes"},
      {le64(0), "does not begin with '{'"},
      {le64(0) + "{}", "does not begin with '{'"},
      {with_size(7), "there is"},
      {with_size(good.size() + 9), "promise a header"},
      {with_size(std::uint64_t{1} << 31), "promise a header"},
      {with_size(std::uint64_t{1} << 63), "promise a header"},
      {with_size(UINT64_MAX), "promise a header"},
      {with_size(UINT64_MAX - 7), "promise a header"},
      {file_with("[]", 0), "does not begin with '{'"},
      {file_with(" {}", 0), "does not begin with '{'"},
      {file_with("\xef\xbb\xbf{}", 0), "does not begin with '{'"},
      {file_with("{} x", 0), "something after the end"},
      {file_with("{}", 1), "its tensors end at byte 10, and the file at 11"},
      {file_with(good, 9), "and the file at"},
      {file_with(good, 7), "claims the bytes 0 to 8 of the 7"},
      {file_with(good + std::string(1, '\0'), 8), "something after the end"},
      {file_with(one("\"F8_E4M3\"", "[2]", "[0,8]"), 8), "dtype 'F8_E4M3', not BOOL"},
      {file_with(one("\"f32\"", "[2]", "[0,8]"), 8), "dtype 'f32'"},
      {file_with(one("4", "[2]", "[0,8]"), 8), "dtype '4'"},
      {file_with(one(kF, "[4294967296,4294967296]", "[0,8]"), 8), "more than 2^40 elements"},
      {file_with(one(kF, "[9223372036854775807,2]", "[0,8]"), 8), "more than 2^40 elements"},
      {file_with(one(kF, "[9223372036854775808,2]", "[0,8]"), 8), "where an integer"},
      {file_with(one(kF, "[-1]", "[0,8]"), 8), "holds '-1'"},
      {file_with(one(kF, "[" + huge + ",0]", "[0,8]"), 8), "where an integer"},
      {file_with(one(kF, "[1099511627776,1099511627776,0]", "[0,0]"), 0), "more than 2^40"},
      {file_with(one(kF, "[0,1099511627776,1099511627776]", "[0,0]"), 0), "more than 2^40"},
      {file_with(one(kF, "[1]", "[0,8]"), 8), "8 bytes where its shape needs 4"},
      {file_with(one(kF, "[1e400]", "[0,8]"), 8), "holds '1e400'"},
      {file_with(one(kF, "[2e0]", "[0,8]"), 8), "holds '2e0'"},
      {file_with(one(kF, "[1.5]", "[0,8]"), 8), "holds '1.5'"},
      {file_with(one(kF, "[2.0]", "[0,8]"), 8), "holds '2.0'"},
      {file_with(one(kF, "[\"2\"]", "[0,8]"), 8), "holds '2'"},
      {file_with(one(kF, "[true]", "[0,8]"), 8), "holds something"},
      {file_with(one(kF, "2", "[0,8]"), 8), "the shape of tensor 'a' is not a list"},
      {file_with(one(kF, "[1,1,1,1,1,1,1,1,2]", "[0,8]"), 8), "9 dimensions"},
      {file_with(one(kF, "[1" + hundred + "]", "[0,4]"), 4), "100 dimensions"},
      {file_with(one(kF, "[2]", "[8,0]"), 8), "claims the bytes 8 to 0"},
      {file_with(one(kF, "[2]", "[0,7]"), 8), "7 bytes where its shape needs 8"},
      {file_with(one(kF, "[2]", "[0,9223372036854775807]"), 8), "claims the bytes"},
      {file_with(one(kF, "[2]", "[0," + huge + "]"), 8), "where an integer"},
      {file_with(one(kF, "[2]", "[-8,0]"), 8), "where an integer"},
      {file_with(one(kF, "[2]", "[0]"), 8), "not two numbers"},
      {file_with(one(kF, "[2]", "[0,8,8]"), 8), "not two numbers"},
      {file_with(one(kF, "[2]", "{}"), 8), "is not a list"},
      {file_with(one(kF, "[2]", "[8,16]"), 16), "begins at byte"},
      {two("[0,8]", "[0,8]"), "begins at byte"},
      {two("[0,8]", "[4,12]"), "begins at byte"},
      {file_with(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                 R"("b":{"dtype":"F32","shape":[2],"data_offsets":[16,24]}})",
                 24),
       "tensor 'b' begins at byte"},
      {file_with(R"({"a":{"shape":[2],"data_offsets":[0,8]}})", 8), "lacks the field 'dtype'"},
      {file_with(R"({"a":{"dtype":"F32","data_offsets":[0,8]}})", 8), "lacks the field 'shape'"},
      {file_with(R"({"a":{"dtype":"F32","shape":[2]}})", 8), "lacks the field 'data_offsets'"},
      {file_with(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"stride":[9]}})", 8),
       "'stride'"},
      {file_with(R"({"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 8),
       "second time"},
      {file_with(R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)"
                 R"("a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})",
                 0),
       "'a' for the second time"},
      {file_with(R"({"a":[]})", 0), "described by no object"},
      {file_with(R"({"":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})", 0), "the name ''"},
      {file_with(R"({"a\u0000b":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})", 0),
       "no control bytes"},
      {file_with(R"({"../a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})", 0), "'../a'"},
      {file_with("{\"" + std::string(65536, 'n') +
                     R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})",
                 0),
       "1 to 512 bytes"},
      {file_with("{\"\\ud800\":{}}", 0), "half a surrogate pair"},
      {file_with("{\"\xff\":{}}", 0), "not UTF-8"},
      {file_with(R"({"__metadata__":{"a":1}})", 0), "'a' in __metadata__ is not a text"},
      {file_with(R"({"__metadata__":["a"]})", 0), "__metadata__ is not an object"},
      {file_with(R"({"__metadata__":{"a":"1","a":"2"}})", 0), "second time"},
      {file_with("{\"a\":" + std::string(1000000, '['), 0), "nesting"},
      {file_with("{\"a\":{\"shape\":" + std::string(8, '[') + std::string(8, ']') + "}}", 0),
       "nesting"},
      {file_with(many + "\"last\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0),
       "more than 65,536 tensors"},
      {file_with(same + "\"last\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[0,8]}}", 8),
       "more than 65,536 tensors"},
  };
  for (const Lie& lie : kLies) {
    const std::string shown = lie.file.substr(0, 200);
    EXPECT_THAT(refusal(lie.file), HasSubstr(lie.reason)) << shown;
  }
  const long needed = test::kilobytes_needed([&] {
    for (const Lie& lie : kLies) refusal(lie.file);
  });
  EXPECT_LT(needed, test::kMostKilobytes) << "a claim costs nothing";
}

TEST(Safetensors, EveryCutOfAFileIsRefused) {
  const std::string file = file_with(
      R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"__metadata__":{"k":"v"}})", 8);
  ASSERT_EQ(refusal(file), "accepted");
  for (std::size_t n = 0; n < file.size(); ++n)
    EXPECT_NE(refusal(file.substr(0, n)), "accepted") << n << " bytes";
}

// Whatever happens to the bytes, the answer is a refusal or a header that keeps the rules.
TEST(Safetensors, RandomDamageIsRefusedOrHarmless) {
  const std::string good = file_with(
      R"({"a":{"dtype":"F32","shape":[2,3],"data_offsets":[8,32]},"__metadata__":{"k":"\u00e9"},)"
      R"("b":{"dtype":"I64","shape":[],"data_offsets":[0,8]}} )",
      32);
  std::mt19937 random(20240602);
  const std::string letters = "{}[]\",:0123456789-eEu\\ \x80\xff";
  int accepted = 0, refused = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string file = good;
    for (unsigned edits = 1 + random() % 3; edits > 0; --edits) {
      const std::size_t at = random() % (file.size() - 8) + (random() % 8 == 0 ? 0 : 8);
      const char letter = letters[random() % letters.size()];
      switch (random() % 4) {
        case 0:
          file[at] = letter;
          break;
        case 1:
          file[at] = static_cast<char>(file[at] ^ 1 << random() % 8);
          break;
        case 2:
          file.erase(at, 1);
          break;
        default:
          file.insert(at, 1, letter);
          break;
      }
      if (random() % 2 == 0)
        file.replace(0, 8, le64(file.size() - 8 - 32));   // the size fits again
    }
    try {
      const SafetensorsHeader header = read(file);
      std::uint64_t at = header.text.size();
      for (const TensorEntry& entry : header.tensors) {
        ASSERT_EQ(entry.begin, at) << file;
        at += static_cast<std::uint64_t>(entry.elements()) * bytes_of(entry.type);
        ASSERT_EQ(entry.end, at) << file;
      }
      ASSERT_EQ(at, file.size()) << file;
      ++accepted;
    } catch (const ContentError&) { ++refused; }
  }
  EXPECT_GT(accepted, 100) << "damage that is always fatal tests only the first check";
  EXPECT_GT(refused, 10000);
}

// --- Writing -------------------------------------------------------------------------------------

template <class Number>
StoredTensor tensor_of(const std::string& name, StoredType type, std::vector<std::int64_t> shape,
                       const std::vector<Number>& values) {
  const auto owner = std::make_shared<std::vector<Number>>(values);
  return {name, type, std::move(shape), std::as_bytes(std::span(*owner)), owner};
}

class SafetensorsFile : public testing::Test {
 protected:
  test::Scratch scratch_;
  std::string folder_ = scratch_.path();
};

TEST_F(SafetensorsFile, WhatIsWrittenIsReadAgain) {
  const std::string path = folder_ + "/a.safetensors";
  const Notes notes = {{"format", "pt"}, {"quote\"", "line\nend \xe2\x82\xac"}};
  save_safetensors(path,
                   {tensor_of<std::int8_t>("small", StoredType::i8, {3}, {1, -2, 3}),
                    tensor_of<float>("b", StoredType::f32, {2, 2}, {1, 2, 3, 4}),
                    tensor_of<double>("wide", StoredType::f64, {}, {0.1}),
                    tensor_of<float>("a", StoredType::f32, {1}, {5}),
                    tensor_of<std::int32_t>("none", StoredType::i32, {0, 7}, {})},
                   notes);
  const Safetensors read = load_safetensors(path);
  EXPECT_EQ(read.notes, notes);
  std::vector<std::string> names;
  for (const StoredTensor& tensor : read.tensors) names.push_back(tensor.name);
  EXPECT_EQ(names, (std::vector<std::string>{"wide", "a", "b", "none", "small"}))
      << "larger elements first, then by name";
  float b[4];
  ASSERT_EQ(read.tensors[2].bytes.size(), sizeof b);
  std::memcpy(b, read.tensors[2].bytes.data(), sizeof b);
  EXPECT_THAT(b, testing::ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(read.tensors[2].shape, (std::vector<std::int64_t>{2, 2}));
}

TEST_F(SafetensorsFile, DataBeginAtAMultipleOfEight) {
  for (std::size_t n = 1; n < 20; ++n) {
    const StoredTensor tensor = tensor_of<float>(std::string(n, 'x'), StoredType::f32, {1}, {1});
    const std::string header = safetensors_header(std::span(&tensor, 1), {});
    EXPECT_EQ(header.size() % 8, 0u) << n;
    EXPECT_EQ(header.substr(0, 8), le64(header.size() - 8));
    EXPECT_EQ(header[8], '{');
  }
}

TEST_F(SafetensorsFile, WhatTheFormatCannotSayIsRefusedBeforeAFileExists) {
  const auto refused = [&](const StoredTensor& tensor, const Notes& notes) {
    EXPECT_THROW(save_safetensors(folder_ + "/a", {tensor}, notes), Error) << tensor.name;
    EXPECT_TRUE(std::filesystem::is_empty(folder_));
  };
  refused(tensor_of<float>("short", StoredType::f32, {3}, {1, 2}), {});
  refused(tensor_of<float>("", StoredType::f32, {1}, {1}), {});
  refused(tensor_of<float>("a\nb", StoredType::f32, {1}, {1}), {});
  refused(tensor_of<float>("\xff", StoredType::f32, {1}, {1}), {});
  refused(tensor_of<float>("__metadata__", StoredType::f32, {1}, {1}), {});
  refused(tensor_of<float>("a", StoredType::f32, {1}, {1}), {{"note", "\xff"}});
}

// A claim costs nothing.
long kilobytes_needed(const std::string& path) {
  return test::kilobytes_needed([&] { load_safetensors(path); });
}

TEST_F(SafetensorsFile, ALiarGetsNoMemory) {
  const std::string path = folder_ + "/liar";
  const auto write = [&](const std::string& file) { std::ofstream(path) << file; };
  constexpr long kMost = test::kMostKilobytes;
  write(file_with(one("\"F32\"", "[1099511627776]", "[0,4398046511104]"), 8));
  EXPECT_LT(kilobytes_needed(path), kMost);
  write(le64(99'000'000) + "{");
  EXPECT_LT(kilobytes_needed(path), kMost);
  std::string zeros = "{\"__metadata__\":{\"a\":[0";
  for (int i = 0; i < 4'000'000; ++i) zeros += ",0";
  write(file_with(zeros + "]}}", 0));
  EXPECT_LT(kilobytes_needed(path), kMost + 2 * 8'000);
  // A file with a hole: four terabytes that take no space on the disk.
  const std::string header = one("\"F32\"", "[1099511627776]", "[0,4398046511104]");
  write(le64(header.size()) + header);
  if (::truncate(path.c_str(), static_cast<off_t>(8 + header.size() + (std::uint64_t{4} << 40))) ==
      0) {
    EXPECT_THROW(load_safetensors(path), SystemError);
    EXPECT_LT(kilobytes_needed(path), kMost);
  }
}

}   // namespace
}   // namespace glass
