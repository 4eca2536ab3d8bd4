// model/formats/pytorch.h: tensors as PyTorch lays them out, hostile pickles, and the way back.
#include "model/formats/pytorch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "engine/base/error.h"
#include "model/formats/elements.h"
#include "tests/model/torch_bytes.h"
#include "tests/peak_memory.h"
#include "tests/scratch.h"

namespace glass::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<StoredTensor> tensors_of(const std::string& file) {
  const MemorySource source("'x.pt'", std::as_bytes(std::span(file.data(), file.size())));
  TorchFile torch(source);
  std::vector<StoredTensor> all;
  for (const TorchTensor& tensor : torch.state_dict()) all.push_back(torch.load(tensor));
  return all;
}

// Every tensor, in one line; or the reason why not.
std::string read(const std::string& file) {
  try {
    std::string all;
    for (const StoredTensor& x : tensors_of(file)) {
      all += x.name + " " + name_of(x.type) + " (";
      for (const std::int64_t n : x.shape) all += std::to_string(n) + ",";
      all +=
          ") " + std::string(reinterpret_cast<const char*>(x.bytes.data()), x.bytes.size()) + "\n";
    }
    return all;
  } catch (const ContentError& error) {
    EXPECT_THAT(error.what(), HasSubstr("'x.pt'"));
    return std::string("refused: ") + error.what();
  }
}

const std::string kSix = floats({0, 1, 2, 3, 4, 5});

// A file whose dictionary has one tensor "a", made by these steps, over six floats.
std::string with_tensor(const std::string& steps) {
  return torch_bytes(pickle("}(" + text("a") + steps + "u"), {kSix}).bytes;
}
std::string with_pickle(const std::string& bytes) { return torch_bytes(bytes, {kSix}).bytes; }

std::vector<float> numbers_of(const StoredTensor& x) {
  std::vector<float> values(x.bytes.size() / sizeof(float));
  std::memcpy(values.data(), x.bytes.data(), x.bytes.size());
  return values;
}

