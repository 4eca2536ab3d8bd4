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

// All of the text in windows of block_size that do not overlap, B of them at a time. Where `stop`
// says so, only what was read until then.
Evaluation evaluate(LanguageModel& model, const Tokens& text, std::int64_t B = 16,
                    const std::function<bool()>& stop = {});

}   // namespace glass
