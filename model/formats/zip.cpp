// From the end to the front: the end record says where the directory is, the directory says where
// each file's header is, and behind the header lie its bytes.
#include "model/formats/zip.h"

#include <algorithm>
#include <cstring>
#include <unordered_set>

#include "engine/base/crc32.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace glass {
namespace {

// clang-format off
constexpr std::uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50,   // "PK" and two bytes
                        kEnd64 = 0x06064b50, kLocator64 = 0x07064b50;
constexpr std::size_t kLocalSize = 30, kCentralSize = 46, kEndSize = 22, kEnd64Size = 56, kLocator64Size = 20;
// clang-format on
constexpr std::size_t kMostEntries = 100'000, kMostName = 512, kLongestComment = 65'535;
constexpr std::uint64_t kLongestCentral = kCentralSize + 3 * 65'535;   // name, extra field, comment
constexpr std::uint32_t kElsewhere = 0xffffffff;   // the number is in an extra field, in 64 bits
constexpr std::uint16_t kExtra64 = 1, kExtraPadding = 0x4246;     // "FB", which PyTorch writes
constexpr std::uint16_t kSizesBehind = 1 << 3, kUtf8 = 1 << 11;   // flags
constexpr std::uint32_t kFolder = 0x10;                           // of the attributes
constexpr std::uint16_t kVersion64 = 45;                          // of the format that has 64 bits
constexpr std::uint64_t kAlignment = 64;
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
constexpr bool kCompareSums = false;   // or no change that a fuzzer makes would get past them
#else
constexpr bool kCompareSums = true;
#endif

// The numbers of a record, one after the other. The caller has held its size against the bytes.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : bytes_(bytes) {}
  std::uint16_t u16() { return static_cast<std::uint16_t>(take(2)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(take(4)); }
  std::uint64_t u64() { return take(8); }
  std::string_view text(std::size_t size) {
    const std::string_view text = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return text;
  }
  std::size_t left() const { return bytes_.size(); }

 private:
  std::uint64_t take(std::size_t size) {
    std::uint64_t value = 0;
    std::memcpy(&value, bytes_.data(), size);
    bytes_.remove_prefix(size);
    return value;
  }
  std::string_view bytes_;
};

bool is_sound_name(std::string_view name) {
  return !name.empty() && name.size() <= kMostName && name.front() != '/' &&
         !has_control_bytes(name) && name.find("../") == std::string_view::npos &&
         name.find('\\') == std::string_view::npos;
}

class DirectoryReader {
 public:
  explicit DirectoryReader(const ByteSource& source) : source_(source) {}

  std::vector<ZipEntry> read() {
    find_end();
    read_directory();
    std::sort(found_.begin(), found_.end(),
              [](const Found& a, const Found& b) { return a.header < b.header; });
    std::uint64_t at = 0;
    std::vector<ZipEntry> entries;
    for (Found& found : found_) {
      if (found.header < at)
        refuse(in_quotes(found.entry.name) + " begins at byte " + std::to_string(found.header) +
               ", inside of what is before it");
      check_header(found);
      at = found.entry.begin + found.entry.size;
      entries.push_back(std::move(found.entry));
    }
    return entries;
  }

 private:
  struct Found {
    ZipEntry entry;
    std::uint64_t header = 0;
    std::uint16_t flags = 0;
  };

  [[noreturn]] void refuse(const std::string& reason) const {
    fail(ContentError(source_.name() + " is not a sound zip archive of stored files: " + reason +
                      "."));
  }

  std::string bytes(std::uint64_t at, std::uint64_t size) const {
    std::string bytes(static_cast<std::size_t>(size), '\0');
    source_.read(at, std::as_writable_bytes(std::span(bytes.data(), bytes.size())));
    return bytes;
  }

  // ---- the end ----------------------------------------------------------------------------------

  // PyTorch writes no comment behind the end record. Another one whose comment would reach the end
  // of the file is a second truth about what the archive holds.
  void find_end() {
    if (source_.size() < kEndSize)
      refuse("it has only " + std::to_string(source_.size()) + " bytes");
    const std::uint64_t tail_size =
        std::min<std::uint64_t>(source_.size(), kEndSize + kLongestComment);
    const std::string tail = bytes(source_.size() - tail_size, tail_size);
    std::vector<std::size_t> ends;
    for (std::size_t at = tail.find("PK\x05\x06"); at <= tail.size() - kEndSize;
         at = tail.find("PK\x05\x06", at + 1)) {
      Fields fields(std::string_view(tail).substr(at + 20, 2));
      if (at + kEndSize + fields.u16() == tail.size()) ends.push_back(at);
    }
    if (ends.empty()) refuse("there is no end record in its last bytes; is it complete?");
    if (ends.size() > 1) refuse("it has two end records");
    read_end(source_.size() - tail_size + ends[0],
             std::string_view(tail).substr(ends[0], kEndSize));
  }

