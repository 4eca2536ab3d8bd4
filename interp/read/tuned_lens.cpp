#include "interp/read/tuned_lens.h"

#include <algorithm>
#include <cmath>
#include <deque>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/optim.h"
#include "interp/activations.h"
#include "model/batches.h"
#include "model/saved_model.h"

namespace glass {

std::vector<LensPlace> lens_places(const GPTConfig& config, LensAt at) {
  const int L = static_cast<int>(config.n_layer);
  std::vector<LensPlace> places;
  const auto add = [&](int layer, const std::string& part) {
    places.push_back({std::to_string(layer) + " " + part, in_block(layer, "hook_resid_" + part)});
  };
  if (at == LensAt::mid && !config.has_mlp())
    fail(
        UsageError("this model has no mlps, so its blocks have no middle; take --at pre or post."));
  if (at == LensAt::all) add(0, "pre");
  for (int l = 0; l < L; ++l) {
    if (at == LensAt::pre) add(l, "pre");
    if (at == LensAt::mid || (at == LensAt::all && config.has_mlp())) add(l, "mid");
    if (at == LensAt::post || at == LensAt::all) add(l, "post");
  }
  if (at == LensAt::pre || at == LensAt::mid) add(L - 1, "post");
  return places;
}

namespace {

Tensor translated(const Tensor& x, const Tensor& A, const Tensor& b) {
  return x + matmul(x, A) + b;
}

// Which windows of a text are judged: up to `most` of them, evenly spread.
std::vector<std::int32_t> judged_windows(const Tokens& text, std::int64_t T, std::int64_t most) {
  const std::int64_t all = text.size() / T, n = std::min(all, most);
  std::vector<std::int32_t> ids(static_cast<std::size_t>(n * T));
  for (std::int64_t i = 0; i < n; ++i)
    text.copy(i * all / n * T,
              std::span(ids).subspan(static_cast<std::size_t>(i * T), static_cast<std::size_t>(T)));
  return ids;
}

struct Texts {
  Tokens train, val;
};

Texts split_of(const Dataset& data, std::int64_t T) {
  if (data.val.size() >= T) return {data.train, data.val};
  const std::int64_t all = data.train.size(), kept = std::max(T, all / 10);
  if (all < kept + T + 1) {
    fail(ContentError(data.name + " has " + with_commas(all) +
                      " tokens, too few to learn from and to judge " + "on windows of " +
                      with_commas(T) + "; take a longer text."));
  }
  std::vector<std::int32_t> ids(static_cast<std::size_t>(all));
  data.train.copy(0, ids);
  const std::span<const std::int32_t> every(ids);
  const std::size_t cut = static_cast<std::size_t>(all - kept);
  return {Tokens(every.first(cut)), Tokens(every.subspan(cut))};
}

class Training {
 public:
  Training(const Specimen& specimen, const TunedLensOptions& options) : gpt_(specimen.gpt) {
    const std::int64_t C = specimen.config().n_embd;
    const Device& device = gpt_.device();
    std::vector<LensPlace> places = lens_places(specimen.config(), options.at);
    places.pop_back();   // the output needs no translator
    if (places.empty())
      fail(UsageError(
          "a model of one layer has only its output at this place; take --at pre or all."));
    for (const LensPlace& place : places) {
      hooks_.push_back(place.hook);
      weights_.push_back({place.hook, Tensor::full(device, {C, C}, 0, gpt_.dtype()), false});
      weights_.push_back({place.hook, Tensor::full(device, {C}, 0, gpt_.dtype()), false});
    }
    hooks_.push_back("logits");
  }

  std::vector<Parameter*> parameters() {
    std::vector<Parameter*> all;
    for (Parameter& p : weights_) all.push_back(&p);
    return all;
  }

