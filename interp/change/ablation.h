// What is a part needed for? Take it out and see what becomes worse. A head says nothing (zero),
// what it says on average (mean: it no longer knows what it reads, but does not surprise those who
// listen to it either), what it says on average at that position (position_mean: it still knows
// where it stands), or what it says in another text at that place (resample).
#pragma once
#include <string>
#include <vector>

#include "interp/change/parts.h"
#include "interp/heads/patterns.h"
#include "interp/page/page.h"

namespace glass {

enum class AblateHow : std::uint8_t { zero, mean, position_mean, resample };
const char* name_of(AblateHow how);   // "position-mean"

struct AblationOptions {
  std::vector<Part> parts = {};   // all taken out at once; empty: each head of the model alone
  AblateHow how = AblateHow::zero;
  std::vector<std::int32_t> text = {};     // empty: random repeats, where the second copy counts
  std::vector<std::int32_t> prompt = {};   // what comes next here, with and without
  int windows = 32;
  std::uint64_t seed = 1337;
  Bos bos = Bos::automatic;
  bool icl = false;
};

// A number so many standard errors from 0 is not there by chance, also where it is the largest of
// some dozen heads.
inline constexpr double kSureErrors = 3;

// A change of the loss, in nats: ablated minus intact, and how sure it is: the standard error over
// windows, each compared with itself.
struct LossChange {
  double change = 0, error = 0;
  // The share of what is learned from context that is lost; NaN where nothing is learned from it.
  double icl = 0;
};

struct TopToken {
  std::int32_t id = 0;
  std::string text;
  double probability = 0;
};

struct AblationResult {
  Provenance from;
  AblateHow how = AblateHow::zero;
  bool text = false, icl = false;
  std::int64_t windows = 0, T = 0;
  std::vector<std::string> parts;   // empty: each head alone
  std::int64_t layers = 0, heads = 0;
  double baseline_loss = 0;
  double ln_vocabulary = 0;   // the loss of blind guessing
  // Loss late minus loss early, and its standard error: below 0, context is good for something.
  double baseline_icl = 0, baseline_icl_error = 0;
  LossChange change;                                      // of all parts together
  std::vector<LossChange> each;                           // of each head alone, by layer and head
  std::vector<double> by_position, ablated_by_position;   // mean losses; the second with parts only
  std::vector<TopToken> baseline_top, ablated_top;        // of the prompt
};

AblationResult ablation_of(const Specimen& specimen, const AblationOptions& options);

Page page_of(const AblationResult& result);
void put(Json& json, const AblationResult& result);

}   // namespace glass
