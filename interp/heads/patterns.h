// Where all heads look in many texts. The patterns of GPT-2 in 25 texts are a gigabyte, and what
// one wants of them is a handful of sums; so they are handed out a batch and a layer at a time.
#pragma once
#include <functional>
#include <vector>

#include "interp/heads/sequences.h"
#include "interp/hooks.h"

namespace glass {

struct PatternBatch {
  int layer = 0;
  std::int64_t first = 0;   // of the texts: which one row 0 is
  std::int64_t B = 0, H = 0, T = 0;
  std::vector<double> values;   // (B,H,T,T), row by query

  const double* row(std::int64_t b, std::int64_t h, std::int64_t query) const {
    return values.data() + ((b * H + h) * T + query) * T;
  }
};
using VisitPatterns = std::function<void(const PatternBatch&)>;

using Texts = std::vector<std::vector<std::int32_t>>;   // of one length
Texts texts_of(const std::vector<Sequence>& sequences);

Tensor ids_of(const GPT& gpt, const Texts& texts, std::int64_t first,
              std::int64_t count);   // (count,T)
// How many texts of T tokens one batch may hold.
std::int64_t texts_at_once(const GPTConfig& config, std::int64_t T);

void each_pattern(GPT& gpt, const Texts& texts, const VisitPatterns& visit);

// One number for each head of each layer.
struct PerHead {
  std::int64_t L = 0, H = 0;
  std::vector<double> values;

  PerHead() = default;
  explicit PerHead(const GPTConfig& c)
      : L(c.n_layer), H(c.n_head), values(static_cast<std::size_t>(c.n_layer * c.n_head)) {}
  double& at(std::int64_t layer, std::int64_t head) {
    return values[static_cast<std::size_t>(layer * H + head)];
  }
  double at(std::int64_t layer, std::int64_t head) const {
    return values[static_cast<std::size_t>(layer * H + head)];
  }
  double largest() const;
};

// Two questions about the matches of sequences. Each is given all batches of their patterns; who
// asks both pays for one way through the model. The sequences must outlive them.

// The share of its attention that each head spends on the targets of the matches: the mean of
// A[query, target] over all matches of all sequences.
class MatchShare {
 public:
  MatchShare(const GPTConfig& config, const std::vector<Sequence>& sequences);
  void add(const PatternBatch& p);
  const PerHead& value() const { return score_; }

 private:
  const std::vector<Sequence>& sequences_;
  PerHead score_;
  double count_ = 0;   // of all matches
};
PerHead match_score(GPT& gpt, const std::vector<Sequence>& sequences);

// How much of what the heads do at the queries of the matches is a matter of position alone: the
// mean overlap of a row with those of the other sequences at the same query, over its overlap with
// itself. 1: the tokens make no difference. Needs sequences whose matches move (with_gap).
class PositionalShare {
 public:
  PositionalShare(const GPTConfig& config, const std::vector<Sequence>& sequences);
  void add(const PatternBatch& p);
  PerHead value() const;

 private:
  const std::vector<Sequence>& sequences_;
  std::size_t T_;
  PerHead share_;                                // its shape
  std::vector<double> sums_, squares_, count_;   // (L,H,T,T) (L,H,T) (T)
};
PerHead positional_share(GPT& gpt, const std::vector<Sequence>& sequences);

}   // namespace glass
