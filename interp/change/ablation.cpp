#include "interp/change/ablation.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "engine/base/error.h"
#include "interp/activations.h"
#include "interp/heads/detectors.h"
#include "interp/heads/induction.h"

namespace glass {
namespace {

constexpr std::int64_t kLongestWindow = 256;
constexpr std::int64_t kNumbersAtOnce = 1 << 24;   // of logits: 64 MiB

// ---- texts --------------------------------------------------------------------------------------

// Windows of T + 1 tokens, and which of their T predictions count.
struct Windows {
  Texts texts;
  std::int64_t T = 0;
  std::int64_t counts_from = 0;                      // predictions at this position and behind it
  std::int64_t early = 0, early_end = 0, late = 0;   // what context is good for: late minus early
  std::int64_t late_end = 0;
};

Windows windows_of(const Specimen& specimen, const AblationOptions& options) {
  Windows w;
  if (options.text.empty()) {
    const SequenceSource source(specimen, options.bos, options.seed);
    const std::int64_t N = chosen_length(source, 0);
    w.texts = texts_of(many_repeated(source, N, options.windows));
    w.T = source.front() + 2 * N - 1;
    w.counts_from = w.late = source.front() + N;
    w.early_end = source.front() + N - 1;
    w.late_end = w.T;
    return w;
  }
  const auto size = static_cast<std::int64_t>(options.text.size());
  w.T = std::min({specimen.config().block_size, kLongestWindow, size - 1});
  if (w.T < 2) fail(ContentError("the text has fewer than 3 tokens; there is nothing to predict."));
  w.texts = pieces_of(options.text, w.T + 1, options.windows);
  w.early = w.T / 20, w.early_end = std::max(w.early + 1, w.T * 3 / 20);
  w.late = w.T * 3 / 4, w.late_end = std::max(w.late + 1, w.T * 17 / 20);
  return w;
}

// ---- losses -------------------------------------------------------------------------------------

struct Measured {
  double mean = 0, error = 0;   // the standard error of the mean; NaN of a single number
};

Measured measured(const std::vector<double>& x) {
  const auto n = static_cast<double>(x.size());
  double sum = 0, squares = 0;
  for (const double each : x) sum += each;
  for (const double each : x) squares += (each - sum / n) * (each - sum / n);
  return {sum / n, n > 1 ? std::sqrt(squares / (n - 1) / n) : std::nan("")};
}

// What one way of ablating (or none) cost: by window, the same late minus early, and summed by
// position.
struct Losses {
  std::vector<double> by_window, late_minus_early, by_position;
};

LossChange change_of(const Losses& intact, const Losses& ablated) {
  std::vector<double> changes = ablated.by_window;   // each window against itself
  for (std::size_t i = 0; i < changes.size(); ++i) changes[i] -= intact.by_window[i];
  const Measured change = measured(changes), context = measured(intact.late_minus_early);
  // A share of what is not there would be any number at all.
  const bool good_for_something =
      context.mean < 0 && !(context.mean > -kSureErrors * context.error);
  const double left = measured(ablated.late_minus_early).mean;
  return {change.mean, change.error, good_for_something ? 1 - left / context.mean : std::nan("")};
}

// ---- taking out ---------------------------------------------------------------------------------

Tensor rolled(const Tensor& x) {   // row b gets what row b + 1 had
  return concat({slice(x, 0, 1, x.dim(0)), slice(x, 0, 0, 1)}, 0);
}

class Ablation {
 public:
  Ablation(const Specimen& specimen, const AblationOptions& options)
      : specimen_(specimen),
        gpt_(specimen.gpt),
        c_(gpt_.config()),
        options_(options),
        windows_(windows_of(specimen, options)) {
    if (options.how == AblateHow::resample && windows_.texts.size() < 2)
      fail(UsageError("to resample takes another window to take from, and there is one only."));
    if (of_mean()) learn_means();
  }

  const Windows& windows() const { return windows_; }

  Losses intact() {
    Losses out;
    each_chunk(1, [&](const Chunk& chunk) { add(out, chunk, gpt_logits(chunk.ids, {})); });
    return out;
  }

  Losses without(const std::vector<Part>& parts) {
    Losses out;
    each_chunk(1, [&](const Chunk& chunk) {
      add(out, chunk, gpt_logits(chunk.ids, values_in(chunk.ids, parts)));
    });
    return out;
  }

