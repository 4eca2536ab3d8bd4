// Is there a head that completes "... A B ... A" with B? Random tokens come twice, and each head is
// asked how much of its attention goes, from a token of the second copy, to the token behind its
// first occurrence. A high number alone proves little; what else must hold is in `verdict`.
#pragma once
#include <string>
#include <vector>

#include "interp/heads/chance.h"
#include "interp/page/page.h"

namespace glass {

struct InductionOptions {
  std::int64_t n = 0;   // tokens in a copy; 0: 30, or as many as fit
  int sequences = 25;
  std::uint64_t seed = 1337;
  Bos bos = Bos::automatic;
  enum class Sweep : std::uint8_t { five, every } sweep = Sweep::five;   // which lengths are tried
  int random_models = 20;   // 0: do not ask what chance scores; then no head gets its name
};

inline constexpr double kInductionThreshold = 0.4;   // a convention
inline constexpr double kEnoughDeviations = 5;       // above chance
inline constexpr double kMostPositional = 0.5;

struct InductionScore {
  int layer = 0, head = 0;
  double score = 0;             // at n
  std::vector<double> sweep;    // at every length of InductionResult::lengths
  double robust = 0;            // the least of them
  double gap = 0;               // where the copies stand at distances drawn by chance
  double copy = 0, first = 0;   // does it speak for what it finds; how often most of all
  double positional = 0;        // the share that position alone explains
  double z = 0;                 // above chance, in deviations; NaN: nobody asked
  std::string label;            // "induction head", "anti-induction head" or ""
  std::string verdict;          // why, or why not
  std::string name() const { return std::to_string(layer) + "." + std::to_string(head); }
};

struct InductionResult {
  Provenance from;
  std::int64_t n = 0;
  bool shortened = false;   // n is less than 30: no room for more, or not so many tokens
  int sequences = 0;
  bool bos = false, post_norm = false;
  std::vector<std::int64_t> lengths;   // of the sweep
  std::vector<double> uniform;         // what looking everywhere alike scores at each of them
  std::int64_t layers = 0, heads = 0;
  std::vector<InductionScore> scores;   // highest first
  double uniform_baseline = 0, threshold = kInductionThreshold;
  double first_copy_loss = 0, second_copy_loss = 0, second_copy_accuracy = 0;
  Chance chance;
  std::vector<std::string> labels;    // of the positions: "a1", ".. a30", "b1"
  std::vector<double> best_pattern;   // of the best head, the mean over all sequences, (T,T)
};

InductionResult induction_of(const Specimen& specimen, const InductionOptions& options = {});

// How well the second copy is continued, and how the first one, which nobody can know.
struct CopyBehaviour {
  double first_loss = 0, second_loss = 0, accuracy = 0;
};
CopyBehaviour copy_behaviour(GPT& gpt, const std::vector<Sequence>& sequences);

// The lengths of the sweep for a model and a chosen n, ascending; n is one of them.
std::vector<std::int64_t> sweep_lengths(const SequenceSource& source, std::int64_t n,
                                        InductionOptions::Sweep sweep);
// n, or the default where n is 0. UsageError where nothing fits.
std::int64_t chosen_length(const SequenceSource& source, std::int64_t n);

Page page_of(const InductionResult& result);
void put(Json& json, const InductionResult& result);

}   // namespace glass
