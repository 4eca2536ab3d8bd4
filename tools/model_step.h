// A training step that nobody takes: a forward and a backward of a model on one text, as a trace.
#pragma once
#include <cstdint>
#include <span>

#include "engine/trace.h"
#include "model/language_model.h"

namespace glass {

struct ModelStep {
  Trace trace;
  double loss = 0;   // nats a token
};

// Every token but the last is asked for the one behind it; there must be two. The model is as it
// was before: its weights stay, and the memory of their gradients goes back.
ModelStep trace_step(LanguageModel& model, std::span<const std::int32_t> ids);

}   // namespace glass