  // Each head alone: of a layer, all heads at once, one copy of the windows for each, from the
  // stream that enters the layer.
  std::vector<Losses> without_each_head() {
    std::vector<Losses> out(static_cast<std::size_t>(c_.n_layer * c_.n_head));
    each_chunk(c_.n_head, [&](const Chunk& chunk) {
      const Activations seen =
          look(gpt_, chunk.ids, {"blocks.*.hook_resid_pre", "blocks.*.attn.hook_z"});
      for (int l = 0; l < c_.n_layer; ++l) {
        const Tensor logits = each_head_of(l, seen);   // (H B,T,V)
        for (std::int64_t h = 0; h < c_.n_head; ++h)
          add(out[static_cast<std::size_t>(l * c_.n_head + h)], chunk,
              slice(logits, 0, h * chunk.B, (h + 1) * chunk.B));
      }
    });
    return out;
  }

  std::vector<TopToken> next(const std::vector<std::int32_t>& prompt,
                             const std::vector<Part>& parts) {
    const Tensor ids = specimen_.row(prompt);
    const Tensor logits = gpt_logits(ids, values_in(ids, parts));
    const std::int64_t T = ids.dim(1);
    const std::vector<double> p = softmax(slice(logits, 1, T - 1, T)).to_host();
    std::vector<std::int32_t> order(p.size());
    for (std::size_t i = 0; i < p.size(); ++i) order[i] = static_cast<std::int32_t>(i);
    const auto top = std::min<std::ptrdiff_t>(8, static_cast<std::ptrdiff_t>(p.size()));
    std::partial_sort(
        order.begin(), order.begin() + top, order.end(), [&](std::int32_t a, std::int32_t b) {
          const double x = p[static_cast<std::size_t>(a)], y = p[static_cast<std::size_t>(b)];
          return x != y ? x > y : a < b;
        });
    std::vector<TopToken> out;
    for (std::ptrdiff_t i = 0; i < top; ++i) {
      const std::int32_t id = order[static_cast<std::size_t>(i)];
      out.push_back({id, specimen_.label(id), p[static_cast<std::size_t>(id)]});
    }
    return out;
  }

 private:
  struct Chunk {
    std::int64_t first = 0, B = 0;
    Tensor ids, targets;   // (B,T)
  };

  // Chunks of windows, of nearly one size, each of which will be run `times` times at once.
  template <class F>
  void each_chunk(std::int64_t times, const F& f) {
    const auto S = static_cast<std::int64_t>(windows_.texts.size());
    const std::int64_t T = windows_.T;
    const std::int64_t widest =
        std::max({c_.vocab_size, c_.has_mlp() ? c_.inner() : 0, 4 * c_.n_embd, T * c_.n_head});
    std::int64_t at_once = std::clamp<std::int64_t>(kNumbersAtOnce / (times * T * widest), 1, S);
    if (options_.how == AblateHow::resample) at_once = std::max<std::int64_t>(2, at_once);
    const std::int64_t chunks = std::max<std::int64_t>(1, S / at_once);
    for (std::int64_t i = 0; i < chunks; ++i) {
      const std::int64_t first = S * i / chunks, B = S * (i + 1) / chunks - first;
      const Tensor all = ids_of(gpt_, windows_.texts, first, B);   // (B,T+1)
      f(Chunk{first, B, contiguous(slice(all, 1, 0, T)), contiguous(slice(all, 1, 1, T + 1))});
    }
  }

  void add(Losses& to, const Chunk& chunk, const Tensor& logits) const {
    const std::vector<double> loss =
        cross_entropy_each(contiguous(logits), chunk.targets).to_host();
    const std::int64_t T = windows_.T;
    to.by_position.resize(static_cast<std::size_t>(T));
    for (std::int64_t b = 0; b < chunk.B; ++b) {
      const double* const row = loss.data() + b * T;
      for (std::int64_t t = 0; t < T; ++t) to.by_position[static_cast<std::size_t>(t)] += row[t];
      const auto mean = [&](std::int64_t begin, std::int64_t end) {
        return std::accumulate(row + begin, row + end, 0.0) / static_cast<double>(end - begin);
      };
      const Windows& w = windows_;
      to.by_window.push_back(mean(w.counts_from, T));
      to.late_minus_early.push_back(mean(w.late, w.late_end) - mean(w.early, w.early_end));
    }
  }

  bool of_mean() const {
    return options_.how == AblateHow::mean || options_.how == AblateHow::position_mean;
  }

