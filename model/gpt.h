// The GPT family: an embedding, a stack of blocks that read from and add to one stream of numbers,
// and a head that turns the stream into a guess about the next token. Which GPT it is, GPTConfig
// says.
//
// Names of weights are nanoGPT's, names of taps TransformerLens's.
#pragma once
#include "model/language_model.h"
#include "model/layers.h"

namespace glass {

class GPT final : public LanguageModel {
 public:
  GPT(const GPTConfig& config, const Device& device, DType dtype, Seed seed);

  Tensor logits(Pass& pass, const Tensor& ids, Positions which = Positions::all) override;
  Tensor loss(Pass& pass, const Tensor& ids, const Tensor& targets) override;
  void pack(PackedType type) override;   // the head too; what embeds stays as it is
  std::vector<std::string> taps() const override;

  // The three parts of the way, for those who start or stop in between.
  Tensor embed(Pass& pass, const Tensor& ids);   // (B,T) -> (B,T,C)
  // Blocks first .. last-1: (B,T,C) -> (B,T,C), or (B,1,C), the last position of what comes out.
  Tensor run(Pass& pass, Tensor x, int first, int last, Positions which = Positions::all);
  Tensor head(Pass& pass, const Tensor& x,
              Positions which = Positions::all);   // (B,T,C) -> (B,T,V)

 private:
  Tensor stream(Pass& pass, const Tensor& ids);
  Tensor normed(Pass& pass, const Tensor& x) const;
  Parameter& head_weight() const;   // (V,C)

  Parameter *wte_, *wpe_ = nullptr, *lm_head_ = nullptr, *lm_head_bias_ = nullptr;
  std::deque<Norm> norm_embed_, norm_final_;   // none or one each
  std::deque<Block> blocks_;
  std::shared_ptr<Tape> again_;   // of the blocks that are run again, one after the other
};

}   // namespace glass
