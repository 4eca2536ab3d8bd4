// The safetensors format: u64 N, N bytes of JSON that name every tensor with its type, shape and
// place, then the tensors' bytes, one after the other without a gap. Little-endian throughout.
//
// The reader believes nothing: every claim of the header is held against the size of the file
// before anything is allocated for it. A file that breaks a rule is a ContentError with the name of
// the file, the tensor or byte, and the rule.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/base/byte_source.h"

namespace glass {

// clang-format off
enum class StoredType : std::uint8_t { boolean, u8, i8, i16, u16, f16, bf16, i32, u32, f32, f64, i64, u64 };
// clang-format on
const char* name_of(StoredType type);    // "F32", as the format spells it
std::size_t bytes_of(StoredType type);   // of one element

// An array on its way to or from a file: row-major, little-endian.
struct StoredTensor {
  std::string name;
  StoredType type = StoredType::f32;
  std::vector<std::int64_t> shape;   // empty: a single number
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner = {};   // keeps the bytes alive, where nobody else does
};

using Notes = std::map<std::string, std::string>;   // what the format calls __metadata__

// Bytes that go away with the last tensor that refers to them.
struct OwnedBytes {
  std::shared_ptr<std::byte[]> data;
  std::size_t size = 0;
  std::span<std::byte> span() const { return {data.get(), size}; }
};
OwnedBytes allocate_bytes(std::size_t size);   // not initialised

// --- Reading -------------------------------------------------------------------------------------

struct TensorEntry {
  std::string name;
  StoredType type = StoredType::f32;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0, end = 0;   // bytes of the file, counted from its start
  std::int64_t elements() const;
};

struct SafetensorsHeader {
  std::vector<TensorEntry> tensors;   // in the order of their bytes
  Notes notes;
  std::string text;   // the first 8 + N bytes of the file, as they are
};

bool looks_like_safetensors(const ByteSource& source);   // eight bytes of length, then '{'
SafetensorsHeader read_safetensors_header(const ByteSource& source);
void refuse_more_than_memory(const ByteSource& source);   // SystemError
StoredTensor read_tensor(const ByteSource& source, const TensorEntry& entry);

struct Safetensors {
  std::vector<StoredTensor> tensors;   // in the order of their bytes
  Notes notes;
};
Safetensors load_safetensors(const std::string& path);

// --- Writing -------------------------------------------------------------------------------------

// The order in which tensors stand in a file: larger elements first, so that each is aligned
// without padding, and by name where they are equal.
std::vector<StoredTensor> in_file_order(std::vector<StoredTensor> tensors);

// The first bytes of the file, padded so that the data start at a multiple of 8. Behind it come the
// bytes of the tensors, in the order given here, which is in_file_order's.
std::string safetensors_header(std::span<const StoredTensor> ordered, const Notes& notes);
std::uint64_t total_bytes(std::span<const StoredTensor> tensors);

// All of it, to a file that is there whole or not at all.
void save_safetensors(const std::string& path, std::vector<StoredTensor> tensors,
                      const Notes& notes);

}   // namespace glass