  void read_end(std::uint64_t at, std::string_view record) {
    Fields fields(record.substr(4));
    const std::uint32_t disk = fields.u16(), first_disk = fields.u16();
    const std::uint64_t here = fields.u16(), count = fields.u16();
    const std::uint64_t size = fields.u32(), begin = fields.u32();
    if (disk != first_disk || here != count || (disk != 0 && disk != 0xffff))
      refuse("it is one of several parts");
    count_ = count, size_ = size, begin_ = begin;
    end_ = at;
    const bool has64 = at >= kLocator64Size + kEnd64Size &&
                       bytes(at - kLocator64Size, 4) == std::string_view("PK\x06\x07", 4);
    if (has64) {
      read_end64(at);
      const auto agrees = [](std::uint64_t narrow, std::uint64_t wide, std::uint64_t elsewhere) {
        return narrow == wide || narrow == elsewhere;
      };
      if (!agrees(count, count_, 0xffff) || !agrees(size, size_, kElsewhere) ||
          !agrees(begin, begin_, kElsewhere))
        refuse("its two end records contradict each other");
    }
    if (begin_ > end_ || size_ != end_ - begin_)
      refuse("its directory of " + std::to_string(size_) + " bytes at byte " +
             std::to_string(begin_) + " does not reach the end record at " + std::to_string(end_));
    if (count_ > kMostEntries || count_ * kCentralSize > size_)
      refuse("its directory cannot hold " + std::to_string(count_) + " files");
    if (size_ > count_ * kLongestCentral)
      refuse("its directory of " + std::to_string(size_) + " bytes is longer than any of " +
             std::to_string(count_) + " files");
  }

  // The record for large archives stands right before the locator that points to it.
  void read_end64(std::uint64_t end) {
    const std::string locator = bytes(end - kLocator64Size, kLocator64Size);
    Fields where(std::string_view(locator).substr(4));
    const std::uint32_t disk = where.u32();
    end_ = where.u64();
    const std::uint32_t disks = where.u32();
    if (disk != 0 || disks > 1) refuse("it is one of several parts");
    if (end_ != end - kLocator64Size - kEnd64Size)
      refuse("its zip64 end record is said to be at byte " + std::to_string(end_) +
             ", not before " + std::to_string(end));
    const std::string record = bytes(end_, kEnd64Size);
    Fields fields(record);
    if (fields.u32() != kEnd64 || fields.u64() != kEnd64Size - 12)
      refuse("there is no zip64 end record at byte " + std::to_string(end_));
    fields.u32();   // versions
    const bool whole = fields.u32() == 0 && fields.u32() == 0;
    const std::uint64_t here = fields.u64();
    count_ = fields.u64(), size_ = fields.u64(), begin_ = fields.u64();
    if (!whole || here != count_) refuse("it is one of several parts");
  }

  // ---- the directory ----------------------------------------------------------------------------

  void read_directory() {
    const std::string directory = bytes(begin_, size_);
    Fields fields(directory);
    std::unordered_set<std::string> names;
    for (std::uint64_t i = 0; i < count_; ++i) {
      found_.push_back(read_entry(fields));
      const std::string& name = found_.back().entry.name;
      if (!names.insert(name).second) refuse("the name " + in_quotes(name) + " is there twice");
    }
    if (fields.left() > 0)
      refuse("its directory goes on for " + std::to_string(fields.left()) + " bytes after " +
             std::to_string(count_) + " files");
  }

  Found read_entry(Fields& fields) {
    const std::uint64_t at = end_ - fields.left();
    const auto here = [&] { return " at byte " + std::to_string(at); };
    if (fields.left() < kCentralSize || fields.u32() != kCentral)
      refuse("there is no entry of its directory" + here());
    Found found;
    fields.u32();   // versions
    found.flags = fields.u16();
    const std::uint16_t method = fields.u16();
    fields.u32();   // time and date
    found.entry.crc = fields.u32();
    std::uint64_t stored = fields.u32();
    found.entry.size = fields.u32();
    const std::size_t name = fields.u16(), extra = fields.u16(), comment = fields.u16();
    const std::uint16_t disk = fields.u16();
    fields.u16();   // of a text
    if ((fields.u32() & kFolder) != 0) refuse("a folder" + here() + " stands where a file should");
    found.header = fields.u32();
    if (name + extra + comment > fields.left())
      refuse("an entry of its directory" + here() + " is longer than the directory");
    found.entry.name = fields.text(name);
    const std::string quoted = in_quotes(found.entry.name);
    if (!is_sound_name(found.entry.name)) refuse("a file has the name " + quoted + here());
    read_extra64(fields.text(extra), quoted, {&found.entry.size, &stored, &found.header});
    fields.text(comment);
    if ((found.flags & ~(kSizesBehind | kUtf8)) != 0)
      refuse(quoted + " is encrypted or stored in a way that is not known here (flags " +
             format("0x%04x", found.flags) + ")");
    if (method != 0 || stored != found.entry.size)
      refuse(quoted + " is compressed (method " + std::to_string(method) +
             "); PyTorch stores its files as they are");
    if (disk != 0 && disk != 0xffff) refuse(quoted + " is in another part of the archive");
    return found;
  }

