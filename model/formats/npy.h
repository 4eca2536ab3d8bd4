// The file format of one NumPy array (.npy): a magic number, a header that is a Python dictionary
// in text, then the elements. Read: arrays of whole numbers, such as tokens. Written: whatever
// NumPy has a type for.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/byte_source.h"
#include "model/formats/safetensors.h"

namespace glass {

// What every claim of the header amounts to; they have been held against the size of the file.
struct NpyHeader {
  StoredType type = StoredType::f32;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0;   // where the elements start
};
NpyHeader read_npy_header(const ByteSource& source);
bool is_npy(const ByteSource& source);   // it begins with the magic number

struct IntegerArray {
  std::vector<std::int64_t> shape, values;   // row-major
};
// Any integer type. ContentError for other types, big-endian numbers and column-major arrays.
IntegerArray read_npy_integers(const ByteSource& source);
IntegerArray load_npy_integers(const std::string& path);

// Row-major, to a file that is there whole or not at all. NumPy has no bf16: widen it first.
void save_npy(const std::string& path, const StoredTensor& array);

}   // namespace glass
