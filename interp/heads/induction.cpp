#include "interp/heads/induction.h"

#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "interp/heads/copy_score.h"

namespace glass {
namespace {

constexpr std::int64_t kUsualLength = 30;

// Why a head gets its name, or what is missing. The order is that of the questions one would ask.
void judge(InductionScore& s, const InductionResult& r) {
  const auto say = [&](const std::string& why) { s.verdict = why; };
  if (s.score < r.threshold)
    return say(format("looks at the target too rarely: %.3f, not %.1f", s.score, r.threshold));
  if (r.chance.models == 0) return say("has not been held against random models");
  if (!(s.z > kEnoughDeviations))
    return say(format("is not above what random models score: %.1f deviations", s.z));
  if (std::isnan(s.positional))
    return say("may look at places or at tokens: one sequence cannot tell");
  if (s.positional >= kMostPositional)
    return say(format("looks at places, not at tokens: position alone explains %.2f of its rows",
                      s.positional));
  if (s.robust < r.threshold)
    return say(format("does it only at some lengths of the copy: %.3f at the worst", s.robust));
  s.label = s.copy < 0 ? "anti-induction head" : "induction head";
  say(s.copy < 0 ? "finds the right token and speaks against it"
                 : "finds the right token at every length and distance, by its content");
}

// The mean pattern of one head.
std::vector<double> mean_pattern(GPT& gpt, const std::vector<Sequence>& sequences, int layer,
                                 int head) {
  const std::size_t T = sequences.front().ids.size();
  std::vector<double> mean(T * T);
  each_pattern(gpt, texts_of(sequences), [&](const PatternBatch& p) {
    if (p.layer != layer) return;
    for (std::int64_t b = 0; b < p.B; ++b) {
      const double* rows = p.row(b, head, 0);
      for (std::size_t i = 0; i < T * T; ++i)
        mean[i] += rows[i] / static_cast<double>(sequences.size());
    }
  });
  for (std::size_t q = 0; q < T; ++q)
    for (std::size_t k = q + 1; k < T; ++k) mean[q * T + k] = std::nan("");
  return mean;
}

std::vector<std::string> position_labels(std::int64_t N, bool bos) {
  std::vector<std::string> labels;
  if (bos) labels.emplace_back("first");
  for (const char* copy : {"a", "b"})
    for (std::int64_t i = 1; i <= N; ++i) labels.push_back(copy + std::to_string(i));
  return labels;
}

}   // namespace

std::int64_t chosen_length(const SequenceSource& source, std::int64_t n) {
  if (source.window > 0 && n > source.window)
    fail(UsageError("in a repeat of " + std::to_string(n) + " tokens the place to find is " +
                    std::to_string(n - 1) + " back, and a head of this model sees only the last " +
                    std::to_string(source.window) + " tokens; ask with --n " +
                    std::to_string(source.longest_half()) + " or less."));
  if (n > 0) return n;
  const std::int64_t longest = source.longest_half();
  if (longest < 2)
    fail(UsageError("a context of " + std::to_string(source.context) + " tokens and " +
                    std::to_string(std::max<std::int64_t>(source.tokens(), 0)) +
                    " different ones leave no room for anything that comes twice."));
  return std::min(kUsualLength, longest);
}

std::vector<std::int64_t> sweep_lengths(const SequenceSource& source, std::int64_t n,
                                        InductionOptions::Sweep sweep) {
  const std::int64_t longest = source.longest_half();
  std::vector<std::int64_t> lengths = {n};
  if (sweep == InductionOptions::Sweep::every) {
    for (std::int64_t N = 5; N <= std::min<std::int64_t>(longest, 100); N += 5)
      lengths.push_back(N);
  } else {
    for (const std::int64_t N : {10, 15, 20, 25, 30})
      if (N <= longest) lengths.push_back(N);
  }
  if (lengths.size() < 3)   // a short context: three lengths all the same
    for (const std::int64_t part : {1, 2})
      if (n * part / 3 >= 2) lengths.push_back(n * part / 3);
  std::sort(lengths.begin(), lengths.end());
  lengths.erase(std::unique(lengths.begin(), lengths.end()), lengths.end());
  return lengths;
}

CopyBehaviour copy_behaviour(GPT& gpt, const std::vector<Sequence>& sequences) {
  const Texts texts = texts_of(sequences);
  const auto S = static_cast<std::int64_t>(texts.size());
  const auto T = static_cast<std::int64_t>(texts.front().size());
  const std::int64_t second = sequences.front().matches.front().query;   // where it begins
  const std::int64_t V = gpt.config().vocab_size;
  const std::int64_t at_once = std::clamp<std::int64_t>((std::int64_t{4} << 20) / (T * V), 1, 64);
  CopyBehaviour sum;
  for (std::int64_t first = 0; first < S; first += at_once) {
    const std::int64_t B = std::min(at_once, S - first);
    Pass pass;
    const Tensor ids = ids_of(gpt, texts, first, B);
    const Tensor logits = slice(gpt.logits(pass, ids), 1, 0, T - 1);   // (B,T-1,V)
    const Tensor next = contiguous(slice(ids, 1, 1, T));               // (B,T-1)
    const std::vector<double> loss = cross_entropy_each(logits, next).to_host();
    // The right token was the first choice where none is more likely.
    const std::vector<double> best = max(logits, -1).to_host();
    const std::vector<double> numbers = logits.to_host();
    for (std::int64_t i = 0; i < B * (T - 1); ++i) {
      const std::int64_t t = i % (T - 1);
      const std::size_t at = static_cast<std::size_t>(i);
      const auto& text = texts[static_cast<std::size_t>(first + i / (T - 1))];
      (t < second - 1 ? sum.first_loss : sum.second_loss) += t == second - 1 ? 0 : loss[at];
      const double right = numbers[at * static_cast<std::size_t>(V) +
                                   static_cast<std::size_t>(text[static_cast<std::size_t>(t + 1)])];
      if (t >= second && right >= best[at]) sum.accuracy += 1;
    }
  }
  const double rows = static_cast<double>(S);
  const auto behind = static_cast<double>(T - 1 - second), before = static_cast<double>(second - 1);
  return {sum.first_loss / (rows * before), sum.second_loss / (rows * behind),
          sum.accuracy / (rows * behind)};
}

InductionResult induction_of(const Specimen& specimen, const InductionOptions& options) {
  GPT& gpt = specimen.gpt;
  const GPTConfig& c = gpt.config();
  const SequenceSource source(specimen, options.bos, options.seed);
  InductionResult r;
  r.from = specimen.from;
  r.from.seed = static_cast<std::int64_t>(options.seed);
  r.n = chosen_length(source, options.n);
  r.shortened = options.n == 0 && r.n < kUsualLength;
  r.sequences = options.sequences, r.bos = source.bos >= 0;
  r.layers = c.n_layer, r.heads = c.n_head, r.post_norm = c.norm == NormPlace::post;
  const std::vector<Sequence> repeats = many_repeated(source, r.n, r.sequences);

  r.uniform_baseline = uniform_score(source, r.n);
  r.lengths = sweep_lengths(source, r.n, options.sweep);
  std::vector<PerHead> sweep;
  for (const std::int64_t N : r.lengths) {
    r.uniform.push_back(uniform_score(source, N));
    sweep.push_back(match_score(gpt, many_repeated(source, N, r.sequences)));
  }
  const std::vector<Sequence> gaps = many_with_gap(source, r.n, r.sequences);
  MatchShare at_targets(c, gaps);
  PositionalShare by_place(c, gaps);
  each_pattern(gpt, texts_of(gaps),
               [&](const PatternBatch& p) { at_targets.add(p), by_place.add(p); });
  const PerHead gap = at_targets.value(), positional = by_place.value();
  const CopyScores copy = copy_scores(gpt, repeats);
  const CopyBehaviour behaviour = copy_behaviour(gpt, repeats);
  r.first_copy_loss = behaviour.first_loss, r.second_copy_loss = behaviour.second_loss;
  r.second_copy_accuracy = behaviour.accuracy;

  ChanceOf chance;
  const SequenceSource words = with_few_words(source);
  const std::vector<Sequence> few = many_repeated(words, r.n, std::min(r.sequences, 5));
  each_random_model(gpt, words.vocab_size, options.random_models, options.seed,
                    [&](GPT& random) { chance.add(match_score(random, few)); });
  r.chance = chance.chance();

  const auto at_n = std::find(r.lengths.begin(), r.lengths.end(), r.n) - r.lengths.begin();
  for (int l = 0; l < c.n_layer; ++l) {
    for (int h = 0; h < c.n_head; ++h) {
      InductionScore s;
      s.layer = l, s.head = h;
      for (const PerHead& scores : sweep) s.sweep.push_back(scores.at(l, h));
      s.score = s.sweep[static_cast<std::size_t>(at_n)];
      s.robust = *std::min_element(s.sweep.begin(), s.sweep.end());
      s.gap = gap.at(l, h), s.positional = positional.at(l, h);
      s.copy = copy.copy.at(l, h), s.first = copy.first.at(l, h);
      s.z = r.chance.z(s.score);
      judge(s, r);
      r.scores.push_back(std::move(s));
    }
  }
  std::stable_sort(r.scores.begin(), r.scores.end(),
                   [](const auto& a, const auto& b) { return a.score > b.score; });
  r.labels = position_labels(r.n, r.bos);
  r.best_pattern = mean_pattern(gpt, repeats, r.scores.front().layer, r.scores.front().head);
  return r;
}

}   // namespace glass
