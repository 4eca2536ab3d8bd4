#include "interp/read/attribution.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/base/error.h"
#include "interp/activations.h"
#include "interp/read/readout.h"
#include "interp/heads/weights.h"

namespace glass {
namespace {

using Kind = AttributionPart::Kind;

// Everything of one position that the shares are made of.
class Shares {
 public:
  Shares(const Specimen& specimen, std::span<const std::int32_t> ids)
      : specimen_(specimen),
        config_(specimen.config()),
        last_(static_cast<std::int64_t>(ids.size()) - 1) {
    std::vector<std::string> names = {"hook_embed",
                                      "blocks.0.hook_resid_pre",
                                      "blocks.*.attn.hook_v",
                                      "blocks.*.attn.hook_pattern",
                                      "blocks.*.attn.hook_result",
                                      "logits"};
    if (config_.pos == Position::learned) names.push_back("hook_pos_embed");
    if (config_.has_mlp()) {
      names.push_back("blocks.*.mlp.hook_post");
      names.push_back("blocks.*.hook_mlp_out");
    }
    if (config_.norm_final) names.push_back("ln_final.hook_scale");
    seen_ = look(specimen.gpt, specimen.row(ids), names);
    if (config_.norm_final) scale_ = here("ln_final.hook_scale")[0];
  }

  // An activation (1,T,..) at the position asked about.
  std::vector<double> here(const std::string& name) const {
    return slice(seen_[name], 1, last_, last_ + 1).to_host();
  }
  const Tensor& all(const std::string& name) const { return seen_[name]; }
  double scale() const { return scale_; }

  std::vector<AttributionPart> parts(const Readout& readout) const {
    std::vector<AttributionPart> parts;
    const auto add = [&](Kind kind, int layer, int head, const std::string& name,
                         std::span<const double> c) {
      parts.push_back({kind, layer, head, name, readout.share(c, scale_)});
    };
    if (config_.norm_embed) {   // both went through a norm of their own, together
      add(Kind::embed, -1, -1, "embed", here("blocks.0.hook_resid_pre"));
    } else {
      add(Kind::embed, -1, -1, "embed", here("hook_embed"));
      if (config_.pos == Position::learned) add(Kind::embed, -1, -1, "pos", here("hook_pos_embed"));
    }
    const std::size_t C = static_cast<std::size_t>(config_.n_embd);
    for (int l = 0; l < config_.n_layer; ++l) {
      const std::string layer = std::to_string(l);
      const std::vector<double> result = here(in_block(l, "attn.hook_result"));   // (H,C)
      for (int h = 0; h < config_.n_head; ++h)
        add(Kind::head, l, h, layer + "." + std::to_string(h),
            std::span(result).subspan(static_cast<std::size_t>(h) * C, C));
      if (const Tensor bias = weight_in_block(specimen_.gpt, l, "attn.c_proj.bias"))
        add(Kind::bias, l, -1, layer + " attn bias", bias.to_host());
      if (config_.has_mlp())
        add(Kind::mlp, l, -1, "mlp " + layer, here(in_block(l, "hook_mlp_out")));
    }
    return parts;
  }

  // W (N,K) read backwards along the direction: what each of the K inputs is worth, (count) of them
  // from the first.
  std::vector<double> worth(const Tensor& W, const Readout& readout, std::int64_t first,
                            std::int64_t count) const {
    const Tensor u = Tensor::from(W.device(), readout.direction(), {1, W.dim(0)}, W.dtype());
    return matmul(u, slice(W, 1, first, first + count)).to_host();
  }

  // A[i,j] v_j W_O . u, for every j.
  std::vector<double> by_source(const Readout& readout, int layer, int head) const {
    const std::int64_t D = config_.head_size(), group = config_.n_head / config_.kv_heads();
    const Tensor W = weight_in_block(specimen_.gpt, layer, "attn.c_proj.weight");   // (C, H D)
    const std::vector<double> worth_of = worth(W, readout, head * D, D);
    const std::int64_t kv = head / group;
    const std::vector<double> v =
        slice(all(in_block(layer, "attn.hook_v")), 2, kv, kv + 1).to_host();   // (T,D)
    const Tensor pattern = slice(all(in_block(layer, "attn.hook_pattern")), 1, head, head + 1);
    const std::vector<double> a = slice(pattern, 2, last_, last_ + 1).to_host();   // (T)
    std::vector<double> shares(a.size());
    for (std::size_t j = 0; j < a.size(); ++j) {
      const auto value = v.begin() + static_cast<std::ptrdiff_t>(j) * D;
      shares[j] = a[j] * std::inner_product(value, value + D, worth_of.begin(), 0.0) / scale_;
    }
    return shares;
  }

