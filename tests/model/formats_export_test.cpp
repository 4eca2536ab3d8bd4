#include "model/formats/export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "tests/model/scratch.h"
#include "tests/model/small_checkpoint.h"
#include "tests/model/small_presets.h"

namespace glass::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Row {
  std::function<void(GPTConfig&)> change;
  const char* said;
};

TEST(NotGpt2, EverythingThatGpt2DoesNotHaveIsNamed) {
  const std::vector<Row> table = {
      {[](GPTConfig& c) { c.arch = Arch::bigram; },
       "another architecture than a GPT (--arch bigram)"},
      {[](GPTConfig& c) { c.norm = NormPlace::post; }, "norms behind the sums (--norm post)"},
      {[](GPTConfig& c) { c.norm = NormPlace::none; }, "no norms (--norm none)"},
      {[](GPTConfig& c) { c.norm_final = false; }, "no norms (--norm none)"},
      {[](GPTConfig& c) { c.norm_type = NormType::rmsnorm; }, "--norm-type rmsnorm"},
      {[](GPTConfig& c) { c.norm_weight = false; }, "norms without weights"},
      {[](GPTConfig& c) { c.norm_embed = true; }, "a norm of the embedding"},
      {[](GPTConfig& c) { c.norm_eps = 1e-6; }, "a norm_eps of 1e-06"},
      {[](GPTConfig& c) { c.act = Activation::relu; }, "--act relu"},
      {[](GPTConfig& c) { c.act = Activation::swiglu; }, "--act swiglu"},
      {[](GPTConfig& c) { c.act = Activation::none; }, "--act none"},
      {[](GPTConfig& c) { c.pos = Position::rope; }, "--pos rope"},
      {[](GPTConfig& c) { c.n_kv_head = 1; }, "heads that share keys (--n-kv-head)"},
      {[](GPTConfig& c) { c.window = 4; }, "a window of attention (--window)"},
      {[](GPTConfig& c) { c.attn_scale = 0.25; }, "--attn-scale 0.25"},
      {[](GPTConfig& c) { c.tie = false; }, "a head of its own (--tie false)"},
      {[](GPTConfig& c) { c.n_inner = 20; }, "an mlp of 20 numbers, not 4 n_embd"},
  };
  EXPECT_THAT(not_gpt2(small_gpt2(), {}), IsEmpty());
  EXPECT_THAT(not_gpt2(small_nanogpt(), {}), IsEmpty());
  for (const Row& row : table) {
    GPTConfig config = small_gpt2();
    row.change(config);
    EXPECT_THAT(not_gpt2(config, {}), ElementsAre(row.said));
  }
  GPTConfig headed = small_gpt2();
  headed.tie = false, headed.bias_head = true;
  EXPECT_THAT(not_gpt2(headed, {.untied = true}), ElementsAre("a head with a bias"));
}

TEST(NotGpt2, WhatATargetHoldsBesideIsNotInTheWay) {
  GPTConfig config = small_gpt2();
  config.tie = false, config.n_inner = 20, config.norm_eps = 1e-6, config.attn_scale = 1;
  config.act = Activation::relu;
  const Holds everything{
      .untied = true, .inner = true, .norm_eps = true, .plain_scores = true, .relu = true};
  EXPECT_THAT(not_gpt2(config, everything), IsEmpty());
  EXPECT_EQ(not_gpt2(config, {}).size(), 5u);
  config.attn_scale = 1 / std::sqrt(4.0);   // what it is anyway, with heads of 4
  EXPECT_THAT(not_gpt2(config, everything), IsEmpty());
}

// The presets for whom it was made pass, all others are kept out for a reason.
TEST(NotGpt2, OfThePresetsGpt2AndNanoGptFit) {
  for (const auto& [name, config] : glass::testing::small_presets()) {
    const bool relative = name.starts_with("gpt2") || name.starts_with("char") || name == "names";
    EXPECT_EQ(not_gpt2(config, {}).empty(), relative) << name;
  }
}

TEST(Gpt2Tensors, ABiasThatIsNotThereIsZero) {
  const Checkpoint checkpoint = checkpoint_of(small_nanogpt());
  const std::vector<StoredTensor> all =
      gpt2_tensors({small_nanogpt(), checkpoint, nullptr, "small"});
  EXPECT_EQ(all.size(), 2u + 2 * 12 + 2);   // tables, two blocks of twelve, the last norm
  EXPECT_EQ(all.front().name, "transformer.wte.weight");
  EXPECT_EQ(all.back().name, "transformer.ln_f.bias");
  int invented = 0;
  for (const StoredTensor& tensor : all) {
    const StoredTensor* ours = checkpoint.find(tensor.name);
    if (ours != nullptr) {
      EXPECT_EQ(std::memcmp(tensor.bytes.data(), ours->bytes.data(), ours->bytes.size()), 0);
      continue;
    }
    ++invented;
    EXPECT_TRUE(tensor.name.ends_with(".bias")) << tensor.name;
    for (const std::byte b : tensor.bytes) EXPECT_EQ(b, std::byte{0}) << tensor.name;
  }
  EXPECT_EQ(invented, 2 * 6 + 1);
}

TEST(Gpt2Tensors, ATensorOfAnotherShapeIsRefused) {
  GPTConfig larger = small_gpt2();
  larger.vocab_size = 14;
  const Checkpoint checkpoint = checkpoint_of(small_gpt2());
  const std::string said = error_of(
      [&] {
        gpt2_tensors({larger, checkpoint, nullptr, "small"});
      },
      ExitCode::content);
  EXPECT_THAT(said, ::testing::HasSubstr("transformer.wte.weight"));
}

}   // namespace
}   // namespace glass::test
