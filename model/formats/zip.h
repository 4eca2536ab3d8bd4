// Zip archives whose files are stored as they are, not compressed: what PyTorch writes. At the end
// of an archive stands a list of what is in it, the central directory; only that is believed, and
// the header in front of each file must not contradict it.
//
//   header "weights/data.pkl" | bytes | header "weights/data/0" | bytes | ... | directory | end
//
// Whatever two programs could read differently (two end records, files that overlap, a name twice)
// is a ContentError, and so is a compressed file, which could be a thousand times what it seems.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/base/atomic_file.h"
#include "engine/base/byte_source.h"
#include "model/formats/safetensors.h"

namespace glass {

struct ZipEntry {
  std::string name;
  std::uint64_t begin = 0, size = 0;   // of its bytes in the archive
  std::uint32_t crc = 0;               // what CRC-32 they should have
};

inline constexpr std::string_view kZipStart = "PK\x03\x04";   // the first bytes of an archive

class ZipArchive {
 public:
  explicit ZipArchive(const ByteSource& source);   // which must outlive it; ContentError
  ZipArchive(const ZipArchive&) = delete;
  ZipArchive& operator=(const ZipArchive&) = delete;

  const std::vector<ZipEntry>& entries() const { return entries_; }   // in the order of their bytes
  const ZipEntry* find(std::string_view name) const;                  // or null
  OwnedBytes read(const ZipEntry& entry) const;   // ContentError where the CRC-32 is another
  void check(const ZipEntry& entry) const;        // the same, without keeping its bytes
  const ByteSource& source() const { return source_; }

 private:
  void compare(const ZipEntry& entry, std::uint32_t crc) const;
  const ByteSource& source_;
  std::vector<ZipEntry> entries_;
  std::unordered_map<std::string_view, const ZipEntry*> by_name_;
};

// --- Writing -------------------------------------------------------------------------------------

struct ZipFile {
  std::string name;
  std::span<const std::byte> bytes;
};
// The bytes of each file start at a multiple of 64, as PyTorch has it, so that they can be used
// where they lie.
void save_zip(const std::string& path, std::span<const ZipFile> files);

}   // namespace glass
