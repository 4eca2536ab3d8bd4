// Path patching is held against the circuit whose three connections are known, against its own
// definition in words, and against what must hold in every model.
#include "interp/change/path.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "tests/interp/known.h"

namespace glass {
namespace {

using testing::Known;
using testing::known;
using testing::message_of;
using testing::not_post_norm;
using testing::random_models;

bool is_one_of_the_three(const std::string& from, const std::string& to) {
  return (from == "embed" && to == "0.0.v") || (from == "0.0" && to == "1.0.k") ||
         (from == "1.0" && to == "logits");
}

TEST(Paths, AreTheThreeOfTheInductionCircuitHoweverItIsWrittenDown) {
  for (const auto& [name, options] : testing::ways_to_write_induction()) {
    for (const bool linear : {false, true}) {
      SCOPED_TRACE(name + (linear ? ", linear" : ""));
      const Known model = known(name, options);
      PathOptions how;
      how.linear = linear;
      const PathResult r = paths_of(model.specimen, induction_task(model.specimen, 1, 5), how);
      for (std::size_t i = 0; i < r.rows.size(); ++i) {
        for (std::size_t j = 0; j < r.columns.size(); ++j) {
          // A linear path into the logits keeps the final norm's scale, so its share is another.
          if (linear && options.norm && r.columns[j] == "logits") continue;
          EXPECT_NEAR(r.at(i, j), is_one_of_the_three(r.rows[i], r.columns[j]) ? 1 : 0, 5e-4)
              << r.rows[i] << " -> " << r.columns[j];
        }
      }
    }
  }
}

TEST(Paths, LeadOnlyUpwards) {
  const Known model = known("induction", {});
  const PathResult r = paths_of(model.specimen, induction_task(model.specimen, 1, 5));
  for (std::size_t i = 0; i < r.rows.size(); ++i) {
    for (std::size_t j = 0; j < r.columns.size(); ++j) {
      const bool upwards = r.rows[i].find("embed") != std::string::npos ||
                           r.columns[j] == "logits" || r.rows[i][0] < r.columns[j][0];
      EXPECT_EQ(r.leads[i * r.columns.size() + j] != 0, upwards)
          << r.rows[i] << " -> " << r.columns[j];
      if (!upwards) {
        EXPECT_EQ(r.at(i, j), 0) << r.rows[i] << " -> " << r.columns[j];
      }
    }
  }
}

// The definition: hold every head at what it was but the sender, see what the receiver then reads,
// and change only that. Without mlps the direct way is all there is.
TEST(Paths, WithAllOtherHeadsHeldAreTheDirectOnesWhereThereIsNoMlp) {
  for (const Known& model :
       random_models([](const GPTConfig& c) { return not_post_norm(c) && !c.has_mlp(); })) {
    SCOPED_TRACE(model.name);
    const Task task = induction_task(model.specimen, 2, 3);
    PathOptions held;
    held.through_mlps = true;
    const PathResult direct = paths_of(model.specimen, task),
                     slow = paths_of(model.specimen, task, held);
    for (std::size_t i = 0; i < direct.grid.size(); ++i) {
      EXPECT_NEAR(direct.grid[i], slow.grid[i], 1e-4);
    }
  }
}

TEST(Paths, ThroughMlpsDifferFromDirectOnesWhereThereAreMlps) {
  int models = 0;
  for (const Known& model :
       random_models([](const GPTConfig& c) { return not_post_norm(c) && c.has_mlp(); })) {
    SCOPED_TRACE(model.name);
    ++models;
    const Task task = induction_task(model.specimen, 1, 3);
    PathOptions how;
    how.sender = "0.1", how.receiver = "logits";
    const double direct = paths_of(model.specimen, task, how).grid[0];
    how.through_mlps = true;
    EXPECT_GT(std::abs(paths_of(model.specimen, task, how).grid[0] - direct), 1e-6);
  }
  EXPECT_GT(models, 2);
}

// Without a norm before the head, what arrives there is a sum, and so is the answer.
TEST(Paths, IntoTheLogitsAddUpToTheWholeAnswerWithoutAFinalNorm) {
  int models = 0;
  for (const Known& model :
       random_models([](const GPTConfig& c) { return not_post_norm(c) && !c.norm_final; })) {
    SCOPED_TRACE(model.name);
    ++models;
    PathOptions how;
    how.receiver = "logits";
    const PathResult r = paths_of(model.specimen, induction_task(model.specimen, 2, 3), how);
    double sum = 0;
    for (const double share : r.grid) sum += share;
    EXPECT_NEAR(sum, 1, 1e-3);
  }
  EXPECT_GT(models, 0);
}

// One by one, by hand: add what the sender changes to what one head reads.
TEST(Paths, ABatchSaysWhatEachWaySaysAlone) {
  for (const Known& model : random_models(not_post_norm)) {
    SCOPED_TRACE(model.name);
    if (model.gpt->config().norm_embed) continue;
    const Task task = induction_task(model.specimen, 2, 3);
    PathOptions how;
    how.mode = PatchMode::noise;
    const PathResult r = paths_of(model.specimen, task, how);
    const Place head{"blocks.0.attn.hook_result", 2, -1, -1};
    const Tensor clean = clean_ids(model.specimen, task),
                 corrupt = corrupt_ids(model.specimen, task);
    const Tensor change = part(look(*model.gpt, corrupt, {head.name})[head.name], head) -
                          part(look(*model.gpt, clean, {head.name})[head.name], head);
    Hooks hooks(*model.gpt);
    const auto add = hooks.replace({"blocks.1.hook_v_input", 1, -1, -1},
                                   [&](const Tensor& x) { return x + change; });
    const double answer = answers(hooks.logits(clean, nullptr, Positions::last), task)[0];
    const auto row = std::find(r.rows.begin(), r.rows.end(), "0.2") - r.rows.begin();
    const auto column = std::find(r.columns.begin(), r.columns.end(), "1.1.v") - r.columns.begin();
    EXPECT_NEAR(r.at(static_cast<std::size_t>(row), static_cast<std::size_t>(column)),
                (r.question.metric_clean - answer) /
                    (r.question.metric_clean - r.question.metric_corrupt),
                1e-4);
  }
}

// What a norm divides by is held: the same as adding behind the norm, before its weight, what the
// sender changes, divided by the scale. A gated mlp reads it twice.
TEST(Paths, OfLinearKindKeepTheScaleAlsoIntoAGatedMlp) {
  int models = 0;
  for (const Known& model : random_models([](const GPTConfig& c) {
         return c.act == Activation::swiglu && c.norm == NormPlace::pre &&
                c.norm_type == NormType::rmsnorm;
       })) {
    SCOPED_TRACE(model.name);
    ++models;
    const Task task = induction_task(model.specimen, 2, 3);
    PathOptions how;
    how.sender = "0.1", how.receiver = "mlp 1", how.linear = true;
    const PathResult r = paths_of(model.specimen, task, how);
    const Place head{"blocks.0.attn.hook_result", 1, -1, -1};
    const std::string scale = "blocks.1.ln2.hook_scale";
    const Activations clean = look(*model.gpt, clean_ids(model.specimen, task), {head.name}),
                      corrupt =
                          look(*model.gpt, corrupt_ids(model.specimen, task), {head.name, scale});
    const Tensor written = part(clean[head.name], head) - part(corrupt[head.name], head),
                 change = reshape(written, {written.dim(0), written.dim(1), written.dim(3)});
    Hooks hooks(*model.gpt);
    const auto add = hooks.replace({"blocks.1.ln2.hook_normalized"},
                                   [&](const Tensor& x) { return x + change / corrupt[scale]; });
    const double answer =
        answers(hooks.logits(corrupt_ids(model.specimen, task), nullptr, Positions::last), task)[0];
    const Question& q = r.question;
    EXPECT_NEAR(r.grid[0], (answer - q.metric_corrupt) / (q.metric_clean - q.metric_corrupt), 1e-4);
    how.linear = false;
    EXPECT_GT(std::abs(paths_of(model.specimen, task, how).grid[0] - r.grid[0]), 1e-5);
  }
  EXPECT_GT(models, 0);
}

TEST(Paths, SayWhyThereIsNoneDownwards) {
  const Known model = known("induction", {});
  PathOptions how;
  how.sender = "1.0", how.receiver = "0.0.k";
  const PathResult r = paths_of(model.specimen, induction_task(model.specimen, 1, 5), how);
  EXPECT_EQ(r.grid[0], 0);
  EXPECT_NE(page_text(page_of(r)).find("0.0.k reads before 1.0 has written"), std::string::npos);
}

TEST(Paths, TellHowFarTheyAre) {
  const Known model = known("induction", {});
  std::vector<std::int64_t> done;
  const PathResult r = paths_of(model.specimen, induction_task(model.specimen, 1, 5), {},
                                [&](std::int64_t tried, std::int64_t all) {
                                  EXPECT_EQ(all, 2 * 6 + 4 * 6 + 6);   // connections, as one counts them by hand
                                  done.push_back(tried);
                                });
  EXPECT_EQ(std::count(r.leads.begin(), r.leads.end(), 1), 42);
  ASSERT_FALSE(done.empty());
  EXPECT_TRUE(std::is_sorted(done.begin(), done.end()));
  EXPECT_EQ(done.back(), 42);
}

TEST(Paths, OfSeveralPairsDoNotNameTheTokensOfOne) {
  const Known model = known("induction", {});
  const PathResult one = paths_of(model.specimen, induction_task(model.specimen, 1, 5)),
                   three = paths_of(model.specimen, induction_task(model.specimen, 3, 5));
  EXPECT_NE(page_text(page_of(one)).find("logit[" + one.question.target + "]"), std::string::npos);
  const std::string text = page_text(page_of(three));
  EXPECT_EQ(text.find("logit[" + three.question.target + "]"), std::string::npos) << text;
  EXPECT_NE(text.find("mean over 3 pairs"), std::string::npos) << text;
}

TEST(Paths, AreRefusedByNameWhereThereAreNone) {
  const Known model = known("induction", {});
  const Task task = induction_task(model.specimen, 1, 5);
  PathOptions how;
  how.sender = "0.7";
  EXPECT_NE(message_of<UsageError>([&] { paths_of(model.specimen, task, how); }).find("no sender"),
            std::string::npos);
  how = {}, how.receiver = "1.0.w";
  EXPECT_NE(
      message_of<UsageError>([&] { paths_of(model.specimen, task, how); }).find("no receiver"),
      std::string::npos);
  for (const Known& post :
       random_models([](const GPTConfig& c) { return c.norm == NormPlace::post; })) {
    const Task other = induction_task(post.specimen, 1, 5);
    EXPECT_NE(message_of<UsageError>([&] { paths_of(post.specimen, other); }).find("post-norm"),
              std::string::npos);
  }
}

}   // namespace
}   // namespace glass