  // One batch (B,T): gradients of the mean KL of every place. Returns its mean over the places.
  double learn(const Tensor& ids) {
    const Activations seen = look(gpt_, ids, hooks_);
    const Tensor p = softmax(seen["logits"]);
    const double positions = static_cast<double>(ids.numel());
    double kl = 0;
    for (std::size_t i = 0; i < places(); ++i) {
      tape_.clear();
      Pass head;   // without a tape: the model's own weights are watched by nobody
      const Tensor y = translated(seen[hooks_[i]], tape_.watch(weights_[2 * i]),
                                  tape_.watch(weights_[2 * i + 1]));
      const Tensor logits = gpt_.head(head, y);
      // d KL(p || softmax(z)) / dz = softmax(z) - p
      tape_.backward(logits, (softmax(logits.detach()) - p) / positions);
      kl += divergence(seen["logits"], logits.detach());
    }
    return kl / static_cast<double>(places());
  }

  // Mean KL(output || p) on other text, through the translators and without them.
  std::vector<Translator> judge(std::span<const std::int32_t> ids, std::int64_t T) {
    std::vector<Translator> all;
    for (std::size_t i = 0; i < places(); ++i)
      all.push_back({hooks_[i], weights_[2 * i].value, weights_[2 * i + 1].value});
    const std::int64_t n = static_cast<std::int64_t>(ids.size()) / T;
    for (std::int64_t w = 0; w < n; ++w) {
      const Tensor row = Tensor::ids(
          gpt_.device(), ids.subspan(static_cast<std::size_t>(w * T), static_cast<std::size_t>(T)),
          {1, T});
      const Activations seen = look(gpt_, row, hooks_);
      for (Translator& t : all) {
        Pass head;
        const Tensor& x = seen[t.place];
        const double share = 1 / static_cast<double>(n);
        t.kl +=
            share * divergence(seen["logits"], gpt_.head(head, translated(x, t.weight, t.bias)));
        t.kl_logit_lens += share * divergence(seen["logits"], gpt_.head(head, x));
      }
    }
    return all;
  }

 private:
  std::size_t places() const { return hooks_.size() - 1; }

  // Mean over positions of KL(softmax(a) || softmax(b)).
  static double divergence(const Tensor& a, const Tensor& b) {
    const auto logs = [](const Tensor& z) {
      const Tensor down = z - max(z, -1, Keep::yes);
      return down - log(sum(exp(down), -1, Keep::yes));
    };
    const Tensor log_p = logs(a), log_q = logs(b);
    return mean(sum(exp(log_p) * (log_p - log_q), -1)).item();
  }

