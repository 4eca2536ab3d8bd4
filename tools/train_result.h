// What a run has to tell when it ends: numbers, a picture, and what the model writes now. The text
// and the JSON are two views of it.
#pragma once
#include <cstdint>
#include <string>

#include "model/run.h"
#include "tools/machine.h"
#include "tools/train_samples.h"
#include "tools/train_view.h"

namespace glass {

struct TrainResult {
  std::int64_t step = 0, params = 0;
  Losses losses{};   // val: over all that is held out
  double best_val_loss = 0, tokens_per_second = 0, seconds = 0;
  std::string checkpoint, loss_png;
  std::int64_t val_tokens = 0;
  SampleReport samples;
  MemoryUse memory{};   // of the device
  bool stopped = false;
};

// Everything that a run is told by: what it trains, and what it is shown on.
struct TrainStory {
  Run& run;
  Trainer& trainer;
  const Machine& machine;
  const Dataset& data;
  CorpusEntropy lines;   // to compare the loss with
  TrainView& view;
  std::string folder;
};

TrainResult stopped_result(const TrainStory& story);    // of a run that somebody stopped
TrainResult finished_result(const TrainStory& story);   // looks at all that is held out, and writes
void print_json(const TrainResult& result);
void print_text(const TrainResult& result, const TrainStory& story);

}   // namespace glass