  // What stands at a place instead, and of which part of it.
  struct Instead {
    Part part;
    Tensor value;   // like the whole activation, or with sizes of 1 that are repeated
  };

  Tensor gpt_logits(const Tensor& ids, const std::vector<Instead>& instead) {
    Hooks hooks(gpt_);
    std::vector<Hooks::Scope> scopes;
    // The intact run takes the same way through the model, so that no other rounding is compared.
    for (int l = 0; l < c_.n_layer; ++l)
      scopes.push_back(hooks.read({in_block(l, "attn.hook_z")}, [](const Tensor&) {}));
    for (const Instead& i : instead) {
      const Place place{place_of(i.part), i.part.kind == Part::Kind::head ? i.part.index : -1};
      scopes.push_back(hooks.replace(place, [this, i](const Tensor& x) { return replaced(x, i); }));
    }
    return hooks.logits(ids);
  }

  // x is the part itself (a head, an mlp), or for a neuron all of its mlp.
  Tensor replaced(const Tensor& x, const Instead& i) const {
    const Tensor value = cast(i.value, x.dtype());
    const bool whole = i.part.kind == Part::Kind::mlp || value.dim(2) == 1;
    const Tensor own = whole ? value : slice(value, 2, i.part.index, i.part.index + 1);
    if (i.part.kind != Part::Kind::neuron) return broadcast_to(own, x.shape());
    std::vector<double> mask(static_cast<std::size_t>(x.dim(2)));
    mask[static_cast<std::size_t>(i.part.index)] = 1;
    const Tensor here = Tensor::from(x.device(), mask, {x.dim(2)}, x.dtype());
    return x * (1 - here) + own * here;
  }

  std::vector<Instead> values_in(const Tensor& ids, const std::vector<Part>& parts) {
    std::vector<Instead> all;
    std::map<std::string, Tensor> from;   // of the other text
    if (options_.how == AblateHow::resample && !parts.empty()) from = other_text(ids, parts);
    for (const Part& part : parts) {
      const std::string place = place_of(part);
      if (options_.how == AblateHow::zero) {
        const Shape ones = part.kind == Part::Kind::head ? Shape{1, 1, 1, 1} : Shape{1, 1, 1};
        all.push_back({part, Tensor::full(gpt_.device(), ones, 0, gpt_.dtype())});
      } else {
        all.push_back({part, of_mean() ? mean_in(place, ids.dim(1)) : from.at(place)});
      }
    }
    return all;
  }

  // What the parts say in other windows: in the next of these rows or, for a prompt, in the first
  // window of the text.
  std::map<std::string, Tensor> other_text(const Tensor& ids, const std::vector<Part>& parts) {
    std::vector<std::string> names;
    for (const Part& part : parts) names.push_back(place_of(part));
    const bool alone = ids.dim(0) == 1;
    Tensor read = ids;
    if (alone) {
      std::vector<std::int32_t> other = windows_.texts.front();
      if (static_cast<std::int64_t>(other.size()) < ids.dim(1))
        fail(
            UsageError("the prompt is longer than the windows that another text could be taken "
                       "from; shorten it, or take --how zero or mean."));
      other.resize(static_cast<std::size_t>(ids.dim(1)));
      read = specimen_.row(other);
    }
    const Activations seen = look(gpt_, read, names);
    std::map<std::string, Tensor> out;
    for (const std::string& name : names) out[name] = alone ? seen[name] : rolled(seen[name]);
    return out;
  }

  // (1,1,..), or of each of the first T positions, (1,T,..).
  Tensor mean_in(const std::string& place, std::int64_t T) const {
    const Tensor& mean = means_.at(place);
    if (options_.how == AblateHow::mean || mean.dim(1) == T) return mean;
    if (mean.dim(1) < T)
      fail(
          UsageError("the prompt is longer than the windows whose positions have a mean; shorten "
                     "it, or take --how zero or mean."));
    return contiguous(slice(mean, 1, 0, T));
  }

