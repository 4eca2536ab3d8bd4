#include "interp/features/sae_train.h"

#include <algorithm>
#include <cmath>

#include "engine/base/asker.h"
#include "engine/base/error.h"
#include "engine/base/hash.h"
#include "engine/base/python_random.h"
#include "engine/base/text.h"
#include "engine/optim.h"
#include "interp/activations.h"

namespace glass {
namespace {

constexpr std::int64_t kMostKept = std::int64_t{1} << 26;      // numbers of activations: 256 MiB
constexpr std::int64_t kMostJudged = std::int64_t{1} << 14;    // tokens
constexpr std::int64_t kMostScanned = std::int64_t{1} << 16;   // tokens

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

// Windows of a text, one after the other.
struct Text {
  std::vector<std::int32_t> ids;
  std::int64_t T = 0;
  std::int64_t windows() const { return static_cast<std::int64_t>(ids.size()) / T; }
  std::span<const std::int32_t> window(std::int64_t w) const {
    return std::span(ids).subspan(size(w * T), size(T));
  }
};

Text windows_of(const Tokens& tokens, std::int64_t first, std::int64_t most, std::int64_t T) {
  Text text{{}, T};
  text.ids.resize(size(std::max<std::int64_t>(0, std::min(most, tokens.size() - first)) / T * T));
  tokens.copy(first, text.ids);
  return text;
}

// What is learned from and what is judged on: the split that was held out, or the last tenth.
struct Texts {
  Text learned, judged;
};
Texts texts_of(const Dataset& data, std::int64_t T, std::int64_t most) {
  Texts texts;
  if (data.val.size() >= T) {
    texts = {windows_of(data.train, 0, most, T),
             windows_of(data.val, 0, std::max(T, kMostJudged), T)};
  } else {
    const std::int64_t cut = data.train.size() / T * 9 / 10 * T;
    texts = {windows_of(data.train, 0, std::min(most, cut), T),
             windows_of(data.train, cut, std::max(T, kMostJudged), T)};
  }
  if (texts.learned.ids.empty() || texts.judged.ids.empty()) {
    fail(ContentError(data.name +
                      " has too few tokens to learn from and to judge on, in windows of " +
                      std::to_string(T) + "; take a longer text."));
  }
  return texts;
}

// x (T,d) at the place, of one window.
Tensor activations(const Specimen& specimen, const std::string& place,
                   std::span<const std::int32_t> ids) {
  const Tensor x = look(specimen.gpt, specimen.row(ids), {place})[place];
  return reshape(contiguous(x), {x.dim(1), x.numel() / x.dim(1)});
}

// What flows at the place, row after row, in a type that a training can draw from.
class Rows {
 public:
  Rows(const Specimen& specimen, const std::string& place, const Text& text) {
    for (std::int64_t w = 0; w < text.windows(); ++w) {
      const Tensor x = activations(specimen, place, text.window(w));
      d_ = size(x.dim(1));
      const std::vector<double> values = x.to_host();
      values_.insert(values_.end(), values.begin(), values.end());
    }
  }
  std::size_t count() const { return values_.size() / d_; }

  std::vector<double> mean() const {
    std::vector<double> m(d_, 0);
    for (std::size_t i = 0; i < values_.size(); ++i)
      m[i % d_] += values_[i] / static_cast<double>(count());
    return m;
  }
  // What makes the rows' mean length, around their mean, sqrt(d): so that one learning rate serves
  // every place.
  double scale(const std::vector<double>& mean) const {
    double squares = 0;
    for (std::size_t i = 0; i < values_.size(); ++i)
      squares += std::pow(values_[i] - mean[i % d_], 2);
    return squares > 0 ? std::sqrt(static_cast<double>(values_.size()) / squares) : 1;
  }
  Tensor drawn(PythonRandom& random, std::int64_t n, double scale, const Device& device,
               DType dtype) const {
    std::vector<double> batch;
    batch.reserve(size(n) * d_);
    for (std::int64_t i = 0; i < n; ++i) {
      const auto row = std::size_t{random.below(static_cast<std::uint32_t>(count()))};
      for (std::size_t c = 0; c < d_; ++c) batch.push_back(scale * values_[row * d_ + c]);
    }
    return Tensor::from(device, batch, {n, static_cast<std::int64_t>(d_)}, dtype);
  }

