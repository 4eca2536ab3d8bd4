// model/formats/npy.h against the bytes that NumPy writes, and against headers that lie.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "engine/base/error.h"
#include "model/formats/npy.h"
#include "tests/peak_memory.h"

namespace glass {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Version 1.0 with this dictionary, as NumPy pads it.
std::string npy(std::string dictionary, const std::string& data) {
  dictionary.resize((10 + dictionary.size() + 1 + 63) / 64 * 64 - 11, ' ');
  dictionary += '\n';
  const auto length = static_cast<std::uint16_t>(dictionary.size());
  std::string head("\x93NUMPY\x01\x00..", 10);
  std::memcpy(&head[8], &length, 2);
  return head + dictionary + data;
}

IntegerArray read(const std::string& file) {
  return read_npy_integers(
      MemorySource("'x.npy'", std::as_bytes(std::span(file.data(), file.size()))));
}

std::string refusal(const std::string& file) {
  try {
    read(file);
  } catch (const ContentError& error) {
    EXPECT_THAT(error.what(), HasSubstr("'x.npy'"));
    return error.what();
  }
  return "accepted";
}

template <class Number>
std::string bytes_of_all(const std::vector<Number>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Number)};
}

const char* const kTwoByTwo = "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 2), }";

TEST(Npy, ReadsWholeNumbersOfEverySize) {
  const auto header = [](const char* descr) {
    return "{'descr': '" + std::string(descr) + "', 'fortran_order': False, 'shape': (3,), }";
  };
  const auto expect = [](const std::string& file, const std::vector<std::int64_t>& values) {
    const IntegerArray array = read(file);
    EXPECT_EQ(array.values, values);
    EXPECT_THAT(array.shape, ElementsAre(3));
  };
  expect(npy(header("|u1"), bytes_of_all<std::uint8_t>({0, 1, 255})), {0, 1, 255});
  expect(npy(header("|i1"), bytes_of_all<std::int8_t>({0, -1, 127})), {0, -1, 127});
  expect(npy(header("<u2"), bytes_of_all<std::uint16_t>({1, 2, 65535})), {1, 2, 65535});
  expect(npy(header("<i2"), bytes_of_all<std::int16_t>({1, -2, 3})), {1, -2, 3});
  expect(npy(header("<u4"), bytes_of_all<std::uint32_t>({1, 2, 4294967295})), {1, 2, 4294967295});
  expect(npy(header("<i4"), bytes_of_all<std::int32_t>({1, -2, 3})), {1, -2, 3});
  expect(npy(header("<i8"), bytes_of_all<std::int64_t>({1, INT64_MIN, 3})), {1, INT64_MIN, 3});
}

TEST(Npy, ReadsShapesHoweverTheyAreSpelled) {
  const std::string four = bytes_of_all<std::int32_t>({1, 2, 3, 4});
  EXPECT_THAT(read(npy(kTwoByTwo, four)).shape, ElementsAre(2, 2));
  EXPECT_THAT(read(npy("{\"shape\":(2,2),\"fortran_order\":False,\"descr\":\"<i4\"}", four)).shape,
              ElementsAre(2, 2));
  EXPECT_THAT(read(npy("{'descr': '<i4', 'fortran_order': True, 'shape': (4,), }", four)).shape,
              ElementsAre(4))
      << "in one dimension the order is the same";
  EXPECT_THAT(
      read(npy("{'descr': '<i4', 'fortran_order': False, 'shape': (), }", four.substr(0, 4))).shape,
      ElementsAre());
  EXPECT_THAT(read(npy("{'descr': '<i4', 'fortran_order': False, 'shape': (0, 5), }", "")).shape,
              ElementsAre(0, 5));
  // Version 2.0 counts its header in four bytes.
  const std::string first = npy(kTwoByTwo, four);
  EXPECT_THAT(read(std::string("\x93NUMPY\x02\x00", 8) + first.substr(8, 2) + std::string(2, '\0') +
                   first.substr(10))
                  .values,
              ElementsAre(1, 2, 3, 4));
}

