#include "interp/circuit/graph.h"

#include "engine/base/error.h"
#include "engine/base/text.h"

namespace glass {

std::string str(const Sender& s) {
  switch (s.kind) {
    case Sender::Kind::embed:
      return "embed";
    case Sender::Kind::pos_embed:
      return "pos_embed";
    case Sender::Kind::head:
      return std::to_string(s.layer) + "." + std::to_string(s.head);
    case Sender::Kind::mlp:
      return "mlp " + std::to_string(s.layer);
  }
  return "";
}

std::string str(const Receiver& r) {
  if (r.kind == Receiver::Kind::logits) return "logits";
  if (r.kind == Receiver::Kind::mlp) return "mlp " + std::to_string(r.layer);
  const char* part = r.kind == Receiver::Kind::q ? ".q" : r.kind == Receiver::Kind::k ? ".k" : ".v";
  return std::to_string(r.layer) + "." + std::to_string(r.head) + part;
}

Graph::Graph(const GPTConfig& c) {
  if (c.norm == NormPlace::post)
    fail(
        UsageError("in a post-norm model a norm stands on the stream itself, so what a part reads "
                   "is no sum of what earlier parts wrote, and there are no edges to cut; glass "
                   "interp patch works for it."));
  const int H = static_cast<int>(c.n_head), Hk = static_cast<int>(c.kv_heads());
  const int mlp = c.has_mlp() ? 1 : 0;
  queries_per_key_ = H / Hk;
  one_embedding_ = c.norm_embed;
  senders_.push_back({Sender::Kind::embed});
  if (c.pos == Position::learned && !one_embedding_) senders_.push_back({Sender::Kind::pos_embed});
  E_ = static_cast<int>(senders_.size());
  per_layer_ = H + mlp;
  for (int l = 0; l < c.n_layer; ++l) {
    for (int h = 0; h < H; ++h) add_receiver({Receiver::Kind::q, l, h});
    for (int h = 0; h < Hk; ++h) add_receiver({Receiver::Kind::k, l, h});
    for (int h = 0; h < Hk; ++h) add_receiver({Receiver::Kind::v, l, h});
    for (int h = 0; h < H; ++h) senders_.push_back({Sender::Kind::head, l, h});
    if (mlp == 0) continue;
    add_receiver({Receiver::Kind::mlp, l, -1});
    senders_.push_back({Sender::Kind::mlp, l, -1});
  }
  add_receiver({Receiver::Kind::logits, -1, -1});
}

void Graph::add_receiver(const Receiver& receiver) {
  const int to = static_cast<int>(receivers_.size());
  receivers_.push_back(receiver);
  earlier_.push_back(static_cast<int>(senders_.size()));
  first_.push_back(static_cast<int>(edges_.size()));
  for (int from = 0; from < earlier_.back(); ++from) edges_.push_back({from, to});
}

int Graph::senders_before(int layer) const { return E_ + layer * per_layer_; }

std::string Graph::name(const Edge& e) const {
  return str(senders_[static_cast<std::size_t>(e.from)]) + " -> " +
         str(receivers_[static_cast<std::size_t>(e.to)]);
}

int Graph::edge_named(const std::string& wanted) const {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < edges_.size(); ++i) {
    names.push_back(name(static_cast<int>(i)));
    if (names.back() == wanted) return static_cast<int>(i);
  }
  const std::string near = nearest(wanted, names);
  fail(UsageError("there is no edge " + in_quotes(wanted) + " in this model" +
                  (near.empty() ? "." : "; did you mean " + near + "?")));
}

int Graph::receiver(Receiver::Kind kind, int layer, int head) const {
  for (std::size_t i = 0; i < receivers_.size(); ++i) {
    const Receiver& r = receivers_[i];
    if (r.kind == kind && (kind == Receiver::Kind::logits ||
                           (r.layer == layer && (kind == Receiver::Kind::mlp || r.head == head))))
      return static_cast<int>(i);
  }
  fail(Error(ExitCode::internal, "there is no such receiver."));
}

std::vector<int> Graph::senders_of(int index) const {
  const Receiver& r = receivers_[static_cast<std::size_t>(index)];
  if (r.kind == Receiver::Kind::logits) return {};
  const int first = senders_before(r.layer);
  if (r.kind == Receiver::Kind::mlp) return {first + per_layer_ - 1};
  if (r.kind == Receiver::Kind::q) return {first + r.head};
  std::vector<int> all;
  for (int i = 0; i < queries_per_key_; ++i) all.push_back(first + r.head * queries_per_key_ + i);
  return all;
}

std::vector<std::string> sender_places(const Graph& graph, const GPTConfig& c) {
  std::vector<std::string> all;
  if (graph.one_embedding()) all.emplace_back("blocks.0.hook_resid_pre");
  else all.emplace_back("hook_embed");
  if (graph.senders().size() > 1 && graph.senders()[1].kind == Sender::Kind::pos_embed)
    all.emplace_back("hook_pos_embed");
  for (int l = 0; l < c.n_layer; ++l) {
    all.push_back(in_block(l, "attn.hook_result"));
    if (c.has_mlp()) all.push_back(in_block(l, "hook_mlp_out"));
  }
  return all;
}

Tensor written_by_senders(const Graph& graph, const GPTConfig& c, const Activations& seen) {
  Tensor all;
  for (const std::string& name : sender_places(graph, c)) {
    const Tensor& x = seen[name];
    const Tensor next =
        x.rank() == 4 ? permute(x, {0, 2, 1, 3}) : reshape(x, {x.dim(0), 1, x.dim(1), x.dim(2)});
    all = all ? concat({all, next}, 1) : contiguous(next);
  }
  return all;
}

}   // namespace glass
