// Samples in some of which a passage comes twice: what makes a language model look back early. A
// text that repeats itself often does the same by itself; here the share is a number.
#pragma once
#include <memory>

#include "model/samples.h"

namespace glass {

struct Repeats {
  double share = 0;          // of samples in which a passage of theirs comes again
  double random_share = 0;   // of samples of random tokens that come again, and again
  bool any() const { return share > 0 || random_share > 0; }
};

class Repeating final : public Samples {
 public:
  // Passages have kShortest tokens to half a sample, at a distance of their own. UsageError where a
  // sample has no room for two.
  Repeating(std::unique_ptr<Samples> samples, const Repeats& repeats, int vocab_size,
            std::uint64_t seed);
  static constexpr std::int64_t kShortest = 8;
  std::int64_t count() const override { return samples_->count(); }

 private:
  void sample(std::int64_t g, std::span<std::int32_t> inputs,
              std::span<std::int32_t> targets) const override;
  std::unique_ptr<Samples> samples_;
  Repeats repeats_;
  std::size_t vocab_size_;
  std::uint64_t seed_;
};

}   // namespace glass
