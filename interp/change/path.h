// Along which way does it travel? Patching a head says that the head matters; a path says who
// listens to it. What a sender wrote in the other run reaches one receiver and nobody else, and
// from there on the model goes on as it does.
#pragma once
#include <string>
#include <vector>

#include "interp/change/patching.h"
#include "interp/circuit/graph.h"

namespace glass {

struct PathOptions {
  // "0.3", "embed", "pos_embed", "mlp 1" or "mlp1"; "" is every sender.
  std::string sender;
  // "1.0.k", "1.0" (its q, k and v), "mlp 1", "logits"; "" is every receiver.
  std::string receiver;
  PatchMode mode = PatchMode::denoise;
  // As TransformerLens's path patching has it: what is added is divided by the scale that the norm
  // had without it, and not centred.
  bool linear = false;
  // Paths that lead through mlps count as direct: all heads but the sender are held as they were,
  // by layer and head, and mlps compute what they then must.
  bool through_mlps = false;
};

struct PathResult {
  Provenance from;
  PathOptions options;
  Question question;
  std::vector<std::string> rows, columns;   // senders and receivers
  std::vector<double> grid;   // share of the answer; 0 where the sender comes after the receiver
  std::vector<char> leads;    // of each cell: does the sender come before the receiver?
  double at(std::size_t row, std::size_t column) const {
    return grid[row * columns.size() + column];
  }
};

PathResult paths_of(const Specimen& specimen, const Task& task, const PathOptions& options = {},
                    const Progressed& progressed = {});

Page page_of(const PathResult& result);
void put(Json& json, const PathResult& result);   // `value` as well where it is one path

}   // namespace glass
