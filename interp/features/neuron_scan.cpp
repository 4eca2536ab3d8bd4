#include "interp/features/neuron_scan.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/base/error.h"
#include "engine/base/hash.h"
#include "interp/activations.h"

namespace glass {

namespace {

constexpr std::int64_t kBatch = 8;

// The mlps of windows of a text.
class Windows {
 public:
  Windows(const Specimen& specimen, std::span<const std::int32_t> text, std::int64_t T)
      : specimen_(specimen), text_(text), T_(static_cast<std::size_t>(T)) {}

  // Windows first, first + 1, .. of this many: see(layer, post (count,T,N)).
  template <class F>
  void run(std::int64_t first, std::int64_t count, const F& see) const {
    const std::span<const std::int32_t> ids =
        text_.subspan(static_cast<std::size_t>(first) * T_, static_cast<std::size_t>(count) * T_);
    Hooks hooks(specimen_.gpt);
    std::vector<Hooks::Scope> scopes;
    for (int l = 0; l < specimen_.config().n_layer; ++l)
      scopes.push_back(hooks.read({in_block(l, "mlp.hook_post")},
                                  [l, &see](const Tensor& x) { see(l, x.to_host()); }));
    hooks.logits(Tensor::ids(specimen_.gpt.device(), ids, {count, static_cast<std::int64_t>(T_)}));
  }

 private:
  const Specimen& specimen_;
  std::span<const std::int32_t> text_;
  std::size_t T_;
};

// A training that diverged leaves a model that computes no numbers; nothing of it can be ranked.
void refuse_what_is_no_number(const UnitScan& scan) {
  for (std::size_t i = 0; i < scan.records.size(); ++i) {
    const UnitRecord& r = scan.records[i];
    if (std::isfinite(r.variance) && std::isfinite(r.min) && std::isfinite(r.max)) continue;
    const std::size_t units = static_cast<std::size_t>(scan.units);
    fail(ContentError("neuron " + std::to_string(i / units) + "." + std::to_string(i % units) +
                      " of this model says what is no number (a training that diverged?); there is "
                      "nothing to rank."));
  }
}

}   // namespace

UnitScan scan_neurons(const Specimen& specimen, const Dataset& data,
                      const NeuronScanOptions& options) {
  const GPTConfig& c = specimen.config();
  if (!c.has_mlp()) fail(UsageError("this model has no mlps, and so no neurons to look at."));
  const std::int64_t size = std::min(data.train.size(), options.most),
                     T = std::min(c.block_size, size);
  if (size < 2) fail(ContentError(data.name + " has too few tokens to scan."));
  UnitScan scan{specimen.from,
                "",
                data.origin,
                hex16(data.digest),
                digest_of(specimen.tokenizer),
                T,
                static_cast<int>(c.n_layer),
                static_cast<int>(c.inner()),
                {},
                {}};
  const std::int64_t windows = size / T;
  scan.text.resize(static_cast<std::size_t>(windows * T));
  data.train.copy(0, scan.text);

  const auto token_means = c.n_layer * scan.units * c.vocab_size <= kMostTokenMeans
                               ? Gatherer::TokenMeans::kept
                               : Gatherer::TokenMeans::dropped;
  std::vector<Gatherer> layers;
  for (int l = 0; l < scan.layers; ++l)
    layers.emplace_back(scan.units, c.vocab_size, token_means, options.top, options.bottom);
  const Windows text(specimen, scan.text, T);
  const Team team = make_team(options.threads);
  for (std::int64_t w = 0; w < windows; w += 100)   // one in a hundred
    text.run(w, 1, [&](int l, const std::vector<double>& post) {
      layers[static_cast<std::size_t>(l)].pilot(post);
    });
  const std::size_t each = static_cast<std::size_t>(T) * static_cast<std::size_t>(scan.units);
  for (std::int64_t w = 0; w < windows; w += kBatch) {
    const std::int64_t count = std::min(kBatch, windows - w);
    text.run(w, count, [&](int l, const std::vector<double>& post) {
      for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t start = (w + i) * T;
        layers[static_cast<std::size_t>(l)].add(
            std::span(post).subspan(static_cast<std::size_t>(i) * each, each),
            std::span(scan.text).subspan(static_cast<std::size_t>(start),
                                         static_cast<std::size_t>(T)),
            start, team);
      }
    });
    if (options.progress) options.progress(w + count, windows);
  }
  std::vector<std::int64_t> counts(static_cast<std::size_t>(c.vocab_size), 0);
  for (const std::int32_t token : scan.text) ++counts[static_cast<std::size_t>(token)];
  for (const Gatherer& layer : layers)
    for (std::size_t n = 0; n < static_cast<std::size_t>(scan.units); ++n)
      scan.records.push_back(layer.record(n, counts, static_cast<double>(scan.text.size())));
  refuse_what_is_no_number(scan);
  return scan;
}

}   // namespace glass
