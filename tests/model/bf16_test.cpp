// A model whose products are computed in bf16 beside the same model in f32.
#include <gtest/gtest.h>

#include <cmath>

#include "engine/optim.h"
#include "model/kv_cache.h"
#include "model/saved_model.h"
#include "tests/engine/devices.h"
#include "tests/model/small_presets.h"
#include "tests/model/watcher.h"

namespace glass {
namespace {

using testing::gap;

Device cpu() {
  static const Device device = testing::cpu("auto", 2);
  return device;
}

struct Batch {
  Tensor ids, targets;
};
Batch draw_batch(const GPTConfig& c, const Device& device) {
  const Shape shape = {2, c.block_size};
  const auto count = static_cast<std::size_t>(shape.numel());
  return {Tensor::ids(device, testing::drawn_below("ids", count, c.vocab_size), shape),
          Tensor::ids(device, testing::drawn_below("targets", count, c.vocab_size), shape)};
}

// The loss, and all gradients one after the other.
struct Outcome {
  double loss;
  std::vector<double> gradients;
};
Outcome step(LanguageModel& model, const Batch& batch, bool recompute = false) {
  Tape tape;
  Pass pass(&tape);
  pass.recompute = recompute;
  const Tensor loss = model.loss(pass, batch.ids, batch.targets);
  for (Parameter* p : model.parameters()) p->zero_grad();
  tape.backward(loss);
  Outcome outcome{loss.item(), {}};
  for (Parameter* p : model.parameters()) {
    EXPECT_EQ(p->grad.dtype(), DType::f32) << p->name;
    const std::vector<double> g = p->grad.to_host();
    outcome.gradients.insert(outcome.gradients.end(), g.begin(), g.end());
  }
  return outcome;
}

double length(const std::vector<double>& x) {
  double squares = 0;
  for (const double v : x) squares += v * v;
  return std::sqrt(squares);
}
double distance(std::vector<double> a, const std::vector<double>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] -= b[i];
  return length(a);
}

// Every factor is rounded by at most 2^-8 of itself, at random: a sum of products keeps a relative
// error of that size, and a gradient comes through some ten of them, one after the other. So the
// loss (about 3, of logits below 2) moves by less than 2^-7, and the gradient by less than sqrt(10)
// 2^-8 = 1.2 % of its length; twice that is allowed. That it moves at all is asked too: otherwise
// nothing was computed in bf16.
TEST(Bf16Model, TheLossAndEveryGradientAreThoseOfF32UpToTheRoundingOfFactors) {
  for (const Device& device : {cpu(), testing::reference()}) {
    for (const testing::SmallPreset& family : testing::small_families()) {
      const std::string what = family.name + " on " + device->name();
      const auto wide = make_model(family.model, device, DType::f32, 7);
      const auto half = make_model(family.model, device, DType::bf16, 7);
      EXPECT_EQ(half->dtype(), DType::f32);
      EXPECT_EQ(half->products(), DType::bf16);
      const Batch batch = draw_batch(family.model, device);
      const Outcome f32 = step(*wide, batch), bf16 = step(*half, batch);
      EXPECT_NEAR(bf16.loss, f32.loss, 0x1p-7) << what;
      EXPECT_NE(bf16.loss, f32.loss) << what;
      const double apart = distance(bf16.gradients, f32.gradients) / length(f32.gradients);
      EXPECT_LT(apart, 0.024) << what;
      EXPECT_GT(apart, 1e-4) << what;
    }
  }
}

TEST(Bf16Model, RunningBlocksAgainGivesTheSameGradients) {
  for (const testing::SmallPreset& family : testing::small_families()) {
    const auto model = make_model(family.model, cpu(), DType::bf16, 7);
    const Batch batch = draw_batch(family.model, cpu());
    const Outcome once = step(*model, batch), twice = step(*model, batch, true);
    EXPECT_EQ(twice.loss, once.loss) << family.name;
    EXPECT_EQ(twice.gradients, once.gradients) << family.name;
  }
}

// Whoever looks takes the readable paths, which round at other places: the scores stay f32, the
// outputs of heads are rounded once more. Each logit is a sum of some thirty products of numbers
// that were rounded by 2^-8.
TEST(Bf16Model, WhoeverLooksSeesTheSameModel) {
  for (const testing::SmallPreset& family : testing::small_families()) {
    const auto model = make_model(family.model, cpu(), DType::bf16, 7);
    const Batch batch = draw_batch(family.model, cpu());
    Pass plain;
    const std::vector<double> expected = model->logits(plain, batch.ids).to_host();
    testing::Watcher watcher([](std::string_view) { return true; });
    Pass watched(nullptr, &watcher);
    EXPECT_LT(gap(model->logits(watched, batch.ids).to_host(), expected), 0x1p-5) << family.name;
    EXPECT_EQ(watcher.seen.size(), model->taps().size()) << family.name;
    for (const auto& [name, seen] : watcher.seen) {
      const bool stream = name.find("resid") != std::string::npos || name == "logits" ||
                          name.find("_out") != std::string::npos;
      if (!stream) continue;
      EXPECT_EQ(seen.dtype(), DType::f32) << family.name << ", " << name;
    }
  }
}

TEST(Bf16Model, TheShadowFollowsWhoeverWritesTheWeight) {
  const testing::SmallPreset family = testing::small_families().front();
  const auto model = make_model(family.model, cpu(), DType::bf16, 7);
  const Batch batch = draw_batch(family.model, cpu());
  AdamW adamw(model->parameters(), {});
  const auto require_shadows = [&](const char* when) {
    int shadows = 0;
    for (Parameter* p : model->parameters()) {
      if (!p->shadow) continue;
      ++shadows;
      EXPECT_EQ(p->in_bf16().to_host(), converted(p->value, DType::bf16).to_host())
          << p->name << " after " << when;
    }
    EXPECT_GE(shadows, 4) << when;
  };
  step(*model, batch);
  require_shadows("the first pass");
  adamw.step(0.1);
  for (Parameter* p : model->parameters())
    EXPECT_TRUE(!p->shadow || p->shadow_holds()) << p->name << ": AdamW did not write it";
  require_shadows("a step of AdamW");
  for (Parameter* p : model->parameters()) cpu()->fill(p->value.writable("the test"), 0.3);
  require_shadows("a write in place");
  for (Parameter* p : model->parameters())
    p->value = Tensor::full(cpu(), p->value.shape(), 0.7, DType::f32);
  require_shadows("another tensor in the weight's place");
}

TEST(Bf16Model, KeysAndValuesThatWereKeptGiveTheSameLogits) {
  for (const testing::SmallPreset& family : testing::small_families()) {
    const auto model = make_model(family.model, cpu(), DType::bf16, 7);
    const std::int64_t T = family.model.block_size;
    const Tensor ids = slice(draw_batch(family.model, cpu()).ids, 0, 0, 1);
    Pass whole;
    const std::vector<double> expected = model->logits(whole, ids, Positions::last).to_host();
    KVCache cache(family.model, cpu(), model->products());
    std::vector<double> last;
    for (std::int64_t t = 0; t < T; ++t) {
      Pass pass;
      pass.cache = &cache;
      last = model->logits(pass, slice(ids, 1, t, t + 1), Positions::last).to_host();
    }
    // The same roundings of the same factors; only sums in f32 have another order, which may tip a
    // rounding over.
    EXPECT_LT(gap(last, expected), 0x1p-6) << family.name;
  }
}

TEST(Bf16Model, ACastGoesThereAndBack) {
  const Tensor x = Tensor::from(cpu(), std::vector<float>{1, -2, 0.1f, 1e-30f}, {4});
  Tape tape;
  Parameter p{"x", x};
  const Tensor y = cast(cast(tape.watch(p), DType::bf16), DType::f32);
  EXPECT_EQ(y.to_host()[0], 1);
  EXPECT_NEAR(y.to_host()[2], 0.1, 0.1 / 256);
  EXPECT_NE(y.to_host()[2], x.to_host()[2]);
  tape.backward(sum(y * 3.0));
  EXPECT_EQ(p.grad.dtype(), DType::f32);
  EXPECT_EQ(p.grad.to_host(), std::vector<double>(4, 3));
  EXPECT_EQ(str(cast(x, DType::bf16)).substr(0, 8), "bf16 (4)");
}

}   // namespace
}   // namespace glass
