// Optimizers against their formulas written out, and schedules against their definitions.
#include "engine/optim.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "engine/ops.h"
#include "tests/engine/devices.h"

namespace glass {
namespace {

using ::testing::ElementsAre;
using testing::counting;

void set_grad(Parameter& p, const Tensor& g) { p.grad = g, p.touched = true; }

// One weight through ten steps, in plain double.
TEST(AdamW, FollowsItsFormula) {
  Parameter p{"w", Tensor::full(testing::reference(), {1}, 0.7, DType::f64)};
  AdamW adamw({&p}, {.beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .weight_decay = 0.1});
  double w = 0.7, m = 0, v = 0;
  for (int t = 1; t <= 10; ++t) {
    const double g = std::sin(t) * w;
    set_grad(p, Tensor::full(testing::reference(), {1}, g, DType::f64));
    adamw.step(0.01);
    m = 0.9 * m + 0.1 * g;
    v = 0.95 * v + 0.05 * g * g;
    w -= 0.01 * 0.1 * w;
    w -= 0.01 * (m / (1 - std::pow(0.9, t))) / (std::sqrt(v / (1 - std::pow(0.95, t))) + 1e-8);
    EXPECT_NEAR(p.value.item(), w, 1e-14) << "step " << t;           // a few roundings a step
  }
}

TEST(AdamW, DecaysOnlyWhatWantsIt) {
  Parameter matrix{"w", counting({2}, 1)}, bias{"b", counting({2}, 1), false};
  AdamW adamw({&matrix, &bias}, {.weight_decay = 0.5});
  set_grad(matrix, Tensor::full(testing::reference(), {2}, 0, DType::f64));
  set_grad(bias, Tensor::full(testing::reference(), {2}, 0, DType::f64));
  adamw.step(0.1);
  EXPECT_THAT(matrix.value.to_host(), ElementsAre(0.95, 1.9));
  EXPECT_THAT(bias.value.to_host(), ElementsAre(1, 2));
}

TEST(AdamW, ClipsTheNormOfAllGradientsTogether) {
  Parameter a{"a", counting({1}, 1)}, b{"b", counting({1}, 1)};
  AdamW adamw({&a, &b}, {.beta1 = 0, .beta2 = 0, .eps = 1e300, .weight_decay = 0, .max_norm = 1});
  set_grad(a, Tensor::full(testing::reference(), {1}, 3, DType::f64));
  set_grad(b, Tensor::full(testing::reference(), {1}, 4, DType::f64));
  adamw.step(1e300);                                                 // so the step is the clipped gradient itself
  EXPECT_NEAR(adamw.grad_norm(), 5, 1e-15);
  EXPECT_NEAR(1 - a.value.item(), 0.6, 1e-6);                        // 1e-6: the guard in PyTorch's clip factor
  EXPECT_NEAR(1 - b.value.item(), 0.8, 1e-6);
}

TEST(AdamW, SkipsAStepWhoseGradientIsNotFinite) {
  Parameter p{"w", counting({2}, 1)};
  AdamW adamw({&p}, {});
  set_grad(p, Tensor::full(testing::reference(), {2}, std::numeric_limits<double>::quiet_NaN(), DType::f64));
  adamw.step(0.1);
  EXPECT_TRUE(adamw.skipped());
  EXPECT_THAT(p.value.to_host(), ElementsAre(1, 2));
  EXPECT_THAT(adamw.moments()[0].m.to_host(), ElementsAre(0, 0));
  set_grad(p, counting({2}, 1));
  adamw.step(0.1);
  EXPECT_FALSE(adamw.skipped());
  EXPECT_NE(p.value.to_host()[0], 1);
}

TEST(AdamW, LeavesParametersWithoutAGradientAlone) {
  Parameter used{"used", counting({2}, 1)}, unused{"unused", counting({2}, 1)};
  AdamW adamw({&used, &unused}, {.weight_decay = 0.5});
  set_grad(used, counting({2}, 1));
  adamw.step(0.1);
  EXPECT_THAT(unused.value.to_host(), ElementsAre(1, 2));
}

TEST(AdamW, IsTheSameOnEveryInstructionSet) {
  const DeviceInfo processor = list_devices().front();
  for (const std::string& isa : processor.isas) {
    const Device device = testing::cpu(isa);
    std::vector<double> w(37), g(37);
    for (std::size_t i = 0; i < w.size(); ++i) w[i] = std::sin(double(i)), g[i] = std::cos(double(i));
    Parameter here{"w", Tensor::from(device, w, {37})}, there{"w", Tensor::from(testing::reference(), w, {37}, DType::f64)};
    AdamW one({&here}, {.max_norm = 1}), two({&there}, {.max_norm = 1});
    for (int t = 0; t < 5; ++t) {
      set_grad(here, Tensor::from(device, g, {37}));
      set_grad(there, Tensor::from(testing::reference(), g, {37}, DType::f64));
      one.step(0.01);
      two.step(0.01);
    }
    const std::vector<double> a = here.value.to_host(), b = there.value.to_host();
    for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-6) << isa << " element " << i;   // f32 rounding
  }
}

TEST(Sgd, StepsAgainstTheGradient) {
  Parameter p{"w", counting({2}, 1)};
  set_grad(p, counting({2}, 1));
  Parameter* all[] = {&p};
  sgd_step(all, 0.5);
  EXPECT_THAT(p.value.to_host(), ElementsAre(0.5, 1));
}

TEST(Clip, ScalesAllGradientsByOneFactor) {
  Parameter a{"a", counting({1}, 1)}, b{"b", counting({1}, 1)};
  set_grad(a, counting({1}, 3));
  set_grad(b, counting({1}, 4));
  Parameter* all[] = {&a, &b};
  EXPECT_EQ(clip_grad_norm(all, 10), 5);
  EXPECT_EQ(a.grad.item(), 3);
  EXPECT_EQ(clip_grad_norm(all, 1), 5);
  EXPECT_NEAR(a.grad.item(), 0.6, 1e-6);
}

TEST(Schedule, WarmsUpThenFollowsHalfACosine) {
  const WarmupCosine lr{.learning_rate = 1, .min_lr = 0.1, .warmup = 10, .decay_steps = 110};
  EXPECT_NEAR(lr(0), 1.0 / 11, 1e-15);
  EXPECT_NEAR(lr(9), 10.0 / 11, 1e-15);
  EXPECT_NEAR(lr(10), 1, 1e-15);
  EXPECT_NEAR(lr(60), 0.55, 1e-15);
  EXPECT_NEAR(lr(110), 0.1, 1e-15);
  EXPECT_NEAR(lr(5000), 0.1, 1e-15);
  for (int step = 11; step <= 110; ++step) EXPECT_LT(lr(step), lr(step - 1));
}

TEST(Schedule, OfMicrogptIsAStraightLine) {
  const LinearDecay lr{.learning_rate = 0.01, .steps = 1000};
  EXPECT_EQ(lr(0), 0.01);
  EXPECT_NEAR(lr(250), 0.0075, 1e-17);
}

}  // namespace
}  // namespace glass
