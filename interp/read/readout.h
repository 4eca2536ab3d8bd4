// How a logit reads the last stream: logit[t] = (x . direction(t)) / scale + constant(t). Whatever
// is added to that stream therefore has a share in each logit, and the shares add up.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "interp/specimen.h"

namespace glass {

// A question about the answer: the logit of a token, or by how much it is larger than another one.
struct LogitQuestion {
  std::int32_t target = -1, foil = -1;   // foil -1: the logit itself
};

class Readout {
 public:
  // UsageError for a post-norm model, whose last stream is not the sum of what its parts wrote.
  Readout(GPT& gpt, const LogitQuestion& question);

  // What c (C), a part of the last stream, has in the answer, where that stream has this scale: the
  // final norm's, which is 1 without one. Layer norm also takes the mean off each part; that is in
  // the direction already.
  double share(std::span<const double> c, double scale) const;
  const std::vector<double>& direction() const { return direction_; }   // (C)
  double constant() const {
    return constant_;
  }   // what comes from the final norm's and the head's bias

 private:
  std::vector<double> direction_;
  double constant_ = 0;
};

// What a vector (C) that is added to the last stream does to every logit, (V): its share before the
// division by the scale. Of a post-norm model: of what is added behind its last norm.
std::vector<double> logit_effects(GPT& gpt, std::span<const double> c);

// The largest and the smallest of some numbers, with their places.
struct Extremes {
  std::vector<std::int32_t> top, bottom;
};
Extremes extremes_of(std::span<const double> values, std::size_t k);

void refuse_post_norm(const GPTConfig& config, const std::string& what);   // UsageError

}   // namespace glass