  GPT& gpt_;
  std::vector<std::string> hooks_;
  std::deque<Parameter> weights_;   // A and b of each place
  Tape tape_;
};

constexpr std::int64_t kJudged = 32;   // windows

}   // namespace

TunedLensResult train_tuned_lens(const Specimen& specimen, const Dataset& data,
                                 const TunedLensOptions& options) {
  const std::int64_t block = specimen.config().block_size;
  const std::int64_t T =
      options.T > 0 ? std::min(options.T, block) : std::min<std::int64_t>(128, block);
  const Texts split = split_of(data, T);
  Training training(specimen, options);
  AdamW adamw(training.parameters(), {.weight_decay = 0, .max_norm = 1});
  const WarmupCosine schedule{options.learning_rate, options.learning_rate / 20, options.steps / 20,
                              options.steps};
  const Batches batches(split.train, options.B, T, static_cast<std::uint64_t>(specimen.from.seed));
  std::vector<std::int32_t> inputs(static_cast<std::size_t>(options.B * T)), targets(inputs.size());
  for (int step = 0; step < options.steps; ++step) {
    batches.fill(std::int64_t{step} * options.B, inputs, targets);
    adamw.zero_grad();
    const double kl = training.learn(Tensor::ids(specimen.gpt.device(), inputs, {options.B, T}));
    adamw.step(schedule(step));
    if (options.progress) options.progress(step + 1, kl);
  }
  TunedLensResult r{specimen.from,
                    data.name,
                    {"", specimen.from.digest, {}},
                    training.judge(judged_windows(split.val, T, kJudged), T),
                    options.steps};
  for (const Translator& t : r.measured)
    if (t.kl < t.kl_logit_lens) r.lens.translators.push_back(t);
  return r;
}

Tensor TunedLens::translate(std::string_view place, const Tensor& x) const {
  for (const Translator& t : translators)
    if (t.place == place) return translated(x, t.weight, t.bias);
  return x;
}

void TunedLens::require(const std::vector<LensPlace>& places) const {
  std::vector<std::string> names;
  for (const Translator& t : translators) {
    names.push_back(t.place);
    for (const LensPlace& place : places)
      if (place.hook == t.place) return;
  }
  fail(UsageError(
      path + " reads " +
      (names.empty() ? "nothing better than the logit lens" : "at " + list_of(names, "and")) +
      ", and none of the places asked for; train one with --train-tuned and the same --at."));
}

// ---- the file -----------------------------------------------------------------------------------

void save_tuned_lens(const std::string& path, const TunedLensResult& result) {
  std::vector<StoredTensor> tensors;
  for (const Translator& t : result.lens.translators) {
    tensors.push_back(stored(t.place + ".weight", t.weight));
    tensors.push_back(stored(t.place + ".bias", t.bias));
    const double kl[] = {t.kl, t.kl_logit_lens};
    tensors.push_back(
        stored(t.place + ".kl", Tensor::from(t.weight.device(), kl, {2}, t.weight.dtype())));
  }
  save_kept(path, kKeptTunedLens, result.from, std::move(tensors), {{"glass.data", result.data}});
}

TunedLens load_tuned_lens(const ByteSource& source, const Specimen& specimen,
                          const std::string& renew) {
  const KeptFile file(source, kKeptTunedLens, specimen, renew);
  TunedLens lens{source.name(), specimen.from.digest, {}};
  const std::int64_t C = specimen.config().n_embd;
  const auto filled = [&](const std::string& name, const Shape& shape) {
    Tensor x = Tensor::empty(specimen.gpt.device(), shape, specimen.gpt.dtype());
    file.fill(x, name);
    return x;
  };
  for (const LensPlace& place : lens_places(specimen.config(), LensAt::all)) {
    if (!file.has(place.hook + ".weight")) continue;
    const std::vector<double> kl = filled(place.hook + ".kl", {2}).to_host();
    lens.translators.push_back({place.hook, filled(place.hook + ".weight", {C, C}),
                                filled(place.hook + ".bias", {C}), kl[0], kl[1]});
  }
  return lens;
}

TunedLens load_tuned_lens(const std::string& path, const Specimen& specimen,
                          const std::string& renew) {
  TunedLens lens = load_tuned_lens(FileSource(path), specimen, renew);
  lens.path = path;
  return lens;
}

Page page_of(const TunedLensResult& r) {
  Page page{"tuned-lens", "A lens that learned to read early layers", r.from};
  page.add(Paragraph{
      "For each place an affine map learned to say what the output says; the model stayed as "
      "it is. KL(output || lens) on text that was not learned from, in nats: what is not "
      "smaller than the logit lens's is not kept."});
  Table table{"", {"place", "logit lens", "tuned lens", ""}, {}};
  table.align = {Align::left, Align::right, Align::right, Align::left};
  for (const Translator& t : r.measured) {
    const bool better = t.kl < t.kl_logit_lens;
    table.rows.push_back(
        {t.place, format("%.4f", t.kl_logit_lens), format("%.4f", t.kl), better ? "" : "not kept"});
  }
  page.add(std::move(table));
  return page;
}

void put(Json& json, const TunedLensResult& r) {
  json.field("steps", r.steps)
      .field("data", r.data)
      .field("file", r.lens.path)
      .key("places")
      .array();
  for (const Translator& t : r.measured) {
    json.object()
        .field("place", t.place)
        .field("kl_logit_lens", t.kl_logit_lens)
        .field("kl_tuned", t.kl);
    json.field("kept", t.kl < t.kl_logit_lens).end();
  }
  json.end();
}

}   // namespace glass
