#include "model/saved_model.h"

#include <algorithm>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "model/formats/elements.h"
#include "model/formats/foreign.h"
#include "model/handmade.h"
#include "model/public_data.h"

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

Shape shape_of(const StoredTensor& from, const std::string& what) {
  Shape shape;
  if (from.shape.size() > kMaxRank)
    fail(ContentError(what + ": " + from.name + " has too many dimensions."));
  for (std::int64_t n : from.shape) shape.push_back(n);
  return shape;
}

template <class T>
std::span<const T> all_of(const StoredTensor& x) {   // allocated bytes are aligned for all numbers
  return {reinterpret_cast<const T*>(x.bytes.data()), x.bytes.size() / sizeof(T)};
}

// A safetensors file that carries notes of ours. Others may carry notes of their own.
bool is_ours(const ByteSource& file) {
  if (!looks_like_safetensors(file)) return false;
  const Notes notes = read_safetensors_header(file).notes;
  return std::any_of(notes.begin(), notes.end(),
                     [](const auto& note) { return note.first.starts_with("glass."); });
}

std::int64_t step_of(const Checkpoint& checkpoint) {
  std::int64_t step = 0;
  parse_integer(checkpoint.note("glass.step"), step);
  return step;
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
  const bool wide = from.type == StoredType::f64;
  const StoredTensor numbers = as_type(from, wide ? StoredType::f64 : StoredType::f32);
  const Tensor values = wide ? Tensor::from(x.device(), all_of<double>(numbers), shape, x.dtype())
                             : Tensor::from(x.device(), all_of<float>(numbers), shape);
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

void crop_positions(Checkpoint& checkpoint, std::int64_t block_size) {
  for (StoredTensor& tensor : checkpoint.tensors) {
    const bool table = tensor.name == "transformer.wpe.weight" && !tensor.shape.empty();
    if (table && tensor.shape[0] > block_size) tensor = rows_of(tensor, 0, block_size);
  }
}

void load_weights(LanguageModel& model, const Checkpoint& checkpoint, const std::string& what) {
  for (Parameter* p : model.parameters()) {
    const StoredTensor* from = checkpoint.find(p->name);
    if (!from) fail(ContentError(what + " has no tensor " + p->name + ", which this model needs."));
    fill_from(p->value, *from, what);
  }
}

FoundCheckpoint find_checkpoint(const std::string& said, const Warn& warn) {
  if (is_handmade(said)) return {said, 0, handmade_checkpoint(handmade(said).options)};
  const std::string path = path_of_model(said);
  const FileOrFolder from(path);
  if (from.is_folder() && is_run_folder(path)) return newest_checkpoint(path, warn).value();
  FoundCheckpoint found{path, 0, {}};
  if (!from.is_folder() && is_ours(from.source()))
    found.checkpoint = load_checkpoint(from.source());
  else found.checkpoint = read_foreign(from).checkpoint;
  found.step = step_of(found.checkpoint);
  return found;
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
  saved.model = make_model(config, device, dtype, std::nullopt);
  load_weights(*saved.model, found.checkpoint, found.path);
  saved.checkpoint = std::move(found.checkpoint);
  saved.checkpoint.tensors.clear();   // the model has them now; two copies would be one too many
  return saved;
}

}   // namespace glass
