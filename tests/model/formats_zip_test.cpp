// model/formats/zip.h: what it reads, and every way in which an archive can lie.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/crc32.h"
#include "engine/base/error.h"
#include "model/formats/zip.h"
#include "tests/model/torch_bytes.h"
#include "tests/scratch.h"

namespace glass::test {
namespace {

using testing::HasSubstr;

std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// Everything in it: "name=bytes;" for each file; or the reason why not.
std::string read(const std::string& file) {
  const MemorySource source("'x.zip'", as_bytes(file));
  try {
    const ZipArchive archive(source);
    std::string all;
    for (const ZipEntry& entry : archive.entries()) {
      const OwnedBytes bytes = archive.read(entry);
      all += entry.name + "=" +
             std::string(reinterpret_cast<const char*>(bytes.data.get()), bytes.size) + ";";
    }
    return all;
  } catch (const ContentError& error) {
    EXPECT_THAT(error.what(), HasSubstr("'x.zip'"));
    return std::string("refused: ") + error.what();
  }
}

const std::vector<ZipPart> kParts = {
    {"a/one", "first"}, {"a/two", std::string(100, '2')}, {"a/none", ""}};
const std::string kAll = "a/one=first;a/two=" + std::string(100, '2') + ";a/none=;";

TEST(Crc32, IsTheRemainderThatItsDefinitionSays) {
  EXPECT_EQ(crc32(as_bytes("123456789")), 0xcbf43926u);   // every description's example
  std::string bytes;
  for (int n = 0; n < 70; ++n) {
    EXPECT_EQ(crc32(as_bytes(bytes)), slow_crc32(bytes)) << n << " bytes";
    const std::string half = bytes.substr(0, bytes.size() / 3);
    EXPECT_EQ(crc32(as_bytes(bytes.substr(half.size())), crc32(as_bytes(half))), slow_crc32(bytes));
    bytes += static_cast<char>(n * 37 + 11);
  }
}

TEST(Zip, ReadsWhatPyTorchWrites) { EXPECT_EQ(read(zip_of(kParts).bytes), kAll); }

TEST(Zip, ReadsWhatItWritesAndBytesBeginAtMultiplesOf64) {
  const Scratch folder;
  std::vector<ZipFile> files;
  for (const ZipPart& part : kParts) files.push_back({part.name, as_bytes(part.bytes)});
  save_zip(folder / "x.zip", files);
  EXPECT_EQ(read(bytes_of(folder / "x.zip")), kAll);
  const FileSource source(folder / "x.zip");
  const ZipArchive archive(source);
  for (const ZipEntry& entry : archive.entries()) EXPECT_EQ(entry.begin % 64, 0u) << entry.name;
}

TEST(Zip, NoRecordCanLie) {
  const ZipBytes good = zip_of(kParts);
  ASSERT_EQ(read(good.bytes), kAll);
  const std::size_t local = good.local[1], central = good.central[1];
  const std::string& all = good.bytes;
  const auto with = [&](std::size_t at, const std::string& bytes) {
    return good.with(at, bytes).bytes;
  };
  std::string two_ends = all;   // a second end record, whose comment is the first
  two_ends.insert(good.end, "PK\x05\x06" + little(0, 16) + little(22, 2));
  const std::string twice = zip_of({{"a/one", "1"}, {"a/one", "2"}}).bytes;
  // Bytes behind the directory's entries that are said to be of it.
  const auto with_directory_longer_by = [&](std::size_t more) {
    const std::uint64_t size = good.end64 - good.central[0] + more;
    std::string file = all;
    file.replace(good.end64 + 40, 8, little(size, 8));
    file.replace(good.locator + 8, 8, little(good.end64 + more, 8));
    file.replace(good.end + 12, 4, little(size, 4));
    return file.insert(good.end64, std::string(more, '\0'));
  };
  const struct {
    std::string what, file, reason;
  } kLies[] = {
      {"nothing", "", "only 0 bytes"},
      {"a start alone", all.substr(0, 30), "no end record"},
      {"no end record", all.substr(0, good.end), "no end record"},
      {"bytes behind the end", all + "x", "no end record"},
      {"two end records", two_ends, "two end records"},
      {"another disk", with(good.end + 4, little(1, 2)), "several parts"},
      {"fewer entries on this disk", with(good.end + 8, little(2, 2)), "several parts"},
      {"end records disagree on the count", with(good.end + 8, little(2, 2) + little(2, 2)),
       "contradict"},
      {"end records disagree on the size", with(good.end + 12, little(7, 4)), "contradict"},
      {"end records disagree on the place", with(good.end + 16, little(7, 4)), "contradict"},
      {"zip64 end elsewhere", with(good.locator + 8, little(0, 8)), "zip64 end record is said"},
      {"zip64 end beyond the file", with(good.locator + 8, little(~std::uint64_t{0}, 8)),
       "zip64 end record is said"},
      {"zip64 with other parts", with(good.locator + 16, little(2, 4)), "several parts"},
      {"no zip64 end", with(good.end64, "XX"), "no zip64 end record"},
      {"a zip64 end of another size", with(good.end64 + 4, little(45, 8)), "no zip64 end record"},
      {"a folder", with(central + 38, little(0x10, 4)), "a folder at byte"},
      {"2^32 entries",
       with(good.end64 + 24, little(std::uint64_t{1} << 32, 8) + little(std::uint64_t{1} << 32, 8)),
       "contradict"},
      {"a huge directory",
       with(good.end,
            "PK\x05\x06" + little(0, 4) + little(0xffffffff, 4) + little(~std::uint64_t{0}, 8))
           .replace(good.end64 + 40, 8, little(std::uint64_t{1} << 40, 8)),
       "does not reach"},
      {"a directory that ends early", with(good.end64 + 40, little(46, 8)), "contradict"},
      {"a directory that goes on", with_directory_longer_by(46 + 3 * 65535), "goes on for 196651"},
      {"a directory longer than any", with_directory_longer_by(3 * (46 + 3 * 65535)),
       "bytes is longer than any of 3 files"},
      {"entries cut short", with(central, "XX"), "no entry of its directory"},
      {"a longer name", with(central + 28, little(60000, 2)), "longer than the directory"},
      {"an extra field too long", with(central + 30, little(60000, 2)),
       "longer than the directory"},
      {"a name twice", twice, "there twice"},
      {"a name that goes up", zip_of({{"a/../../etc/passwd", ""}}).bytes, "has the name"},
      {"a name from the root", zip_of({{"/etc/passwd", ""}}).bytes, "has the name"},
      {"a backslash", zip_of({{"a\\b", ""}}).bytes, "has the name"},
      {"a NUL in a name", zip_of({{"a\0b"s, ""}}).bytes, "has the name"},
      {"no name", zip_of({{"", ""}}).bytes, "has the name"},
      {"a name of 600 bytes", zip_of({{std::string(600, 'n'), ""}}).bytes, "has the name"},
      {"deflated", with(central + 10, little(8, 2)), "is compressed (method 8)"},
      {"deflated in front only", with(local + 8, little(8, 2)), "contradicts the directory"},
      {"a bomb", with(central + 24, little(0xfffffff0, 4)), "is compressed"},
      {"encrypted", with(central + 8, little(0x809, 2)), "is encrypted"},
      {"on another disk", with(central + 34, little(3, 2)), "another part"},
      {"64 bits that are not there", with(central + 42, little(0xffffffff, 4)),
       "lacks a size or place"},
      {"a header that is none", with(local, "XX"), "no header of"},
      {"a header behind the directory", with(central + 42, little(good.end, 4)),
       "where no file can be"},
      {"another name in front", with(local + 30, "a/tow"), "another name"},
      {"another length of name in front", with(local + 26, little(4, 2)), "another name"},
      {"other flags in front", with(local + 6, little(0x800, 2)), "contradicts the directory"},
      {"other sizes in front", with(local + 18, little(7, 4)), "contradicts the directory"},
      {"more bytes than there are", with(central + 20, little(5000, 4) + little(5000, 4)),
       "and the directory begins"},
      {"an extra field in front beyond the file", with(local + 28, little(0xffff, 2)),
       "and the directory begins"},
      {"two files in one place", with(central + 42, little(good.local[0], 4)),
       "inside of what is before it"},
      {"one file inside another", with(good.central[0] + 20, little(70, 4) + little(70, 4)),
       "inside of what is before it"},
      {"another checksum", with(central + 16, little(1, 4)), "is damaged: the CRC-32"},
      {"another byte", with(good.data[1] + 50, "x"), "is damaged: the CRC-32"},
  };
  for (const auto& lie : kLies)
    EXPECT_THAT(read(lie.file), testing::AllOf(HasSubstr("refused"), HasSubstr(lie.reason)))
        << lie.what;
}

TEST(Zip, EveryPrefixIsRefused) {
  const std::string whole = zip_of(kParts).bytes;
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_THAT(read(whole.substr(0, size)), HasSubstr("refused")) << size << " bytes";
}

// Where a flipped bit is not noticed, it was in a place that says nothing: padding, a date.
TEST(Zip, AFlippedBitIsRefusedOrChangesNothing) {
  const std::string whole = zip_of(kParts).bytes;
  int refused = 0;
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string file = whole;
    file[bit / 8] = static_cast<char>(file[bit / 8] ^ 1 << bit % 8);
    const std::string got = read(file);
    if (got.substr(0, 7) == "refused") ++refused;
    else ASSERT_EQ(got, kAll) << "bit " << bit % 8 << " of byte " << bit / 8;
  }
  EXPECT_GT(refused, 2000) << "of " << whole.size() * 8;
}

TEST(Zip, AHundredThousandNamesAreReadAndMoreAreRefused) {
  std::vector<ZipPart> parts;
  for (int i = 0; i < 100'001; ++i) parts.push_back({"n/" + std::to_string(i), ""});
  EXPECT_THAT(read(zip_of(parts).bytes), HasSubstr("cannot hold 100001"));
  parts.pop_back();
  EXPECT_THAT(read(zip_of(parts).bytes), HasSubstr("n/99999=;"));
}

}   // namespace
}   // namespace glass::test
