// A model that learns: every weight of every preset is told how to change, and a batch can be
// learned by heart. Derivatives are right elsewhere (gpt_parity_test.cpp); here nothing is cut off.
#include <gtest/gtest.h>

#include <cmath>

#include "engine/optim.h"
#include "model/language_model.h"
#include "tests/engine/devices.h"
#include "tests/model/golden.h"
#include "tests/model/small_presets.h"

namespace glass {
namespace {

using testing::SmallPreset;

struct Batch {
  Tensor ids, targets;
};

Batch draw_batch(const GPTConfig& c, const Device& device, std::int64_t B) {
  const std::size_t count = static_cast<std::size_t>(B * c.block_size);
  const Shape shape = {B, c.block_size};
  return {Tensor::ids(device, testing::drawn_below("ids", count, c.vocab_size), shape),
          Tensor::ids(device, testing::drawn_below("targets", count, c.vocab_size), shape)};
}

double length(const std::vector<double>& x, std::int64_t first, std::int64_t last) {
  double squares = 0;
  for (std::int64_t i = first; i < last; ++i) squares += x[std::size_t(i)] * x[std::size_t(i)];
  return std::sqrt(squares);
}

// The part of a weight that the loss does not depend on. There is one: a bias of the keys adds the
// same to every score of a query, which softmax does not see, unless keys turn with their position.
struct Blind {
  std::int64_t first, last;
};
Blind blind_part(const GPTConfig& c, const Parameter& p) {
  if (!p.name.ends_with("attn.c_attn.bias") || c.pos == Position::rope) return {0, 0};
  const std::int64_t queries = c.n_head * c.head_size();
  return {queries, queries + c.kv_heads() * c.head_size()};
}

TEST(GptLearns, EveryWeightOfEveryPresetHasAGradient) {
  for (const SmallPreset& preset : testing::small_presets()) {
    const auto model = make_model(preset.model, testing::reference(), DType::f64, 7);
    const Batch batch = draw_batch(preset.model, testing::reference(), 2);
    Tape tape;
    Pass pass(&tape);
    tape.backward(model->loss(pass, batch.ids, batch.targets));
    for (Parameter* p : model->parameters()) {
      const std::string what = preset.name + ", " + p->name;
      ASSERT_TRUE(p->touched) << what << " has none";
      const std::vector<double> gradient = p->grad.to_host();
      const Blind blind = blind_part(preset.model, *p);
      const std::int64_t n = p->grad.numel();
      const double seen =
          std::hypot(length(gradient, 0, blind.first), length(gradient, blind.last, n));
      EXPECT_GT(seen, 1e-6) << what;
      EXPECT_LE(length(gradient, blind.first, blind.last), 1e-12 * seen)
          << what << ": rows of the keys";
    }
  }
}

// Random targets have no rule, so they can only be learned by heart: every family has room for 48.
// They need 25 to 85 steps.
TEST(GptLearns, EveryFamilyCanLearnABatchByHeart) {
  const Device device = testing::cpu("auto", 1);
  for (const SmallPreset& family : testing::small_families()) {
    const auto model = make_model(family.model, device, DType::f32, 7);
    const Batch batch = draw_batch(family.model, device, 3);
    AdamW adamw(model->parameters(),
                {.beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .weight_decay = 0, .max_norm = 1});
    Tape tape;
    double loss = 0;
    int steps = 0;
    for (loss = HUGE_VAL; !(loss < 0.05) && steps < 300; ++steps) {
      Pass pass(&tape);
      const Tensor now = model->loss(pass, batch.ids, batch.targets);
      tape.backward(now);
      adamw.step(3e-3);
      adamw.zero_grad();
      tape.clear();
      loss = now.item();
    }
    EXPECT_LT(loss, 0.05) << family.name << " after " << steps << " steps";
  }
}

}   // namespace
}   // namespace glass
