// An index is believed as little as a header: every file that it names must hold exactly the
// tensors that it says, so a model is never put together from files that do not belong together.
#include "model/formats/huggingface_weights.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <string_view>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "model/formats/huggingface.h"
#include "model/formats/pytorch.h"

namespace glass {
namespace {

constexpr std::size_t kMostFiles = 256;

class SafetensorsFile final : public WeightFile {
 public:
  explicit SafetensorsFile(const std::string& path)
      : WeightFile(in_quotes(path)), source_(path), header_(read_safetensors_header(source_)) {
    refuse_more_than_memory(source_);
    for (const TensorEntry& entry : header_.tensors)
      tensors_.push_back({entry.name, entry.type, entry.shape});
  }
  StoredTensor read(std::size_t i) const override {
    return read_tensor(source_, header_.tensors[i]);
  }

 private:
  FileSource source_;
  SafetensorsHeader header_;
};

class PytorchFile final : public WeightFile {
 public:
  explicit PytorchFile(const std::string& path)
      : WeightFile(in_quotes(path)), source_(path), file_(source_), places_(file_.state_dict()) {
    refuse_more_than_memory(source_);
    for (const TorchTensor& tensor : places_)
      tensors_.push_back({tensor.name, tensor.type, tensor.shape});
  }
  StoredTensor read(std::size_t i) const override { return file_.load(places_[i]); }

 private:
  FileSource source_;
  mutable TorchFile file_;   // it remembers storages that are in use
  std::vector<TorchTensor> places_;
};

const char* const kWhole[] = {"model.safetensors", "pytorch_model.bin"};
const char* const kIndexes[] = {"model.safetensors.index.json", "pytorch_model.bin.index.json"};

bool begins_like_safetensors(const std::string& path) {
  const FileOrFolder file(path);
  const std::string first = file.first_bytes(9);
  return first.size() == 9 && first[8] == '{';
}

void put_places(Weights& weights, const WeightFile& file) {
  for (std::size_t i = 0; i < file.tensors().size(); ++i) weights.places.push_back({&file, i});
}

// The file holds these tensors, and no others.
void hold_against_index(const WeightFile& file, const std::set<std::string>& expected,
                        const std::string& index) {
  std::set<std::string_view> there;
  for (const FileTensor& tensor : file.tensors()) {
    there.insert(tensor.name);
    if (expected.count(tensor.name) == 0)
      fail(ContentError(file.name() + " has a tensor " + in_quotes(tensor.name) + " that " + index +
                        " does not put there; the files of this folder do not belong together."));
  }
  for (const std::string& name : expected)
    if (there.count(name) == 0)
      fail(ContentError(file.name() + " has no tensor " + in_quotes(name) + ", which " + index +
                        " puts there."));
}

Weights open_indexed(const FileOrFolder& folder, const std::string& name) {
  const FileSource index(folder.inside(name));
  std::map<std::string, std::set<std::string>> tensors_of;
  for (const auto& [tensor, file] : read_weight_map(index)) tensors_of[file].insert(tensor);
  if (tensors_of.size() > kMostFiles)
    fail(ContentError(index.name() + " names " + std::to_string(tensors_of.size()) +
                      " files; at most " + std::to_string(kMostFiles) + " are read."));
  Weights weights;
  weights.what = index.name();
  weights.said = std::to_string(tensors_of.size()) + " files, listed in " + name;
  for (const auto& [file, expected] : tensors_of)
    if (!folder.holds(file))
      fail(ContentError(index.name() + " names the file " + in_quotes(file) +
                        ", which is not beside it."));
  for (const auto& [file, expected] : tensors_of) {
    weights.files.push_back(open_weight_file(folder.inside(file)));
    hold_against_index(*weights.files.back(), expected, index.name());
    put_places(weights, *weights.files.back());
  }
  return weights;
}

// The index that names this file, or "".
std::string index_with(const FileOrFolder& folder, const std::string& file) {
  for (const char* index : kIndexes) {
    if (!folder.holds(index)) continue;
    const FileSource source(folder.inside(index));
    for (const auto& [tensor, in] : read_weight_map(source))
      if (in == file) return index;
  }
  return "";
}

// "model.safetensors", whichever way it is kept; or an index.
std::string first_there(const FileOrFolder& folder) {
  for (std::size_t kind = 0; kind < std::size(kWhole); ++kind) {
    if (folder.holds(kWhole[kind])) return kWhole[kind];
    if (folder.holds(kIndexes[kind])) return kIndexes[kind];
  }
  return "";
}

}   // namespace

// In memory, which is enough for the one table that this is asked about.
bool WeightFile::same(std::size_t i, const WeightFile& other, std::size_t j) const {
  const FileTensor &a = tensors()[i], &b = other.tensors()[j];
  if (a.type != b.type || a.shape != b.shape) return false;
  const StoredTensor x = read(i), y = other.read(j);
  return std::equal(x.bytes.begin(), x.bytes.end(), y.bytes.begin(), y.bytes.end());
}

std::unique_ptr<WeightFile> open_weight_file(const std::string& path) {
  if (begins_like_safetensors(path)) return std::make_unique<SafetensorsFile>(path);
  if (is_torch_file(FileSource(path))) return std::make_unique<PytorchFile>(path);
  fail(ContentError(in_quotes(path) +
                    " holds no weights: it begins neither like safetensors nor like a file of "
                    "PyTorch."));
}

Weights open_weights(const FileOrFolder& folder, const std::string& file) {
  const std::string index = file.empty() ? "" : index_with(folder, file);
  const std::string name = !index.empty() ? index : !file.empty() ? file : first_there(folder);
  if (name.empty())
    fail(ContentError(in_quotes(folder.path()) + " has a config.json, but no weights: none of " +
                      "model.safetensors, model.safetensors.index.json, pytorch_model.bin and "
                      "pytorch_model.bin.index.json is there."));
  if (name.ends_with(".index.json")) return open_indexed(folder, name);
  Weights weights;
  weights.files.push_back(open_weight_file(folder.inside(name)));
  weights.what = weights.files.back()->name();
  weights.said = name;
  put_places(weights, *weights.files.back());
  return weights;
}

}   // namespace glass
