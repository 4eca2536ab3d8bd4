#include "interp/heads/patterns.h"

#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "interp/activations.h"

namespace glass {

Texts texts_of(const std::vector<Sequence>& sequences) {
  Texts texts;
  for (const Sequence& s : sequences) texts.push_back(s.ids);
  return texts;
}

Tensor ids_of(const GPT& gpt, const Texts& texts, std::int64_t first, std::int64_t count) {
  std::vector<std::int32_t> all;
  for (std::int64_t i = first; i < first + count; ++i) {
    const auto& text = texts[static_cast<std::size_t>(i)];
    all.insert(all.end(), text.begin(), text.end());
  }
  return Tensor::ids(gpt.device(), all, {count, static_cast<std::int64_t>(all.size()) / count});
}

std::int64_t texts_at_once(const GPTConfig& c, std::int64_t T) {
  const std::int64_t widest = std::max({c.n_head * T, c.has_mlp() ? c.inner() : 0, 4 * c.n_embd});
  return std::clamp<std::int64_t>((std::int64_t{8} << 20) / (widest * T), 1, 64);
}

void each_pattern(GPT& gpt, const Texts& texts, const VisitPatterns& visit) {
  if (texts.empty()) return;
  const GPTConfig& c = gpt.config();
  const auto T = static_cast<std::int64_t>(texts.front().size());
  const auto S = static_cast<std::int64_t>(texts.size());
  const std::int64_t at_once = texts_at_once(c, T);
  for (std::int64_t first = 0; first < S; first += at_once) {
    const std::int64_t B = std::min(at_once, S - first);
    Hooks hooks(gpt);
    std::vector<Hooks::Scope> scopes;
    for (int l = 0; l < c.n_layer; ++l) {
      scopes.push_back(
          hooks.read({in_block(l, "attn.hook_pattern")}, [&, l](const Tensor& pattern) {
            visit({l, first, B, c.n_head, T, pattern.to_host()});
          }));
    }
    // The logits are nobody's concern here.
    Pass pass(nullptr, &hooks);
    gpt.run(pass, gpt.embed(pass, ids_of(gpt, texts, first, B)), 0, static_cast<int>(c.n_layer));
    hooks.require_fired();
  }
}

double PerHead::largest() const {
  return values.empty() ? 0 : *std::max_element(values.begin(), values.end());
}

MatchShare::MatchShare(const GPTConfig& config, const std::vector<Sequence>& sequences)
    : sequences_(sequences), score_(config) {
  for (const Sequence& s : sequences) count_ += static_cast<double>(s.matches.size());
}

void MatchShare::add(const PatternBatch& p) {
  for (std::int64_t b = 0; b < p.B; ++b) {
    for (const Match& m : sequences_[static_cast<std::size_t>(p.first + b)].matches)
      for (std::int64_t h = 0; h < p.H; ++h)
        score_.at(p.layer, h) += p.row(b, h, m.query)[m.target] / count_;
  }
}

PerHead match_score(GPT& gpt, const std::vector<Sequence>& sequences) {
  MatchShare share(gpt.config(), sequences);
  each_pattern(gpt, texts_of(sequences), [&](const PatternBatch& p) { share.add(p); });
  return share.value();
}

// With S the sum of a query's rows over its n sequences, and a one of them, the mean of the others
// is (S - a) / (n - 1), and the overlaps of all a with it add up to (|S|^2 - sum |a|^2) / (n - 1):
// two sums are all that must be kept.
PositionalShare::PositionalShare(const GPTConfig& config, const std::vector<Sequence>& sequences)
    : sequences_(sequences),
      T_(sequences.empty() ? 0 : sequences.front().ids.size()),
      share_(config),
      sums_(share_.values.size() * T_ * T_),
      squares_(share_.values.size() * T_),
      count_(T_) {
  for (const Sequence& s : sequences)
    for (const Match& m : s.matches) ++count_[static_cast<std::size_t>(m.query)];
}

void PositionalShare::add(const PatternBatch& p) {
  for (std::int64_t b = 0; b < p.B; ++b) {
    for (const Match& m : sequences_[static_cast<std::size_t>(p.first + b)].matches) {
      for (std::int64_t h = 0; h < p.H; ++h) {
        const double* row = p.row(b, h, m.query);
        const auto at =
            static_cast<std::size_t>(p.layer * p.H + h) * T_ + static_cast<std::size_t>(m.query);
        for (std::size_t k = 0; k < T_; ++k) {
          sums_[at * T_ + k] += row[k];
          squares_[at] += row[k] * row[k];
        }
      }
    }
  }
}

PerHead PositionalShare::value() const {
  PerHead share = share_;
  for (std::size_t i = 0; i < share.values.size(); ++i) {
    double shared = 0, own = 0;
    for (std::size_t q = 0; q < T_; ++q) {
      if (count_[q] < 2) continue;   // nobody to compare with
      double square = 0;
      for (std::size_t k = 0; k < T_; ++k) {
        const double sum = sums_[(i * T_ + q) * T_ + k];
        square += sum * sum;
      }
      shared += (square - squares_[i * T_ + q]) / (count_[q] - 1);
      own += squares_[i * T_ + q];
    }
    share.values[i] = own > 0 ? shared / own : std::nan("");
  }
  return share;
}

PerHead positional_share(GPT& gpt, const std::vector<Sequence>& sequences) {
  PositionalShare share(gpt.config(), sequences);
  each_pattern(gpt, texts_of(sequences), [&](const PatternBatch& p) { share.add(p); });
  return share.value();
}

}   // namespace glass
