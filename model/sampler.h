// From logits to a token: how to choose what comes next. A model says how likely each token is; the
// options here decide how closely to listen to it.
//
// The filters run in the order of Hugging Face: repetition penalty, temperature, top-k, top-p,
// min-p. Each works on what the one before left over, and at least one token is always left. All
// of it is double, on the host, so that every device chooses alike.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace glass {

struct SamplerOptions {
  double temperature = 0.8;    // 1: as the model says; lower: surer; 0: always the likeliest
  std::int64_t top_k = 200;    // only the k likeliest tokens, and what ties with the last; 0: all
  double top_p = 1;            // only the likeliest tokens that together reach p
  double min_p = 0;            // only tokens at least min_p times as likely as the likeliest
  double repeat_penalty = 1;   // above 1: tokens that were there already become less likely
  std::uint64_t seed = 1337;
  // A model may know more tokens than its tokenizer has words for: only ids below this; 0: all.
  std::int64_t known = 0;
};

// UsageError names the option that is out of its range.
void check(const SamplerOptions& options);

// What the options make of one row of logits (V): probabilities that sum to 1, 0 for what they rule
// out. `seen` are the tokens that the repetition penalty is for. NonFiniteError for logits that are
// not numbers; -inf is one: "never".
std::vector<double> probabilities(std::span<const double> logits, const SamplerOptions& options,
                                  std::span<const std::int32_t> seen = {});

// A number in [0, 1) for token `position` of sample `sample`: a function of these three alone, so
// that a sample can be drawn again without those before it.
double dice(std::uint64_t seed, std::int64_t sample, std::int64_t position);

// The token at `dice` of the way through the probabilities laid end to end.
std::int32_t pick(std::span<const double> probabilities, double dice);

}   // namespace glass
