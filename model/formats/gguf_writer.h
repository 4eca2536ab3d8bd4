// Writes GGUF (gguf.h says what that is), version 3, every tensor at a multiple of 32 bytes.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "model/formats/ggml_types.h"
#include "model/formats/gguf.h"
#include "model/formats/safetensors.h"

namespace glass {

// Collects keys and tensors, then writes the file, whole or not at all.
class GgufWriter {
 public:
  void text(const std::string& key, const std::string& value);
  void u32(const std::string& key, std::uint32_t value);
  void f32(const std::string& key, float value);
  void boolean(const std::string& key, bool value);
  void texts(const std::string& key, const std::vector<std::string>& values);
  void i32s(const std::string& key, const std::vector<std::int32_t>& values);
  // Numbers in f32 that will be stored as `type`, converted while the file is written.
  void tensor(const std::string& name, const StoredTensor& numbers, std::uint32_t type);

  void save(const std::string& path) const;

 private:
  struct Item {
    std::string name;
    StoredTensor numbers;
    const GgmlType* type;
  };
  void key(const std::string& name, GgufType type);

  std::uint64_t keys_ = 0;
  std::string values_;
  std::vector<Item> items_;
};

}   // namespace glass
