// The lens against what it must say by its definition: the output at the end, and at every layer
// what the head says of the stream there, with that stream's own norm.
#include "interp/read/lens.h"

#include <gtest/gtest.h>

#include <cmath>

#include "engine/base/error.h"
#include "engine/base/json_value.h"
#include "interp/activations.h"
#include "interp/heads/weights.h"
#include "tests/engine/devices.h"
#include "tests/model/small_presets.h"
#include "tests/scratch.h"

namespace glass {
namespace {

struct Model {
  std::string name;
  std::unique_ptr<LanguageModel> model;
  Specimen specimen;
};

Model model_of(const std::string& name, const GPTConfig& config,
               const Device& device = testing::cpu(), DType dtype = DType::f32) {
  auto model = make_model(config, device, dtype, 11);
  const bool faint = config.init == Init::gpt2 || config.init == Init::normal;
  for (Parameter* p : model->parameters())   // large enough that every layer changes its mind
    if (p->value.rank() == 2 && faint) p->value = (p->value * 4.0).detach();
  GPT& gpt = gpt_of(*model);
  Provenance from;
  from.digest = "0123456789abcdef";
  return {name, std::move(model), {gpt, nullptr, from}};
}

std::vector<Model> models() {
  std::vector<Model> all;
  for (const testing::SmallPreset& preset : testing::small_presets())
    if (preset.model.arch == Arch::gpt) all.push_back(model_of(preset.name, preset.model));
  return all;
}

std::vector<std::int32_t> some_ids(const GPTConfig& c, std::size_t n, std::int32_t first = 1) {
  std::vector<std::int32_t> ids;
  for (std::size_t i = 0; i < n; ++i)
    ids.push_back(
        static_cast<std::int32_t>((first + static_cast<std::int32_t>(i) * 5) % c.vocab_size));
  return ids;
}

constexpr std::size_t kT = 6;

TEST(Lens, TheLastRowIsTheModelsOutputToTheBit) {
  for (const Model& m : models()) {
    const GPTConfig& c = m.specimen.config();
    const std::vector<std::int32_t> ids = some_ids(c, kT);
    const std::vector<double> logits =
        look(m.specimen.gpt, m.specimen.row(ids), {"logits"})["logits"].to_host();
    for (const LensAt at : {LensAt::pre, LensAt::post, LensAt::all}) {
      const LensResult r =
          lens_of(m.specimen, ids, {.at = at, .top_k = static_cast<int>(c.vocab_size)});
      for (std::size_t t = 0; t < kT; ++t) {
        const LensCell& cell = r.reading.rows.back().cells[t];
        EXPECT_EQ(cell.kl_to_final, 0) << m.name << ", position " << t;
        const double* row = &logits[t * static_cast<std::size_t>(c.vocab_size)];
        const LensGuess &a = cell.top[0], &b = cell.top[1];
        EXPECT_NEAR(std::log(a.probability / b.probability), row[a.id] - row[b.id], 1e-9) << m.name;
      }
    }
  }
}

TEST(Lens, EveryRowIsTheHeadOnThatStreamWithTheStreamsOwnNorm) {
  for (const Model& m : models()) {
    const GPTConfig& c = m.specimen.config();
    if (c.norm_final && c.norm_type != NormType::layernorm) continue;
    const std::vector<std::int32_t> ids = some_ids(c, kT);
    const std::vector<double> x =
        slice(look(m.specimen.gpt, m.specimen.row(ids),
                   {"blocks.0.hook_resid_post"})["blocks.0.hook_resid_post"],
              1, kT - 1, kT)
            .to_host();
    // By hand, in double: (x - mean) / sqrt(var + eps) * g + b, times W_U.
    const std::size_t C = x.size();
    std::vector<double> y = x;
    if (c.norm_final) {
      double mean = 0, var = 0;
      for (const double v : x) mean += v / static_cast<double>(C);
      for (const double v : x) var += (v - mean) * (v - mean) / static_cast<double>(C);
      const Tensor g = weight_of(m.specimen.gpt, "transformer.ln_f.weight"),
                   b = weight_of(m.specimen.gpt, "transformer.ln_f.bias");
      const std::vector<double> gain = g ? g.to_host() : std::vector<double>(C, 1),
                                shift = b ? b.to_host() : std::vector<double>(C, 0);
      for (std::size_t i = 0; i < C; ++i)
        y[i] = (x[i] - mean) / std::sqrt(var + c.norm_eps) * gain[i] + shift[i];
    }
    const std::vector<double> W = unembedding_of(m.specimen.gpt).to_host();
    const Tensor bias = weight_of(m.specimen.gpt, "lm_head.bias");
    std::vector<double> logits =
        bias ? bias.to_host() : std::vector<double>(static_cast<std::size_t>(c.vocab_size), 0);
    for (std::size_t v = 0; v < logits.size(); ++v)
      for (std::size_t i = 0; i < C; ++i) logits[v] += W[v * C + i] * y[i];
    const LensResult r = lens_of(m.specimen, ids, {.top_k = 3});
    const LensCell& cell = r.reading.rows[0].cells.back();
    double sum = 0;
    for (const double z : logits)
      sum += std::exp(z - logits[static_cast<std::size_t>(cell.top[0].id)]);
    EXPECT_NEAR(cell.top[0].probability, 1 / sum, 1e-4) << m.name << ": f32 products";
  }
}

TEST(Lens, RanksEntropyAndConvergenceAreWhatTheirDefinitionsSay) {
  const Model m = std::move(models().front());
  const GPTConfig& c = m.specimen.config();
  const std::vector<std::int32_t> ids = some_ids(c, kT);
  const int V = static_cast<int>(c.vocab_size);
  const LensResult r = lens_of(m.specimen, ids, {.at = LensAt::all, .top_k = V});
  ASSERT_EQ(r.reading.rows.size(), 1 + static_cast<std::size_t>(c.n_layer) * (c.has_mlp() ? 2 : 1));
  for (const LensRow& row : r.reading.rows) {
    for (std::size_t t = 0; t + 1 < kT; ++t) {
      const LensCell& cell = row.cells[t];
      double entropy = 0, all = 0;
      for (const LensGuess& g : cell.top)
        entropy -= g.probability * std::log(g.probability), all += g.probability;
      EXPECT_NEAR(all, 1, 1e-12);
      EXPECT_NEAR(cell.entropy, entropy, 1e-9);
      const LensGuess& at_rank = cell.top[static_cast<std::size_t>(cell.rank)];
      EXPECT_EQ(at_rank.id, ids[t + 1]) << "the token that follows stands at its rank";
      EXPECT_NEAR(cell.cross_entropy, -std::log(at_rank.probability), 1e-9);
    }
    EXPECT_EQ(row.cells.back().rank, -1) << "nobody knows what follows the last token";
    EXPECT_TRUE(std::isnan(row.cells.back().cross_entropy));
  }
  for (std::size_t t = 0; t < kT; ++t) {
    const std::size_t from = static_cast<std::size_t>(r.reading.convergence[t]);
    const auto best = [&](std::size_t row) { return r.reading.rows[row].cells[t].top[0].id; };
    const std::size_t last = r.reading.rows.size() - 1;
    for (std::size_t row = from; row <= last; ++row) EXPECT_EQ(best(row), best(last));
    if (from > 0) { EXPECT_NE(best(from - 1), best(last)) << "it could have begun earlier"; }
  }
}

TEST(Lens, ComparingATextWithItselfFindsNothingAndWithAnotherItsLastTokens) {
  const Model m = std::move(models().front());
  std::vector<std::int32_t> ids = some_ids(m.specimen.config(), kT);
  const LensResult same = lens_of(m.specimen, ids, {.at = LensAt::all}, ids);
  for (const auto& row : same.divergence)
    for (const double kl : row) EXPECT_EQ(kl, 0);
  const std::vector<std::int32_t> shorter = some_ids(m.specimen.config(), kT - 2, 3);
  const LensResult other = lens_of(m.specimen, ids, {}, shorter);
  EXPECT_EQ(other.divergence[0].size(), kT - 2);
  EXPECT_GT(other.divergence.back().back(), 0);
}

TEST(Lens, RefusesWhatIsNotThere) {
  const Model m = std::move(models().front());
  const std::vector<std::int32_t> ids = some_ids(m.specimen.config(), kT);
  EXPECT_THROW(lens_of(m.specimen, ids, {.target = 1000000}), UsageError);
  GPTConfig bare = m.specimen.config();
  bare.act = Activation::none;
  const Model attention_only = model_of("attention only", bare);
  EXPECT_THROW(lens_of(attention_only.specimen, ids, {.at = LensAt::mid}), UsageError);
}

TEST(Lens, JsonHasEveryRowAndNoNumberThatIsNone) {
  const Model m = std::move(models().front());
  const std::vector<std::int32_t> ids = some_ids(m.specimen.config(), 3);
  Json json;
  json.object();
  put(json, lens_of(m.specimen, ids, {.top_k = 2}, ids));
  json.end();
  const JsonValue read = parse_json(json.text(), "the lens");
  EXPECT_EQ(read.find("layers")->items.size(),
            static_cast<std::size_t>(m.specimen.config().n_layer));
  EXPECT_EQ(json.text().find("nan"), std::string::npos);
}

// A model that speaks another language in its first layer: every row of W_U turned around. A lens
// that can learn a linear map must read it better than one that cannot.
TEST(TunedLens, LearnsToReadWhatTheLogitLensCannotAndIsKeptForItsModelOnly) {
  GPTConfig c = preset("gpt2");
  c.vocab_size = 12, c.block_size = 16, c.n_layer = 2, c.n_head = 2, c.n_embd = 16;
  const Model m = model_of("two layers", c);
  std::vector<std::int32_t> ids = some_ids(c, 2000);
  for (std::size_t i = 0; i < ids.size(); ++i)
    ids[i] = static_cast<std::int32_t>((i * i + i / 7) % 12);
  const std::vector<double> before = unembedding_of(m.specimen.gpt).to_host();
  Dataset data;
  data.name = "squares", data.train = Tokens(ids);
  const TunedLensResult r = train_tuned_lens(
      m.specimen, data, {.at = LensAt::all, .steps = 60, .B = 4, .learning_rate = 1e-2});
  EXPECT_EQ(unembedding_of(m.specimen.gpt).to_host(), before) << "the model is frozen";
  for (const Parameter* p : m.model->parameters()) EXPECT_FALSE(p->touched) << p->name;
  ASSERT_EQ(r.measured.size(), 4u) << "pre 0, mid 0, post 0, mid 1";
  EXPECT_LT(r.measured[0].kl, 0.9 * r.measured[0].kl_logit_lens);
  for (const Translator& t : r.lens.translators)
    EXPECT_LT(t.kl, t.kl_logit_lens) << t.place << " was kept";

  const test::Scratch folder;
  save_tuned_lens(folder / "lens.safetensors", r);
  const TunedLens read = load_tuned_lens(folder / "lens.safetensors", m.specimen, "renew");
  ASSERT_EQ(read.translators.size(), r.lens.translators.size());
  EXPECT_EQ(read.translators[0].weight.to_host(), r.lens.translators[0].weight.to_host());
  const std::span<const std::int32_t> text = std::span(ids).first(8);
  const LensResult tuned = lens_of(m.specimen, text, {.at = LensAt::all, .tuned = &read}),
                   plain = lens_of(m.specimen, text, {.at = LensAt::all});
  EXPECT_NE(tuned.reading.rows[0].cells[3].kl_to_final, plain.reading.rows[0].cells[3].kl_to_final);
  EXPECT_EQ(tuned.reading.rows.back().cells[3].kl_to_final, 0) << "the output needs no translator";

  Specimen other = m.specimen;
  other.from.digest = "fedcba9876543210";
  EXPECT_THROW(load_tuned_lens(folder / "lens.safetensors", other, "renew"), ContentError);
}

}   // namespace
}   // namespace glass
