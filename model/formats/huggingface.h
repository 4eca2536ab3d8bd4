// GPT-2 as Hugging Face's transformers keeps it: a folder with config.json, the weights in
// model.safetensors (or in several files that an index lists, or in pytorch_model.bin), and the
// tokenizer beside them. Names are nanoGPT's, with or without "transformer." in front; the four
// matrices of a block stand there as (in, out), for GPT-2 was written with a "Conv1D".
//
// What config.json cannot mean here (another model, attention scaled by the layer, ...) is refused
// by name, and so is every tensor that is missing, left over or of another shape than the config
// says.
#pragma once
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "model/formats/export.h"
#include "model/formats/foreign.h"

namespace glass {

extern const ForeignFormat kHuggingFace;
extern const ExportTarget kHuggingFaceTarget;

// --- The two JSON files, for themselves ----------------------------------------------------------

using Facts = std::vector<std::pair<std::string, std::string>>;

// config.json as a config of ours. What has no place in one, but changes no number that the model
// computes, becomes a fact.
GPTConfig read_huggingface_config(const ByteSource& file, Facts& facts);
std::string huggingface_config_json(const GPTConfig& config, const Tokenizer* tokenizer,
                                    const std::string& type);

// model.safetensors.index.json: which tensor is in which file. Names of files are plain names.
std::map<std::string, std::string> read_weight_map(const ByteSource& file);

}   // namespace glass
