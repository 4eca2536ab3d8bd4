#include "interp/circuit/eap.h"

#include <algorithm>
#include <cmath>

#include "interp/change/cells.h"

namespace glass {
namespace {

// Two derivatives disagree where they differ by this share of the whole answer, and by more than
// half of the larger one.
constexpr double kMuchApart = 0.1;

// (R,..) of R = shares B rows -> the mean over shares, (B,..).
Tensor mean_over_shares(const Tensor& x, std::int64_t B) {
  const std::int64_t n = x.dim(0) / B, rest = x.numel() / x.dim(0);
  Shape shape = x.shape();
  shape[0] = B;
  return reshape(sum(reshape(x, {n, B * rest}), 0) * (1.0 / static_cast<double>(n)), shape);
}

// Of the pairs of `task` alone, times `weight`.
std::vector<Tensor> gradients_of(const Specimen& specimen, const Graph& graph, const Task& task,
                                 const std::vector<double>& shares, double weight) {
  const GPTConfig& c = specimen.config();
  const std::int64_t B = task.B(), n = static_cast<std::int64_t>(shares.size());
  const int L = static_cast<int>(c.n_layer);

  Tape tape;
  Hooks hooks(specimen.gpt);
  std::vector<Hooks::Scope> scopes;
  std::vector<Tensor> gradients(graph.receivers().size());
  const auto collect = [&](const std::string& name, Receiver::Kind kind, int layer,
                           std::int64_t heads) {
    scopes.push_back(hooks.read({name}, [](const Tensor&) {}));   // so that there is such a place
    scopes.push_back(
        hooks.gradient({name}, [&gradients, &graph, B, kind, layer, heads, n](const Tensor& dy) {
          const Tensor mean = mean_over_shares(dy, B);
          for (std::int64_t h = 0; h < heads; ++h) {
            const int v = graph.receiver(kind, layer, static_cast<int>(h));
            const Tensor one = mean.rank() == 4 ? slice(mean, 2, h, h + 1) : mean;
            gradients[static_cast<std::size_t>(v)] =
                reshape(one, {B, one.dim(1), one.dim(-1)}) * static_cast<double>(n);
          }
        }));
  };
  for (int l = 0; l < L; ++l) {
    collect(in_block(l, "hook_q_input"), Receiver::Kind::q, l, c.n_head);
    collect(in_block(l, "hook_k_input"), Receiver::Kind::k, l, c.kv_heads());
    collect(in_block(l, "hook_v_input"), Receiver::Kind::v, l, c.kv_heads());
    if (c.has_mlp()) collect(in_block(l, "hook_mlp_in"), Receiver::Kind::mlp, l, 1);
  }
  collect(in_block(L - 1, "hook_resid_post"), Receiver::Kind::logits, -1, 1);

  // All shares are rows of one batch.
  const Activations clean = look(specimen.gpt, clean_ids(specimen, task), {"hook_embed"}),
                    corrupt = look(specimen.gpt, corrupt_ids(specimen, task), {"hook_embed"});
  const Tensor share =
      Tensor::from(specimen.gpt.device(), shares, {n, 1, 1, 1, 1}, specimen.gpt.dtype());
  const Tensor from = corrupt["hook_embed"], way = clean["hook_embed"] - from;   // (B,T,C)
  const Tensor ids = repeated_rows(corrupt_ids(specimen, task), n);
  scopes.push_back(hooks.replace({"hook_embed"}, [&](const Tensor& x) {
    const Tensor at =
        repeated_rows(from, n) +
        reshape(reshape(way, {1, B, way.dim(1), way.dim(2)}) * reshape(share, {n, 1, 1, 1}),
                x.shape());
    return tape.watch(contiguous(at), "embedding");
  }));
  const Tensor answer = logit_difference(hooks.logits(ids, &tape, Positions::last), task);
  tape.backward(sum(answer) * (weight / static_cast<double>(n)));
  hooks.require_fired();
  for (Parameter* p : specimen.gpt.parameters()) p->zero_grad();   // nobody asked for these
  return gradients;
}

// How many rows a tape may remember at once: it keeps all that lies on the way of each.
std::int64_t rows_on_a_tape(const GPTConfig& config, const Task& task) {
  return std::max<std::int64_t>(1, rows_at_once(config, task.T()) / 4);
}

}   // namespace

std::vector<Tensor> receiver_gradients(const Specimen& specimen, const GraphRun& run,
                                       const std::vector<double>& shares) {
  const Task& task = run.task();
  const std::size_t pairs = task.pairs.size(),
                    most = static_cast<std::size_t>(
                        std::max<std::int64_t>(1, rows_on_a_tape(specimen.config(), task) /
                                                      static_cast<std::int64_t>(shares.size())));
  std::vector<Tensor> gradients;
  for (std::size_t i = 0; i < pairs; i += most) {
    const auto first = task.pairs.begin() + static_cast<std::ptrdiff_t>(i);
    const Task some{task.name,
                    {first, first + static_cast<std::ptrdiff_t>(std::min(most, pairs - i))}};
    const std::vector<Tensor> these =
        gradients_of(specimen, run.graph(), some, shares, 1.0 / static_cast<double>(pairs));
    if (i == 0) gradients = these;
    else
      for (std::size_t v = 0; v < these.size(); ++v)
        gradients[v] = concat({gradients[v], these[v]}, 0);
  }
  return gradients;
}

namespace {

// Of each edge: what changes along it, times the derivative by what its receiver reads.
std::vector<double> products(const GraphRun& run, const std::vector<Tensor>& gradients) {
  const Graph& graph = run.graph();
  const Tensor& change = run.change();   // (B,senders,T,C)
  const std::int64_t B = change.dim(0), U = change.dim(1), TC = change.dim(2) * change.dim(3);
  std::vector<double> all;
  const Tensor rows = reshape(change, {B, U, TC});
  for (std::size_t v = 0; v < gradients.size(); ++v) {
    const Tensor each = matmul(rows, reshape(gradients[v], {B, TC, 1}));   // (B,U,1)
    const std::vector<double> scores = sum(each, 0).to_host();
    all.insert(all.end(), scores.begin(), scores.begin() + graph.earlier(static_cast<int>(v)));
  }
  return all;
}

}   // namespace

EdgeScores edge_attributions(const Specimen& specimen, GraphRun& run, const EapOptions& options) {
  EdgeScores scores;
  const auto at = [&](const std::vector<double>& shares) {
    return products(run, receiver_gradients(specimen, run, shares));
  };
  scores.at_clean = at({1}), scores.at_corrupt = at({0});
  scores.score = scores.at_corrupt;
  if (options.steps > 0) {
    // Left ends of equal steps, in batches; each edge's score is the mean over steps.
    const std::int64_t most =
        std::max<std::int64_t>(1, rows_on_a_tape(specimen.config(), run.task()) / run.task().B());
    std::fill(scores.score.begin(), scores.score.end(), 0);
    for (int k = 0; k < options.steps;) {
      std::vector<double> shares;
      for (; k < options.steps && static_cast<std::int64_t>(shares.size()) < most; ++k)
        shares.push_back(static_cast<double>(k) / options.steps);
      const std::vector<double> some = at(shares);
      for (std::size_t e = 0; e < some.size(); ++e)
        scores.score[e] += some[e] * static_cast<double>(shares.size()) / options.steps;
    }
  }
  const double whole = std::abs(run.metric_clean() - run.metric_corrupt());
  for (std::size_t e = 0; e < scores.score.size(); ++e) {
    const double a = scores.at_clean[e], b = scores.at_corrupt[e], apart = std::abs(a - b);
    scores.saturated.push_back(apart > kMuchApart * whole &&
                               apart > 0.5 * std::max(std::abs(a), std::abs(b)));
  }
  return scores;
}

std::vector<double> sender_attributions(const Graph& graph, const std::vector<double>& edges) {
  std::vector<double> sums(graph.senders().size());
  for (std::size_t e = 0; e < edges.size(); ++e)
    sums[static_cast<std::size_t>(graph.edges()[e].from)] += edges[e];
  return sums;
}

}   // namespace glass
