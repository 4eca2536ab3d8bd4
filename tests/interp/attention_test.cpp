// Attention as it is shown is attention as it is defined: softmax of scaled products of queries and
// keys that may be seen, whatever the model's norms, positions, groups and windows.
#include "interp/read/attention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "engine/base/error.h"
#include "interp/activations.h"
#include "tests/interp/known.h"

namespace glass {
namespace {

using testing::any_norm;
using ::testing::HasSubstr;
using testing::Known;
using testing::message_of;
using testing::random_models;

const std::vector<std::int32_t> kIds = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7};

// One head by its definition, from the queries and keys that the model has.
std::vector<double> by_definition(const Known& model, int layer, std::size_t head, bool scores) {
  const GPTConfig& c = model.gpt->config();
  const bool rope = c.pos == Position::rope;
  const std::string of_q = in_block(layer, rope ? "attn.hook_rot_q" : "attn.hook_q");
  const std::string of_k = in_block(layer, rope ? "attn.hook_rot_k" : "attn.hook_k");
  const Activations seen = look(*model.gpt, model.specimen.row(kIds), {of_q, of_k});
  const std::vector<double> q = seen[of_q].to_host(), k = seen[of_k].to_host();
  const std::size_t T = kIds.size(), D = static_cast<std::size_t>(c.head_size());
  const auto H = static_cast<std::size_t>(c.n_head), Hk = static_cast<std::size_t>(c.kv_heads());
  const double scale = c.attn_scale > 0 ? c.attn_scale : 1 / std::sqrt(static_cast<double>(D));
  std::vector<double> out(T * T, std::nan(""));
  for (std::size_t i = 0; i < T; ++i) {
    double sum = 0;
    for (std::size_t j = 0; j <= i; ++j) {
      if (c.window > 0 && i - j >= static_cast<std::size_t>(c.window)) continue;
      double dot = 0;
      for (std::size_t d = 0; d < D; ++d)
        dot += q[(i * H + head) * D + d] * k[(j * Hk + head / (H / Hk)) * D + d];
      out[i * T + j] = scores ? scale * dot : std::exp(scale * dot);
      sum += out[i * T + j];
    }
    for (std::size_t j = 0; j < T && !scores; ++j) out[i * T + j] /= sum;
  }
  return out;
}

void expect_same(const std::vector<double>& got, const std::vector<double>& expected,
                 const std::string& what) {
  ASSERT_EQ(got.size(), expected.size()) << what;
  for (std::size_t i = 0; i < got.size(); ++i) {
    ASSERT_EQ(std::isnan(got[i]), std::isnan(expected[i])) << what << ", cell " << i;
    // f32 sums of some ten products.
    if (std::isnan(got[i])) continue;
    ASSERT_NEAR(got[i], expected[i], 2e-5 * std::max(1.0, std::abs(expected[i])))
        << what << ", cell " << i;
  }
}

TEST(Attention, IsSoftmaxOfScaledProducts) {
  for (const Known& model : random_models(any_norm)) {
    const AttentionResult pattern = attention_of(model.specimen, kIds);
    const AttentionResult scores = attention_of(model.specimen, kIds, {AttentionView::scores});
    for (std::size_t l = 0; l < pattern.layers.size(); ++l) {
      for (std::size_t h = 0; h < pattern.heads.size(); ++h) {
        const std::string what =
            model.name + ", head " + std::to_string(l) + "." + std::to_string(h);
        const int layer = static_cast<int>(l);
        expect_same(pattern.attention[l][h], by_definition(model, layer, h, false), what);
        expect_same(scores.attention[l][h], by_definition(model, layer, h, true),
                    what + ", scores");
      }
    }
  }
}

TEST(Attention, RowsAddUpToOne) {
  for (const Known& model : random_models(any_norm)) {
    const AttentionResult r = attention_of(model.specimen, kIds);
    const std::size_t T = kIds.size();
    for (const auto& layer : r.attention)
      for (const std::vector<double>& head : layer)
        for (std::size_t q = 0; q < T; ++q) {
          double sum = 0;
          for (std::size_t k = 0; k < T; ++k)
            sum += std::isnan(head[q * T + k]) ? 0 : head[q * T + k];
          EXPECT_NEAR(sum, 1, 1e-5) << model.name << ", query " << q;
        }
  }
}

TEST(Attention, ValueWeightedIsThePatternTimesTheLengthOfTheValueThatIsRead) {
  for (const Known& model : random_models(any_norm)) {
    const GPTConfig& c = model.gpt->config();
    const AttentionResult plain = attention_of(model.specimen, kIds);
    const AttentionResult weighted =
        attention_of(model.specimen, kIds, {AttentionView::value_weighted});
    const std::string name = in_block(1, "attn.hook_v");
    const std::vector<double> v =
        look(*model.gpt, model.specimen.row(kIds), {name})[name].to_host();
    const std::size_t T = kIds.size(), D = static_cast<std::size_t>(c.head_size());
    const auto H = static_cast<std::size_t>(c.n_head), Hk = static_cast<std::size_t>(c.kv_heads());
    for (std::size_t h = 0; h < H; ++h) {
      std::vector<double> expected = plain.attention[1][h];
      for (std::size_t k = 0; k < T; ++k) {
        double squares = 0;
        for (std::size_t d = 0; d < D; ++d)
          squares += std::pow(v[(k * Hk + h / (H / Hk)) * D + d], 2);
        for (std::size_t q = 0; q < T; ++q) expected[q * T + k] *= std::sqrt(squares);
      }
      expect_same(weighted.attention[1][h], expected, model.name + ", head " + std::to_string(h));
    }
  }
}

TEST(Attention, OneHeadIsNestedLikeAll) {
  const std::vector<Known> models = random_models(any_norm);
  const Known& model = models.front();
  const AttentionResult all = attention_of(model.specimen, kIds);
  const AttentionResult one = attention_of(model.specimen, kIds, {AttentionView::pattern, 1, 2});
  ASSERT_EQ(one.attention.size(), 1u);
  ASSERT_EQ(one.attention[0].size(), 1u);
  EXPECT_EQ(one.layers, std::vector<int>{1});
  EXPECT_EQ(one.heads, std::vector<int>{2});
  expect_same(one.attention[0][0], all.attention[1][2], "1.2");
  Json json;
  json.object();
  put(json, one);
  EXPECT_THAT(json.end().text(), HasSubstr("\"attention\": [[[[1, null"));
}

TEST(Attention, AHeadThatIsNotThereIsAnError) {
  const std::vector<Known> models = random_models(any_norm);
  const Specimen& s = models.front().specimen;
  const auto ask = [&](int layer, int head) {
    return message_of<UsageError>([&] {
      attention_of(s, kIds, {AttentionView::pattern, layer, head});
    });
  };
  EXPECT_THAT(ask(2, -1), HasSubstr("no layer 2: there are 0 .. 1"));
  EXPECT_THAT(ask(-1, 4), HasSubstr("no head 4: there are 0 .. 3"));
}

TEST(Attention, ThePageNamesTheHeadThatLooksBack) {
  const Known model = testing::known("induction", {});
  const std::vector<std::int32_t> ids = testing::repeat(8, 1);
  const std::string text = page_text(page_of(attention_of(model.specimen, ids)));
  EXPECT_THAT(text, HasSubstr("head 0.0 (1.00 on the mean) gives most to the token before"));
}

TEST(Attention, ThePageSaysHowManyHeadsDoTheSame) {
  const Known model = testing::known("induction", {});
  const std::vector<std::int32_t> ids = testing::repeat(8, 1);
  AttentionResult r = attention_of(model.specimen, ids);
  for (auto& layer : r.attention)
    for (auto& head : layer) head = r.attention[0][1];
  EXPECT_THAT(page_text(page_of(r), {1000}), HasSubstr("head 0.0 and 3 others alike ("));
}

}   // namespace
}   // namespace glass
