#include "interp/circuit/eap.h"

#include <algorithm>
#include <cmath>

#include "interp/change/cells.h"

namespace glass {
namespace {

// Two derivatives disagree where they differ by this share of the whole answer, and by more than
// half of the larger one.
constexpr double kMuchApart = 0.1;

constexpr std::int64_t kNumbersOnATape = 1 << 26;   // 256 MiB

Tensor token_embedding(GPT& gpt, const Tensor& ids) {   // (B,T) -> (B,T,C)
  Hooks hooks(gpt);
  Tensor seen;
  const auto scope = hooks.read({"hook_embed"}, [&](const Tensor& x) { seen = x; });
  Pass pass(nullptr, &hooks);
  gpt.embed(pass, ids);
  return seen;
}

// Of the pairs of `task` alone, the first of which is number `pair`, times `weight`.
void gradients_of(const Specimen& specimen, const Graph& graph, const Task& task, std::int64_t pair,
                  const std::vector<double>& shares, double weight, const ReceiverGradient& f) {
  const GPTConfig& c = specimen.config();
  const std::int64_t B = task.B(), n = static_cast<std::int64_t>(shares.size());
  const int L = static_cast<int>(c.n_layer);

  Tape tape;
  Hooks hooks(specimen.gpt);
  std::vector<Hooks::Scope> scopes;
  const auto collect = [&](const std::string& name, Receiver::Kind kind, int layer) {
    const int first = graph.receiver(kind, layer, 0);
    scopes.push_back(hooks.read({name}, [](const Tensor&) {}));   // so that there is such a place
    scopes.push_back(hooks.gradient({name}, [&f, first, pair, B, n](const Tensor& dy) {
      // (R,T,heads,C) or (R,T,C) of R = shares B rows -> the sum over shares, (B,T,heads,C)
      const std::int64_t T = dy.dim(1), heads = dy.rank() == 4 ? dy.dim(2) : 1, C = dy.dim(-1);
      f(first, pair, reshape(sum(reshape(dy, {n, B * T * heads * C}), 0), {B, T, heads, C}));
    }));
  };
  for (int l = 0; l < L; ++l) {
    collect(in_block(l, "hook_q_input"), Receiver::Kind::q, l);
    collect(in_block(l, "hook_k_input"), Receiver::Kind::k, l);
    collect(in_block(l, "hook_v_input"), Receiver::Kind::v, l);
    if (c.has_mlp()) collect(in_block(l, "hook_mlp_in"), Receiver::Kind::mlp, l);
  }
  collect(in_block(L - 1, "hook_resid_post"), Receiver::Kind::logits, -1);

  // All shares are rows of one batch.
  const Tensor share =
      Tensor::from(specimen.gpt.device(), shares, {n, 1, 1, 1}, specimen.gpt.dtype());
  const Tensor corrupt = corrupt_ids(specimen, task),
               from = token_embedding(specimen.gpt, corrupt),   // (B,T,C)
      way = token_embedding(specimen.gpt, clean_ids(specimen, task)) - from;
  const Tensor ids = repeated_rows(corrupt, n);
  scopes.push_back(hooks.replace({"hook_embed"}, [&](const Tensor& x) {
    const Tensor at = repeated_rows(from, n) +
                      reshape(reshape(way, {1, B, way.dim(1), way.dim(2)}) * share, x.shape());
    return tape.watch(contiguous(at), "embedding");
  }));
  const Tensor answer =
      logit_difference(hooks.logits(ids, &tape, Positions::last, Weights::fixed), task);
  tape.backward(sum(answer) * (weight / static_cast<double>(n)));
  hooks.require_fired();
}

}   // namespace

std::int64_t rows_on_a_tape(const GPTConfig& c, std::int64_t T) {
  // Of each head's three inputs: itself, behind the norm, and the gradient of one of them.
  const std::int64_t inputs = (c.n_head + 2 * c.kv_heads()) * c.n_embd;
  const std::int64_t row =
      c.n_layer * T * (3 * inputs + 8 * c.n_embd + 3 * c.inner() + 2 * c.n_head * T);
  return std::max<std::int64_t>(1, kNumbersOnATape / row);
}

void each_receiver_gradient(const Specimen& specimen, const GraphRun& run,
                            const std::vector<double>& shares, const ReceiverGradient& f) {
  const Task& task = run.task();
  const std::int64_t pairs = task.B(),
                     most = std::max<std::int64_t>(1, rows_on_a_tape(specimen.config(), task.T()) /
                                                          static_cast<std::int64_t>(shares.size()));
  for (std::int64_t i = 0; i < pairs; i += most) {
    const auto first = task.pairs.begin() + static_cast<std::ptrdiff_t>(i);
    const Task some{task.name,
                    {first, first + static_cast<std::ptrdiff_t>(std::min(most, pairs - i))}};
    gradients_of(specimen, run.graph(), some, i, shares, 1.0 / static_cast<double>(pairs), f);
  }
}

namespace {

// Of each edge: what changes along it, times the derivative by what its receiver reads.
std::vector<double> products(const Specimen& specimen, const GraphRun& run,
                             const std::vector<double>& shares) {
  const Graph& graph = run.graph();
  std::vector<double> all(graph.edges().size());
  each_receiver_gradient(
      specimen, run, shares, [&](int first, std::int64_t pair, const Tensor& gradient) {
        const std::int64_t B = gradient.dim(0), TC = gradient.dim(1) * gradient.dim(3),
                           heads = gradient.dim(2), U = graph.earlier(first);
        const Tensor change = slice(slice(run.change(), 0, pair, pair + B), 1, 0, U);
        const Tensor by = reshape(permute(gradient, {0, 1, 3, 2}), {B, TC, heads});
        const std::vector<double> scores =
            sum(matmul(reshape(change, {B, U, TC}), by), 0).to_host();   // (U,heads)
        for (std::size_t i = 0; i < scores.size(); ++i) {
          const int from = static_cast<int>(i) / static_cast<int>(heads),
                    to = first + static_cast<int>(i) % static_cast<int>(heads);
          all[static_cast<std::size_t>(graph.edge(from, to))] += scores[i];
        }
      });
  return all;
}

}   // namespace

EdgeScores edge_attributions(const Specimen& specimen, GraphRun& run, const EapOptions& options) {
  EdgeScores scores;
  const auto at = [&](const std::vector<double>& shares) {
    return products(specimen, run, shares);
  };
  scores.at_clean = at({1}), scores.at_corrupt = at({0});
  scores.score = scores.at_corrupt;
  if (options.steps > 0) {
    // Left ends of equal steps, in batches; each edge's score is the mean over steps.
    const std::int64_t most = std::max<std::int64_t>(
        1, rows_on_a_tape(specimen.config(), run.task().T()) / run.task().B());
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
