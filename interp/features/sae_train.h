// A sparse autoencoder for one place of a model: trained on what flows there, judged by what the
// model loses when it goes on with the reconstruction.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "interp/features/neuron_scan.h"
#include "interp/features/sae.h"

namespace glass {

struct SaeOptions {
  std::string place;           // a hook (B,T,d), as blocks.1.hook_resid_post
  std::int64_t features = 0;   // 0: 8 d
  std::int64_t k = 16;
  int steps = 1000;
  std::int64_t batch = 512;                      // tokens a step
  std::int64_t tokens = std::int64_t{1} << 17;   // whose activations are kept to draw batches from
  double learning_rate = 2e-3;
  double alpha = 1.0 / 32;            // of the auxiliary loss
  std::int64_t dead_after = 100000;   // a feature is dead that did not fire for so many tokens
  int threads = 1;
  std::function<void(int step, double loss, double dead)> progress = {};
};

// Judged on text that was not learned from; but for `dead`.
struct SaeMetrics {
  double l0 = 0;                   // features that are on, a token
  double explained_variance = 0;   // of the activation
  double ce_clean = 0, ce_sae = 0,
         ce_zero = 0;           // the model's loss: as it is, with xhat, with 0 there
  double ce_recovered = 0;      // (zero - sae) / (zero - clean)
  double kl = 0, kl_zero = 0;   // KL(clean || with xhat), KL(clean || with 0)
  double dead = 0;              // share of features that never fired over the text of the scan
};

struct SaeModel {
  Provenance from;
  std::string path, place;
  std::unique_ptr<Sae> sae;
  SaeMetrics metrics;
  std::int64_t steps = 0, tokens = 0;   // of the training
  UnitScan scan;                        // of the features, as if they were the neurons of one layer
};

void put(Json& json, const SaeMetrics& metrics);   // fields of an object that is open

std::unique_ptr<SaeModel> train_sae(const Specimen& specimen, const Dataset& data,
                                    const SaeOptions& options);

void save_sae(const SaeModel& model);   // to model.path
// ContentError where it was trained for other weights or another tokenizer, or breaks a rule.
std::unique_ptr<SaeModel> load_sae(const std::string& path, const Specimen& specimen,
                                   const std::string& renew);
std::unique_ptr<SaeModel> load_sae(const ByteSource& source, const Specimen& specimen,
                                   const std::string& renew);

}   // namespace glass
