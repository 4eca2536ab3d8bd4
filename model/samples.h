// What a training run learns from, one sample after the other: windows of a corpus (batches.h), or
// sequences that are made when they are asked for (random_repeats.h). Sample g is a function of the
// seed and g alone, so there is no state to save: a run that is resumed at sample g goes on as if
// it had never stopped, and so does one on another number of threads.
#pragma once
#include <cstdint>
#include <limits>
#include <span>

namespace glass {

class Samples {
 public:
  Samples(std::int64_t B, std::int64_t T) : B_(B), T_(T) {}
  virtual ~Samples();
  std::int64_t B() const { return B_; }   // samples at a time
  std::int64_t T() const { return T_; }   // tokens of a sample

  // How many there are before they come again.
  static constexpr std::int64_t kEndless = std::numeric_limits<std::int64_t>::max();
  virtual std::int64_t count() const = 0;

  // Samples first .. first + B - 1: inputs (B,T), and targets (B,T), the tokens one further on, or
  // kIgnore where nothing is asked.
  void fill(std::int64_t first, std::span<std::int32_t> inputs,
            std::span<std::int32_t> targets) const;
  // Sample g alone: T inputs and T targets.
  void one(std::int64_t g, std::span<std::int32_t> inputs, std::span<std::int32_t> targets) const {
    sample(g, inputs, targets);
  }

 private:
  virtual void sample(std::int64_t g, std::span<std::int32_t> inputs,
                      std::span<std::int32_t> targets) const = 0;
  std::int64_t B_, T_;
};

}   // namespace glass
