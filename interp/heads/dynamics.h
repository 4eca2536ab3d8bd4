// When did it learn that? The induction scores of every head at every checkpoint of a run, and the
// step at which the model went over from guessing to looking back.
#pragma once
#include <string>
#include <vector>

#include "interp/heads/induction.h"

namespace glass {

// When a curve has gone a tenth, half and nine tenths of its way; -1: never.
struct Passage {
  std::int64_t tenth = -1, half = -1, nine_tenths = -1;
};

// A transition is a fall of the loss in the second copy, from knowing nothing (ln V), by more than
// half, together with a rise of the best robust score by more than 0.3 to a score that deserves the
// name. Curves are smoothed; where each ends is the mean of its last twentieth.
struct Transition {
  Passage loss, score;
  double loss_fell = 0;   // the share of ln V
  double score_rose = 0;
  std::int64_t step = -1;   // where the score is half way up; -1: there was none
  std::string verdict;      // in words
};
Transition transition_in(const std::vector<std::int64_t>& steps, const std::vector<double>& loss,
                         const std::vector<double>& score, double ln_vocabulary);

struct DynamicsOptions {
  std::int64_t n = 0;   // as in InductionOptions
  int sequences = 10;
  std::uint64_t seed = 1337;
  Bos bos = Bos::automatic;
};

struct DynamicsResult {
  Provenance from;
  std::int64_t n = 0, layers = 0, heads = 0;
  std::vector<std::int64_t> steps;           // of the checkpoints
  std::vector<std::vector<double>> scores;   // of each step, of all heads by layer and head
  std::vector<double> best, robust;          // the highest score, and the highest over all lengths
  std::vector<double> second_copy_loss, second_copy_accuracy;
  std::vector<Point> training_loss;   // by step, as the run wrote it down; may be empty
  double uniform_baseline = 0, ln_vocabulary = 0;
  Transition transition;
};

// `folder` is that of a run, of which the specimen is one checkpoint.
DynamicsResult dynamics_of(const Specimen& specimen, const std::string& folder,
                           const DynamicsOptions& options = {});

Page page_of(const DynamicsResult& result);
void put(Json& json, const DynamicsResult& result);

}   // namespace glass
