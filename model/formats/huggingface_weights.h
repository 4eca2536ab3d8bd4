// The weights of a Hugging Face folder, in however many files of whichever kind they are: one list
// of tensors, each read when it is asked for.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "model/formats/file_or_folder.h"
#include "model/formats/safetensors.h"

namespace glass {

struct FileTensor {
  std::string name;
  StoredType type = StoredType::f32;
  std::vector<std::int64_t> shape;
};

// One file with tensors in it.
class WeightFile {
 public:
  virtual ~WeightFile() = default;
  const std::string& name() const { return name_; }   // for messages, in quotes
  const std::vector<FileTensor>& tensors() const { return tensors_; }
  virtual StoredTensor read(std::size_t i) const = 0;   // tensors()[i]
  // Do these two hold the same bytes? A table that is written twice is a tied one.
  virtual bool same(std::size_t i, const WeightFile& other, std::size_t j) const;

 protected:
  explicit WeightFile(std::string name) : name_(std::move(name)) {}
  std::string name_;
  std::vector<FileTensor> tensors_;
};
// ContentError for what is neither safetensors nor a file of PyTorch.
std::unique_ptr<WeightFile> open_weight_file(const std::string& path);

// Where one tensor is.
struct WeightPlace {
  const WeightFile* file = nullptr;
  std::size_t index = 0;
  const FileTensor& tensor() const { return file->tensors()[index]; }
  StoredTensor read() const { return file->read(index); }
};

struct Weights {
  std::vector<std::unique_ptr<WeightFile>> files;
  std::vector<WeightPlace> places;   // no name twice
  std::string said;   // "model.safetensors", "3 files of model.safetensors.index.json"
  std::string what;   // for messages: the file, or the index
};

// The weights of a folder, in the order in which transformers looks for them. `file`: the name of
// the one that the user pointed at, or "".
Weights open_weights(const FileOrFolder& folder, const std::string& file);

}   // namespace glass
