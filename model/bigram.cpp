#include "model/bigram.h"

#include "model/kv_cache.h"
#include "model/layers.h"

namespace glass {

Bigram::Bigram(const GPTConfig& config, const Device& device, DType dtype, Seed seed)
    : LanguageModel(config, stream_type(dtype)) {   // a table is read, not multiplied with
  const WeightMaker make{config_, device, products(), products(), seed, parameters_};
  table_ = make.make("bigram.table", {config.vocab_size, config.vocab_size}, Role::embedding, 1);
}

Tensor Bigram::logits(Pass& pass, const Tensor& ids, Positions which) {
  const std::int64_t T = ids.dim(1);
  if (pass.cache) pass.cache->advance(T);
  const Tensor asked = which == Positions::last ? slice(ids, 1, T - 1, T) : ids;
  return pass.tap("logits", embedding(pass.use(*table_), asked));
}

Tensor Bigram::loss(Pass& pass, const Tensor& ids, const Tensor& targets) {
  return cross_entropy(logits(pass, ids), targets);
}

}   // namespace glass
