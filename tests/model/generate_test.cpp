// Writing: with the cache and without it the same tokens, a window that slides as nanoGPT's does,
// and samples that can be drawn in any order.
#include "model/generate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "tests/engine/devices.h"
#include "tests/model/small_presets.h"

namespace glass {
namespace {

Device device_for(DType dtype) {
  return dtype == DType::f64 ? testing::reference() : testing::cpu();
}

std::unique_ptr<LanguageModel> small_model(const GPTConfig& config, DType dtype = DType::f64) {
  return make_model(config, device_for(dtype), dtype, 11);
}

GPTConfig tiny() {
  GPTConfig c = preset("gpt2");
  c.vocab_size = 23, c.block_size = 12, c.n_layer = 2, c.n_head = 2, c.n_embd = 8;
  c.init_std = 0.5;   // so that the model has opinions
  return c;
}

const SamplerOptions kGreedy{.temperature = 0};
const std::vector<std::int32_t> kPrompt = {3, 1, 4, 1, 5};

// nanoGPT's generate, word for word: crop, forward, choose, append.
std::vector<std::int32_t> by_definition(LanguageModel& model, std::vector<std::int32_t> text,
                                        std::int64_t sample, std::int64_t most,
                                        const SamplerOptions& options) {
  std::vector<std::int32_t> written;
  for (std::int64_t i = 0; i < most; ++i) {
    const std::size_t T =
        std::min(text.size(), static_cast<std::size_t>(model.config().block_size));
    const std::vector<std::int32_t> window(text.end() - static_cast<std::ptrdiff_t>(T), text.end());
    Pass pass;
    const Tensor ids = Tensor::ids(model.device(), window, {1, static_cast<std::int64_t>(T)});
    const std::vector<double> all = model.logits(pass, ids).to_host();   // (1,T,V)
    const std::size_t V = all.size() / T;
    const std::vector<double> last(all.end() - static_cast<std::ptrdiff_t>(V), all.end());
    const std::vector<double> p = probabilities(last, options, text);
    text.push_back(pick(p, dice(options.seed, sample, i)));
    written.push_back(text.back());
  }
  return written;
}

TEST(Generate, GreedyWithAndWithoutCacheAgreeInEveryPresetAlsoBeyondTheWindow) {
  for (const testing::SmallPreset& p : testing::small_presets()) {
    const auto model = small_model(p.model);
    const auto write = [&](Reuse reuse) {
      return Generator(*model, kPrompt, reuse).sample(0, 30, kGreedy);
    };
    EXPECT_EQ(write(Reuse::keys_and_values), write(Reuse::nothing)) << p.name;
  }
}

// What lies between the two likeliest tokens behind this text.
double gap_behind(LanguageModel& model, std::vector<std::int32_t> text) {
  Generator generator(model, text, Reuse::nothing);
  std::vector<double> logits(generator.first_logits().begin(), generator.first_logits().end());
  std::partial_sort(logits.begin(), logits.begin() + 2, logits.end(), std::greater<>());
  return logits[0] - logits[1];
}

TEST(Generate, InFloatTheyAgreeWhereverTheLikeliestIsClear) {
  for (const testing::SmallPreset& p : testing::small_presets()) {
    const auto model = small_model(p.model, DType::f32);
    const auto write = [&](Reuse reuse) {
      return Generator(*model, kPrompt, reuse).sample(0, 30, kGreedy);
    };
    const std::vector<std::int32_t> with = write(Reuse::keys_and_values),
                                    without = write(Reuse::nothing);
    const auto parting = std::mismatch(with.begin(), with.end(), without.begin());
    if (parting.first == with.end()) continue;
    std::vector<std::int32_t> text = kPrompt;
    text.insert(text.end(), with.begin(), parting.first);
    EXPECT_LT(gap_behind(*model, text), 1e-4) << p.name << ", behind " << text.size() << " tokens";
  }
}

TEST(Generate, IsNanoGptsLoop) {
  const auto model = small_model(tiny());
  for (const SamplerOptions& options :
       {kGreedy, SamplerOptions{},
        SamplerOptions{.temperature = 1.5, .top_k = 5, .repeat_penalty = 1.3}}) {
    Generator generator(*model, kPrompt);
    EXPECT_EQ(generator.sample(2, 40, options), by_definition(*model, kPrompt, 2, 40, options));
  }
}

// A model that writes down what it is asked.
class Spy final : public LanguageModel {
 public:
  explicit Spy(LanguageModel& model)
      : LanguageModel(model.config(), model.products()), model_(model) {
    parameters_.push_back(*model.parameters().front());
  }
  Tensor logits(Pass& pass, const Tensor& ids, Positions which) override {
    lengths.push_back(ids.dim(1));
    only_last &= which == Positions::last;
    return model_.logits(pass, ids, which);
  }
  Tensor loss(Pass& pass, const Tensor& ids, const Tensor& targets) override {
    return model_.loss(pass, ids, targets);
  }
  std::vector<std::string> taps() const override { return model_.taps(); }