  void learn_means() {
    std::vector<Part> parts = options_.parts;
    if (parts.empty())
      for (int l = 0; l < c_.n_layer; ++l) parts.push_back({Part::Kind::head, l, 0});
    std::vector<std::string> names;
    for (const Part& part : parts) names.push_back(place_of(part));
    std::map<std::string, std::vector<double>> sums;
    std::map<std::string, Shape> shapes;
    const bool each_position = options_.how == AblateHow::position_mean;
    const auto count = static_cast<double>(windows_.texts.size()) *
                       (each_position ? 1 : static_cast<double>(windows_.T));
    each_chunk(1, [&](const Chunk& chunk) {
      const Activations seen = look(gpt_, chunk.ids, names);
      for (const std::string& name : seen.names()) {
        const Tensor over_windows = sum(seen[name], 0);   // (T,..)
        const std::vector<double> x =
            (each_position ? over_windows : sum(over_windows, 0)).to_host();
        auto& total = sums[name];
        total.resize(x.size());
        for (std::size_t i = 0; i < x.size(); ++i) total[i] += x[i] / count;
        shapes[name] = seen[name].shape();
        shapes[name][0] = 1;
        if (!each_position) shapes[name][1] = 1;
      }
    });
    for (const auto& [name, mean] : sums)
      means_[name] = Tensor::from(gpt_.device(), mean, shapes[name], gpt_.dtype());
  }

  Tensor each_head_of(int l, const Activations& seen) {
    const Tensor& stream = seen[in_block(l, "hook_resid_pre")];
    const Tensor& z = seen[in_block(l, "attn.hook_z")];   // (B,T,H,D)
    const std::int64_t B = z.dim(0), T = z.dim(1), H = z.dim(2), D = z.dim(3), C = stream.dim(2);
    std::vector<double> diagonal(static_cast<std::size_t>(H * H));
    for (std::int64_t h = 0; h < H; ++h) diagonal[static_cast<std::size_t>(h * H + h)] = 1;
    const Tensor out = Tensor::from(z.device(), diagonal, {H, 1, 1, H, 1}, z.dtype());
    Tensor value;   // (1,B or 1,T or 1,H,D)
    if (of_mean()) {
      const Tensor mean = mean_in(in_block(l, "attn.hook_z"), T);
      value = cast(reshape(mean, {1, 1, mean.dim(1), H, D}), z.dtype());
    }
    if (options_.how == AblateHow::resample) value = reshape(rolled(z), {1, B, T, H, D});
    Hooks hooks(gpt_);
    const auto scope = hooks.replace({in_block(l, "attn.hook_z")}, [&](const Tensor& x) {
      Tensor y = reshape(x, {H, B, T, H, D}) * (1 - out);
      if (value) y = y + value * out;
      return reshape(y, x.shape());
    });
    const Tensor copies =
        reshape(broadcast_to(reshape(stream, {1, B, T, C}), {H, B, T, C}), {H * B, T, C});
    return hooks.logits_from(l, copies);
  }

  const Specimen& specimen_;
  GPT& gpt_;
  const GPTConfig& c_;
  const AblationOptions& options_;
  Windows windows_;
  std::map<std::string, Tensor> means_;
};

}   // namespace

AblationResult ablation_of(const Specimen& specimen, const AblationOptions& options) {
  Ablation ablation(specimen, options);
  const Windows& windows = ablation.windows();
  AblationResult r;
  r.from = specimen.from;
  r.from.seed = static_cast<std::int64_t>(options.seed);
  r.how = options.how, r.text = !options.text.empty(), r.icl = options.icl;
  r.windows = static_cast<std::int64_t>(windows.texts.size()), r.T = windows.T;
  r.layers = specimen.config().n_layer, r.heads = specimen.config().n_head;
  const auto means = [&](const Losses& losses) {
    std::vector<double> by_position = losses.by_position;
    for (double& x : by_position) x /= static_cast<double>(r.windows);
    return by_position;
  };
  const Losses intact = ablation.intact();
  r.baseline_loss = measured(intact.by_window).mean;
  r.ln_vocabulary = std::log(static_cast<double>(specimen.config().vocab_size));
  const Measured context = measured(intact.late_minus_early);
  r.baseline_icl = context.mean, r.baseline_icl_error = context.error;
  r.by_position = means(intact);
  if (options.parts.empty()) {
    for (const Losses& losses : ablation.without_each_head())
      r.each.push_back(change_of(intact, losses));
  } else {
    for (const Part& part : options.parts)   // one that is named twice is out once
      if (std::find(r.parts.begin(), r.parts.end(), part.name()) == r.parts.end())
        r.parts.push_back(part.name());
    const Losses without = ablation.without(options.parts);
    r.change = change_of(intact, without);
    r.ablated_by_position = means(without);
  }
  if (!options.prompt.empty()) {
    r.baseline_top = ablation.next(options.prompt, {});
    if (!options.parts.empty()) r.ablated_top = ablation.next(options.prompt, options.parts);
  }
  return r;
}

}   // namespace glass
