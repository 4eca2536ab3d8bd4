// One step of training: what it costs to be wrong, and what must not happen when something is.
#include "model/trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "engine/base/error.h"
#include "kernels/reference/reference.h"
#include "model/evaluate.h"
#include "tests/model/small_run.h"

namespace glass {
namespace {

using test::SmallTraining;
using ::testing::HasSubstr;

std::vector<std::vector<double>> state_of(Trainer& trainer) {
  std::vector<std::vector<double>> all;
  for (Parameter* p : trainer.model().parameters()) all.push_back(p->value.to_host());
  for (const AdamW::Moments& m : trainer.optimizer().moments())
    all.push_back(m.m.to_host()), all.push_back(m.v.to_host());
  return all;
}

TEST(Trainer, TheLossFallsBelowWhatCountingLettersGives) {
  TrainConfig recipe = test::small_recipe(200);
  recipe.learning_rate = 1e-2;
  SmallTraining t(test::small_model(), recipe);
  const double before = t.trainer.estimate().val;
  for (int i = 0; i < 200; ++i) t.trainer.step();
  const double unigram = corpus_entropy(t.data.train, t.data.vocab_size).unigram;
  EXPECT_NEAR(before, std::log(11), 0.1) << "a new model knows nothing";
  EXPECT_LT(t.trainer.estimate().train, 0.95 * unigram);
}

TEST(Trainer, AccumulatedMicroStepsAreOneLargeBatch) {
  TrainConfig large = test::small_recipe(10), small = large;
  large.batch_size = 6;
  small.batch_size = 2, small.gradient_accumulation_steps = 3;
  SmallTraining one(test::small_model(), large, make_reference_backend()),
      three(test::small_model(), small, make_reference_backend());
  for (int i = 0; i < 10; ++i) {
    // The same six windows; sums of floats in another order.
    EXPECT_NEAR(one.trainer.step().loss, three.trainer.step().loss, 2e-5) << "step " << i + 1;
  }
}

TEST(Trainer, ANonFiniteStepChangesNothingAndSaysWhere) {
  for (const char* fault : {"nan_loss@3", "inf_grad@3"}) {
    SCOPED_TRACE(fault);
    SmallTraining t(test::small_model(), test::small_recipe(10));
    t.trainer.fault = parse_fault(fault);
    t.trainer.step();
    t.trainer.step();
    const auto before = state_of(t.trainer);
    try {
      t.trainer.step();
      FAIL() << "nobody noticed";
    } catch (const NonFiniteError& error) {
      EXPECT_THAT(error.what(), HasSubstr("step 3"));
      EXPECT_THAT(error.what(), HasSubstr("samples 6 to 8"));
      if (std::string(fault) == "inf_grad@3") {
        EXPECT_THAT(error.what(), HasSubstr("gradient of transformer.ln_f.weight"));
      }
    }
    EXPECT_TRUE(state_of(t.trainer) == before);
    EXPECT_EQ(t.trainer.steps(), 2);
    t.trainer.fault = {};
    EXPECT_TRUE(std::isfinite(t.trainer.step().loss)) << "and it can go on";
  }
}

TEST(Trainer, DebuggingNamesTheOperationThatWentWrong) {
  SmallTraining t(test::small_model(), test::small_recipe(10));
  t.trainer.fault = parse_fault("nan_param@2");
  t.trainer.debug_nonfinite = true;
  t.trainer.step();
  try {
    t.trainer.step();
    FAIL() << "nobody noticed";
  } catch (const NonFiniteError& error) {
    EXPECT_THAT(error.what(), HasSubstr("transformer.wte.weight"));
  }
}

TEST(Trainer, FaultsThatDoNotExistAreRefused) {
  EXPECT_THROW(parse_fault("nan_loss"), UsageError);
  EXPECT_THROW(parse_fault("nan_loss@x"), UsageError);
  EXPECT_THROW(parse_fault("nan_tea@3"), UsageError);
}

TEST(Trainer, AStepInSteadyStateAsksTheSystemForNoMemory) {
  const auto machine = std::make_shared<ReferenceBackend>();
  SmallTraining t(test::small_model(), test::small_recipe(10), machine);
  for (int i = 0; i < 3; ++i) t.trainer.step();
  const std::int64_t before = machine->memory().counters().allocations;
  for (int i = 0; i < 3; ++i) t.trainer.step();
  EXPECT_EQ(machine->memory().counters().allocations, before);
}

TEST(Evaluate, EveryTokenButTheFirstIsPredictedOnce) {
  SmallTraining t(test::small_model(), test::small_recipe(1));
  for (const std::int64_t n : {2, 8, 9, 10, 17, 33, 90}) {
    const Tokens text(test::small_text(n, 11, 3));
    const Evaluation got = evaluate(*t.model, text, {.B = 3});
    EXPECT_EQ(got.tokens, n - 1);
    double sum = 0;   // the same, a window at a time
    for (std::int64_t start = 0; start < n - 1; start += 8) {
      const std::int64_t T = std::min<std::int64_t>(8, n - 1 - start);
      std::vector<std::int32_t> window(static_cast<std::size_t>(T + 1));
      text.copy(start, window);
      Pass pass;
      const std::span<const std::int32_t> all(window);
      const Tensor each = t.model->loss_each(
          pass, Tensor::ids(t.device, all.first(static_cast<std::size_t>(T)), {1, T}),
          Tensor::ids(t.device, all.last(static_cast<std::size_t>(T)), {1, T}));
      for (double loss : each.to_host()) sum += loss;
    }
    EXPECT_NEAR(got.loss, sum / static_cast<double>(n - 1), 1e-6) << n << " tokens";
  }
}

// Every token from at least block_size - stride tokens, each predicted once: a window at a time.
TEST(Evaluate, AShorterStrideGuessesFromMore) {
  SmallTraining t(test::small_model(), test::small_recipe(1));
  const std::int64_t T = 8;
  for (const std::int64_t stride : {1, 3, 8, 20}) {
    for (const std::int64_t n : {2, 8, 9, 12, 40}) {
      SCOPED_TRACE("stride " + std::to_string(stride) + ", " + std::to_string(n) + " tokens");
      const std::vector<std::int32_t> ids = test::small_text(n, 11, 3);
      const Evaluation got = evaluate(*t.model, Tokens(ids), {.B = 2, .stride = stride});
      double sum = 0;
      for (std::int64_t done = 0; done < n - 1;) {
        const std::int64_t end = std::min(n - 1, done + (done == 0 ? T : std::min(stride, T)));
        const std::int64_t start = stride >= T ? done : std::max<std::int64_t>(0, end - T);
        const std::span<const std::int32_t> all(ids);
        const auto length = static_cast<std::size_t>(end - start);
        Pass pass;
        const std::vector<double> losses =
            t.model
                ->loss_each(
                    pass,
                    Tensor::ids(t.device, all.subspan(static_cast<std::size_t>(start), length),
                                {1, end - start}),
                    Tensor::ids(t.device, all.subspan(static_cast<std::size_t>(start) + 1, length),
                                {1, end - start}))
                .to_host();
        for (std::int64_t i = done - start; i < end - start; ++i)
          sum += losses[static_cast<std::size_t>(i)];
        done = end;
      }
      EXPECT_EQ(got.tokens, n - 1);
      EXPECT_NEAR(got.loss, sum / static_cast<double>(n - 1), 1e-6);
    }
  }
}

TEST(Trainer, CountsTheFloatingPointOperationsOfAStep) {
  SmallTraining t(test::small_model(), test::small_recipe(1));
  const double C = 16, L = 2, T = 8, V = 11, tokens = 3 * 8;
  const double products = L * 12 * C * C + V * C;   // weights that every token is multiplied with
  EXPECT_DOUBLE_EQ(t.trainer.flops_per_step(), 3 * tokens * (2 * products + 2 * L * C * T));
}

}   // namespace
}   // namespace glass