 private:
  std::size_t d_ = 1;
  std::vector<float> values_;
};

void fill(Parameter& p, const std::vector<double>& values) {
  p.value = Tensor::from(p.value.device(), values, p.value.shape(), p.value.dtype());
}

// Which features fired how many tokens ago.
class Pulse {
 public:
  Pulse(std::int64_t F, std::int64_t dead_after) : silent_(size(F), 0), dead_after_(dead_after) {}
  void beat(const Tensor& codes) {   // (n,F)
    const std::int64_t n = codes.dim(0);
    const std::vector<double> fired = max(codes.detach(), 0).to_host();
    for (std::size_t i = 0; i < silent_.size(); ++i) silent_[i] = fired[i] > 0 ? 0 : silent_[i] + n;
  }
  std::vector<std::uint8_t> dead() const {
    std::vector<std::uint8_t> flags;
    for (const std::int64_t tokens : silent_) flags.push_back(tokens >= dead_after_);
    return flags;
  }

 private:
  std::vector<std::int64_t> silent_;
  std::int64_t dead_after_;
};

void learn(Sae& sae, const Rows& rows, double scale, const SaeOptions& o, std::int64_t seed) {
  AdamW adamw(sae.parameters(), {.beta2 = 0.99, .weight_decay = 0, .max_norm = 1});
  const WarmupCosine schedule{o.learning_rate, o.learning_rate / 10, o.steps / 20, o.steps};
  PythonRandom random(static_cast<std::uint64_t>(seed));
  Pulse pulse(sae.features(), o.dead_after);
  Tape tape;
  for (int step = 0; step < o.steps; ++step) {
    breathe();
    const Tensor x =
        rows.drawn(random, o.batch, scale, sae.W_dec.value.device(), sae.W_dec.value.dtype());
    tape.clear();
    adamw.zero_grad();
    const SaeLoss main = reconstruction_loss(sae, x, &tape);
    const std::vector<std::uint8_t> dead = pulse.dead();
    const auto count = std::count(dead.begin(), dead.end(), std::uint8_t{1});
    tape.backward(count == 0 ? main.loss
                             : main.loss + o.alpha * auxiliary_loss(sae, x, main.error.detach(),
                                                                    dead, &tape));
    adamw.step(schedule(step));
    sae.normalise_decoder();
    pulse.beat(main.codes);
    if (o.progress)
      o.progress(step + 1, main.loss.detach().item() / static_cast<double>(sae.d()),
                 static_cast<double>(count) / static_cast<double>(sae.features()));
  }
}

// Means over the windows of a text.
SaeMetrics judge(const Specimen& specimen, const std::string& place, Sae& sae, const Text& text) {
  SaeMetrics m;
  ExplainedVariance explained;
  const double share = 1 / static_cast<double>(text.windows());
  for (std::int64_t w = 0; w < text.windows(); ++w) {
    const std::span<const std::int32_t> ids = text.window(w);
    const Tensor row = specimen.row(ids), x = activations(specimen, place, ids),
                 codes = sae.codes(x);
    const Tensor xhat = sae.decode(codes);
    explained.show(x.to_host(), xhat.to_host(), size(sae.d()));
    const std::vector<double> f = codes.to_host();
    m.l0 +=
        static_cast<double>(std::count_if(f.begin(), f.end(), [](double on) { return on > 0; }));
    const auto logits_with =
        [&](const Tensor& value) {   // (T-1,V): of the tokens that are followed
          Hooks hooks(specimen.gpt);
          const auto scope = hooks.replace({place}, [&](const Tensor& was) {
            return value ? reshape(value, was.shape()) : was;
          });
          const Tensor all = hooks.logits(row);
          return reshape(contiguous(slice(all, 1, 0, text.T - 1)), {text.T - 1, all.dim(2)});
        };
    const Tensor targets = Tensor::ids(specimen.gpt.device(), ids.subspan(1), {text.T - 1});
    const auto logs = [](const Tensor& z) {
      const Tensor down = z - max(z, -1, Keep::yes);
      return down - log(sum(exp(down), -1, Keep::yes));
    };
    const Tensor clean = logits_with({}), with = logits_with(xhat), zero = logits_with(xhat * 0.0);
    const Tensor log_p = logs(clean), p = exp(log_p);
    const auto kl = [&](const Tensor& other) {
      return share * mean(sum(p * (log_p - logs(other)), -1)).item();
    };
    m.ce_clean += share * cross_entropy(clean, targets).item();
    m.ce_sae += share * cross_entropy(with, targets).item();
    m.ce_zero += share * cross_entropy(zero, targets).item();
    m.kl += kl(with), m.kl_zero += kl(zero);
  }
  m.l0 /= static_cast<double>(text.ids.size());
  m.explained_variance = explained.value();
  m.ce_recovered = (m.ce_zero - m.ce_sae) / (m.ce_zero - m.ce_clean);
  return m;
}

// The features over a text, gathered as neurons are.
UnitScan scan_features(const Specimen& specimen, const std::string& place, Sae& sae, Text text,
                       const Dataset& data, int threads) {
  const std::int64_t F = sae.features(), V = specimen.config().vocab_size;
  UnitScan scan{
      specimen.from, "", data.origin,         hex16(data.digest), digest_of(specimen.tokenizer),
      text.T,        1,  static_cast<int>(F), text.ids,           {}};
  Gatherer gatherer(
      F, V, F * V <= kMostTokenMeans ? Gatherer::TokenMeans::kept : Gatherer::TokenMeans::dropped,
      16, 0);
  const auto codes = [&](std::int64_t w) {
    return sae.codes(activations(specimen, place, text.window(w))).to_host();
  };
  // All windows say how far the histograms reach, since a feature that is on once in a thousand
  // tokens is off in most; so what is on waits until they do. It is little: k numbers a token.
  struct On {
    std::size_t at = 0;   // in (T,F)
    double value = 0;
  };
  std::vector<std::vector<On>> on(size(text.windows()));
  for (std::int64_t w = 0; w < text.windows(); ++w) {
    const std::vector<double> values = codes(w);
    gatherer.pilot(values);
    for (std::size_t at = 0; at < values.size(); ++at)
      if (values[at] > 0) on[size(w)].push_back({at, values[at]});
  }
  const Team team = make_team(threads);
  for (std::int64_t w = 0; w < text.windows(); ++w) {
    std::vector<double> values(size(text.T * F), 0);
    for (const On& feature : on[size(w)]) values[feature.at] = feature.value;
    gatherer.add(values, text.window(w), w * text.T, team);
  }
  std::vector<std::int64_t> counts(size(V), 0);
  for (const std::int32_t token : text.ids) ++counts[size(token)];
  for (std::size_t f = 0; f < size(F); ++f)
    scan.records.push_back(gatherer.record(f, counts, static_cast<double>(text.ids.size())));
  return scan;
}

}   // namespace

std::unique_ptr<SaeModel> train_sae(const Specimen& specimen, const Dataset& data,
                                    const SaeOptions& options) {
  const std::int64_t T = specimen.config().block_size;
  const std::vector<std::string> places = places_like(specimen.gpt, options.place);
  if (places.size() != 1)
    fail(UsageError(in_quotes(options.place) +
                    " stands for several places; an autoencoder learns one."));
  const Texts texts = texts_of(data, T, options.tokens);
  const Tensor first =
      look(specimen.gpt, specimen.row(texts.learned.window(0)), {places[0]})[places[0]];
  if (first.rank() != 3 || first.dim(1) != T)
    fail(
        UsageError(places[0] + " has shape " + str(first.shape()) +
                   "; an autoencoder reads (batch, time, channels), as blocks.0.hook_resid_post."));
  const std::int64_t d = first.dim(2), F = options.features > 0 ? options.features : 8 * d;
  if (options.k > F)
    fail(UsageError("--k " + std::to_string(options.k) + ": there are only " + std::to_string(F) +
                    " features."));
  const Text kept = windows_of(Tokens(texts.learned.ids), 0,
                               std::max(T, std::min(options.tokens, kMostKept / d)), T);
  const Rows rows(specimen, places[0], kept);

  auto model = std::make_unique<SaeModel>();
  model->from = specimen.from, model->place = places[0];
  model->steps = options.steps, model->tokens = options.steps * options.batch;
  model->sae = std::make_unique<Sae>(d, F, options.k, specimen.gpt.device(), specimen.gpt.dtype(),
                                     static_cast<std::uint64_t>(specimen.from.seed));
  Sae& sae = *model->sae;
  std::vector<double> centre = rows.mean();
  const double scale = rows.scale(centre);
  if (!std::all_of(centre.begin(), centre.end(), [](double x) { return std::isfinite(x); }))
    fail(ContentError(places[0] + " of this model holds what is no number (a training that "
                                  "diverged?); there is nothing to learn."));
  for (double& x : centre) x *= scale;
  fill(sae.b_dec, centre);
  learn(sae, rows, scale, options, specimen.from.seed);
  // It learned with x scaled; TopK and relu keep factors, so only the biases have to shrink for it
  // to read and write x itself.
  for (Parameter* bias : {&sae.b_enc, &sae.b_dec}) bias->value = (bias->value / scale).detach();
  model->metrics = judge(specimen, model->place, sae, texts.judged);
  model->scan = scan_features(specimen, model->place, sae,
                              windows_of(Tokens(kept.ids), 0, std::max(T, kMostScanned), T), data,
                              options.threads);
  const std::vector<UnitRecord>& features = model->scan.records;
  model->metrics.dead =
      static_cast<double>(std::count_if(features.begin(), features.end(),
                                        [](const UnitRecord& r) { return r.positive == 0; })) /
      static_cast<double>(F);
  return model;
}

}   // namespace glass
