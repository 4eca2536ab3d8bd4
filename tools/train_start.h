// Where a run begins: in which folder, from which checkpoint, with which settings and which data.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "model/run_folder.h"
#include "tools/train_options.h"

namespace glass {

struct TrainPlace {
  std::string folder;
  bool resume = false;   // the run in it goes on
  std::string said;      // what the user should know about the choice
  std::string branch;    // a state from elsewhere that a new run takes up (a ckpt.pt), or ""
};
TrainPlace place_of(const TrainRequest& request);

// The folder of the run, ours alone from here on. Somebody may have taken the place while we
// prepared; then it is the next one that is free, unless the user named this one.
std::unique_ptr<RunFolder> take_folder(TrainPlace& place, const TrainRequest& request);

// What the run starts from: nothing, the newest checkpoint of a run that goes on, or a model that
// somebody trained.
struct Start {
  std::optional<FoundCheckpoint> found;
  std::string data_digest;   // of the run that goes on
};

// From here on the request says what the run or the model says that is there already, and what the
// user put over it. Settings that may not change are refused with a list.
Start start_of(TrainRequest& request, const TrainPlace& place);

// Opens the data, and lets them decide the vocabulary of a new model.
Dataset data_of(TrainRequest& request, const Start& start, const TrainPlace& place);

}   // namespace glass
