// nanoGPT's checkpoint, ckpt.pt: a file of PyTorch with the weights, what AdamW remembers, and the
// settings of model and training. Its names of tensors are ours. What it does not hold is what the
// tokens mean; that is in meta.pkl, beside the data.
#pragma once
#include <string>
#include <vector>

#include "model/formats/export.h"
#include "model/formats/foreign.h"

namespace glass {

// A note of a checkpoint that came from nanoGPT: what its config calls `dataset`. sample.py finds
// the letters in data/<dataset>/meta.pkl.
inline constexpr const char* kDatasetNote = "nanogpt.dataset";

extern const ForeignFormat kNanoGpt;
extern const ExportTarget kNanoGptTarget;

// Without the tokenizer, which only a path leads to.
ForeignModel read_nanogpt(const ByteSource& source, Want want);

// The parameters of nanoGPT's model in the order of named_parameters(); the tied head is none.
struct NanoGptParameter {
  std::string name;
  std::vector<std::int64_t> shape;
};
std::vector<NanoGptParameter> nanogpt_parameters(const GPTConfig& config, bool bias);
// The order in which its optimizer numbers them: first those that decay (matrices), then the rest.
std::vector<NanoGptParameter> in_optimizer_order(const std::vector<NanoGptParameter>& parameters);

}   // namespace glass
