#include "model/saved_model.h"

#include <sys/stat.h>

#include <bit>
#include <cstring>

#include "engine/base/error.h"
#include "engine/base/text.h"

namespace glass {
namespace {

StoredType stored_type(DType type) {
  switch (type) {
    case DType::f32:
      return StoredType::f32;
    case DType::f64:
      return StoredType::f64;
    case DType::bf16:
      return StoredType::bf16;
    case DType::i32:
      return StoredType::i32;
  }
  return StoredType::f32;
}

template <class T>
T read_at(std::span<const std::byte> bytes, std::size_t i) {
  T value;
  std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
  return value;
}

std::vector<double> numbers_of(const StoredTensor& from, const std::string& what) {
  std::vector<double> values(from.bytes.size() / bytes_of(from.type));
  for (std::size_t i = 0; i < values.size(); ++i) {
    switch (from.type) {
      case StoredType::f32:
        values[i] = static_cast<double>(read_at<float>(from.bytes, i));
        break;
      case StoredType::f64:
        values[i] = read_at<double>(from.bytes, i);
        break;
      case StoredType::bf16:
        values[i] = static_cast<double>(
            std::bit_cast<float>(std::uint32_t{read_at<std::uint16_t>(from.bytes, i)} << 16));
        break;
      default:
        fail(ContentError(what + ": " + from.name + " is of type " + name_of(from.type) +
                          ", not of numbers with fractions."));
    }
  }
  return values;
}

Shape shape_of(const StoredTensor& from, const std::string& what) {
  Shape shape;
  if (from.shape.size() > kMaxRank)
    fail(ContentError(what + ": " + from.name + " has too many dimensions."));
  for (std::int64_t n : from.shape) shape.push_back(n);
  return shape;
}

bool is_folder(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

}   // namespace

StoredTensor stored(const std::string& name, const Tensor& x) {
  const Tensor packed = contiguous(x.detach());
  const OwnedBytes bytes = allocate_bytes(static_cast<std::size_t>(x.numel()) * size_of(x.dtype()));
  packed.backend().wait();
  packed.backend().download(bytes.data.get(), packed.view().data, bytes.size);
  return {
      name, stored_type(x.dtype()), {x.shape().begin(), x.shape().end()}, bytes.span(), bytes.data};
}

void fill_from(Tensor& x, const StoredTensor& from, const std::string& what) {
  const Shape shape = shape_of(from, what);
  if (shape != x.shape()) {
    fail(ContentError(what + ": " + from.name + " has shape " + str(shape) + "; this model needs " +
                      str(x.shape()) + "."));
  }
  const Tensor values = Tensor::from(x.device(), numbers_of(from, what), shape, x.dtype());
  x.backend().copy({x.writable("a checkpoint"), false}, values.view());
}

GPTConfig config_of(const Checkpoint& checkpoint, const std::string& what) {
  const std::string place = what + ": glass.config";
  const GPTConfig config =
      fields_from_json<GPTConfig>(parse_json(checkpoint.note("glass.config"), place), place);
  try {
    check(config);
  } catch (const UsageError& error) {
    fail(ContentError(place + " describes no model. " + error.what()));
  }
  return config;
}

TokenizerPtr tokenizer_of(const Checkpoint& checkpoint, const std::string& what) {
  const auto found = checkpoint.notes.find("glass.tokenizer");
  return found == checkpoint.notes.end()
             ? nullptr
             : tokenizer_from_json(found->second, what + ": glass.tokenizer");
}

void load_weights(LanguageModel& model, const Checkpoint& checkpoint, const std::string& what) {
  for (Parameter* p : model.parameters()) {
    const StoredTensor* from = checkpoint.find(p->name);
    if (!from) fail(ContentError(what + " has no tensor " + p->name + ", which this model needs."));
    fill_from(p->value, *from, what);
  }
}

FoundCheckpoint find_checkpoint(const std::string& path, const Warn& warn) {
  if (!is_folder(path)) {
    FoundCheckpoint found{path, 0, load_checkpoint(path)};
    std::int64_t step = 0;
    if (parse_integer(found.checkpoint.note("glass.step"), step) == NumberFault::none)
      found.step = step;
    return found;
  }
  std::optional<FoundCheckpoint> found = newest_checkpoint(path, warn);
  if (!found) {
    fail(SystemError("There is no checkpoint in " + in_quotes(path) +
                     "; train one with glass train, or name another folder."));
  }
  return std::move(*found);
}

SavedModel open_model(const std::string& path, const Device& device, DType dtype,
                      const Warn& warn) {
  FoundCheckpoint found = find_checkpoint(path, warn);
  SavedModel saved;
  saved.path = found.path, saved.step = found.step, saved.digest = found.checkpoint.digest;
  saved.tokenizer = tokenizer_of(found.checkpoint, found.path);
  const GPTConfig config = config_of(found.checkpoint, found.path);
  if (saved.tokenizer && saved.tokenizer->vocab_size() > config.vocab_size) {
    fail(ContentError(found.path + ": the tokenizer knows " +
                      std::to_string(saved.tokenizer->vocab_size()) + " tokens, the model only " +
                      std::to_string(config.vocab_size) + "."));
  }
  saved.model = make_model(config, device, dtype, 0);
  load_weights(*saved.model, found.checkpoint, found.path);
  saved.checkpoint = std::move(found.checkpoint);
  saved.checkpoint.tensors.clear();   // the model has them now; two copies would be one too many
  return saved;
}

}   // namespace glass
