// What a neuron stands for: the places of a text where it is strongest, how its values are spread,
// and what it says to the head. neuron_scan.h gathers that; here it is told.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "interp/features/neuron_scan.h"
#include "interp/page/page.h"

namespace glass {

// A moment with the text around it. Nothing from before its window is here: the model did not see
// that. What stands behind the token it did not see either, not yet; it is shown for people.
struct NeuronContext {
  double value = 0;
  std::int64_t position = 0;    // in the scanned text
  bool window_begins = false;   // the first token here is the first that the model saw
  std::string token;
  std::vector<std::string> before, after;
  std::vector<double> values;   // of the neuron at before, token, after
};

// A moment that is stronger than this share of all that were looked at (0.5: an ordinary one).
struct QuantileMoment {
  double quantile = 0;
  NeuronContext context;
};

struct LogitEffect {
  std::int32_t id = 0;
  std::string token;
  double effect = 0;
};
std::vector<LogitEffect> named(const Specimen& specimen, const std::vector<double>& effects,
                               const std::vector<std::int32_t>& ids);

struct NeuronResult {
  Provenance from;
  std::string source;
  std::int64_t tokens_scanned = 0;
  int layer = 0, neuron = 0;
  UnitRecord record;
  std::vector<NeuronContext> contexts, weakest;
  std::vector<QuantileMoment> quantiles = {};   // the strong ones first; over a part of the text
  // What writing this neuron's output into the stream does to logits, up to a scale.
  std::vector<LogitEffect> promotes, demotes;
  std::vector<std::pair<std::string, TokenMean>> tokens;   // that wake it most
  bool post_norm = false;   // then a norm stands between its output and what the head reads
};

struct NeuronShowOptions {
  std::size_t contexts = 8;
  int before = 20, after = 6;   // tokens shown around a moment
};
NeuronResult neuron_of(const Specimen& specimen, const UnitScan& scan, int layer, int neuron,
                       const NeuronShowOptions& options = {});

// All neurons of a scan: the most active, those that a token explains best, and the dead.
struct NeuronOverview {
  Provenance from;
  std::string source, path;
  std::int64_t tokens_scanned = 0;
  struct Row {
    int layer = 0, neuron = 0;
    double active = 0;   // share of tokens at which it is above 0
    double mean = 0, max = 0;
    double peak = 0;   // (max - mean) / deviation; 0 where it is never above 0
    double token_share = 0;
    std::string strongest;   // the token of its strongest moment
  };
  std::vector<Row> most_active, most_selective, peaked;
  std::vector<std::int64_t> dead;   // of each layer: never above 0
  int layers = 0, neurons = 0;
};
NeuronOverview overview_of(const Specimen& specimen, const UnitScan& scan, std::size_t rows = 10);

Page page_of(const NeuronResult& result);
void put(Json& json, const NeuronResult& result);
Page page_of(const NeuronOverview& overview);
void put(Json& json, const NeuronOverview& overview);

}   // namespace glass