TEST(Npy, NoHeaderCanLie) {
  const std::string four = bytes_of_all<std::int32_t>({1, 2, 3, 4});
  const auto with = [&](const char* dictionary) { return npy(dictionary, four); };
  const std::string good = with(kTwoByTwo);
  ASSERT_EQ(refusal(good), "accepted");
  struct Lie {
    std::string file, reason;
  };
  std::string long_header = good, version = good;
  long_header[9] = '\xff';
  version[6] = 9;
  const Lie kLies[] = {
      {"", "does not begin"},
      {"\x93NUMPX", "does not begin"},
      {good + "x", "16 bytes, and 17 are there"},
      {long_header, "ends at byte"},
      {version, "version is 9.0"},
      {std::string("\x93NUMPY\x02\x00\xff\xff\xff\xff", 12), "claims 4294967295"},
      {with("{'descr': '>i4', 'fortran_order': False, 'shape': (2, 2), }"), "big-endian"},
      {with("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }"), "type F32 where whole"},
      {with("{'descr': '<c8', 'fortran_order': False, 'shape': (2,), }"), "'<c8'"},
      {with("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }"), "'|O'"},
      {with("{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (4,), }"), "records"},
      {with("{'descr': '<i4', 'fortran_order': True, 'shape': (2, 2), }"), "by columns"},
      {with("{'descr': '<i4', 'fortran_order': 0, 'shape': (2, 2), }"), "neither True nor False"},
      {with("{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }"), "needs 24 bytes"},
      {with("{'descr': '<i4', 'fortran_order': False, 'shape': (-2, -2), }"), "not a tuple"},
      {with("{'descr': '<i4', 'fortran_order': False, 'shape': (2.0, 2), }"), "lacks ')'"},
      {with("{'descr': '<i4', 'fortran_order': False, 'shape': [2, 2], }"), "lacks '('"},
      {with("{'descr': '<i4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }"),
       "more than 2^40"},
      {with("{'descr': '<i4', 'fortran_order': False, 'shape': (99999999999999999999,), }"),
       "not a tuple"},
      {with("{'descr': '<i4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,2,2), }"),
       "not a tuple"},
      {with("{'descr': '<i4', 'fortran_order': False, }"), "lacks one of"},
      {with("{'descr': '<i4', 'descr': '<i4', 'fortran_order': False, 'shape': (2,2)}"), "'descr'"},
      {with("{'descr': '<i4', 'fortran_order': False, 'shape': (2, 2), 'x': 1}"), "'x'"},
      {with("{'descr': '<i4', 'fortran_order': False, 'shape': (2, 2), } + os.system('x')"),
       "goes on after"},
      {with("{'descr: "), "text without an end"},
  };
  for (const Lie& lie : kLies) EXPECT_THAT(refusal(lie.file), HasSubstr(lie.reason)) << lie.file;
  const long needed = test::kilobytes_needed([&] {
    for (const Lie& lie : kLies) refusal(lie.file);
  });
  EXPECT_LT(needed, test::kMostKilobytes) << "a claim costs nothing";
  for (std::size_t n = 0; n < good.size(); ++n)
    EXPECT_NE(refusal(good.substr(0, n)), "accepted") << n << " bytes";
}

// Whatever happens to the bytes, the answer is a refusal or an array of the shape it claims.
TEST(Npy, RandomDamageIsRefusedOrHarmless) {
  const std::string good = npy(kTwoByTwo, bytes_of_all<std::int32_t>({1, 2, 3, 4}));
  std::mt19937 random(20240603);
  const std::string letters = "{}()'\",:0123456789<>|iufTF \n";
  int accepted = 0, refused = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string file = good;
    for (unsigned edits = 1 + random() % 3; edits > 0; --edits) {
      const std::size_t at = random() % 70;   // of the header that says something
      if (random() % 2 == 0) file[at] = letters[random() % letters.size()];
      else file[at] = static_cast<char>(file[at] ^ 1 << random() % 8);
    }
    try {
      const IntegerArray array = read(file);
      std::int64_t count = 1;
      for (const std::int64_t n : array.shape) count *= n;
      ASSERT_EQ(static_cast<std::size_t>(count), array.values.size()) << file;
      ++accepted;
    } catch (const ContentError&) { ++refused; }
  }
  EXPECT_GT(accepted, 50);
  EXPECT_GT(refused, 10000);
}

TEST(Npy, WritesTheBytesThatNumPyWrites) {
  std::string path = (std::filesystem::temp_directory_path() / "glass-npy-XXXXXX").string();
  const int fd = ::mkstemp(path.data());
  ASSERT_GE(fd, 0);
  ::close(fd);
  const auto written = [&](StoredType type, std::vector<std::int64_t> shape, const auto& values) {
    save_npy(path, {"", type, std::move(shape), std::as_bytes(std::span(values)), {}});
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
  };
  const std::vector<float> floats = {1, 2, 3, 4, 5, 6};
  const std::vector<double> doubles = {0.1};
  const std::vector<std::int32_t> integers = {1, -2, 3};
  EXPECT_EQ(
      written(StoredType::f32, {2, 3}, floats),
      npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", bytes_of_all(floats)));
  EXPECT_EQ(written(StoredType::f64, {}, doubles),
            npy("{'descr': '<f8', 'fortran_order': False, 'shape': (), }", bytes_of_all(doubles)));
  EXPECT_EQ(
      written(StoredType::i32, {3}, integers),
      npy("{'descr': '<i4', 'fortran_order': False, 'shape': (3,), }", bytes_of_all(integers)));
  EXPECT_THAT(load_npy_integers(path).values, ElementsAre(1, -2, 3));
  std::filesystem::remove(path);
}

}   // namespace
}   // namespace glass
