// PyTorch's files (.pt, .pth, pytorch_model.bin), read and written without Python. One is a zip
// archive: <name>/data.pkl is a pickle that says what was saved, and every tensor in it refers to a
// storage, a row of numbers in <name>/data/<k>, by offset, sizes and strides. Several tensors may
// lie in one storage.
//
//   TorchFile file(source);
//   for (const TorchTensor& tensor : file.state_dict()) use(file.load(tensor));
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/byte_source.h"
#include "model/formats/pickle.h"
#include "model/formats/safetensors.h"
#include "model/formats/zip.h"

namespace glass {

// A tensor that still lies in the file. All of its claims have been held against the archive.
struct TorchTensor {
  std::string name;
  StoredType type = StoredType::f32;
  std::vector<std::int64_t> shape, strides;   // strides and offset count elements
  std::int64_t offset = 0;
  std::size_t storage = 0;   // which entry of the archive has the numbers
  std::int64_t elements() const;
};

class TorchFile {
 public:
  // Reads the archive's directory and its pickle, no tensor. ContentError: it is damaged, or no
  // file of PyTorch, or one that would do something when Python loads it. The source must outlive
  // it.
  explicit TorchFile(const ByteSource& source);

  PickleValue root() const& { return pickle_->root(); }   // what was saved; valid as long as this
  PickleValue root() const&& = delete;
  const std::string& name() const { return source_.name(); }   // for messages

  bool is_tensor(PickleValue value) const;   // also an nn.Parameter
  TorchTensor tensor(PickleValue value, const std::string& name) const;
  // A dictionary of tensors by name, in its order: that of the whole file, or one inside. Its names
  // are sound and unique; a value that is no tensor is a ContentError.
  std::vector<TorchTensor> state_dict() const { return state_dict(root()); }
  std::vector<TorchTensor> state_dict(PickleValue dictionary) const;
  bool is_state_dict(PickleValue value) const;   // a dictionary, not empty, of nothing but tensors

  // For people who expected something else: "a dictionary of 'weight', 'bias' and 3 more".
  std::string summary() const;

  // The numbers, row-major. Without a copy where they lie so in the storage. ContentError where the
  // storage is damaged.
  StoredTensor load(const TorchTensor& tensor);

 private:
  std::size_t storage_of(PickleValue key, StoredType& type) const;
  std::vector<std::int64_t> sizes_of(PickleValue tuple, const char* what) const;
  OwnedBytes storage(std::size_t entry);

  const ByteSource& source_;
  ZipArchive archive_;
  std::string folder_;   // "archive/": what all names begin with
  std::unique_ptr<Pickle> pickle_;
  // Storages that somebody still uses, by their first byte: libc++ 13 cannot hold arrays weakly.
  std::vector<std::weak_ptr<std::byte>> loaded_;
  std::shared_ptr<std::byte[]> last_;   // so that views of one storage, used in turn, read it once
  std::uint64_t given_ = 0;             // bytes of tensors, in all
};

// Does it look like a file that torch.save wrote: a zip archive with a data.pkl, or (legacy) the
// pickles that PyTorch wrote before 1.6?
bool is_torch_file(const ByteSource& source);

// --- Writing -------------------------------------------------------------------------------------

// A file for torch.load, also with weights_only=True: first say what is in it, then save it.
//
//   TorchWriter file;
//   file.pickle().dictionary().text("model").dictionary();
//   for (const StoredTensor& x : tensors) file.pickle().text(x.name), file.tensor(x);
//   file.pickle().end().end();
//   file.save("ckpt.pt");
class TorchWriter {
 public:
  PickleWriter& pickle() { return pickle_; }
  // The next value of the pickle. Tensors that share their bytes share a storage.
  void tensor(const StoredTensor& x);
  void save(const std::string& path) const;   // there whole or not at all

 private:
  PickleWriter pickle_;
  std::vector<StoredTensor> storages_;
};

}   // namespace glass