  // Those of the numbers that are elsewhere are in here, in their order.
  void read_extra64(std::string_view extra, const std::string& quoted,
                    std::initializer_list<std::uint64_t*> numbers) const {
    std::string_view wide;
    for (Fields fields(extra); fields.left() >= 4;) {
      const std::uint16_t kind = fields.u16(), size = fields.u16();
      if (size > fields.left()) refuse("an extra field of " + quoted + " is cut short");
      const std::string_view data = fields.text(size);
      if (kind == kExtra64) wide = data;
    }
    Fields fields(wide);
    for (std::uint64_t* number : numbers) {
      if (*number != kElsewhere) continue;
      if (fields.left() < 8) refuse(quoted + " lacks a size or place of 64 bits");
      *number = fields.u64();
    }
  }

  // ---- the header in front of a file ------------------------------------------------------------

  void check_header(Found& found) const {
    ZipEntry& entry = found.entry;
    const std::string quoted = in_quotes(entry.name);
    const std::string at = " at byte " + std::to_string(found.header);
    if (found.header > begin_ || begin_ - found.header < kLocalSize + entry.name.size())
      refuse(quoted + " is said to be" + at + ", where no file can be");
    const std::string header = bytes(found.header, kLocalSize + entry.name.size());
    Fields fields(header);
    if (fields.u32() != kLocal) refuse("there is no header of " + quoted + at);
    fields.u16();   // version
    const std::uint16_t flags = fields.u16(), method = fields.u16();
    fields.u32();   // time and date
    const std::uint32_t crc = fields.u32();
    const std::uint64_t stored = fields.u32(), size = fields.u32();
    const std::size_t name = fields.u16(), extra = fields.u16();
    if (name != entry.name.size() || fields.text(name) != entry.name)
      refuse("the header of " + quoted + at + " has another name");
    const auto agrees = [](std::uint64_t said, std::uint64_t real) {
      return said == real || said == kElsewhere;
    };
    // Where the sizes follow behind the bytes, they may be 0 here.
    const bool behind = (flags & kSizesBehind) != 0 && stored == 0 && size == 0;
    const bool sizes = behind || (agrees(stored, entry.size) && agrees(size, entry.size));
    if (method != 0 || flags != found.flags || !sizes ||
        ((flags & kSizesBehind) == 0 && crc != entry.crc))
      refuse("the header of " + quoted + at + " contradicts the directory");
    entry.begin = found.header + header.size() + extra;
    if (entry.begin > begin_ || entry.size > begin_ - entry.begin)
      refuse(quoted + " claims " + std::to_string(entry.size) + " bytes from byte " +
             std::to_string(entry.begin) + " on, and the directory begins at " +
             std::to_string(begin_));
  }

  const ByteSource& source_;
  std::uint64_t begin_ = 0, size_ = 0, end_ = 0, count_ = 0;   // of the directory
  std::vector<Found> found_;
};

}   // namespace

ZipArchive::ZipArchive(const ByteSource& source)
    : source_(source), entries_(DirectoryReader(source).read()) {
  for (const ZipEntry& entry : entries_) by_name_.emplace(entry.name, &entry);
}

const ZipEntry* ZipArchive::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

OwnedBytes ZipArchive::read(const ZipEntry& entry) const {
  OwnedBytes bytes = allocate_bytes(static_cast<std::size_t>(entry.size));
  source_.read(entry.begin, bytes.span());
  compare(entry, crc32(bytes.span()));
  return bytes;
}

void ZipArchive::check(const ZipEntry& entry) const {
  std::uint32_t crc = crc32({});
  source_.read_pieces(entry.begin, entry.begin + entry.size,
                      [&](std::span<const std::byte> piece) { crc = crc32(piece, crc); });
  compare(entry, crc);
}

