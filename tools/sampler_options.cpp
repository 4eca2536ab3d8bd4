#include "tools/sampler_options.h"

#include "engine/base/error.h"

namespace glass {

SamplerOptions sampler_options(const Arguments& args, const GPTConfig& config) {
  SamplerOptions o;
  o.temperature = args.number("temperature");
  o.top_k = args.integer("top-k");
  o.top_p = args.number("top-p");
  o.min_p = args.number("min-p");
  o.repeat_penalty = args.number("repeat-penalty");
  o.seed = static_cast<std::uint64_t>(args.integer("seed"));
  check(o);
  if (args.source("top-k") != Source::fallback && o.top_k > config.vocab_size) {
    fail(UsageError("--top-k " + std::to_string(o.top_k) + ": this model has only " +
                    std::to_string(config.vocab_size) + " tokens to choose from."));
  }
  return o;
}

}   // namespace glass
