#include "model/generate.h"

#include <algorithm>

#include "engine/base/error.h"

namespace glass {
namespace {

std::span<const std::int32_t> last_of(std::span<const std::int32_t> tokens, std::int64_t most) {
  return tokens.last(std::min(tokens.size(), static_cast<std::size_t>(most)));
}

}   // namespace

Generator::Generator(LanguageModel& model, std::span<const std::int32_t> prompt, Reuse reuse,
                     Observer* observer)
    : model_(model),
      observer_(observer),
      prompt_(prompt.size()),
      text_(prompt.begin(), prompt.end()) {
  if (prompt.empty())
    fail(ShapeError("a model cannot begin with nothing: give it one token at least"));
  if (reuse == Reuse::keys_and_values)
    cache_ = std::make_unique<KVCache>(model.config(), model.device(), model.products());
  first_ = read(last_of(text_, model.config().block_size), cache_.get());
  if (cache_) prompt_in_cache_ = cache_->length();
}

std::vector<double> Generator::read(std::span<const std::int32_t> tokens, KVCache* cache) {
  Pass pass(nullptr, observer_);
  pass.cache = cache;
  const Tensor ids =
      Tensor::ids(model_.device(), tokens, {1, static_cast<std::int64_t>(tokens.size())});
  return model_.logits(pass, ids, Positions::last).to_host();   // (1,1,V)
}

// When the window slides every position changes, and with it every key and value: what was kept is
// of no use, but it stays for the next sample.
std::vector<double> Generator::next_logits() {
  if (cache_ && cache_->room() > 0) return read(last_of(text_, 1), cache_.get());
  return read(last_of(text_, model_.config().block_size), nullptr);
}

std::vector<std::int32_t> Generator::sample(std::int64_t sample, std::int64_t most,
                                            const SamplerOptions& options,
                                            const OnToken& on_token) {
  check(options);
  text_.resize(prompt_);
  if (cache_) cache_->rewind(prompt_in_cache_);
  for (std::int64_t i = 0; i < most; ++i) {
    logits_ = i == 0 ? first_ : next_logits();
    const std::vector<double> p = probabilities(logits_, options, text_);
    text_.push_back(pick(p, dice(options.seed, sample, i)));
    if (on_token && !on_token(text_.back())) break;
  }
  return {text_.begin() + static_cast<std::ptrdiff_t>(prompt_), text_.end()};
}

}   // namespace glass
