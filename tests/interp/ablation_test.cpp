// Taking parts out: what must stay, what must go, and that the ways to take out mean what they say.
#include "interp/change/ablation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "engine/base/error.h"
#include "interp/activations.h"
#include "kernels/backends.h"
#include "model/handmade.h"

namespace glass {
namespace {

using ::testing::HasSubstr;

Device machine() { return make_backend("cpu", "auto", 1); }

GPTConfig config(NormPlace norm, Activation act = Activation::gelu) {
  GPTConfig c = preset("gpt2");
  c.vocab_size = 40, c.n_embd = 32, c.n_head = 4, c.n_layer = 3, c.block_size = 32;
  c.norm = norm, c.act = act, c.init_std = 0.2;
  return c;
}

// A text that nobody made with meaning: numbers below 40.
std::vector<std::int32_t> text(std::size_t size) {
  std::vector<std::int32_t> ids;
  for (std::size_t i = 0; i < size; ++i)
    ids.push_back(static_cast<std::int32_t>((i * i + 3 * i) % 37));
  return ids;
}

AblationOptions options(AblateHow how, std::vector<Part> parts = {}) {
  AblationOptions o;
  o.how = how, o.parts = std::move(parts), o.text = text(600), o.windows = 7;
  return o;
}

TEST(Ablation, WithoutTheInductionHeadTheSecondCopyIsGuessed) {
  const auto gpt = make_handmade(handmade("handmade:induction").options, machine());
  AblationOptions o;
  o.windows = 4, o.icl = true, o.prompt = {0, 5, 9, 5};
  o.parts = parts_of("1.0", Part::Kind::head, gpt->config());
  const AblationResult r = ablation_of({*gpt, symbols_tokenizer(64), {}}, o);
  EXPECT_LT(r.baseline_loss, 0.01);
  // Nobody writes an answer, so all 65 logits are 0.
  EXPECT_NEAR(r.baseline_loss + r.change.change, std::log(65.0), 1e-5);
  EXPECT_NEAR(r.change.icl, 1, 1e-4) << "all that context was good for";
  EXPECT_EQ(r.baseline_top.front().id, 9);
  EXPECT_GT(r.baseline_top.front().probability, 0.99);
  EXPECT_NEAR(r.ablated_top.front().probability, 1.0 / 65, 1e-6);
}

TEST(Ablation, OfEachHeadAloneFindsTheCircuitAndNothingElse) {
  const auto gpt = make_handmade(handmade("handmade:induction").options, machine());
  AblationOptions o;
  o.windows = 4;
  const AblationResult r = ablation_of({*gpt, symbols_tokenizer(64), {}}, o);
  ASSERT_EQ(r.each.size(), 8u);
  for (std::size_t i = 0; i < 8; ++i) {
    if (i == 0 || i == 4) EXPECT_GT(r.each[i].change, 3) << i;
    else EXPECT_NEAR(r.each[i].change, 0, 1e-6) << i;
  }
}

TEST(Ablation, TwinsAreMissedTogether) {
  const auto gpt = make_handmade(handmade("handmade:twins").options, machine());
  const Specimen specimen{*gpt, symbols_tokenizer(64), {}};
  AblationOptions o;
  o.windows = 4;
  o.parts = parts_of("1.0", Part::Kind::head, gpt->config());
  const double one = ablation_of(specimen, o).change.change;
  o.parts = parts_of("1.0,1.1", Part::Kind::head, gpt->config());
  const double both = ablation_of(specimen, o).change.change;
  o.parts = parts_of("1.0,1.1,1.0", Part::Kind::head, gpt->config());
  EXPECT_THAT(ablation_of(specimen, o).parts, ::testing::ElementsAre("1.0", "1.1"))
      << "named twice, out once";
  EXPECT_GT(both, 4 * one) << "half as loud is still loud enough: " << one << ", " << both;
  EXPECT_NEAR(ablation_of(specimen,
                          [&] {
                            AblationOptions all = o;
                            all.parts = parts_of("1.*", Part::Kind::head, gpt->config());
                            return all;
                          }())
                  .change.change,
              both, 1e-5);
}

// What a head writes is z W_O, and the stream adds it up: without z it is as if the result had been
// taken off the attention's output.
TEST(Ablation, ToZeroIsToSubtractTheResult) {
  for (const NormPlace norm : {NormPlace::pre, NormPlace::post, NormPlace::none}) {
    GPT gpt(config(norm), machine(), DType::f32, 3);
    const Tensor ids = Tensor::ids(gpt.device(), text(20), {1, 20});
    Hooks zero(gpt), subtract(gpt);
    const auto a =
        zero.replace({in_block(1, "attn.hook_z"), 2}, Tensor::full(gpt.device(), {1, 1, 1, 1}, 0));
    Tensor result;
    const auto b =
        subtract.read({in_block(1, "attn.hook_result"), 2}, [&](const Tensor& x) { result = x; });
    const auto c = subtract.replace({in_block(1, "hook_attn_out")}, [&](const Tensor& x) {
      return x - reshape(result, x.shape());
    });
    const std::vector<double> one = zero.logits(ids).to_host(),
                              other = subtract.logits(ids).to_host();
    for (std::size_t i = 0; i < one.size(); ++i)
      ASSERT_NEAR(one[i], other[i], 1e-4) << i;   // f32 sums
  }
}

// The two ways to the same number: all heads of a layer as one batch, or one after the other.
TEST(Ablation, EachHeadAloneIsTheHeadNamedAlone) {
  for (const NormPlace norm : {NormPlace::pre, NormPlace::post}) {
    GPT gpt(config(norm), machine(), DType::f32, 3);
    const Specimen specimen{gpt, nullptr, {}};
    for (const AblateHow how :
         {AblateHow::zero, AblateHow::mean, AblateHow::position_mean, AblateHow::resample}) {
      const AblationResult all = ablation_of(specimen, options(how));
      for (const int l : {0, 2}) {
        const AblationResult one = ablation_of(specimen, options(how, {{Part::Kind::head, l, 3}}));
        const LossChange& same = all.each[static_cast<std::size_t>(l * 4 + 3)];
        EXPECT_NEAR(one.change.change, same.change, 1e-5) << l << ", how " << static_cast<int>(how);
        EXPECT_NEAR(one.change.error, same.error, 1e-5);
        EXPECT_NE(one.change.change, 0);
      }
    }
  }
}

TEST(Ablation, ToTheMeanOfATextThatNeverChangesIsNothing) {
  GPTConfig c = config(NormPlace::pre);
  c.pos = Position::none;   // then every position of a constant text says the same
  GPT gpt(c, machine(), DType::f32, 3);
  AblationOptions o = options(AblateHow::mean);
  o.text.assign(600, 11);
  for (const LossChange& head : ablation_of({gpt, nullptr, {}}, o).each) {
    EXPECT_NEAR(head.change, 0, 1e-5);
    EXPECT_NEAR(head.error, 0, 1e-5);
  }
  o.parts = {{Part::Kind::mlp, 1, 0}, {Part::Kind::neuron, 2, 100}};
  EXPECT_NEAR(ablation_of({gpt, nullptr, {}}, o).change.change, 0, 1e-5);
}

// Of a text that never changes, what a part says depends on the position alone.
TEST(Ablation, ToTheMeanOfEachPositionKeepsWhatPositionsSay) {
  GPT gpt(config(NormPlace::pre), machine(), DType::f32, 3);
  AblationOptions o = options(AblateHow::position_mean);
  o.text.assign(600, 11);
  for (const LossChange& head : ablation_of({gpt, nullptr, {}}, o).each)
    EXPECT_NEAR(head.change, 0, 1e-5);
  o.parts = {{Part::Kind::head, 0, 1}, {Part::Kind::mlp, 1, 0}, {Part::Kind::neuron, 2, 100}};
  o.prompt.assign(5, 11);   // shorter than the windows
  const AblationResult same = ablation_of({gpt, nullptr, {}}, o);
  EXPECT_NEAR(same.change.change, 0, 1e-5);
  ASSERT_FALSE(same.ablated_top.empty());
  EXPECT_NEAR(same.ablated_top[0].probability, same.baseline_top[0].probability, 1e-5);
  o.how = AblateHow::mean;
  EXPECT_GT(std::abs(ablation_of({gpt, nullptr, {}}, o).change.change), 1e-4);
}

TEST(Ablation, OfAHeadThatSaysNothingChangesNothing) {
  GPT gpt(config(NormPlace::pre), machine(), DType::f32, 3);
  for (Parameter* p : gpt.parameters())
    if (p->name == "transformer.h.1.attn.c_proj.weight")
      p->value = Tensor::full(gpt.device(), p->value.shape(), 0);
  const AblationResult r = ablation_of({gpt, nullptr, {}}, options(AblateHow::zero));
  for (std::size_t h = 4; h < 8; ++h) EXPECT_NEAR(r.each[h].change, 0, 1e-6) << h;
}

TEST(Ablation, NeuronsOfAnMlpAddUpToTheMlp) {
  GPTConfig c = config(NormPlace::pre);
  c.bias_out = false;   // of c_proj: it is the mlp's, and no neuron's
  GPT gpt(c, machine(), DType::f32, 3);
  const Specimen specimen{gpt, nullptr, {}};
  std::vector<Part> all;
  for (int n = 0; n < c.inner(); ++n) all.push_back({Part::Kind::neuron, 1, n});
  AblationOptions neurons = options(AblateHow::zero, all),
                  mlp = options(AblateHow::zero, {{Part::Kind::mlp, 1, 0}});
  neurons.windows = mlp.windows = 2;
  EXPECT_NEAR(ablation_of(specimen, neurons).change.change,
              ablation_of(specimen, mlp).change.change, 1e-5);
}

TEST(Ablation, TheErrorIsThatOfPairedWindows) {
  GPT gpt(config(NormPlace::pre), machine(), DType::f32, 3);
  const Specimen specimen{gpt, nullptr, {}};
  AblationOptions o = options(AblateHow::zero, {{Part::Kind::head, 0, 0}});
  o.windows = 2;
  const AblationResult both = ablation_of(specimen, o);
  // The text is cut at its beginning and its end; each window alone is a text of its own.
  std::vector<double> alone;
  for (const std::size_t start : {std::size_t{0}, o.text.size() - 33}) {
    AblationOptions one = o;
    one.text.assign(o.text.begin() + static_cast<std::ptrdiff_t>(start),
                    o.text.begin() + static_cast<std::ptrdiff_t>(start + 33));
    const AblationResult r = ablation_of(specimen, one);
    EXPECT_TRUE(std::isnan(r.change.error)) << "one window has no error";
    alone.push_back(r.change.change);
  }
  EXPECT_NEAR(both.change.change, (alone[0] + alone[1]) / 2, 1e-5);
  EXPECT_NEAR(both.change.error, std::abs(alone[0] - alone[1]) / 2, 1e-5);   // s / sqrt(2)
}

// A share of nothing would be any number at all.
TEST(Ablation, OfAModelThatLearnsNothingFromContextNoShareIsLost) {
  GPT gpt(config(NormPlace::pre), machine(), DType::f32, 3);
  AblationOptions o;
  o.icl = true;
  const AblationResult r = ablation_of({gpt, nullptr, {}}, o);
  EXPECT_LT(std::abs(r.baseline_icl), 5 * r.baseline_icl_error) << "random weights";
  for (const LossChange& c : r.each) EXPECT_TRUE(std::isnan(c.icl)) << c.icl;
  EXPECT_THAT(page_text(page_of(r)), HasSubstr("Context is good for nothing here"));
}

TEST(Ablation, ThePageNamesNoHeadWhereNoneIsMissedForSure) {
  GPT gpt(config(NormPlace::pre), machine(), DType::f32, 3);
  for (Parameter* p : gpt.parameters())   // no head says anything
    if (p->name.find("attn.c_proj.weight") != std::string::npos)
      p->value = Tensor::full(gpt.device(), p->value.shape(), 0);
  AblationOptions o = options(AblateHow::zero);
  EXPECT_THAT(page_text(page_of(ablation_of({gpt, nullptr, {}}, o))),
              HasSubstr("No head is missed by itself"));
  o.text = text(33);   // one window: no error, and so no doubt that could be said in numbers
  EXPECT_THAT(page_text(page_of(ablation_of({gpt, nullptr, {}}, o))),
              ::testing::Not(HasSubstr("nan")));
  const auto circuit = make_handmade(handmade("handmade:induction").options, machine());
  AblationOptions four;
  four.windows = 4;
  EXPECT_THAT(page_text(page_of(ablation_of({*circuit, symbols_tokenizer(64), {}}, four))),
              HasSubstr("The model needs head"));
}

// Products in bf16 leave the parts in bf16 as well; what stands in for them must fit.
TEST(Ablation, WorksInAnyTypeThatTheModelComputesIn) {
  GPT exact(config(NormPlace::pre), machine(), DType::f32, 3),
      rounded(config(NormPlace::pre), machine(), DType::bf16, 3);
  const std::vector<Part> parts = {
      {Part::Kind::head, 0, 1}, {Part::Kind::neuron, 1, 7}, {Part::Kind::mlp, 2, 0}};
  for (const AblateHow how :
       {AblateHow::zero, AblateHow::mean, AblateHow::position_mean, AblateHow::resample}) {
    const double one = ablation_of({exact, nullptr, {}}, options(how, parts)).change.change;
    const double other = ablation_of({rounded, nullptr, {}}, options(how, parts)).change.change;
    EXPECT_NEAR(one, other, 0.05) << "8 bits of mantissa, how " << static_cast<int>(how);
    EXPECT_EQ(ablation_of({rounded, nullptr, {}}, options(how)).each.size(), 12u);
  }
}

TEST(Ablation, RefusesWhatIsNotThere) {
  const GPTConfig c = config(NormPlace::pre), no_mlp = config(NormPlace::pre, Activation::none);
  for (const char* wrong : {"3.0", "0.4", "1", "x.1", "1.2.3", ""})
    EXPECT_THROW(parts_of(wrong, Part::Kind::head, c), UsageError) << wrong;
  EXPECT_THROW(parts_of("0.128", Part::Kind::neuron, c), UsageError);
  EXPECT_THROW(parts_of("3", Part::Kind::mlp, c), UsageError);
  EXPECT_THROW(parts_of("0", Part::Kind::mlp, no_mlp), UsageError);
  GPT gpt(c, machine(), DType::f32, 3);
  AblationOptions o = options(AblateHow::resample);
  o.windows = 1;
  EXPECT_THROW(ablation_of({gpt, nullptr, {}}, o), UsageError);
  o = options(AblateHow::resample, {{Part::Kind::head, 0, 0}});
  o.text = text(12), o.windows = 2, o.prompt = text(20);
  EXPECT_THROW(ablation_of({gpt, nullptr, {}}, o), UsageError);
  o.how = AblateHow::position_mean;
  EXPECT_THROW(ablation_of({gpt, nullptr, {}}, o), UsageError);
}

TEST(Ablation, ThePageSaysWhereThereIsNoAbilityToLose) {
  AblationOptions o;
  o.windows = 4;
  const auto words = [&](const char* name) {
    const auto gpt = make_handmade(handmade(name).options, machine());
    return page_text(page_of(ablation_of({*gpt, symbols_tokenizer(64), {}}, o)), {1000});
  };
  EXPECT_THAT(words("handmade:anti-copy"), HasSubstr("worse here than blind guessing, at 4.174"));
  EXPECT_THAT(words("handmade:induction"), ::testing::Not(HasSubstr("blind guessing")));
}

TEST(Ablation, NamesThePartThatIsNotThereAndItsLayer) {
  try {
    parts_of("1.9", Part::Kind::head, config(NormPlace::pre));
    FAIL() << "there is no such head";
  } catch (const UsageError& e) {
    EXPECT_STREQ(e.what(), "this model has no head 9 in layer 1: there are 0 .. 3.");
  }
}

}   // namespace
}   // namespace glass