  // Each neuron's share, by its index.
  std::vector<double> by_neuron(const Readout& readout, int layer,
                                const std::vector<double>& post) const {
    const Tensor W = weight_in_block(specimen_.gpt, layer, "mlp.c_proj.weight");   // (C, inner)
    std::vector<double> shares = worth(W, readout, 0, W.dim(1));
    for (std::size_t n = 0; n < post.size(); ++n) shares[n] *= post[n] / scale_;
    return shares;
  }

 private:
  const Specimen& specimen_;
  const GPTConfig& config_;
  std::int64_t last_;
  Activations seen_;
  double scale_ = 1;
};

// The tokens that are asked about where nobody said so: the likeliest one, and the likeliest other.
LogitQuestion question_of(const AttributionOptions& options, std::span<const double> logits) {
  const std::vector<std::int32_t> best = extremes_of(logits, 2).top;
  LogitQuestion q{options.target >= 0 ? options.target : best[0], -1};
  if (!options.against_foil) return q;
  q.foil = options.foil >= 0 ? options.foil : best[best[0] == q.target && best.size() > 1 ? 1 : 0];
  if (q.foil == q.target)
    fail(UsageError("the target and the foil are the same token; their logits do not differ."));
  return q;
}

const AttributionPart* largest(const std::vector<AttributionPart>& parts, Kind kind) {
  const AttributionPart* most = nullptr;
  for (const AttributionPart& p : parts)
    if (p.kind == kind && (!most || std::abs(p.value) > std::abs(most->value))) most = &p;
  return most;
}

void require_below(const char* what, int asked, std::int64_t count) {
  if (asked < count) return;
  fail(UsageError("there is no " + std::string(what) + " " + std::to_string(asked) +
                  ": there are 0 .. " + std::to_string(count - 1) + "."));
}

void take_mlp_apart(AttributionResult& r, const Shares& shares, const Readout& readout, int top) {
  const auto part = std::find_if(r.parts.begin(), r.parts.end(), [&](const AttributionPart& p) {
    return p.kind == Kind::mlp && p.layer == r.mlp;
  });
  const std::vector<double> post = shares.here(in_block(r.mlp, "mlp.hook_post"));
  const std::vector<double> values = shares.by_neuron(readout, r.mlp, post);
  std::vector<double> sizes(values.size());
  std::transform(values.begin(), values.end(), sizes.begin(), [](double x) { return std::abs(x); });
  r.other_neurons = part->value;
  for (const std::int32_t n : extremes_of(sizes, static_cast<std::size_t>(top)).top) {
    const std::size_t i = static_cast<std::size_t>(n);
    r.neurons.push_back({n, post[i], values[i]});
    r.other_neurons -= values[i];
  }
}

}   // namespace

double AttributionResult::sum() const {
  return std::accumulate(parts.begin(), parts.end(), constant,
                         [](double all, const AttributionPart& p) { return all + p.value; });
}

AttributionResult attribution_of(const Specimen& specimen, std::span<const std::int32_t> ids,
                                 const AttributionOptions& options) {
  const GPTConfig& c = specimen.config();
  refuse_post_norm(c, "direct attribution");
  require_below("position", options.position, static_cast<std::int64_t>(ids.size()));
  require_below("layer", std::max(options.layer, options.mlp), c.n_layer);
  require_below("head", options.head, c.n_head);
  if (options.mlp >= 0 && !c.has_mlp()) fail(UsageError("this model has no mlps."));
  if (options.position >= 0) ids = ids.first(static_cast<std::size_t>(options.position) + 1);
  const Shares shares(specimen, ids);
  const std::vector<double> logits = shares.here("logits");
  const LogitQuestion question = question_of(options, logits);
  const Readout readout(specimen.gpt, question);

  AttributionResult r{specimen.from,
                      specimen.labels(ids),
                      question.target,
                      question.foil,
                      specimen.label(question.target),
                      "",
                      shares.parts(readout),
                      readout.constant()};
  r.logit = logits[static_cast<std::size_t>(question.target)];
  if (question.foil >= 0) {
    r.foil_name = specimen.label(question.foil);
    r.logit -= logits[static_cast<std::size_t>(question.foil)];
  }
  r.layers = static_cast<int>(c.n_layer), r.heads = static_cast<int>(c.n_head);
  const AttributionPart* head = largest(r.parts, Kind::head);
  const bool asked = options.layer >= 0 && options.head >= 0;
  r.head_layer = asked ? options.layer : head->layer, r.head = asked ? options.head : head->head;
  r.by_source = shares.by_source(readout, r.head_layer, r.head);
  if (!c.has_mlp()) return r;
  r.mlp = options.mlp >= 0 ? options.mlp : largest(r.parts, Kind::mlp)->layer;
  take_mlp_apart(r, shares, readout, options.top_neurons);
  return r;
}

}   // namespace glass
