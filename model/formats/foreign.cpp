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
      &kNanoGpt, &kPostNorm, &kHuggingFace, &kGgufFormat, &kLlmcFormat,
  };
  return formats;
}

const ForeignFormat* foreign_format_of(const FileOrFolder& from) {
  for (const ForeignFormat* format : foreign_formats())
    if (format->recognises(from)) return format;
  return nullptr;
}

namespace {

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

namespace {

void add(Xxh64& hash, const ByteSource& source) {
  source.read_pieces(0, source.size(), [&](std::span<const std::byte> piece) { hash.add(piece); });
}

// Other files lie in such folders too: the weights again for another program, pictures.
bool says_something(const std::string& name) {
  for (const char* end : {".json", ".txt", ".safetensors", ".bin", ".pt", ".pkl"})
    if (name.ends_with(end)) return true;
  return false;
}

}   // namespace

std::string digest_of(const FileOrFolder& from) {
  Xxh64 hash;
  if (!from.is_folder()) add(hash, from.source());
  for (const std::string& name : from.names()) {
    if (!says_something(name)) continue;
    hash.add(name);
    add(hash, FileSource(from.inside(name)));
  }
  return hex16(hash.digest());
}

ForeignModel read_foreign(const FileOrFolder& from) {
  const ForeignFormat* format = foreign_format_of(from);
  if (format == nullptr) refuse(from);
  ForeignModel model = format->read(from, Want::everything);
  model.checkpoint.digest = digest_of(from);
  return model;
}

void check_described(const GPTConfig& config, const std::string& what) {
  try {
    check(config);
  } catch (const UsageError& error) {
    fail(ContentError(what + " describes no model. " + error.what()));
  }
}

void put_notes(Checkpoint& checkpoint, const GPTConfig& config, const TokenizerPtr& tokenizer,
               std::int64_t step, const std::string& what) {
  check_described(config, what);
  checkpoint.notes["glass.config"] = fields_to_json(config);
  checkpoint.notes["glass.step"] = std::to_string(step);
  if (tokenizer) checkpoint.notes["glass.tokenizer"] = tokenizer->to_json();
}

}   // namespace glass
