#include "model/language_model.h"

#include "model/bigram.h"
#include "model/gpt.h"

namespace glass {

LanguageModel::~LanguageModel() = default;
LanguageModel::LanguageModel(const GPTConfig& config, DType products)
    : config_(config), products_(products) {}

DType stream_type(DType dtype) { return dtype == DType::bf16 ? DType::f32 : dtype; }

Tensor LanguageModel::loss_each(Pass& pass, const Tensor& ids, const Tensor& targets) {
  return cross_entropy_each(logits(pass, ids), targets);
}

std::vector<Parameter*> LanguageModel::parameters() {
  std::vector<Parameter*> all;
  for (Parameter& p : parameters_) all.push_back(&p);
  return all;
}

std::int64_t LanguageModel::count(Count what) const {
  std::int64_t n = 0;
  for (const Parameter& p : parameters_) {
    if (what == Count::all || p.name != "transformer.wpe.weight") n += p.value.numel();
  }
  return n;
}

std::unique_ptr<LanguageModel> make_model(const GPTConfig& config, const Device& device,
                                          DType dtype, Seed seed) {
  check(config);
  if (config.arch == Arch::bigram) return std::make_unique<Bigram>(config, device, dtype, seed);
  return std::make_unique<GPT>(config, device, dtype, seed);
}

}   // namespace glass