  std::vector<std::int64_t> lengths;
  bool only_last = true;

 private:
  LanguageModel& model_;
};

TEST(Generate, ReadsThePromptOnceThenOneTokenAtATimeThenTheWholeWindow) {
  const auto model = small_model(tiny());   // T = 12
  Spy spy(*model);
  Generator generator(spy, kPrompt);
  generator.sample(0, 10, {});
  EXPECT_EQ(spy.lengths, (std::vector<std::int64_t>{5, 1, 1, 1, 1, 1, 1, 1, 12, 12}));
  EXPECT_TRUE(spy.only_last) << "only the last position goes through the head";
  spy.lengths.clear();
  generator.sample(1, 3, {});
  EXPECT_EQ(spy.lengths, (std::vector<std::int64_t>{1, 1})) << "the prompt has been read";
}

TEST(Generate, OfALongPromptTheEndIsRead) {
  const auto model = small_model(tiny());
  std::vector<std::int32_t> prompt;
  for (std::int32_t i = 0; i < 40; ++i) prompt.push_back(i * 7 % 23);
  EXPECT_EQ(Generator(*model, prompt).sample(0, 10, kGreedy),
            by_definition(*model, prompt, 0, 10, kGreedy));
}

TEST(Generate, SamplesDoNotDependOnThoseBefore) {
  const auto model = small_model(tiny());
  Generator all(*model, kPrompt);
  std::vector<std::vector<std::int32_t>> samples;
  for (std::int64_t s = 0; s < 3; ++s) samples.push_back(all.sample(s, 30, {}));
  EXPECT_NE(samples[0], samples[1]);
  EXPECT_EQ(all.sample(1, 30, {}), samples[1]) << "again, after others have slid the window";
  EXPECT_EQ(Generator(*model, kPrompt).sample(2, 30, {}), samples[2]);
  EXPECT_EQ(all.sample(0, 10, {}),
            std::vector<std::int32_t>(samples[0].begin(), samples[0].begin() + 10));
}

TEST(Generate, TheLogitsInFloatAreThoseInDouble) {
  const auto exact = small_model(tiny(), DType::f64), fast = small_model(tiny(), DType::f32);
  Generator doubles(*exact, kPrompt), floats(*fast, kPrompt);
  ASSERT_EQ(doubles.first_logits().size(), floats.first_logits().size());
  for (std::size_t i = 0; i < doubles.first_logits().size(); ++i)
    EXPECT_NEAR(doubles.first_logits()[i], floats.first_logits()[i], 1e-4) << "token " << i;
}

TEST(Generate, EndsWhenToldTo) {
  const auto model = small_model(tiny());
  int calls = 0;
  const std::vector<std::int32_t> written =
      Generator(*model, kPrompt).sample(0, 100, {}, [&](std::int32_t) { return ++calls < 4; });
  EXPECT_EQ(written.size(), 4u);
  EXPECT_EQ(calls, 4);
  EXPECT_TRUE(Generator(*model, kPrompt).sample(0, 0, {}).empty());
}

TEST(Generate, ABigramWritesToo) {
  GPTConfig config;
  config.arch = Arch::bigram, config.vocab_size = 7, config.block_size = 4;
  const auto model = small_model(config);
  EXPECT_EQ(Generator(*model, kPrompt).sample(0, 20, {}),
            by_definition(*model, kPrompt, 0, 20, {}));
}

TEST(Generate, NothingIsNoPrompt) {
  const auto model = small_model(tiny());
  EXPECT_THROW(Generator(*model, {}), ShapeError);
}

}   // namespace
}   // namespace glass
