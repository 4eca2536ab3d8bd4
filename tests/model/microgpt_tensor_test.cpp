// Chapter 1 and chapter 2 are the same program: same weights, same loss, same gradient of every
// weight.
#include "model/microgpt_tensor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "kernels/backends.h"
#include "model/builtin_names.h"

namespace glass {
namespace {

MicroStart builtin_start() { return MicroStart(read_names(builtin_names(), "the list"), {}); }
Device reference() { return make_reference_backend(); }

// The gradients of one step of either model, all 4192 in one row.
std::vector<double> gradients_of(ScalarMicrogpt& model, std::span<const int> tokens, double& loss) {
  const scalar::Value value = model.loss_of(tokens);
  loss = value.data();
  model.backward(value);
  const auto grad = model.tape().grad(model.weights(), model.start().parameters());
  std::vector<double> all(grad.begin(), grad.end());
  model.tape().rewind(1 + model.start().parameters());
  return all;
}
std::vector<double> gradients_of(TensorMicrogpt& model, std::span<const int> tokens, double& loss) {
  const Tensor value = model.loss_of(tokens);
  loss = value.item();
  model.backward(value);
  std::vector<double> all;
  for (Parameter& p : model.parameters()) {
    const std::vector<double> grad = p.grad.to_host();
    all.insert(all.end(), grad.begin(), grad.end());
    p.zero_grad();
  }
  model.tape().clear();
  return all;
}

// Names of every length the model can see, and one that is too long.
const std::vector<std::vector<int>>& documents() {
  static const std::vector<std::vector<int>> all = [] {
    std::vector<std::vector<int>> docs;
    for (int letters = 1; letters <= 20; ++letters) {
      std::vector<int> tokens = {26};
      for (int i = 0; i < letters; ++i) tokens.push_back((7 * i + 3 * letters) % 26);
      tokens.push_back(26);
      docs.push_back(tokens);
    }
    return docs;
  }();
  return all;
}

TEST(TwoChapters, HaveTheSameLossAndTheSameGradientOfEveryWeight) {
  ScalarMicrogpt one(builtin_start());
  TensorMicrogpt two(builtin_start(), reference(), DType::f64);
  for (const std::vector<int>& tokens : documents()) {
    double loss1 = 0, loss2 = 0;
    const std::vector<double> grad1 = gradients_of(one, tokens, loss1),
                              grad2 = gradients_of(two, tokens, loss2);
    ASSERT_EQ(grad1.size(), 4192u);
    ASSERT_EQ(grad2.size(), 4192u);
    EXPECT_NEAR(loss1, loss2, 1e-13) << tokens.size() - 2 << " letters";
    double largest = 0;
    for (const double g : grad1) largest = std::max(largest, std::abs(g));
    EXPECT_GT(largest, 0.01) << "gradients of nothing would agree, too";
    for (std::size_t i = 0; i < grad1.size(); ++i) {
      // Sums in another order: a few units in the last place of the largest terms.
      ASSERT_NEAR(grad1[i], grad2[i], 1e-13 * largest + 1e-12 * std::abs(grad1[i]))
          << "weight " << i << ", " << tokens.size() - 2 << " letters";
    }
  }
}

TEST(TwoChapters, StayTogetherWhileTheyLearn) {
  ScalarMicrogpt one(builtin_start());
  TensorMicrogpt two(builtin_start(), reference(), DType::f64);
  for (int step = 0; step < 200; ++step)
    ASSERT_NEAR(one.step(), two.step(), 1e-9) << "step " << step + 1;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(one.sample(), two.sample()) << "sample " << i + 1;
}

// In f32 a loss near 3 is a multiple of 2e-7, and the model's sums have 16 to 64 terms: 1e-4 is far
// from rounding and far below any mistake.
TEST(TwoChapters, StayTogetherInSinglePrecisionOnEveryInstructionSet) {
  std::vector<double> losses;
  ScalarMicrogpt one(builtin_start());
  for (int step = 0; step < 200; ++step) losses.push_back(one.step());
  for (const DeviceInfo& device : list_devices()) {
    std::vector<std::string> isas = device.isas;
    if (isas.empty()) isas = {"auto"};
    for (const std::string& isa : isas) {
      SCOPED_TRACE(device.name + " " + isa);
      TensorMicrogpt two(builtin_start(), make_backend(device.name, isa, 2), DType::f32);
      double worst = 0;
      for (const double loss : losses) worst = std::max(worst, std::abs(two.step() - loss));
      EXPECT_LT(worst, 1e-4);
      EXPECT_GT(worst, 0) << "this did not run in single precision";
    }
  }
}

TEST(TensorMicrogpt, GivesTheSameBitsOnAnyNumberOfThreads) {
  std::vector<double> first;
  for (const int threads : {1, 2, 3}) {
    TensorMicrogpt model(builtin_start(), make_backend("cpu", "auto", threads), DType::f32);
    std::vector<double> losses;
    for (int step = 0; step < 20; ++step) losses.push_back(model.step());
    if (first.empty()) first = losses;
    EXPECT_EQ(losses, first) << threads << " threads";
  }
}

TEST(TensorMicrogpt, AllocatesNothingNewAfterTheFirstSteps) {
  TensorMicrogpt model(builtin_start(), reference(), DType::f64);
  for (int step = 0; step < 5; ++step) model.step();
  const std::size_t blocks = model.tape().arena_blocks();
  for (int step = 0; step < 50; ++step) model.step();
  EXPECT_EQ(model.tape().arena_blocks(), blocks);
  EXPECT_EQ(model.tape().size(), 0u) << "a step leaves a clean tape";
}

TEST(TensorMicrogpt, RefusesToGoOnFromALossThatIsNotANumber) {
  TensorMicrogpt model(builtin_start(), reference(), DType::f64);
  Parameter& head = model.parameters()[2];
  head.value = Tensor::full(head.value.device(), head.value.shape(), std::nan(""), DType::f64);
  EXPECT_THROW(model.step(), NonFiniteError);
}

}   // namespace
}   // namespace glass
