// What would each edge do, from one run forwards and one back? To first order, cutting an edge
// changes the answer by what no longer travels along it times the derivative of the answer by what
// its receiver reads: attribution patching, for all edges at once.
//
// First order lies where a softmax is saturated: its derivative vanishes just where it matters
// most. So the derivative is taken in both runs, and where they disagree it says so; and as the
// mean over steps from the one to the other (integrated gradients), which is right for all edges
// together.
#pragma once
#include <functional>
#include <vector>

#include "interp/circuit/graph_run.h"

namespace glass {

struct EapOptions {
  // Of integrated gradients, from the corrupt embedding towards the clean one; 0: the derivative of
  // the corrupt run alone.
  int steps = 30;
};

// Of each edge of the graph, in units of the answer: positive where the clean value helps it.
struct EdgeScores {
  std::vector<double> score;                  // of the method that was asked for
  std::vector<double> at_clean, at_corrupt;   // of one run alone
  std::vector<char> saturated;                // these two disagree: do not believe either
};
EdgeScores edge_attributions(const Specimen& specimen, GraphRun& run,
                             const EapOptions& options = {});

// The same for what senders write, summed over all who hear it: attribution patching of nodes.
std::vector<double> sender_attributions(const Graph& graph, const std::vector<double>& edges);

// d answer / d (what receivers read), a mean over runs whose token embeddings are
// corrupt + share (clean - corrupt), for each share. It is handed over as backward finds it and
// kept by nobody: for receivers first, first + 1, .. (the heads of a layer, or one), and for the
// pairs of the task from `pair` on, (pairs,T,receivers,C).
using ReceiverGradient = std::function<void(int first, std::int64_t pair, const Tensor& gradient)>;
void each_receiver_gradient(const Specimen& specimen, const GraphRun& run,
                            const std::vector<double>& shares, const ReceiverGradient& f);

// How many rows of T tokens one tape may remember, with an input for each head on their way.
std::int64_t rows_on_a_tape(const GPTConfig& config, std::int64_t T);

}   // namespace glass
