// How surprised a model is by a text: the mean of -ln p(next token), each token predicted once.
#pragma once
#include <functional>

#include "model/language_model.h"
#include "model/samples.h"
#include "model/tokens.h"

namespace glass {

struct Evaluation {
  double loss = 0;           // nats a token
  std::int64_t tokens = 0;   // how many were predicted
};

struct EvaluateOptions {
  std::int64_t B = 16;   // windows at a time
  // How far each window of block_size moves on. 0: by all of it, as nanoGPT judges, so that the
  // first token of a window is guessed from nothing. Less: each window predicts only its last
  // `stride` tokens, and everything is guessed from at least block_size - stride tokens.
  std::int64_t stride = 0;
  std::function<bool()> stop = {};   // says when to be content with what was read until then
};

Evaluation evaluate(LanguageModel& model, const Tokens& text, const EvaluateOptions& options = {});

// How it answers where answers can be known: over the targets that samples ask for.
struct Answers {
  double loss = 0;       // nats a token
  double accuracy = 0;   // the share of them that the model holds most likely
  std::int64_t asked = 0;
};
// Over `count` samples, or somewhat more: whole batches are asked. 0: all there are.
Answers answers(LanguageModel& model, const Samples& samples, std::int64_t count = 0,
                const std::function<bool()>& stop = {});

}   // namespace glass
