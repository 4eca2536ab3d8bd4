// config.toml, the settings of a run in `key = value` lines: TOML's simplest, which are also those
// of nanoGPT's config/x.py. What is written here is read here, and trains the same model again.
#pragma once
#include <string>
#include <vector>

#include "tools/train_options.h"

namespace glass {

// Offers every setting of the file to `args`: options as options, and what has no option of its own
// (n_inner, bias_qkv, init, ...) as a field. Returns a sentence for each line without effect.
std::vector<std::string> read_config(Arguments& args, const std::string& path);

// Puts the fields that have no option over the config.
void put_fields(const Arguments& args, GPTConfig& model);
void put_fields(const Arguments& args, TrainConfig& train);

// All settings of a new run.
void write_config(const std::string& folder, const TrainRequest& request);
// Of a run that goes on: only the lines whose settings are others now.
void update_config(const std::string& folder, const TrainRequest& request);

}   // namespace glass
