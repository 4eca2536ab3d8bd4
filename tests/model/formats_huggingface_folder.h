// Hugging Face folders that a test puts together itself: the keys of config.json, the tensors under
// the names and in the shapes of transformers, and whatever is to be wrong with them.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "model/formats/safetensors.h"

namespace glass::test {

using Settings = std::map<std::string, std::string>;   // key -> value as JSON

struct HuggingFaceFolder {
  Settings config;
  std::vector<StoredTensor> tensors;

  std::string config_json() const;
  StoredTensor& tensor(const std::string& name);
  // Writes config.json and model.safetensors; the path of the folder.
  std::string write(const std::string& path) const;
  // The same in files of so many tensors and an index.
  std::string write_sharded(const std::string& path, std::size_t tensors_in_a_file) const;
};

// A model of these settings with drawn weights (tests/golden/drawn.py), under "transformer." names.
HuggingFaceFolder drawn_folder(const Settings& settings);
HuggingFaceFolder tiny_folder();   // 5 tokens, 4 positions, 1 layer of 2 heads, width 4

// Numbers as a tensor of a file.
StoredTensor stored_floats(const std::string& name, const std::vector<std::int64_t>& shape,
                           const std::vector<float>& values);

}   // namespace glass::test