TEST(TorchFile, HonoursOffsetsAndStrides) {
  const auto load = [](std::int64_t offset, const std::vector<std::int64_t>& shape,
                       const std::vector<std::int64_t>& strides) {
    return numbers_of(tensors_of(with_tensor(tensor(storage("0", 6), offset, shape, strides)))[0]);
  };
  EXPECT_THAT(load(0, {2, 3}, {3, 1}), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(load(0, {3, 2}, {1, 3}), ElementsAre(0, 3, 1, 4, 2, 5)) << "transposed";
  EXPECT_THAT(load(1, {2, 2}, {3, 1}), ElementsAre(1, 2, 4, 5)) << "columns 1 and 2";
  EXPECT_THAT(load(1, {3}, {2}), ElementsAre(1, 3, 5)) << "every second";
  EXPECT_THAT(load(4, {}, {}), ElementsAre(4)) << "a single number";
  EXPECT_THAT(load(2, {1, 1, 3}, {77, 0, 1}), ElementsAre(2, 3, 4))
      << "strides of ones say nothing";
  EXPECT_THAT(load(6, {0, 5}, {5, 1}), ElementsAre());
  EXPECT_THAT(load(0, {1, 3, 2}, {6, 2, 1}), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(load(0, {2, 1, 3}, {1, 9, 2}), ElementsAre(0, 2, 4, 1, 3, 5));
}

TEST(TorchFile, TensorsShareAStorageAndParametersAreTensors) {
  const std::string a = tensor(storage("0", 6), 0, {2, 3}, {3, 1});
  const std::string parameter =
      global("torch._utils", "_rebuild_parameter") + "(" + a + "\x88" + kOrderedDict + "tR";
  const std::string file =
      torch_bytes(pickle(kOrderedDict + "(" + text("a") + a + text("b") + parameter + "u}(" +
                         text("_metadata") + kOrderedDict + "ub"),
                  {kSix})
          .bytes;
  const std::vector<StoredTensor> all = tensors_of(file);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[1].name, "b");
  EXPECT_EQ(all[0].bytes.data(), all[1].bytes.data()) << "read once";
}

TEST(TorchFile, KnowsTenTypesOfStorage) {
  const std::pair<const char*, const char*> kTypes[] = {
      {"FloatStorage", "F32"},     {"DoubleStorage", "F64"}, {"HalfStorage", "F16"},
      {"BFloat16Storage", "BF16"}, {"LongStorage", "I64"},   {"IntStorage", "I32"},
      {"ShortStorage", "I16"},     {"CharStorage", "I8"},    {"ByteStorage", "U8"},
      {"BoolStorage", "BOOL"}};
  for (const auto& [storage_name, type] : kTypes) {
    for (const std::int64_t size : {1, 2, 4, 8}) {
      const std::int64_t n = 24 / size;
      const std::string got = read(with_tensor(tensor(storage("0", n, storage_name), 0, {n}, {1})));
      if (got.find("refused") == std::string::npos) EXPECT_THAT(got, HasSubstr(type));
      else
        EXPECT_THAT(got, HasSubstr("has 24 bytes")) << storage_name << " of " << size << " bytes";
    }
  }
  for (const auto& [storage_name, type] : kTypes) {
    int accepted = 0;
    for (const std::int64_t n : {24, 12, 6, 3})
      accepted +=
          read(with_tensor(tensor(storage("0", n, storage_name), 0, {n}, {1}))).find("refused") ==
          std::string::npos;
    EXPECT_EQ(accepted, 1) << storage_name;
  }
}

TEST(TorchFile, WhatItWritesItReads) {
  const Scratch folder;
  const std::vector<float> values = {1.5f, -2, 3, 4, 5, 6};
  const StoredTensor x{"x", StoredType::f32, {2, 3}, std::as_bytes(std::span(values)), {}};
  const StoredTensor half = as_type(x, StoredType::f16);
  TorchWriter file;
  file.pickle().dictionary().text("x");
  file.tensor(x);
  file.pickle().text("again");
  file.tensor(x);
  file.pickle().text("half");
  file.tensor(half);
  file.pickle().end();
  file.save(folder / "x.pt");
  const FileSource source(folder / "x.pt");
  ASSERT_TRUE(is_torch_file(source));
  TorchFile torch(source);
  const std::vector<TorchTensor> all = torch.state_dict();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(numbers_of(torch.load(all[0])), values);
  EXPECT_EQ(all[0].storage, all[1].storage);
  EXPECT_EQ(all[2].type, StoredType::f16);
  EXPECT_EQ(numbers_of(as_type(torch.load(all[2]), StoredType::f32)), values);
  EXPECT_THAT(all[0].shape, ElementsAre(2, 3));
}

TEST(PickleWriter, WhatItWritesIsReadBack) {
  const Scratch folder;
  TorchWriter file;
  file.pickle().dictionary();
  for (const std::int64_t n : {0, 255, 256, -1, 70000, INT32_MIN})
    file.pickle().integer(n).integer(n);
  file.pickle().text("big").integer(INT64_MIN).text("real").real(-0.1).text("yes").boolean(true);
  file.pickle().text("none").none().text("list").list().tuple().text("x").end().end().end();
  file.save(folder / "x.pt");
  const FileSource source(folder / "x.pt");
  const TorchFile torch(source);
  const PickleValue root = torch.root();
  for (std::size_t i = 0; i < 6; ++i)
    EXPECT_EQ(root.pair(i).first.integer(), root.pair(i).second.integer());
  EXPECT_EQ(root.pair(5).first.integer(), INT32_MIN);
  EXPECT_EQ(root.at("big").integer(), INT64_MIN);
  EXPECT_EQ(root.at("real").real(), -0.1);
  EXPECT_TRUE(root.at("yes").boolean());
  EXPECT_TRUE(root.at("none").is(PickleValue::Kind::none));
  EXPECT_EQ(root.at("list")[0][0].text(), "x");
  EXPECT_THROW(root.at("nothing"), ContentError);
  EXPECT_THROW(PickleWriter().dictionary().bytes(), Error);
}

// ---- hostile ones -------------------------------------------------------------------------------

struct Hostile {
  std::string what, pickle, reason;   // the steps between the protocol and STOP
};

TEST(Pickle, NothingIsImportedOrCalled) {
  const std::string sh = "(" + text("true") + "tR";
  const Hostile kHostile[] = {
      {"os.system", global("os", "system") + sh, "to import 'system' from 'os'"},
      {"posix.system", global("posix", "system") + sh, "'system' from 'posix'"},
      {"eval", global("__builtin__", "eval") + sh, "'eval' from '__builtin__'"},
      {"exec", global("builtins", "exec") + sh, "'exec' from 'builtins'"},
      {"getattr", global("builtins", "getattr") + sh, "'getattr'"},
      {"Popen", global("subprocess", "Popen") + sh, "'Popen'"},
      {"runpy", global("runpy", "_run_code") + sh, "'_run_code'"},
      {"attrgetter", global("operator", "attrgetter") + sh, "'attrgetter'"},
      {"torch.load", global("torch.serialization", "load") + sh, "'load'"},
      {"bytes of a storage", global("torch.storage", "_load_from_bytes") + sh,
       "'_load_from_bytes'"},
      {"numpy", global("numpy.core.multiarray", "scalar") + sh, "'scalar'"},
      {"a good name in a bad place", global("os", "OrderedDict") + ")R", "'OrderedDict' from 'os'"},
      {"a dotted name", global("torch", "FloatStorage.x"), "'FloatStorage.x'"},
      {"a name with controls", global("os\x1b[2J", "system"), "\\x1b"},
      {"no name at all", "cos", "cut short"},
      {"STACK_GLOBAL", text("os") + text("system") + "\x93",
       "step 0x93 of a pickle (STACK_GLOBAL)"},
      {"INST", "(ios\nsystem\n", "(INST)"},
      {"OBJ", "(" + global("torch", "FloatStorage") + "o", "(OBJ)"},
      {"NEWOBJ", global("torch", "FloatStorage") + ")\x81", "(NEWOBJ)"},
      {"NEWOBJ_EX", global("torch", "FloatStorage") + ")}\x92", "(NEWOBJ_EX)"},
      {"EXT1", "\x82\x01", "(EXT1)"},
      {"EXT2", "\x83\x01\x01", "(EXT2)"},
      {"EXT4", "\x84\x01\x01\x01\x01", "(EXT4)"},
      {"PERSID", "P0\n", "(PERSID)"},
      {"a storage that is called", global("torch", "FloatStorage") + ")R", "to call FloatStorage"},
      {"a text that is called", text("os") + ")R", "a call is not"},
      {"a call with a list", global("torch._utils", "_rebuild_tensor_v2") + "]R", "a call is not"},
      {"a dictionary from something", global("collections", "OrderedDict") + "(]tR",
       "called with something"},
      {"state of a tensor", tensor(storage("0", 6), 0, {6}, {1}) + "}b", "no OrderedDict"},
      {"state of a plain dictionary", "}}b", "no OrderedDict"},
      {"state of nothing", "}b", "a value is missing"},
  };
  for (const Hostile& h : kHostile)
    EXPECT_THAT(read(with_pickle(pickle(h.pickle))),
                testing::AllOf(HasSubstr("refused"), HasSubstr(h.reason), HasSubstr("at byte")))
        << h.what;
}

TEST(Pickle, BrokenMachinesAreRefused) {
  std::string deep;
  for (int i = 0; i < 70; ++i) deep += i == 0 ? ")" : "\x85";
  const std::string many((1 << 20) + 1, '(');
  std::string values = "]";
  for (int i = 0; i < (1 << 20); ++i) values += "Na";
  const Hostile kHostile[] = {
      {"nothing", "", "ends with 0 values"},
      {"two values", "}}", "ends with 2 values"},
      {"a mark alone", "(", "ends with 1 values"},
      {"protocol 4", "\x80\x04}", "protocol is 4"},
      {"a step that no Python knows", "\xff", "step 0xff"},
      {"LONG4 of 2 GB", "\x8b\xff\xff\xff\x7f", "(LONG4)"},
      {"LONG1 of 9 bytes", "\x8a\x09" + std::string(9, '1'), "9 bytes is too large"},
      {"a text of 4 GB", "X\xff\xff\xff\xff", "longer than any"},
      {"a text of more than 1 MiB", text(std::string((1 << 20) + 1, 'x')), "longer than any"},
      {"a text cut short", "X\x00\x01\x00\x00hi"s, "cut short"},
      {"BINUNICODE8", "\x8d" + little(~std::uint64_t{0}, 8), "(BINUNICODE8)"},
      {"BINBYTES", "B\x01\x00\x00\x00x"s, "(BINBYTES)"},
      {"STRING", "S'x'\n", "(STRING)"},
      {"POP", "}0", "(POP)"},
      {"DUP", "}2", "(DUP)"},
      {"GET", "g0\n", "(GET)"},
      {"PUT", "}p0\n", "(PUT)"},
      {"FRAME", "\x95" + little(~std::uint64_t{0}, 8), "(FRAME)"},
      {"MEMOIZE", "}\x94", "(MEMOIZE)"},
      {"a list in itself", "]q\x00h\x00"s + "a", "part of another one, or of itself"},
      {"a dictionary in itself", "}q\x00(h\x00h\x00"s + "u", "part of another one, or of itself"},
      {"two lists in each other", "]q\x00]q\x01h\x00"s + "ah\x00h\x01"s + "a",
       "part of another one"},
      {"a gap in the memo", "}r\xff\xff\xff\x7f", "stores value number 2147483647"},
      {"never stored", "h\x03", "never stored"},
      {"never stored, far away", "j\xff\xff\xff\xff", "never stored"},
      {"nothing to store", "q\x00"s, "a value is missing"},
      {"a tuple without a mark", "}t", "a mark is missing"},
      {"a tuple of what is not there", "}\x87", "a value is missing"},
      {"a tuple of a mark", "(\x85", "a mark stands"},
      {"a call of nothing", "R", "a value is missing"},
      {"a reference of nothing", "Q", "a value is missing"},
      {"a key without a value", "}(}u", "a key has no value"},
      {"items of a list", "](}}u", "no dictionary"},
      {"an item of a dictionary", "}}a", "no list"},
      {"an item of nothing", "}a", "no list"},
      {"70 tuples in one another", deep, "more than 64 deep"},
      {"a million marks", many, "too many values at once"},
      {"a million values", values, "too many values"},
      {"a root that is no dictionary", "K\x01", "a dictionary is expected where an integer is"},
      {"a dictionary of numbers", "}(" + number(1) + number(2) + "u",
       "a text is expected where an integer is"},
      {"no tensor", "}(" + text("a") + number(2) + "u", "'a' is no tensor"},
      {"no name", "}(" + text("") + tensor(storage("0", 6), 0, {6}, {1}) + "u", "has the name ''"},
      {"a name twice",
       "}(" + text("a") + tensor(storage("0", 6), 0, {6}, {1}) + text("a") +
           tensor(storage("0", 6), 0, {6}, {1}) + "u",
       "there twice"},
  };
  for (const Hostile& h : kHostile) {
    const std::string file = with_pickle(pickle(h.pickle));
    EXPECT_THAT(read(file),
                testing::AllOf(HasSubstr("refused"), HasSubstr(h.reason), HasSubstr("at byte")))
        << h.what;
    EXPECT_LT(kilobytes_needed([&] { tensors_of(file); }),
              kMostKilobytes + 2 * static_cast<long>(file.size() >> 10))
        << h.what;
  }
  EXPECT_THAT(read(with_pickle("")), HasSubstr("cut short"));
  EXPECT_THAT(read(with_pickle("\x80\x02}")), HasSubstr("cut short"));
  EXPECT_THAT(read(with_pickle(pickle("}") + "x")), HasSubstr("something follows"));
}

TEST(Pickle, NoTensorCanLie) {
  const std::string six = storage("0", 6);
  const auto reference = [](const std::string& parts) { return "(" + parts + "tQ"; };
  const std::string type = global("torch", "FloatStorage");
  const std::int64_t big = std::int64_t{1} << 40;
  const struct {
    std::string what, steps, reason;
  } kLies[] = {
      {"beyond the storage", tensor(six, 1, {2, 3}, {3, 1}), "does not lie in its storage of 6"},
      {"an offset beyond", tensor(six, 7, {0}, {1}), "does not lie"},
      {"a negative offset", tensor(six, -1, {2}, {1}), "does not lie"},
      {"a long stride", tensor(six, 0, {2}, {6}), "does not lie"},
      {"an endless stride", tensor(six, 0, {3}, {big}), "does not lie"},
      {"a stride too long for 64 bits", tensor(six, 0, {3}, {INT64_MAX}), "the stride"},
      {"a negative stride", tensor(six, 5, {6}, {-1}), "the stride -1"},
      {"expanded", tensor(six, 0, {1000000}, {0}), "the stride 0"},
      {"more elements than numbers", tensor(six, 0, {3, 3}, {1, 1}), "does not lie"},
      {"a negative size", tensor(six, 0, {-1}, {1}), "the size -1"},
      {"sizes whose product overflows", tensor(six, 0, {big, big}, {1, 1}), "does not lie"},
      {"an overflow beside a zero", tensor(six, 0, {big, big, 0}, {1, 1, 1}), "does not lie"},
      {"nine dimensions", tensor(six, 0, {1, 1, 1, 1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1, 1, 1, 1}),
       "more than 8"},
      {"fewer strides than sizes", tensor(six, 0, {2, 3}, {1}), "2 sizes and 1 strides"},
      {"another count of numbers", tensor(storage("0", 5), 0, {5}, {1}), "which are not 5"},
      {"a negative count", tensor(storage("0", -6), 0, {5}, {1}), "which are not -6"},
      {"a wider type", tensor(storage("0", 6, "DoubleStorage"), 0, {6}, {1}), "of type F64"},
      {"a storage that is not there", tensor(storage("1", 6), 0, {6}, {1}), "no storage '1'"},
      {"a storage elsewhere", tensor(storage("../data.pkl", 6), 0, {6}, {1}), "no storage"},
      {"a storage without a name", tensor(storage("", 6), 0, {6}, {1}), "no storage"},
      {"another kind of reference",
       tensor(reference(text("module") + type + text("0") + text("cpu") + number(6)), 0, {6}, {1}),
       "not one to a storage"},
      {"a short reference",
       tensor(reference(text("storage") + type + text("0") + text("cpu")), 0, {6}, {1}),
       "not one to a storage"},
      {"a type that is a text",
       tensor(
           reference(text("storage") + text("FloatStorage") + text("0") + text("cpu") + number(6)),
           0, {6}, {1}),
       "an imported name is expected"},
      {"a type that is none",
       tensor(reference(text("storage") + global("collections", "OrderedDict") + text("0") +
                        text("cpu") + number(6)),
              0, {6}, {1}),
       "no type of storage"},
      {"a tensor where a storage should be", tensor("K\x01", 0, {6}, {1}),
       "a reference is expected"},
      {"too few values",
       global("torch._utils", "_rebuild_tensor_v2") + "(" + six + number(0) + "tR",
       "from six values"},
      {"a parameter of too few",
       global("torch._utils", "_rebuild_parameter") + "(" + tensor(six, 0, {6}, {1}) + "tR",
       "from three values"},
      {"a parameter of a number",
       global("torch._utils", "_rebuild_parameter") + "(" + number(1) + "\x88" + kOrderedDict +
           "tR",
       "is no tensor"},
      {"a reference that is a text", text("storage") + "Q", "no tuple"},
  };
  for (const auto& lie : kLies)
    EXPECT_THAT(read(with_tensor(lie.steps)),
                testing::AllOf(HasSubstr("refused"), HasSubstr(lie.reason), HasSubstr("at byte")))
        << lie.what;
}

// 30 lists, each with the one before ten times in it: 10^29 values for whoever walks through them.
TEST(Pickle, ValuesThatAreUsedOftenAreThereOnce) {
  std::string laughs = "]q\x00"s;
  for (int i = 1; i <= 30; ++i) {
    laughs += "](";
    for (int k = 0; k < 10; ++k) laughs += "h" + little(static_cast<std::uint64_t>(i - 1), 1);
    laughs += "eq" + little(static_cast<std::uint64_t>(i), 1);
  }
  // The lists before it stay on the stack; a tuple takes them all.
  const std::string file = with_pickle(pickle("}(" + text("a") + "(" + laughs + "tu"));
  EXPECT_THAT(read(file), HasSubstr("'a' is no tensor"));
  EXPECT_LT(kilobytes_needed([&] { tensors_of(file); }), kMostKilobytes);
}

// A few bytes each, and the same storage every time, as it is or turned around.
TEST(TorchFile, ManyViewsOfOneStorageDoNotTakeManyTimesItsMemory) {
  const std::int64_t n = 1000;
  const std::string numbers(static_cast<std::size_t>(n * n) * 4, '\1');
  for (const std::vector<std::int64_t>& strides : {std::vector{n, std::int64_t{1}}, {1, n}}) {
    const auto views = [&](int count) {
      std::string steps = "}(";
      for (int i = 0; i < count; ++i)
        steps += text("t" + std::to_string(i)) + tensor(storage("0", n * n), 0, {n, n}, strides);
      return torch_bytes(pickle(steps + "u"), {numbers}).bytes;
    };
    EXPECT_THAT(read(views(100)), HasSubstr("more than twice as large as the file, at 't"))
        << strides[0];
    EXPECT_EQ(tensors_of(views(2)).size(), 2u) << strides[0];
  }
}

// Bytes in memory that remember what was read.
class WatchedSource final : public ByteSource {
 public:
  explicit WatchedSource(const std::string& bytes)
      : ByteSource("'x.pt'", bytes.size()), bytes_(bytes) {}
  mutable std::uint64_t all = 0, most = 0;   // bytes, in all and at once

 private:
  void read_inside(std::uint64_t offset, std::span<std::byte> out) const override {
    all += out.size(), most = std::max<std::uint64_t>(most, out.size());
    std::memcpy(out.data(), bytes_.data() + offset, out.size());
  }
  const std::string& bytes_;
};

TEST(TorchFile, AStorageIsReadOnceForViewsThatAreDroppedInTurn) {
  const std::string numbers(1 << 20, '\1');
  std::string steps = "}(";
  for (int i = 0; i < 10; ++i)
    steps += text("t" + std::to_string(i)) + tensor(storage("0", 1 << 18), i, {2}, {1});
  const std::string file = torch_bytes(pickle(steps + "u"), {numbers}).bytes;
  const WatchedSource source(file);
  TorchFile torch(source);
  for (const TorchTensor& tensor : torch.state_dict())
    EXPECT_EQ(torch.load(tensor).bytes.size(), 8u) << tensor.name;
  EXPECT_LT(source.all, 2 * numbers.size());
}

TEST(TorchFile, WhatIsNotNeededIsCheckedInPiecesAndAPickleIsHeldToItsLimitBeforeItIsRead) {
  const std::string large(3 << 20, 'n');
  const ZipBytes zip = zip_of({{"x/data.pkl", pickle("}")}, {"x/notes", large}});
  const WatchedSource source(zip.bytes);
  const TorchFile torch(source);
  EXPECT_LE(source.most, 1u << 20);
  EXPECT_GT(source.all, large.size()) << "it was looked at";
  EXPECT_THAT(read(zip.with(zip.data[1] + (2 << 20), "x").bytes),
              HasSubstr("is damaged: the CRC-32 of 'x/notes'"));

  const std::string pickled = zip_of({{"x/data.pkl", std::string((16 << 20) + 1, 'N')}}).bytes;
  const WatchedSource untouched(pickled);
  try {
    const TorchFile refused(untouched);
    ADD_FAILURE() << "a pickle of more than 16 MiB was read";
  } catch (const ContentError& error) { EXPECT_THAT(error.what(), HasSubstr("is too large")); }
  EXPECT_LE(untouched.most, 1u << 20);
}

// A file of holes may be of any size.
class EndlessSource final : public ByteSource {
 public:
  EndlessSource() : ByteSource("'x.pt'", std::uint64_t{1} << 60) {}

 private:
  void read_inside(std::uint64_t, std::span<std::byte> out) const override {
    std::fill(out.begin(), out.end(), std::byte{0});
  }
};

TEST(TorchFile, AFileLargerThanTheMemoryIsRefusedBeforeAnythingElse) {
  const EndlessSource endless;
  EXPECT_THROW(TorchFile torch(endless), SystemError);
}

// ---- damage -------------------------------------------------------------------------------------

const std::string& whole_file() {
  static const std::string file =
      torch_bytes(pickle("}(" + text("a") + tensor(storage("0", 6), 0, {3, 2}, {1, 3}) + text("b") +
                         tensor(storage("1", 3, "LongStorage"), 1, {2}, {1}) + "u"),
                  {kSix, std::string(24, 'b')})
          .bytes;
  return file;
}

TEST(TorchFile, AFlippedBitIsRefusedOrChangesNothing) {
  const std::string good = read(whole_file());
  int refused = 0;
  for (std::size_t bit = 0; bit < whole_file().size() * 8; ++bit) {
    std::string file = whole_file();
    file[bit / 8] = static_cast<char>(file[bit / 8] ^ 1 << bit % 8);
    const std::string got = read(file);
    if (got.substr(0, 7) == "refused") ++refused;
    else ASSERT_EQ(got, good) << "bit " << bit % 8 << " of byte " << bit / 8;
  }
  EXPECT_GT(refused, 5000) << "of " << whole_file().size() * 8;
}

TEST(TorchFile, EveryFlipInDataIsFoundByItsChecksum) {
  const MemorySource source("'x.pt'",
                            std::as_bytes(std::span(whole_file().data(), whole_file().size())));
  const ZipArchive archive(source);
  for (const ZipEntry& entry : archive.entries()) {
    for (std::uint64_t bit = 8 * entry.begin; bit < 8 * (entry.begin + entry.size); ++bit) {
      std::string file = whole_file();
      file[bit / 8] = static_cast<char>(file[bit / 8] ^ 1 << bit % 8);
      EXPECT_THAT(read(file), HasSubstr("is damaged: the CRC-32 of '" + entry.name))
          << "bit " << bit;
    }
  }
}

TEST(TorchFile, EveryPrefixIsRefused) {
  for (std::size_t size = 0; size < whole_file().size(); ++size)
    EXPECT_THAT(read(whole_file().substr(0, size)), HasSubstr("refused")) << size << " bytes";
}

TEST(TorchFile, OtherArchivesAreToldApart) {
  EXPECT_THAT(read(zip_of({{"x/data.pkl", pickle("}")}, {"y/data/0", ""}}).bytes),
              HasSubstr("not all in one folder"));
  EXPECT_THAT(read(zip_of({{"word/document.xml", ""}}).bytes), HasSubstr("has no data.pkl"));
  EXPECT_THAT(read(zip_of({{"a.npy", ""}}).bytes), HasSubstr("not all in one folder"));
  EXPECT_THAT(read(zip_of({}).bytes), HasSubstr("it is empty"));
  EXPECT_THAT(read(zip_of({{"x/data.pkl", pickle("}")}, {"x/byteorder", "big"}}).bytes),
              HasSubstr("byte order 'big'"));
  EXPECT_THAT(read("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.rest"),
              HasSubstr("before version 1.6"));
}

}   // namespace
}   // namespace glass::test
