// What a freshly trained model writes, and whether it made it up.
#pragma once
#include <string>
#include <vector>

#include "model/dataset.h"
#include "model/language_model.h"
#include "model/train_config.h"

namespace glass {

struct SampleReport {
  std::vector<std::string> lines;   // short documents, as names; or one longer text
  std::int64_t known = -1;   // how many of the documents are in the training text; -1: not asked
  std::string text() const;
};

SampleReport sample_report(LanguageModel& model, const Dataset& data, const TrainConfig& config);

// One text for samples.txt while training goes on.
std::string running_sample(LanguageModel& model, const Dataset& data, const TrainConfig& config,
                           std::int64_t step);

}   // namespace glass
