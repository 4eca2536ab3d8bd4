// How surprised a model is by a text: the mean of -ln p(next token), each token predicted once.
#pragma once
#include <functional>

#include "model/language_model.h"
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

}   // namespace glass
