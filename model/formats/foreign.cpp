#include "model/formats/foreign.h"

#include "engine/base/error.h"
#include "engine/base/hash.h"
#include "engine/base/text.h"
#include "model/formats/gguf_gpt2.h"
#include "model/formats/huggingface.h"
#include "model/formats/llmc.h"
#include "model/formats/nanogpt.h"
#include "model/formats/postnorm.h"
#include "model/formats/pytorch.h"

namespace glass {

std::span<const ForeignFormat* const> foreign_formats() {
  static const std::vector<const ForeignFormat*> formats = {
      &kNanoGpt,
      &kPostNorm,
      &kHuggingFace,
      &kGgufFormat,
      &kLlmcFormat,
  };
  return formats;
}

const ForeignFormat* foreign_format_of(const FileOrFolder& from) {
  for (const ForeignFormat* format : foreign_formats())
    if (format->recognises(from)) return format;
  return nullptr;
}

namespace {

// All bytes of its tensors and notes: what the model is, whichever file it came from.
std::string digest_of(const Checkpoint& checkpoint) {
  Xxh64 hash;
  for (const auto& [key, note] : checkpoint.notes) {
    hash.add(key);
    hash.add(note);
  }
  for (const StoredTensor& tensor : checkpoint.tensors) {
    hash.add(tensor.name);
    hash.add(tensor.bytes);
  }
  return hex16(hash.digest());
}

[[noreturn]] void refuse(const FileOrFolder& from) {
  std::vector<std::string> names = {"a checkpoint of ours", "the folder of a run"};
  for (const ForeignFormat* format : foreign_formats()) names.emplace_back(format->name);
  const std::string known = "; known are " + list_of(names, "and") + ".";
  if (from.is_folder())
    fail(SystemError("There is no checkpoint in " + in_quotes(from.path()) +
                     ", nor a model of another program" + known));
  const bool empty = from.source().size() == 0;
  if (is_torch_file(from.source()))
    fail(ContentError(from.source().name() + " is a file of PyTorch, but holds no model: it is " +
                      TorchFile(from.source()).summary() + known));
  fail(ContentError(from.source().name() + (empty ? " is empty" : " is no model") + known));
}

}   // namespace

ForeignModel read_foreign(const FileOrFolder& from) {
  const ForeignFormat* format = foreign_format_of(from);
  if (format == nullptr) refuse(from);
  ForeignModel model = format->read(from, Want::everything);
  model.checkpoint.digest = digest_of(model.checkpoint);
  return model;
}

void put_notes(Checkpoint& checkpoint, const GPTConfig& config, const TokenizerPtr& tokenizer,
               std::int64_t step, const std::string& what) {
  try {
    check(config);
  } catch (const UsageError& error) {
    fail(ContentError(what + " describes no model. " + error.what()));
  }
  checkpoint.notes["glass.config"] = fields_to_json(config);
  checkpoint.notes["glass.step"] = std::to_string(step);
  if (tokenizer) checkpoint.notes["glass.tokenizer"] = tokenizer->to_json();
}

}   // namespace glass
