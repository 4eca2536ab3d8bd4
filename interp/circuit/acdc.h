// A circuit by taking away: from the end of the model to its beginning, each edge is cut in turn,
// and stays cut where the model hardly says anything else without it (Conmy et al., "Towards
// automated circuit discovery", 2023). Every cut is a run of the model, nothing is estimated.
#pragma once
#include <limits>
#include <vector>

#include "interp/circuit/graph_run.h"

namespace glass {

struct AcdcOptions {
  double threshold = 0.02;   // an edge goes where the measure rises by less than this
  // kl: how far the distribution over the next token is from that of the whole model, in nats.
  // answer: the share of the answer that is gone.
  enum class Measure : std::uint8_t { kl, answer } measure = Measure::kl;
};

struct AcdcResult {
  EdgeSet kept;
  std::vector<double> rise;   // of each kept edge, when it was tried; NaN: it was not
  std::int64_t runs = 0;      // of the model, or of what lies behind the receiver
};
AcdcResult acdc(GraphRun& run, const AcdcOptions& options, const Progressed& progressed = {});

// Without edges that nothing travels along: from a sender that hears nobody, or to a receiver whose
// part nobody hears.
EdgeSet pruned(const Graph& graph, EdgeSet circuit);

}   // namespace glass
