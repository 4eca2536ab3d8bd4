// A model as a graph. Everything that writes into the stream is a sender: the embedding, each head,
// each mlp. Everything that reads from it is a receiver: the queries, keys and values of each head,
// each mlp, the head at the end. Since a stream is a sum, what a receiver reads is the sum of what
// all earlier senders wrote, and an edge is one summand. So one can ask of each edge whether the
// answer needs it.
//
// Post-norm models have no such graph: a norm stands on the stream itself, and what comes out is no
// sum of what the senders wrote.
#pragma once
#include <string>
#include <vector>

#include "interp/change/contrast.h"

namespace glass {

struct Sender {
  enum class Kind : std::uint8_t { embed, pos_embed, head, mlp } kind = Kind::embed;
  int layer = -1, head = -1;
};
std::string str(const Sender& sender);   // "embed", "0.3", "mlp 1"

struct Receiver {
  enum class Kind : std::uint8_t { q, k, v, mlp, logits } kind = Kind::q;
  int layer = -1, head = -1;   // k and v: of the heads of keys
};
std::string str(const Receiver& receiver);   // "1.0.k", "mlp 1", "logits"

struct Edge {
  int from = 0, to = 0;   // a sender and a receiver of the graph
};

class Graph {
 public:
  explicit Graph(const GPTConfig& config);   // UsageError for post-norm

  // Both in the order in which the model computes them. The senders that a receiver can hear are
  // the first earlier(receiver) ones.
  const std::vector<Sender>& senders() const { return senders_; }
  const std::vector<Receiver>& receivers() const { return receivers_; }
  const std::vector<Edge>& edges() const { return edges_; }   // by receiver, then by sender
  int earlier(int receiver) const { return earlier_[static_cast<std::size_t>(receiver)]; }
  int senders_before(int layer) const;   // of blocks before it, and embeddings
  int edge(int from, int to) const { return first_[static_cast<std::size_t>(to)] + from; }
  std::string name(const Edge& edge) const;   // "0.0 -> 1.0.k"
  std::string name(int index) const { return name(edges_[static_cast<std::size_t>(index)]); }
  int edge_named(const std::string& name) const;   // UsageError where there is none

  int receiver(Receiver::Kind kind, int layer, int head) const;   // the number of one that is there
  // The sender that receives there: head 1.0 for 1.0.k. -1: a head of keys that several query heads
  // share, or the logits.
  std::vector<int> senders_of(int receiver) const;
  bool one_embedding() const { return one_embedding_; }   // tokens and positions in one, normed

 private:
  void add_receiver(const Receiver& receiver);
  int E_ = 0, per_layer_ = 0, queries_per_key_ = 1;
  bool one_embedding_ = false;
  std::vector<Sender> senders_;
  std::vector<Receiver> receivers_;
  std::vector<int> earlier_, first_;
  std::vector<Edge> edges_;
};

// The names of activations that hold what all senders write, and what they hold, one behind the
// other: (B,senders,T,C).
std::vector<std::string> sender_places(const Graph& graph, const GPTConfig& config);
Tensor written_by_senders(const Graph& graph, const GPTConfig& config, const Activations& seen);

}   // namespace glass
