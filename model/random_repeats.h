// The data set "induction": random tokens, and then the same random tokens again. What comes first
// cannot be known; what comes again can, by looking for where the last token stood before and what
// followed it there. How far back that is differs from sequence to sequence, so no head that only
// counts positions gets far.
#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "model/samples.h"
#include "model/tokenizer/tokenizer.h"

namespace glass {

// Token 0 begins every sequence; 1 .. 64 are drawn by chance. For people they are letters, digits
// and two signs, and token 0 is a line end.
constexpr int kRepeatSymbols = 64;
constexpr int kRepeatVocabulary = 1 + kRepeatSymbols;
TokenizerPtr repeat_tokenizer();

// Training never repeats after exactly as many tokens as an examination of T tokens does: 30, or
// fewer where 30 do not fit twice. A head that passes has learned the rule and no distance.
std::int64_t held_out_length(std::int64_t T);

// Sequences to learn from: half of them are periodic, in the others a segment of distinct tokens
// comes again and again behind gaps of random ones. Period, segment and gaps vary per sequence.
class RandomRepeats final : public Samples {
 public:
  RandomRepeats(std::int64_t B, std::int64_t T, std::uint64_t seed);   // UsageError: T too short
  std::int64_t count() const override { return kEndless; }

 private:
  void sample(std::int64_t g, std::span<std::int32_t> inputs,
              std::span<std::int32_t> targets) const override;
  std::uint64_t seed_;
};

// Sequences to be examined on: token 0, held_out_length(T) distinct tokens, and these again until T
// is full. Only what can be known is asked for: everything behind the first token that came again.
class HeldOutRepeats final : public Samples {
 public:
  HeldOutRepeats(std::int64_t B, std::int64_t T);   // UsageError: T too short
  static constexpr std::int64_t kCount = 64;
  std::int64_t count() const override { return kCount; }

 private:
  void sample(std::int64_t g, std::span<std::int32_t> inputs,
              std::span<std::int32_t> targets) const override;
};

// A sequence to learn from as a line of letters, without token 0: for `glass data make induction`.
std::string induction_task(std::uint64_t seed, std::int64_t number);

}   // namespace glass
