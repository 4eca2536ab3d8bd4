// GGUF, the file of llama.cpp and of what is built on it: typed keys and values that say everything
// about a model, then the names, shapes and places of tensors, then their bytes. Little-endian.
// This is the container; what the keys of a GPT-2 mean stands in gguf_gpt2.h.
//
// The reader believes nothing: what a length, a count or an offset claims is held against the size
// of the file before anything is allocated. A value is kept as its place in the file and decoded
// when somebody asks for it, so that a list of a million texts costs nothing until then.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/byte_source.h"
#include "model/formats/ggml_types.h"
#include "model/formats/safetensors.h"

namespace glass {

// clang-format off
enum class GgufType : std::uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, text, array, u64, i64, f64 };
// clang-format on
const char* name_of(GgufType type);

struct GgufValue {
  GgufType type = GgufType::u8;
  GgufType item = GgufType::u8;       // of an array: what it is of
  std::uint64_t count = 1;            // of an array: how many
  std::uint64_t begin = 0, end = 0;   // its bytes in the file; of a text or an array: its content
};

struct GgufTensor {
  std::string name;
  const GgmlType* type = nullptr;
  std::vector<std::int64_t> shape;   // as we write it: the last one is the fastest
  std::uint64_t begin = 0, end = 0;
};

class GgufFile {
 public:
  // Reads the header. The source must outlive this.
  explicit GgufFile(const ByteSource& source);

  std::uint32_t version() const { return version_; }
  const std::map<std::string, GgufValue>& values() const { return values_; }
  const std::vector<GgufTensor>& tensors() const { return tensors_; }   // in the file's order
  const GgufTensor* find(const std::string& name) const;                // or null

  // The value of a key; nothing where it is not there, a ContentError where it is something else.
  std::optional<std::string> text(const std::string& key) const;
  std::optional<std::int64_t> integer(const std::string& key) const;   // of any type of integers
  std::optional<double> number(const std::string& key) const;
  std::optional<std::vector<std::string>> texts(const std::string& key, std::size_t most) const;
  std::optional<std::vector<std::int64_t>> integers(const std::string& key, std::size_t most) const;
  // The same where a key must be there.
  std::string need_text(const std::string& key) const;
  std::int64_t need_integer(const std::string& key) const;
  double need_number(const std::string& key) const;

  // As f32, whatever it is stored as. ContentError for a type that is not read here.
  StoredTensor read(const GgufTensor& tensor) const;
  std::string bytes_of(const GgufTensor& tensor) const;   // as they are

  const ByteSource& source() const { return source_; }
  [[noreturn]] void refuse(const std::string& reason) const;

 private:
  class Header;
  const GgufValue* value(const std::string& key) const;
  const GgufValue* array(const std::string& key, std::size_t most) const;
  std::int64_t whole(const std::string& key, GgufType type, std::uint64_t at) const;

  const ByteSource& source_;
  std::uint32_t version_ = 0;
  std::map<std::string, GgufValue> values_;
  std::vector<GgufTensor> tensors_;
  std::map<std::string, std::size_t> places_;   // in tensors_, by name
};

}   // namespace glass
