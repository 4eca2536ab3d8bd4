// A whole training through the kernels of a GPU: the curve of the CPU, but for rounding.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>

#include "tests/model/small_run.h"

namespace glass {
namespace {

using test::SmallTraining;

std::vector<double> curve_of(const std::string& device, DType dtype, const GPTConfig& model) {
  TrainConfig recipe = test::small_recipe(30);
  recipe.learning_rate = 1e-2;
  SmallTraining t(model, recipe, make_backend(device, "auto", 1), test::small_data(), dtype);
  std::vector<double> losses;
  losses.push_back(t.trainer.estimate().train);
  for (int i = 0; i < 30; ++i) losses.push_back(t.trainer.step().loss);
  losses.push_back(t.trainer.estimate().train);
  return losses;
}

double farthest(const std::vector<double>& a, const std::vector<double>& b) {
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}

// Both round to bf16 at the same places, but add in another order, and a sum that lies between two
// numbers of bf16 goes up on one side and down on the other: 2^-9 of it. Training carries that on.
// The gates are the farthest apart that was measured, with room; rounding itself is what bf16 and
// f32 differ by on one machine.
TEST(EmulatorTraining, FollowsTheCpu) {
  GPTConfig model = test::small_model();
  model.dropout = 0.1;
  const std::vector<double> f32 = curve_of("cpu", DType::f32, model);
  ASSERT_LT(f32.back(), f32.front() - 0.2) << "it learns nothing, so a curve would show nothing";
  const std::vector<double> bf16 = curve_of("cpu", DType::bf16, model);
  const double rounding = farthest(f32, bf16);
  const double apart32 = farthest(f32, curve_of("emulator", DType::f32, model)),
               apart16 = farthest(bf16, curve_of("emulator", DType::bf16, model));
  std::cout << "farthest from the CPU: f32 " << apart32 << ", bf16 " << apart16
            << "; bf16 from f32 on the CPU: " << rounding << "\n";
  EXPECT_LT(apart32, 1e-4);
  EXPECT_LT(apart16, 2 * rounding);
}

TEST(EmulatorTraining, OfAModernModelToo) {
  GPTConfig model = preset("modern");
  model.vocab_size = 11, model.n_layer = 2, model.n_head = 4, model.n_kv_head = 2;
  model.n_embd = 16, model.block_size = 8, model.n_inner = 24, model.dropout = 0;
  const double apart =
      farthest(curve_of("cpu", DType::f32, model), curve_of("emulator", DType::f32, model));
  EXPECT_LT(apart, 1e-4);
}

// A run is its weights, its moments and its number of steps: brought to the host and back, it goes
// on as if nothing had happened.
TEST(EmulatorTraining, GoesOnFromWhatTheHostKept) {
  const auto one = [] {
    return std::make_unique<SmallTraining>(test::small_model(), test::small_recipe(10),
                                           make_backend("emulator", "auto", 1), test::small_data(),
                                           DType::bf16);
  };
  const auto tensors = [](SmallTraining& t) {
    std::vector<Tensor> all;
    for (Parameter* p : t.model->parameters()) all.push_back(p->value);
    for (const AdamW::Moments& m : t.trainer.optimizer().moments())
      all.insert(all.end(), {m.m, m.v});
    return all;
  };
  const auto whole = one(), first = one(), then = one();
  for (int i = 0; i < 3; ++i) whole->trainer.step(), first->trainer.step();
  then->trainer.set_steps(3);
  std::vector<Tensor> from = tensors(*first), to = tensors(*then);
  for (std::size_t i = 0; i < from.size(); ++i) {
    const std::vector<double> kept = from[i].to_host();
    const std::vector<float> numbers(kept.begin(), kept.end());
    to[i].backend().upload(to[i].writable("a test").data, numbers.data(),
                           numbers.size() * sizeof(float));
  }
  for (int i = 0; i < 2; ++i) EXPECT_EQ(whole->trainer.step().loss, then->trainer.step().loss);
  from = tensors(*whole), to = tensors(*then);
  for (std::size_t i = 0; i < from.size(); ++i) EXPECT_EQ(from[i].to_host(), to[i].to_host()) << i;
}

}   // namespace
}   // namespace glass
