// The model with only some of its edges. Along an edge that is there travels what its sender writes
// now; along one that is cut, what it wrote in the corrupt run. With all edges it is the clean run,
// with none the corrupt one, and a circuit is what lies between and still gives the clean answer.
//
//   input of v = corrupt input of v + sum over edges u -> v that are there of (u now - u corrupt)
//
// Many circuits go through the model together, one in each row. Norms are computed anew.
#pragma once
#include <span>
#include <vector>

#include "interp/circuit/graph.h"

namespace glass {

using EdgeSet = std::vector<char>;   // for each edge of the graph: is it there?

class GraphRun {
 public:
  GraphRun(const Specimen& specimen, const Task& task);

  const Graph& graph() const { return graph_; }
  const Task& task() const { return task_; }
  double metric_clean() const { return runs_.metric_clean; }
  double metric_corrupt() const { return runs_.metric_corrupt; }
  const Tensor& clean_logits() const { return runs_.clean["logits"]; }   // (B,1,V)
  const Tensor& corrupt_logits() const { return runs_.corrupt["logits"]; }

  // What all senders wrote in the clean run less what they wrote in the corrupt one:
  // (B,senders,T,C).
  const Tensor& change() const { return change_; }

  // Logits behind the last token, (circuits B,1,V). `first`: the circuits differ, and cut, nothing
  // in front of this layer, so that what stands there is as in the clean run.
  Tensor logits(std::span<const EdgeSet> circuits, int first = 0);
  // The answer of each, in as many batches as keep the memory in bounds.
  std::vector<double> metrics(std::span<const EdgeSet> circuits, int first = 0);
  std::size_t circuits_at_once() const;

  EdgeSet all() const { return EdgeSet(graph_.edges().size(), 1); }
  EdgeSet none() const { return EdgeSet(graph_.edges().size(), 0); }

 private:
  class Pass;
  GPT& gpt_;
  const GPTConfig& c_;
  Graph graph_;
  const Task& task_;
  TwoRuns runs_;
  Tensor corrupt_, change_;   // (B,senders,T,C)
};

}   // namespace glass
