// An autoencoder told: how good it is, which features it has, and what one feature stands for.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "interp/features/neurons.h"
#include "interp/features/sae_train.h"
#include "interp/page/page.h"

namespace glass {

struct SaeOverview {
  Provenance from;
  std::string path, place, source;
  std::int64_t features = 0, d = 0, k = 0, steps = 0, tokens = 0;
  SaeMetrics metrics;
  std::vector<double> density;   // of each feature: the share of tokens at which it is on
  struct Row {
    int feature = 0;
    double density = 0, max = 0, token_share = 0;
    std::string strongest, promotes;   // a token each
  };
  std::vector<Row> rows;   // those that explain most: density times the square of their values
};
SaeOverview overview_of(const Specimen& specimen, const SaeModel& model, std::size_t rows = 20);

struct SaeFeature {
  Provenance from;
  std::string place, source;
  std::int64_t tokens_scanned = 0;
  int feature = 0;
  UnitRecord record;
  std::vector<NeuronContext> contexts;
  std::vector<QuantileMoment> quantiles = {};   // of where it is on; over a part of the text
  struct Neuron {
    int layer = 0, neuron = 0;
    double correlation = 0;
  };
  std::vector<Neuron> neurons = {};   // that rise and fall with it, over the same part
  std::vector<LogitEffect> promotes, demotes;
  std::vector<std::pair<int, double>>
      neighbours;   // features whose directions are near: the cosine
  std::vector<std::pair<std::string, TokenMean>> tokens;
};
SaeFeature feature_of(const Specimen& specimen, const SaeModel& model, int feature,
                      const NeuronShowOptions& options = {});

Page page_of(const SaeOverview& overview);
void put(Json& json, const SaeOverview& overview);
Page page_of(const SaeFeature& feature);
void put(Json& json, const SaeFeature& feature);

}   // namespace glass
