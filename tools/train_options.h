// What `glass train` can be told, and how that becomes a model, a recipe and a data set. One rule
// of precedence: flag, environment, --config FILE, preset, default.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "model/config.h"
#include "model/dataset.h"
#include "model/train_config.h"
#include "tools/arguments.h"

namespace glass {

std::span<const Option> train_options();
std::span<const Option> train_operands();

struct TrainRequest {
  Arguments args;   // everything said, also in the config file and by the preset
  std::string preset;
  GPTConfig model;   // without the vocabulary, which the data decide
  TrainConfig train;
  DataOptions data;
  std::vector<std::string> notes;   // what was read and has no effect, for the user
};

TrainRequest train_request(const Arguments& args);

// Whether the user chose this option's value himself, with a flag, in the environment or in a
// config file.
bool chosen(const Arguments& args, const std::string& option);
// The settings that the user chose himself, put over those of a run or a model that is there
// already.
void put_chosen(const Arguments& args, GPTConfig& model);
void put_chosen(const Arguments& args, TrainConfig& train);

}   // namespace glass
