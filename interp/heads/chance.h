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

// Random models of this config, one after the other. Words that no sequence needs are left out: the
// attention of a model with random weights does not know how large its vocabulary is.
void each_random_model(const GPT& like, int count, std::uint64_t seed,
                       const std::function<void(GPT&, const SequenceSource&)>& visit,
                       SequenceSource source);

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
