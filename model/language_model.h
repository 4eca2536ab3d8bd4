// What every language model can do, so that one trainer, one sampler and one checkpoint serve them
// all: say what may come next, and how surprised it is by what did.
#pragma once
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "model/config.h"
#include "model/pass.h"

namespace glass {

class LanguageModel {
 public:
  virtual ~LanguageModel();
  const GPTConfig& config() const { return config_; }

  // ids (B,T) i32 -> logits (B,T,V), or (B,1,V) of the last position alone. With a cache in the
  // pass, ids are what follows the tokens in it, and the cache grows by T.
  virtual Tensor logits(Pass& pass, const Tensor& ids, Positions which = Positions::all) = 0;
  // The mean surprise -ln p(target) over all positions, in nats. targets (B,T); kIgnore counts for
  // nothing.
  virtual Tensor loss(Pass& pass, const Tensor& ids, const Tensor& targets) = 0;
  Tensor loss_each(Pass& pass, const Tensor& ids,
                   const Tensor& targets);   // (B,T), nothing averaged

  // Packs the weights that are multiplied with what was read (kernels/packed.h): from here on the
  // model reads fewer bytes for a token, and rounds as the type says. Passes with a tape keep to the
  // weights as they were.
  virtual void pack(PackedType) {}

  // Every weight once, in the order of its way through the model, under its name in a checkpoint.
  std::vector<Parameter*> parameters();
  enum class Count : std::uint8_t { all, without_positions };
  std::int64_t count(
      Count what = Count::all) const;   // of weights; nanoGPT leaves the table of positions out
  const Device& device() const { return parameters_.front().value.device(); }
  DType dtype() const { return parameters_.front().value.dtype(); }   // of weights and the stream
  DType products() const { return products_; }   // of the factors of matrix products, keys and values

  // The places an Observer can ask for, in the order they fire.
  virtual std::vector<std::string> taps() const = 0;

 protected:
  LanguageModel(const GPTConfig& config, DType products);
  const GPTConfig config_;
  const DType products_;
  std::deque<Parameter> parameters_;   // a deque: pointers into it stay
};

// What a model that computes in `dtype` keeps its weights in: bf16 is for products alone.
DType stream_type(DType dtype);

// A new model with random weights: a function of (config, seed) alone.
std::unique_ptr<LanguageModel> make_model(const GPTConfig& config, const Device& device,
                                          DType dtype, Seed seed);

}   // namespace glass
