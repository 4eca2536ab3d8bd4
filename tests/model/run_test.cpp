// A run that was stopped and taken up again leaves the same bytes as one that never stopped.
#include "model/run.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <sstream>

#include "engine/base/error.h"
#include "tests/model/scratch.h"
#include "tests/model/small_run.h"

namespace glass {
namespace {

using test::bytes_of;
using test::Scratch;

// Asks to stop when it was asked for the n-th time.
struct StopAfter final : RunWatcher {
  int left;
  explicit StopAfter(int asks) : left(asks) {}
  bool wants_to_stop() override { return left-- <= 0; }
};

struct Setting {
  const char* name;
  double dropout;
  std::int64_t accumulation;
  std::int64_t train_tokens;   // few: the run crosses ends of epochs
  int threads;
  bool recompute;
  DType dtype = DType::f32;
};

std::ostream& operator<<(std::ostream& out, const Setting& s) { return out << s.name; }

GPTConfig model_of(const Setting& s) {
  GPTConfig c = test::small_model();
  c.dropout = s.dropout;
  return c;
}

TrainConfig recipe_of(const Setting& s, std::int64_t steps) {
  TrainConfig c = test::small_recipe(steps);
  c.gradient_accumulation_steps = s.accumulation;
  c.recompute = s.recompute;
  return c;
}

// Trains in `folder` up to `steps`, from where the folder's newest checkpoint stands.
glass::Run::End train(const Setting& s, const std::string& folder, std::int64_t steps,
                      RunWatcher& watcher) {
  test::SmallTraining t(model_of(s), recipe_of(s, steps), make_backend("cpu", "auto", s.threads),
                        test::small_data(s.train_tokens), s.dtype);
  RunFolder place(folder);
  glass::Run run(t.trainer, place, {{"format", "glass"}}, watcher);
  run.make_samples = [](std::int64_t step) { return "sample of step " + std::to_string(step); };
  if (const auto found = place.newest()) run.resume(*found);
  return run.go();
}

glass::Run::End train(const Setting& s, const std::string& folder, std::int64_t steps) {
  RunWatcher nobody;
  return train(s, folder, steps, nobody);
}

void expect_same_run(const std::string& one, const std::string& other, std::int64_t step) {
  const std::string name = checkpoint_name(step);
  ASSERT_GT(bytes_of(one + "/" + name).size(), 1000u) << one << "/" << name;
  EXPECT_TRUE(bytes_of(one + "/" + name) == bytes_of(other + "/" + name)) << name << " differs";
  EXPECT_EQ(bytes_of(one + "/metrics.jsonl"), bytes_of(other + "/metrics.jsonl"));
  EXPECT_EQ(bytes_of(one + "/samples.txt"), bytes_of(other + "/samples.txt"));
}

const Setting kSettings[] = {
    {"plain", 0, 1, 301, 1, false},        {"dropout", 0.2, 1, 301, 1, false},
    {"accumulation", 0, 3, 301, 2, false}, {"epoch_ends", 0.1, 2, 41, 1, false},
    {"threads", 0.1, 2, 301, 3, false},    {"recompute", 0.2, 2, 301, 1, true},
    {"bf16", 0.1, 2, 301, 2, false, DType::bf16},
};

class ExactResume : public ::testing::TestWithParam<Setting> {};
INSTANTIATE_TEST_SUITE_P(Settings, ExactResume, ::testing::ValuesIn(kSettings),
                         [](const auto& one) { return std::string(one.param.name); });

TEST_P(ExactResume, NStepsAndNMoreAreTwoNSteps) {
  for (const std::int64_t n : {1, 7, 20}) {
    SCOPED_TRACE("n = " + std::to_string(n));
    Scratch scratch;
    train(GetParam(), scratch / "halves", n);
    train(GetParam(), scratch / "halves", 2 * n);
    train(GetParam(), scratch / "whole", 2 * n);
    // The settings say when to stop, and the two runs were told the same in the end.
    expect_same_run(scratch / "whole", scratch / "halves", 2 * n);
  }
}

TEST_P(ExactResume, BeingInterruptedAnywhereLeavesNoTrace) {
  Scratch scratch;
  train(GetParam(), scratch / "whole", 12);
  int stopped = 0;
  // Between steps, between micro-steps, and in the middle of looking: the first look, the one after
  // step 10, the last one.
  for (int asks = 0; asks < 60; asks = asks < 12 ? asks + 1 : asks + 3) {
    SCOPED_TRACE("asks = " + std::to_string(asks));
    const std::string folder = scratch / ("stopped" + std::to_string(asks));
    StopAfter impatient(asks);
    if (train(GetParam(), folder, 12, impatient) == glass::Run::End::finished) break;
    ++stopped;
    EXPECT_EQ(train(GetParam(), folder, 12), glass::Run::End::finished);
    expect_same_run(scratch / "whole", folder, 12);
  }
  EXPECT_GE(stopped, 15);
}

TEST(Run, ThreePartsAreOne) {
  const Setting s = kSettings[3];
  Scratch scratch;
  for (const std::int64_t steps : {5, 10, 15}) train(s, scratch / "parts", steps);
  train(s, scratch / "whole", 15);
  expect_same_run(scratch / "whole", scratch / "parts", 15);
}

TEST(Run, TheNumberOfThreadsChangesNothing) {
  Scratch scratch;
  Setting s{"", 0.1, 2, 301, 1, false};
  train(s, scratch / "1", 6);
  for (const int threads : {2, 3, 4, 7, 8}) {
    s.threads = threads;
    const std::string folder = scratch / std::to_string(threads);
    train(s, folder, 6);
    SCOPED_TRACE(threads);
    expect_same_run(scratch / "1", folder, 6);
  }
}

TEST(Run, RecomputingBlocksGivesTheSameWeights) {
  Scratch scratch;
  Setting s{"", 0.2, 1, 301, 1, false};
  test::SmallTraining remembered(model_of(s), recipe_of(s, 8));
  s.recompute = true;
  test::SmallTraining recomputed(model_of(s), recipe_of(s, 8));
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(remembered.trainer.step().loss, recomputed.trainer.step().loss) << "step " << i + 1;
  }
  for (std::size_t i = 0; i < remembered.model->parameters().size(); ++i) {
    const Parameter *a = remembered.model->parameters()[i], *b = recomputed.model->parameters()[i];
    EXPECT_EQ(a->value.to_host(), b->value.to_host()) << a->name;
  }
}

TEST(Run, RowsSayWhatIsMeasuredAndNothingElse) {
  Scratch scratch;
  train(kSettings[0], scratch / "run", 20);
  std::istringstream lines(bytes_of(scratch / "run/metrics.jsonl"));
  std::string line;
  int rows = 0, with_val = 0;
  while (std::getline(lines, line)) {
    const JsonValue row = parse_json(line, "metrics.jsonl");
    const std::int64_t step = row.at("step", "row").integer("step", 0, 20);
    EXPECT_EQ(step, rows) << line;
    EXPECT_EQ(row.find("loss") != nullptr, step > 0) << line;
    EXPECT_EQ(row.find("val_loss") != nullptr, step % 10 == 0) << line;
    with_val += row.find("val_loss") != nullptr;
    ++rows;
  }
  EXPECT_EQ(rows, 21);
  EXPECT_EQ(with_val, 3);
}

TEST(Run, TheBestStateIsKeptBesideTheNewest) {
  struct Best final : RunWatcher {
    std::int64_t step = -1;
    void on_evaluation(std::int64_t at, const Losses&, bool best) override {
      if (best) step = at;
    }
  } watcher;
  Scratch scratch;
  train(kSettings[0], scratch / "run", 40, watcher);
  ASSERT_GT(watcher.step, 0);
  const Checkpoint best = load_checkpoint(scratch / "run/best.safetensors");
  EXPECT_EQ(best.note("glass.step"), std::to_string(watcher.step));
}

TEST(Run, SavesWhenItIsAskedAndOnlyThen) {
  struct Asks final : RunWatcher {
    std::int64_t at = 0;
    std::vector<std::int64_t> saved;
    void on_step(const StepResult& step, double) override { at = step.step; }
    void on_saved(std::int64_t step, const SavedFile&, bool) override { saved.push_back(step); }
    bool wants_to_save() override { return at == 3 || at == 7; }
  } watcher;
  Scratch scratch;
  const Setting& s = kSettings[0];
  TrainConfig recipe = recipe_of(s, 9);
  recipe.eval_interval = recipe.save_every = 1000;
  test::SmallTraining t(model_of(s), recipe, make_backend("cpu", "auto", 1),
                        test::small_data(s.train_tokens), s.dtype);
  RunFolder place(scratch / "run");
  glass::Run run(t.trainer, place, {{"format", "glass"}}, watcher);
  EXPECT_EQ(run.go(), glass::Run::End::finished);
  EXPECT_EQ(watcher.saved, (std::vector<std::int64_t>{3, 7, 9})) << "9 is the end";
}

TEST(Run, AModelThatIsNotANumberIsNotSavedOverAGoodOne) {
  Scratch scratch;
  const Setting s = kSettings[0];
  train(s, scratch / "run", 10);
  const std::string good = bytes_of(scratch / "run" + std::string("/") + checkpoint_name(10));
  test::SmallTraining t(model_of(s), recipe_of(s, 30));
  t.trainer.fault = {Fault::Kind::nan_param, 15};
  RunFolder place(scratch / "run");
  RunWatcher nobody;
  glass::Run run(t.trainer, place, {{"format", "glass"}}, nobody);
  run.resume(*place.newest());
  EXPECT_THROW(run.go(), NonFiniteError);
  EXPECT_EQ(place.newest()->step, 10);
  EXPECT_TRUE(bytes_of(scratch / "run" + std::string("/") + checkpoint_name(10)) == good);
}

TEST(Run, ALossThatIsNotANumberLeavesTheStepBeforeIt) {
  Scratch scratch;
  const Setting s = kSettings[0];
  train(s, scratch / "whole", 14);
  for (const Fault::Kind kind : {Fault::Kind::nan_loss, Fault::Kind::inf_grad}) {
    const std::string folder = scratch / ("fault" + std::to_string(static_cast<int>(kind)));
    test::SmallTraining t(model_of(s), recipe_of(s, 30));
    t.trainer.fault = {kind, 8};
    RunWatcher nobody;
    {
      RunFolder place(folder);
      glass::Run run(t.trainer, place, {{"format", "glass"}}, nobody);
      EXPECT_THROW(run.go(), NonFiniteError);
      EXPECT_EQ(place.newest()->step, 7) << "the state before the step is safe";
    }
    train(s, folder, 14);
    expect_same_run(scratch / "whole", folder, 14);
  }
}

// Every step after a bad one is bad too, until `last`.
struct BadLuck final : RunWatcher {
  Trainer* trainer = nullptr;
  std::int64_t last = 0;
  int warnings = 0;
  void on_warning(const std::string&) override {
    ++warnings;
    if (trainer->fault.step < last) ++trainer->fault.step;
  }
};

TEST(Run, SkippingBadStepsGoesOnButNotForEver) {
  for (const std::int64_t last : {4, 8, 9}) {
    SCOPED_TRACE("bad steps 4 to " + std::to_string(last));
    Scratch scratch;
    TrainConfig recipe = recipe_of(kSettings[0], 20);
    recipe.on_nonfinite = OnNonFinite::skip;
    test::SmallTraining t(model_of(kSettings[0]), recipe);
    t.trainer.fault = {Fault::Kind::nan_loss, 4};
    BadLuck watcher;
    watcher.trainer = &t.trainer, watcher.last = last;
    RunFolder place(scratch / "run");
    glass::Run run(t.trainer, place, {{"format", "glass"}}, watcher);
    if (last - 3 <= 5) {
      EXPECT_EQ(run.go(), glass::Run::End::finished);
      EXPECT_EQ(watcher.warnings, last - 3);
    } else {
      EXPECT_THROW(run.go(), NonFiniteError) << "five in a row are too many";
    }
  }
}

TEST(Run, ASkippedStepStillLooksAndSaves) {
  Scratch scratch;
  TrainConfig recipe = recipe_of(kSettings[0], 12);
  recipe.on_nonfinite = OnNonFinite::skip;
  test::SmallTraining t(model_of(kSettings[0]), recipe);
  t.trainer.fault = {Fault::Kind::nan_loss, 10};   // when an evaluation is due
  RunFolder place(scratch / "run");
  RunWatcher nobody;
  glass::Run(t.trainer, place, {{"format", "glass"}}, nobody).go();
  EXPECT_NE(bytes_of(scratch / "run/metrics.jsonl").find("{\"step\": 10, \"train_loss\""),
            std::string::npos);
  EXPECT_GT(bytes_of(scratch / "run" + std::string("/") + checkpoint_name(10)).size(), 0u);
}

TEST(Run, ABrokenWeightIsNotSkipped) {
  Scratch scratch;
  TrainConfig recipe = recipe_of(kSettings[0], 12);
  recipe.on_nonfinite = OnNonFinite::skip;
  test::SmallTraining t(model_of(kSettings[0]), recipe);
  t.trainer.fault = {Fault::Kind::nan_param, 4};
  RunFolder place(scratch / "run");
  RunWatcher nobody;
  EXPECT_THROW(glass::Run(t.trainer, place, {{"format", "glass"}}, nobody).go(), NonFiniteError);
}

}   // namespace
}   // namespace glass
