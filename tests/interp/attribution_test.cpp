// Shares add up to the logit, whatever the model is made of; and each share is what it says: the
// logit changes by exactly that much when the part is taken out of the last stream.
#include "interp/read/attribution.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "engine/base/error.h"
#include "interp/activations.h"
#include "interp/heads/weights.h"
#include "interp/read/readout.h"
#include "tests/engine/devices.h"
#include "tests/interp/known.h"
#include "tests/model/small_presets.h"

namespace glass {
namespace {

// Random weights, biases and norms too, so that no term is zero by chance.
std::unique_ptr<LanguageModel> random_model(const GPTConfig& config, const Device& device,
                                            DType dtype) {
  auto model = make_model(config, device, dtype, 5);
  std::uint32_t place = 0;
  for (Parameter* p : model->parameters()) {
    const RandomKey key{99, ++place, 0, 0};
    p->value = (p->value * 3.0 + gaussian(device, p->value.shape(), 0, 0.2, key, dtype)).detach();
  }
  return model;
}

std::vector<std::pair<std::string, GPTConfig>> families() {
  std::vector<std::pair<std::string, GPTConfig>> all;
  for (const testing::SmallPreset& preset : testing::small_presets())
    if (preset.model.arch == Arch::gpt && preset.model.norm != NormPlace::post)
      all.emplace_back(preset.name, preset.model);
  GPTConfig c = preset("gpt2");
  c.vocab_size = 13, c.block_size = 12, c.n_layer = 2, c.n_head = 4, c.n_embd = 16;
  const auto add = [&](const std::string& name, const auto& change) {
    GPTConfig variant = c;
    change(variant);
    all.emplace_back(name, variant);
  };
  add("layer norm", [](GPTConfig&) {});
  add("rms norm", [](GPTConfig& v) { v.norm_type = NormType::rmsnorm; });
  add("no norms", [](GPTConfig& v) { v.norm = NormPlace::none, v.norm_final = false; });
  add("no norms but the last", [](GPTConfig& v) { v.norm = NormPlace::none; });
  add("norm without weights", [](GPTConfig& v) { v.norm_weight = false; });
  add("normed embedding", [](GPTConfig& v) { v.norm_embed = true; });
  add("head with bias", [](GPTConfig& v) { v.bias_head = true, v.tie = false; });
  add("attention only", [](GPTConfig& v) { v.act = Activation::none; });
  add("shared keys, rope, swiglu",
      [](GPTConfig& v) { v.n_kv_head = 2, v.pos = Position::rope, v.act = Activation::swiglu; });
  add("sinusoidal", [](GPTConfig& v) { v.pos = Position::sinusoidal, v.window = 3; });
  return all;
}

const std::vector<std::int32_t> kIds = {3, 1, 4, 1, 5, 2};

struct Scene {
  std::unique_ptr<LanguageModel> model;
  Specimen specimen;
  Scene(const GPTConfig& c, const Device& device, DType dtype)
      : model(random_model(c, device, dtype)), specimen{gpt_of(*model), nullptr, {}} {}
};

TEST(Attribution, SharesAddUpToTheLogitInEveryFamily) {
  for (const auto& [name, config] : families()) {
    const Scene s(config, testing::cpu(), DType::f32);
    for (const bool against : {false, true}) {
      const AttributionResult r = attribution_of(s.specimen, kIds, {.against_foil = against});
      double size = std::abs(r.logit) + std::abs(r.constant);
      for (const AttributionPart& p : r.parts) size = std::max(size, std::abs(p.value));
      EXPECT_NEAR(r.sum(), r.logit, 1e-4 * size) << name << (against ? ", against a foil" : "");
      const double sources = std::accumulate(r.by_source.begin(), r.by_source.end(), 0.0);
      const auto head = std::find_if(r.parts.begin(), r.parts.end(), [&](const AttributionPart& p) {
        return p.kind == AttributionPart::Kind::head && p.layer == r.head_layer && p.head == r.head;
      });
      EXPECT_NEAR(sources, head->value, 1e-4 * size) << name << ": a head by where it looked";
    }
  }
}

// In double: what is left of rounding is not what is tested.
TEST(Attribution, AShareIsWhatTheLogitLosesWithoutThePart) {
  for (const auto& [name, config] : families()) {
    if (config.norm_final) continue;   // with a norm, taking out changes the scale of all others
    const Scene s(config, testing::reference(), DType::f64);
    const AttributionResult r = attribution_of(s.specimen, kIds, {.target = 2, .foil = 7});
    const std::string last = in_block(static_cast<int>(config.n_layer) - 1, "hook_resid_post");
    const Activations seen =
        look(s.specimen.gpt, s.specimen.row(kIds), {last, "blocks.1.attn.hook_result"});
    const Tensor result = seen["blocks.1.attn.hook_result"];
    for (int h = 0; h < config.n_head; ++h) {
      const Tensor one = reshape(slice(result, 2, h, h + 1), seen[last].shape());
      Pass pass;
      const std::vector<double> logits =
          slice(s.specimen.gpt.head(pass, seen[last] - one), 1,
                static_cast<std::int64_t>(kIds.size()) - 1, static_cast<std::int64_t>(kIds.size()))
              .to_host();
      const auto part = std::find_if(r.parts.begin(), r.parts.end(), [&](const AttributionPart& p) {
        return p.name == "1." + std::to_string(h);
      });
      EXPECT_NEAR(r.logit - (logits[2] - logits[7]), part->value, 1e-9) << name << ", head 1." << h;
    }
  }
}

TEST(Attribution, NeuronsAndTheRestAreTheMlp) {
  GPTConfig c = preset("gpt2");
  c.vocab_size = 13, c.block_size = 12, c.n_layer = 2, c.n_head = 4, c.n_embd = 16;
  const Scene s(c, testing::reference(), DType::f64);
  const AttributionResult r = attribution_of(s.specimen, kIds, {.mlp = 1, .top_neurons = 64});
  ASSERT_EQ(r.neurons.size(), 64u);
  // What is no neuron is the bias of the mlp.
  const Readout readout(s.specimen.gpt, {r.target, r.foil});
  const double scale =
      look(s.specimen.gpt, s.specimen.row(kIds), {"ln_final.hook_scale"})["ln_final.hook_scale"]
          .to_host()
          .back();
  EXPECT_NEAR(r.other_neurons,
              readout.share(weight_in_block(s.specimen.gpt, 1, "mlp.c_proj.bias").to_host(), scale),
              1e-9);
  for (std::size_t i = 1; i < r.neurons.size(); ++i)
    EXPECT_GE(std::abs(r.neurons[i - 1].value), std::abs(r.neurons[i].value))
        << "the largest first";
}

TEST(Attribution, AnEarlierPositionIsAsIfTheTextEndedThere) {
  const Scene s(families().front().second, testing::cpu(), DType::f32);
  const AttributionResult at = attribution_of(s.specimen, kIds, {.position = 3}),
                          cut = attribution_of(s.specimen, std::span(kIds).first(4));
  EXPECT_EQ(at.tokens, cut.tokens);
  for (std::size_t i = 0; i < at.parts.size(); ++i)
    EXPECT_EQ(at.parts[i].value, cut.parts[i].value);
}

TEST(Attribution, APostNormModelIsRefusedWithTheReason) {
  GPTConfig c = preset("gpt2");
  c.vocab_size = 13, c.block_size = 12, c.n_layer = 2, c.n_head = 4, c.n_embd = 16;
  c.norm = NormPlace::post;
  const Scene s(c, testing::cpu(), DType::f32);
  try {
    attribution_of(s.specimen, kIds);
    FAIL() << "a sum that is none";
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("post-norm"), std::string::npos) << error.what();
  }
}

TEST(Attribution, RefusesWhatIsNotThere) {
  const Scene s(families().front().second, testing::cpu(), DType::f32);
  EXPECT_THROW(attribution_of(s.specimen, kIds, {.target = 1 << 20}), UsageError);
  EXPECT_THROW(attribution_of(s.specimen, kIds, {.target = 2, .foil = 2}), UsageError);
  EXPECT_THROW(attribution_of(s.specimen, kIds, {.position = 6}), UsageError);
  EXPECT_THROW(attribution_of(s.specimen, kIds, {.layer = 0, .head = 64}), UsageError);
}

// The answer of the perfect circuit is written by its induction head and by nobody else, in every
// way of writing the circuit down; twins share it.
TEST(Attribution, OfThePerfectCircuitIsTheInductionHeadsAlone) {
  for (const auto& [name, options] : testing::ways_to_write_induction()) {
    const testing::Known known = testing::known(name, options);
    std::vector<std::int32_t> ids = testing::repeat(20, 3);
    ids.resize(ids.size() - 9);   // in the midst of the second copy
    const std::int32_t next = ids[ids.size() - 20];
    const AttributionResult r = attribution_of(known.specimen, ids, {.target = next});
    EXPECT_GT(r.logit, 5) << name;
    for (const AttributionPart& p : r.parts)
      EXPECT_NEAR(p.value, p.name == "1.0" ? r.logit : 0, 1e-3 * r.logit) << name << ", " << p.name;
    EXPECT_NEAR(r.by_source[ids.size() - 20], r.logit, 1e-2 * r.logit)
        << name << ": it looks there";
  }
  HandmadeOptions twins;
  twins.twins = true;
  const testing::Known known = testing::known("twins", twins);
  const std::vector<std::int32_t> ids = testing::repeat(20, 3);
  const AttributionResult r = attribution_of(known.specimen, std::span(ids).first(31));
  for (const AttributionPart& p : r.parts) {
    const double wanted = p.name == "1.0" || p.name == "1.1" ? r.logit / 2 : 0;
    EXPECT_NEAR(p.value, wanted, 1e-3 * r.logit) << p.name;
  }
}

TEST(Readout, EffectsOnEveryLogitAreItsDirections) {
  const Scene s(families().front().second, testing::reference(), DType::f64);
  const std::int64_t C = s.specimen.config().n_embd;
  const std::vector<double> c =
      gaussian(testing::reference(), {C}, 0, 1, {1, 2, 3, 4}, DType::f64).to_host();
  const std::vector<double> effects = logit_effects(s.specimen.gpt, c);
  for (const std::int32_t t : {0, 3, 5}) {
    const Readout readout(s.specimen.gpt, {t, -1});
    EXPECT_NEAR(effects[static_cast<std::size_t>(t)], readout.share(c, 1), 1e-12) << "token " << t;
  }
}

}   // namespace
}   // namespace glass
