#include "interp/heads/copy_score.h"

#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "interp/activations.h"
#include "interp/heads/weights.h"

namespace glass {
namespace {

// What the logits of one head at one match say about its target.
struct Said {
  double above = 0, deviation = 0;   // of the target over the mean; of all logits
  bool first = false;
};

Said said(const double* logits, std::int64_t V, std::int32_t target) {
  double sum = 0, squares = 0, most = logits[0];
  for (std::int64_t v = 0; v < V; ++v) {
    sum += logits[v];
    most = std::max(most, logits[v]);
  }
  const double mean = sum / static_cast<double>(V);
  for (std::int64_t v = 0; v < V; ++v) squares += (logits[v] - mean) * (logits[v] - mean);
  const double deviation = std::sqrt(squares / static_cast<double>(V));
  return {logits[target] - mean, deviation, deviation > 0 && logits[target] >= most};
}

class Copying {
 public:
  Copying(GPT& gpt, const std::vector<Sequence>& sequences, double most)
      : gpt_(gpt),
        c_(gpt.config()),
        sequences_(sequences),
        N_(static_cast<std::int64_t>(sequences.front().matches.size())),
        T_(static_cast<std::int64_t>(sequences.front().ids.size())),
        w_(unembedding_of(gpt)),
        above_(c_),
        deviation_(c_),
        first_(c_) {
    if (c_.norm_final) gain_ = weight_of(gpt, "transformer.ln_f.weight");
    const double each = static_cast<double>(c_.n_layer * c_.n_head * c_.vocab_size) *
                        static_cast<double>(sequences.size());
    every_ = std::clamp<std::int64_t>(
        static_cast<std::int64_t>(std::ceil(each * static_cast<double>(N_) / most)), 1, N_);
    begin_ = every_ / 2;   // in the middle, where one has to stand for all
  }

  CopyScores scores() {
    const auto S = static_cast<std::int64_t>(sequences_.size());
    const std::int64_t at_once = texts_at_once(c_, T_);
    for (std::int64_t first = 0; first < S; first += at_once)
      batch(first, std::min(at_once, S - first));
    CopyScores out{PerHead(c_), PerHead(c_)};
    for (std::size_t i = 0; i < out.copy.values.size(); ++i) {
      const double deviation = deviation_.values[i];
      out.copy.values[i] = deviation > 0 ? above_.values[i] / deviation : 0;   // 0: it says nothing
      out.first.values[i] = count_ > 0 ? first_.values[i] / count_ : 0;
    }
    return out;
  }

 private:
  // (B,T,..) -> (B,n,..), at the queries that are looked at
  Tensor at_queries(const Tensor& x) const { return slice(x, 1, T_ - N_ + begin_, T_, every_); }

  void batch(std::int64_t begin, std::int64_t B) {
    const Texts texts = texts_of(sequences_);
    Hooks hooks(gpt_);
    std::vector<Hooks::Scope> scopes;
    std::vector<Tensor> results(static_cast<std::size_t>(c_.n_layer));
    Tensor scale;
    for (int l = 0; l < c_.n_layer; ++l) {
      scopes.push_back(hooks.read({in_block(l, "attn.hook_result")}, [&, l](const Tensor& x) {
        results[static_cast<std::size_t>(l)] = contiguous(at_queries(x));   // (B,n,H,C)
      }));
    }
    if (c_.norm_final)
      scopes.push_back(hooks.read({"ln_final.hook_scale"}, [&](const Tensor& x) {
        scale = at_queries(x);   // (B,n,1)
      }));
    Pass pass(nullptr, &hooks);
    const Tensor x = gpt_.run(pass, gpt_.embed(pass, ids_of(gpt_, texts, begin, B)), 0,
                              static_cast<int>(c_.n_layer));
    if (c_.norm_final) gpt_.head(pass, x, Positions::all);
    hooks.require_fired();
    for (int l = 0; l < c_.n_layer; ++l)
      layer(l, begin, through_norm(results[static_cast<std::size_t>(l)], scale));
    count_ += static_cast<double>(B * results.front().dim(1));
  }

  Tensor through_norm(Tensor x, const Tensor& scale) const {
    if (!c_.norm_final) return x;
    if (c_.norm_type == NormType::layernorm) x = x - mean(x, -1, Keep::yes);
    x = x / reshape(scale, {x.dim(0), x.dim(1), 1, 1});
    return gain_ ? x * gain_ : x;
  }

  void layer(int l, std::int64_t begin, const Tensor& x) {   // (B,n,H,C)
    for (std::int64_t b = 0; b < x.dim(0); ++b) {
      const Tensor logits = linear(reshape(slice(x, 0, b, b + 1), {x.dim(1), x.dim(2), x.dim(3)}),
                                   cast(w_, x.dtype()));   // (n,H,V)
      const std::vector<double> numbers = logits.to_host();
      const Sequence& sequence = sequences_[static_cast<std::size_t>(begin + b)];
      for (std::int64_t i = 0; i < x.dim(1); ++i) {
        const Match& match = sequence.matches[static_cast<std::size_t>(begin_ + i * every_)];
        const std::int32_t target = sequence.ids[static_cast<std::size_t>(match.target)];
        for (std::int64_t h = 0; h < c_.n_head; ++h) {
          const Said s =
              said(numbers.data() + (i * c_.n_head + h) * c_.vocab_size, c_.vocab_size, target);
          above_.at(l, h) += s.above;
          deviation_.at(l, h) += s.deviation;
          first_.at(l, h) += s.first ? 1 : 0;
        }
      }
    }
  }

  GPT& gpt_;
  const GPTConfig& c_;
  const std::vector<Sequence>& sequences_;
  std::int64_t N_, T_, every_ = 1, begin_ = 0;
  Tensor w_, gain_;
  PerHead above_, deviation_, first_;
  double count_ = 0;
};

}   // namespace

CopyScores copy_scores(GPT& gpt, const std::vector<Sequence>& sequences, double most) {
  return Copying(gpt, sequences, most).scores();
}

}   // namespace glass
