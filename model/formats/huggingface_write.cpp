// Writing: a folder that AutoModelForCausalLM and AutoTokenizer open, with nothing to be added.
#include <algorithm>
#include <cstring>

#include "engine/base/atomic_file.h"
#include "engine/base/atomic_folder.h"
#include "engine/base/error.h"
#include "engine/base/json.h"
#include "model/formats/elements.h"
#include "model/formats/huggingface.h"
#include "model/tokenizer/huggingface.h"

namespace glass {
namespace {

std::vector<std::string> cannot_hold(const ModelToWrite& model) {
  return not_gpt2(
      model.config,
      {.untied = true, .inner = true, .norm_eps = true, .plain_scores = true, .relu = true});
}

Activation computes(const GPTConfig& config) { return config.act; }   // config.json names it

bool is_conv1d(const std::string& name) {
  for (const char* end : {".c_attn.weight", ".c_proj.weight", ".c_fc.weight"})
    if (name.ends_with(end)) return true;
  return false;
}

std::vector<StoredTensor> weights_of(const ModelToWrite& model, StoredType type) {
  std::vector<StoredTensor> tensors = gpt2_tensors(model);
  for (StoredTensor& tensor : tensors)
    tensor = as_type(is_conv1d(tensor.name) ? transposed(tensor) : tensor, type);
  return tensors;
}

// What generate() asks: when to stop.
std::string generation_config_json(const Tokenizer* tokenizer) {
  Json json;
  json.object().field("_from_model_config", true);
  if (tokenizer && tokenizer->end_of_text() >= 0)
    json.field("bos_token_id", tokenizer->end_of_text())
        .field("eos_token_id", tokenizer->end_of_text());
  return json.end().text();
}

// PreTrainedTokenizerFast is the class that takes tokenizer.json as it stands; GPT2Tokenizer would
// cut every text as GPT-2 does.
std::string tokenizer_config_json(const Tokenizer& tokenizer, std::int64_t longest) {
  Json json;
  json.object().field("add_prefix_space", false).field("clean_up_tokenization_spaces", false);
  if (const int end = tokenizer.end_of_text(); end >= 0)
    for (const char* role : {"bos_token", "eos_token", "unk_token"})
      json.field(role, tokenizer.token(end));
  json.field("model_max_length", longest).field("tokenizer_class", "PreTrainedTokenizerFast");
  return json.end().text();
}

std::vector<std::string> write(const ModelToWrite& model, const std::string& type,
                               const std::string& path) {
  AtomicFolder folder(path);
  std::vector<std::string> written;
  const auto put = [&](const std::string& name, const std::string& content) {
    write_file(folder / name, content);
    written.push_back(folder.path() + "/" + name);
  };
  const Tokenizer* tokenizer = model.tokenizer.get();
  put("config.json", indented(huggingface_config_json(model.config, tokenizer, type)) + "\n");
  put("generation_config.json", indented(generation_config_json(tokenizer)) + "\n");
  if (tokenizer) {
    put("tokenizer.json", huggingface_tokenizer_json(*tokenizer));
    put("tokenizer_config.json",
        indented(tokenizer_config_json(*tokenizer, model.config.block_size)) + "\n");
    if (fits_vocab_json(*tokenizer)) {
      put("vocab.json", vocab_json(*tokenizer));
      put("merges.txt", merges_txt(*tokenizer));
    }
  }
  save_safetensors(folder / "model.safetensors", weights_of(model, type_named(type)),
                   {{"format", "pt"}});
  written.push_back(folder.path() + "/model.safetensors");
  folder.publish();
  return written;
}

}   // namespace

const ExportTarget kHuggingFaceTarget = {
    .name = "hf",
    .about = "a folder for Hugging Face's transformers",
    .types = "f32|f16|bf16",
    .opened_by = "AutoModelForCausalLM.from_pretrained(\"PATH\")",
    .cannot_hold = cannot_hold,
    .computes = computes,
    .write = write};

}   // namespace glass
