// Files that other programs open. A target says what it cannot hold before anything is written.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "model/checkpoint.h"
#include "model/config.h"
#include "model/tokenizer/tokenizer.h"

namespace glass {

// A model on its way out: our tensors under our names, in f32 or f64.
struct ModelToWrite {
  GPTConfig config;
  const Checkpoint& checkpoint;
  TokenizerPtr tokenizer;   // or null
  std::string name;         // for formats that carry one: "shakespeare"
};

struct ExportTarget {
  const char* name;    // "hf"
  const char* about;   // "a folder for Hugging Face transformers"
  const char* types;   // what weights can be stored as, the usual one first: "f32|f16|bf16"
  // How one uses it, with PATH for its path or FOLDER for its folder: "llama-cli -m PATH".
  const char* opened_by;
  // What keeps this model out, one phrase each, in the user's words: "a norm behind the sum
  // (--norm post)". Empty: it fits.
  std::vector<std::string> (*cannot_hold)(const ModelToWrite& model);
  // The activation that programs which open it compute; it may differ in the kind of gelu.
  Activation (*computes)(const GPTConfig& config);
  // Writes a file, or a folder of them, that is there whole or not at all; the paths written.
  std::vector<std::string> (*write)(const ModelToWrite& model, const std::string& type,
                                    const std::string& path);
};
std::span<const ExportTarget* const> export_targets();

// --- What relatives of GPT-2 have in common ------------------------------------------------------

// hf, gguf, nanogpt and llmc know GPT-2 with a few things that may vary. These may vary more:
struct Holds {
  bool untied = false;         // a head of its own
  bool inner = false;          // an mlp that is not 4 C wide
  bool norm_eps = false;       // other than 1e-5
  bool plain_scores = false;   // attention without 1/sqrt(D)
  bool relu = false;           // and relu2
};
std::vector<std::string> not_gpt2(const GPTConfig& config, const Holds& holds);

// All tensors that GPT-2 has for this config, in f32, in the order of the way through the model.
// Where our model has no bias the tensor holds zeros, which compute the same.
std::vector<StoredTensor> gpt2_tensors(const ModelToWrite& model);

}   // namespace glass
