#include "model/formats/export_safetensors.h"

#include "engine/base/error.h"
#include "model/formats/elements.h"

namespace glass {
namespace {

std::vector<std::string> holds_everything(const ModelToWrite&) { return {}; }
Activation computes_the_same(const GPTConfig& config) { return config.act; }

// Readers that know nothing of our notes find names and shapes; we find the whole model again.
std::vector<std::string> write(const ModelToWrite& model, const std::string& type,
                               const std::string& path) {
  Checkpoint out;
  out.notes["format"] = "pt";
  for (const char* note : {"glass.config", "glass.step", "glass.tokenizer"}) {
    const auto found = model.checkpoint.notes.find(note);
    if (found != model.checkpoint.notes.end()) out.notes.insert(*found);
  }
  if (model.tokenizer) out.notes["glass.tokenizer"] = model.tokenizer->to_json();
  for (const StoredTensor& tensor : model.checkpoint.tensors)
    if (!tensor.name.starts_with("optim."))
      out.tensors.push_back(as_type(tensor, type_named(type)));
  save_checkpoint(path, out);
  return {path};
}

}   // namespace

const ExportTarget kSafetensorsTarget = {
    .name = "safetensors",
    .about = "weights under nanoGPT's names, in one file; holds every model",
    .types = "f32|f16|bf16",
    .opened_by = "safetensors.torch.load_file(\"PATH\")",
    .cannot_hold = holds_everything,
    .computes = computes_the_same,
    .write = write};

}   // namespace glass