void ZipArchive::compare(const ZipEntry& entry, std::uint32_t crc) const {
  if (kCompareSums && crc != entry.crc)
    fail(ContentError(source_.name() + " is damaged: the CRC-32 of " + in_quotes(entry.name) +
                      " at byte " + std::to_string(entry.begin) + format(" is %08x", crc) +
                      format(", and should be %08x.", entry.crc)));
}

// ---- writing ------------------------------------------------------------------------------------

namespace {

class Record {
 public:
  Record& u16(std::uint64_t value) { return put(value, 2); }
  Record& u32(std::uint64_t value) { return put(value, 4); }
  Record& u64(std::uint64_t value) { return put(value, 8); }
  Record& text(std::string_view text) { return bytes += text, *this; }
  std::string bytes;

 private:
  Record& put(std::uint64_t value, std::size_t size) {
    for (std::size_t k = 0; k < size; ++k) bytes += static_cast<char>(value >> (8 * k));
    return *this;
  }
};

constexpr std::uint64_t kFirstDay = 0x21;   // 1980-01-01, so that equal models make equal files

std::uint64_t narrow(std::uint64_t value) { return std::min<std::uint64_t>(value, kElsewhere); }

// From the version that is needed to the size of the name: the same in both headers of a file.
void put_facts(Record& record, const ZipFile& file, std::uint32_t crc) {
  record.u16(kVersion64).u16(kUtf8).u16(0).u16(0).u16(kFirstDay).u32(crc);
  record.u32(narrow(file.bytes.size())).u32(narrow(file.bytes.size())).u16(file.name.size());
}

// The header of a file that begins at `at`, padded so that its bytes begin at a multiple of 64.
std::string local_header(const ZipFile& file, std::uint32_t crc, std::uint64_t at) {
  Record extra;
  const std::uint64_t size = file.bytes.size();
  if (size >= kElsewhere) extra.u16(kExtra64).u16(16).u64(size).u64(size);
  const std::uint64_t begin = at + kLocalSize + file.name.size() + extra.bytes.size() + 4;
  const std::uint64_t padding = (kAlignment - begin % kAlignment) % kAlignment;
  extra.u16(kExtraPadding).u16(padding).text(std::string(padding, 'Z'));
  Record header;
  put_facts(header.u32(kLocal), file, crc);
  return header.u16(extra.bytes.size()).text(file.name).text(extra.bytes).bytes;
}

std::string central_header(const ZipFile& file, std::uint32_t crc, std::uint64_t at) {
  Record extra;
  const std::uint64_t size = file.bytes.size();
  if (size >= kElsewhere) extra.u64(size).u64(size);
  if (at >= kElsewhere) extra.u64(at);
  Record header;
  put_facts(header.u32(kCentral).u16(kVersion64), file, crc);
  header.u16(extra.bytes.empty() ? 0 : 4 + extra.bytes.size()).u16(0);   // of the comment
  header.u16(0).u16(0).u32(0).u32(narrow(at)).text(file.name);
  if (!extra.bytes.empty()) header.u16(kExtra64).u16(extra.bytes.size()).text(extra.bytes);
  return header.bytes;
}

std::string end_records(std::size_t count, std::uint64_t begin, std::uint64_t size) {
  Record end;   // PyTorch, too, always writes both
  end.u32(kEnd64).u64(kEnd64Size - 12).u16(kVersion64).u16(kVersion64).u32(0).u32(0);
  end.u64(count).u64(count).u64(size).u64(begin);
  end.u32(kLocator64).u32(0).u64(begin + size).u32(1);
  const std::uint64_t few = std::min<std::uint64_t>(count, 0xffff);
  return end.u32(kEnd)
      .u16(0)
      .u16(0)
      .u16(few)
      .u16(few)
      .u32(narrow(size))
      .u32(narrow(begin))
      .u16(0)
      .bytes;
}

}   // namespace

void save_zip(const std::string& path, std::span<const ZipFile> files) {
  std::vector<std::string> headers;
  std::string directory;
  std::uint64_t at = 0;
  for (const ZipFile& file : files) {
    const std::uint32_t crc = crc32(file.bytes);
    headers.push_back(local_header(file, crc, at));
    directory += central_header(file, crc, at);
    at += headers.back().size() + file.bytes.size();
  }
  const std::string end = end_records(files.size(), at, directory.size());
  AtomicFile out(path, at + directory.size() + end.size());
  for (std::size_t i = 0; i < files.size(); ++i) {
    out.write(headers[i]);
    out.write(files[i].bytes);
  }
  out.write(directory);
  out.write(end);
  out.finish();
  out.publish();
}

}   // namespace glass
