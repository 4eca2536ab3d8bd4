// What chance alone would score: models of the same kind with random weights. A number that those
// reach as well is no finding.
#pragma once
#include <functional>

#include "interp/heads/patterns.h"

namespace glass {

struct Chance {
  double mean = 0, deviation = 0;   // over all heads of all random models
  int models = 0;                   // 0: nobody asked
  // How many deviations a score stands above chance; NaN where nobody asked.
  double z(double score) const;
};

// Models of this config with random weights, one after the other, that know `words` tokens: the
// attention of random weights does not depend on how large a vocabulary is, so nobody needs to draw
// weights for words that no text has.
void each_random_model(const GPT& like, std::int64_t words, int count, std::uint64_t seed,
                       const std::function<void(GPT&)>& visit);
// The same source with as few words as random models need.
SequenceSource with_few_words(SequenceSource source);

// Collects scores, and says what their chance is.
class ChanceOf {
 public:
  void add(const PerHead& scores);
  Chance chance() const;

 private:
  std::vector<double> all_;
  int models_ = 0;
};

}   // namespace glass
