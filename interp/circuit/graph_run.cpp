#include "interp/circuit/graph_run.h"

#include <algorithm>

#include "interp/change/cells.h"

namespace glass {
namespace {

std::vector<std::string> places(const Graph& graph, const GPTConfig& c) {
  std::vector<std::string> all = sender_places(graph, c);
  all.emplace_back("blocks.*.hook_resid_pre");
  if (c.has_mlp()) all.emplace_back("blocks.*.hook_resid_mid");
  all.push_back(in_block(static_cast<int>(c.n_layer) - 1, "hook_resid_post"));
  return all;
}

}   // namespace

GraphRun::GraphRun(const Specimen& specimen, const Task& task)
    : gpt_(specimen.gpt),
      c_(specimen.config()),
      graph_(c_),
      task_(task),
      runs_(run_both(specimen, task, places(graph_, c_))),
      corrupt_(written_by_senders(graph_, c_, runs_.corrupt)),
      change_(written_by_senders(graph_, c_, runs_.clean) - corrupt_) {}

std::size_t GraphRun::circuits_at_once() const {
  // A row holds what all senders write, and an input for each head, three times.
  const std::int64_t wide =
      (static_cast<std::int64_t>(graph_.senders().size()) + 3 * c_.n_head) * c_.n_embd;
  const std::int64_t rows = rows_at_once(c_, task_.T()) * 4 * c_.n_embd / wide;
  return static_cast<std::size_t>(std::max<std::int64_t>(1, rows / task_.B()));
}

// One way of a batch of circuits through the model. It listens to what senders write, and tells
// receivers what to read.
class GraphRun::Pass {
 public:
  Pass(const GraphRun& run, std::span<const EdgeSet> circuits, int first)
      : run_(run), circuits_(circuits), n_(static_cast<std::int64_t>(circuits.size())) {
    const int known = run.graph_.senders_before(first);
    written_ = repeated_rows(slice(run.change_, 1, 0, known), n_);
  }

  // The input of receivers first .. first + count - 1, which hear the same senders: (R,T,count,C).
  Tensor input(int first, std::int64_t count, const Tensor& corrupt) const {
    const std::int64_t R = written_.dim(0), n = run_.graph_.earlier(first), T = corrupt.dim(1),
                       C = corrupt.dim(2);
    const Tensor heard = reshape(slice(written_, 1, 0, n), {R, n, T * C});
    const Tensor sum = reshape(matmul(mask(first, count), heard), {R, count, T, C});
    const Tensor base = reshape(repeated_rows(corrupt, n_), {R, 1, T, C});
    return permute(base + sum, {0, 2, 1, 3});
  }

  // x: (R,T,heads,C) or (R,T,C), what the next senders write now.
  void hear(const Tensor& x) {
    const Tensor now =
        x.rank() == 4 ? permute(x, {0, 2, 1, 3}) : reshape(x, {x.dim(0), 1, x.dim(1), x.dim(2)});
    const std::int64_t from = written_.dim(1);
    const Tensor before = slice(run_.corrupt_, 1, from, from + now.dim(1));
    written_ = concat({written_, now - repeated_rows(before, n_)}, 1);
  }

 private:
  // (R,count,senders that they hear): 1 where the edge is there.
  Tensor mask(int first, std::int64_t count) const {
    const int n = run_.graph_.earlier(first);
    std::vector<double> numbers;
    for (const EdgeSet& circuit : circuits_)
      for (std::int64_t b = 0; b < run_.task_.B(); ++b)
        for (std::int64_t i = 0; i < count; ++i)
          for (int from = 0; from < n; ++from)
            numbers.push_back(circuit[static_cast<std::size_t>(
                                  run_.graph_.edge(from, first + static_cast<int>(i)))]
                                  ? 1
                                  : 0);
    return Tensor::from(written_.device(), numbers, {n_ * run_.task_.B(), count, n},
                        written_.dtype());
  }

  const GraphRun& run_;
  std::span<const EdgeSet> circuits_;
  std::int64_t n_;
  Tensor written_;   // (R,senders so far,T,C): now less corrupt
};

Tensor GraphRun::logits(std::span<const EdgeSet> circuits, int first) {
  Pass pass(*this, circuits, first);
  Hooks hooks(gpt_);
  std::vector<Hooks::Scope> scopes;
  const int L = static_cast<int>(c_.n_layer);
  using Kind = Receiver::Kind;
  for (int l = first; l < L; ++l) {
    const auto reads = [&](const char* name, Kind kind, std::int64_t heads, const Tensor& corrupt) {
      const int receiver = graph_.receiver(kind, l, 0);
      scopes.push_back(hooks.replace({in_block(l, name)}, [=, &pass](const Tensor& x) {
        return reshape(pass.input(receiver, heads, corrupt), x.shape());
      }));
    };
    const auto writes = [&](const char* name) {
      scopes.push_back(hooks.read({in_block(l, name)}, [&](const Tensor& x) { pass.hear(x); }));
    };
    const Tensor& stream = runs_.corrupt[in_block(l, "hook_resid_pre")];
    reads("hook_q_input", Kind::q, c_.n_head, stream);
    reads("hook_k_input", Kind::k, c_.kv_heads(), stream);
    reads("hook_v_input", Kind::v, c_.kv_heads(), stream);
    writes("attn.hook_result");
    if (!c_.has_mlp()) continue;
    reads("hook_mlp_in", Kind::mlp, 1, runs_.corrupt[in_block(l, "hook_resid_mid")]);
    writes("hook_mlp_out");
  }
  const std::string end = in_block(L - 1, "hook_resid_post");
  scopes.push_back(hooks.replace({end}, [&](const Tensor& x) {
    const int receiver = graph_.receiver(Kind::logits, -1, -1);
    return reshape(pass.input(receiver, 1, runs_.corrupt[end]), x.shape());
  }));
  // What flows in the stream itself is read by nobody.
  const Tensor x = repeated_rows(runs_.clean[in_block(first, "hook_resid_pre")],
                                 static_cast<std::int64_t>(circuits.size()));
  return hooks.logits_from(first, x, nullptr, Positions::last);
}

std::vector<double> GraphRun::metrics(std::span<const EdgeSet> circuits, int first) {
  std::vector<double> all;
  for (std::size_t i = 0; i < circuits.size(); i += circuits_at_once()) {
    const auto some = circuits.subspan(i, std::min(circuits_at_once(), circuits.size() - i));
    const std::vector<double> these = answers(logits(some, first), task_);
    all.insert(all.end(), these.begin(), these.end());
  }
  return all;
}

}   // namespace glass
