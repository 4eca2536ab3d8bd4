// Patching is held against a circuit whose answer is known cell by cell, and against what must hold
// in every model.
#include "interp/change/patching.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "engine/base/error.h"
#include "interp/change/cells.h"
#include "tests/interp/known.h"
#include "tests/scratch.h"

namespace glass {
namespace {

using testing::any_norm;
using testing::Known;
using testing::known;
using testing::message_of;
using testing::random_models;
using testing::ways_to_write_induction;

// The usual pair: token 0, x0 .. x29, x0 .. x10. The exchanged one is at 11, behind it comes 12,
// and the question is asked at 41.
constexpr std::size_t kFirst = 11, kNext = 12, kLast = 41;

PatchResult patched(const Known& model, const std::string& site,
                    PatchMode mode = PatchMode::denoise) {
  return patching_of(model.specimen, induction_task(model.specimen, 1, 5),
                     {site, mode, PatchBy::automatic, -1, -1});
}

TEST(Patching, FindsTheInductionCircuitCellByCellHoweverItIsWrittenDown) {
  for (const auto& [name, options] : ways_to_write_induction()) {
    SCOPED_TRACE(name);
    const Known model = known(name, options);
    std::map<std::string, PatchResult> results;
    const auto expect = [&](const std::string& site, std::size_t layer,
                            const std::vector<std::pair<std::size_t, double>>& cells) {
      if (results.count(site) == 0) results[site] = patched(model, site);
      const PatchResult& r = results[site];
      for (std::size_t i = 0; i < r.columns.size(); ++i) {
        double expected = 0;
        for (const auto& [column, value] : cells)
          if (column == i) expected = value;
        EXPECT_NEAR(r.at(layer, i), expected, 5e-4) << site << ", layer " << layer << ", " << i;
      }
    };
    expect("resid_pre", 0, {{kFirst, 1}});
    expect("resid_pre", 1, {{kNext, 1}});
    expect("resid_post", 0, {{kNext, 1}});
    expect("resid_post", 1, {{kLast, 1}});
    expect("attn_out", 0, {{kNext, 1}});
    expect("attn_out", 1, {{kLast, 1}});
    expect("z", 0, {{0, 1}});
    expect("z", 1, {{0, 1}});
    expect("q", 1, {});
    expect("k", 1, {{0, 1}});
    expect("v", 1, {});
    expect("pattern", 1, {{0, 1}});
    expect("q", 0, {});
    expect("k", 0, {});
    expect("v", 0, {{0, 1}});
    expect("pattern", 0, {});
  }
}

TEST(Patching, NoiseTakesAwayWhatDenoisingBringsBack) {
  const Known model = known("induction", {});
  for (const char* site : {"resid_pre", "z", "k", "v"}) {
    const PatchResult to = patched(model, site), away = patched(model, site, PatchMode::noise);
    for (std::size_t i = 0; i < to.grid.size(); ++i)
      EXPECT_NEAR(to.grid[i], away.grid[i], 1e-4) << site << ", cell " << i;
  }
  EXPECT_NEAR(patched(model, "z").question.metric_clean, 10, 1e-4);
  EXPECT_NEAR(patched(model, "z").question.metric_corrupt, 0, 1e-4);
}

TEST(Patching, LooksIntoALayerByPositionAndByKey) {
  const Known model = known("induction", {});
  const Task task = induction_task(model.specimen, 1, 5);
  const PatchResult keys =
      patching_of(model.specimen, task, {"k", PatchMode::denoise, PatchBy::position, 1, -1});
  ASSERT_EQ(keys.rows, (std::vector<std::string>{"1.0", "1.1"}));
  for (std::size_t i = 0; i < keys.columns.size(); ++i)
    EXPECT_NEAR(keys.at(0, i), i == kNext ? 1 : 0, 1e-4) << i;
  const PatchResult cells =
      patching_of(model.specimen, task, {"pattern", PatchMode::denoise, PatchBy::source, 1, 0});
  ASSERT_EQ(cells.rows.size(), kLast + 1);
  EXPECT_TRUE(std::isnan(cells.at(3, 4))) << "a query cannot look ahead";
  // All of the clean answer but for what the corrupt row gives to each of the 42 keys anyway.
  EXPECT_NEAR(cells.at(kLast, kNext), 1 - 1.0 / 42, 1e-4);
  EXPECT_NEAR(cells.at(kLast, kNext + 1), -(0 - 1.0 / 42), 1e-4);
  EXPECT_NEAR(cells.at(kLast - 1, kNext), 0, 1e-4);
}

TEST(Patching, WithItsOwnValuesChangesNoBit) {
  for (const Known& model : random_models(any_norm)) {
    SCOPED_TRACE(model.name);
    const Task task = induction_task(model.specimen, 2, 3);
    for (const char* site : {"hook_resid_pre", "hook_attn_out", "attn.hook_q", "attn.hook_z",
                             "attn.hook_pattern", "hook_resid_post"}) {
      const std::string name = in_block(1, site);
      const Activations seen =
          look(*model.gpt, corrupt_ids(model.specimen, task), {"blocks.1.hook_resid_pre", name});
      const Tensor& stream = seen["blocks.1.hook_resid_pre"];
      Hooks hooks(*model.gpt);
      const auto watch = hooks.read({name}, [](const Tensor&) {});   // the path of who looks there
      // As many rows as there are cells: sums of few rows and of many go in different orders.
      EXPECT_EQ(answers_of_cells(*model.gpt, task, 1, site, stream, seen[name],
                                 {{-1, -1, -1}, {-1, 3, -1}, {-1, 7, -1}}),
                answers(hooks.logits_from(1, repeated_rows(stream, 3), nullptr, Positions::last),
                        task))
          << site;
    }
  }
}

// A cell whose part is the same in both runs is not computed. Which these are, no shortcut says:
// all cells are run here, one by one.
TEST(Patching, LeavesOutOnlyCellsThatChangeNothing) {
  for (const Known& model : random_models(any_norm)) {
    SCOPED_TRACE(model.name);
    const Task task = induction_task(model.specimen, 2, 3);
    for (const char* site : {"resid_pre", "resid_post", "q", "pattern"}) {
      const bool stream = std::string(site).starts_with("resid");
      const std::string place = std::string(stream ? "hook_" : "attn.hook_") + site;
      const TwoRuns runs =
          run_both(model.specimen, task, {"blocks.*.hook_resid_pre", "blocks.*." + place});
      const PatchResult grid =
          patching_of(model.specimen, task,
                      {site, PatchMode::denoise, stream ? PatchBy::automatic : PatchBy::position,
                       stream ? -1 : 1, std::string(site) == "pattern" ? 1 : -1});
      for (std::size_t row = 0; row < grid.rows.size(); ++row) {
        const int layer = stream ? static_cast<int>(row) : 1;
        const std::string name = in_block(layer, place);
        for (std::size_t i = 0; i < grid.columns.size(); ++i) {
          if (std::isnan(grid.at(row, i))) continue;
          const std::int64_t at = static_cast<std::int64_t>(i);
          const Cell cell = stream                     ? Cell{-1, at, -1}
                            : grid.row_axis == "query" ? Cell{1, static_cast<std::int64_t>(row), at}
                                                       : Cell{static_cast<int>(row), at, -1};
          const double answer = answers_of_cells(*model.gpt, task, layer, place,
                                                 runs.corrupt[in_block(layer, "hook_resid_pre")],
                                                 runs.clean[name], {cell})[0];
          const double share = share_of_way(PatchMode::denoise, runs, answer);
          ASSERT_NEAR(grid.at(row, i), share, 1e-4 * std::max(1.0, std::abs(share)))
              << site << ", row " << row << ", column " << i;
        }
      }
    }
  }
}

TEST(Patching, TheWholeStreamOfTheOtherRunIsTheOtherRun) {
  for (const Known& model : random_models(any_norm)) {
    SCOPED_TRACE(model.name);
    const Task task = induction_task(model.specimen, 2, 3);
    const TwoRuns runs = run_both(model.specimen, task, {"blocks.*.hook_resid_*"});
    for (const auto& [layer, site] :
         {std::pair(0, "hook_resid_pre"), std::pair(1, "hook_resid_pre"),
          std::pair(1, "hook_resid_post")}) {
      const std::string name = in_block(layer, site);
      const double answer = answers_of_cells(*model.gpt, task, layer, site,
                                             runs.corrupt[in_block(layer, "hook_resid_pre")],
                                             runs.clean[name], {{-1, -1, -1}})[0];
      EXPECT_NEAR(share_of_way(PatchMode::denoise, runs, answer), 1, 1e-4) << name;
    }
  }
}

TEST(Patching, ABatchOfCellsSaysWhatEachCellSaysAlone) {
  for (const Known& model : random_models(any_norm)) {
    SCOPED_TRACE(model.name);
    const Task task = induction_task(model.specimen, 2, 3);
    const PatchResult grid = patching_of(
        model.specimen, task, {"resid_pre", PatchMode::noise, PatchBy::automatic, -1, -1});
    const Tensor clean = clean_ids(model.specimen, task),
                 corrupt = corrupt_ids(model.specimen, task);
    const std::string name = "blocks.1.hook_resid_pre";
    const Tensor other = look(*model.gpt, corrupt, {name})[name];
    for (const std::size_t position : {0u, 3u, 9u}) {
      Hooks hooks(*model.gpt);
      const Place place{name, -1, static_cast<std::int64_t>(position), -1};
      const auto patch = hooks.replace(place, part(other, place));
      const double answer = answers(hooks.logits(clean, nullptr, Positions::last), task)[0];
      const Question& q = grid.question;
      EXPECT_NEAR(grid.at(1, position),
                  (q.metric_clean - answer) / (q.metric_clean - q.metric_corrupt), 1e-4);
    }
  }
}

TEST(Patching, RefusesPairsThatSayNothing) {
  const Known model = known("induction", {});
  Task task = induction_task(model.specimen, 1, 5);
  const Contrast good = task.pairs[0];
  const auto refusal = [&](const Contrast& pair) {
    return message_of<UsageError>([&] { check(model.specimen, pair, ""); });
  };
  Contrast longer = good;
  longer.clean.push_back(3);
  EXPECT_NE(refusal(longer).find("must be equally long"), std::string::npos) << refusal(longer);
  Contrast same = good;
  same.corrupt = same.clean;
  EXPECT_NE(refusal(same).find("are the same"), std::string::npos) << refusal(same);
  Contrast one = good;
  one.foil = one.target;
  EXPECT_NE(refusal(one).find("are the same token"), std::string::npos) << refusal(one);
  const Known blind = known("uniform", {.circuit = Circuit::uniform});
  EXPECT_NE(message_of<UsageError>([&] { patching_of(blind.specimen, task); })
                .find("answers both "
                      "texts alike"),
            std::string::npos);
}

TEST(Patching, RefusesPlacesThatAModelDoesNotHave) {
  const Known model = known("induction", {});
  const Task task = induction_task(model.specimen, 1, 5);
  const auto refusal = [&](const PatchOptions& options) {
    return message_of<UsageError>([&] { patching_of(model.specimen, task, options); });
  };
  const PatchMode mode = PatchMode::denoise;
  EXPECT_NE(refusal({"mlp_out", mode, PatchBy::automatic, -1, -1}).find("no mlp"),
            std::string::npos);
  EXPECT_NE(refusal({"z", mode, PatchBy::automatic, 2, -1}).find("no layer 2"), std::string::npos);
  EXPECT_NE(refusal({"z", mode, PatchBy::automatic, 0, 2}).find("no head 2"), std::string::npos);
  EXPECT_NE(refusal({"z", mode, PatchBy::position, -1, -1}).find("name one layer"),
            std::string::npos);
  EXPECT_NE(refusal({"q", mode, PatchBy::source, 1, -1}).find("--site pattern"), std::string::npos);
  EXPECT_NE(refusal({"resid_pre", mode, PatchBy::head, 1, -1}).find("--site z"), std::string::npos);
  EXPECT_NE(refusal({"residue", mode, PatchBy::automatic, -1, -1}).find("no site"),
            std::string::npos);
}

TEST(Contrasts, AreReadFromAFileLineByLine) {
  const Known model = known("induction", {});
  const test::Scratch scratch;
  const auto read = [&](const std::string& text) {
    const std::string path = scratch.write("task.tsv", text);
    return message_of<ContentError>([&] { read_task(model.specimen, path); });
  };
  EXPECT_EQ(read("# pairs\n\n01201\t01301\t2\t3\nABCAB\tAXCAB\tC\tX\n"), "");
  EXPECT_NE(read("0101\t0201\t1\n").find("line 1: a line is clean, corrupt, target and foil"),
            std::string::npos);
  EXPECT_NE(read("0101\t0201\t1\t2\n010\t020\t1\t2\n").find("line 2"), std::string::npos);
  EXPECT_NE(read("0101\t0201\t12\t2\n").find("is 2 tokens"), std::string::npos);
  EXPECT_NE(read("\n").find("has no pair"), std::string::npos);
}

// What somebody would type to ask the same again.
TEST(Contrasts, AreTheSameWhenTheyAreTyped) {
  const Known model = known("induction", {});
  const Task task = induction_task(model.specimen, 1, 5);
  const Question question = question_of(model.specimen, task, 1, 0);
  ASSERT_TRUE(question.typed);
  const auto read = [&](const std::string& text) {
    return model.specimen.tokenizer->encode_special(text);
  };
  EXPECT_EQ(read(question.typed->clean), task.pairs[0].clean);
  EXPECT_EQ(read(question.typed->corrupt), task.pairs[0].corrupt);
  EXPECT_EQ(one_token(model.specimen, question.typed->target, ""), task.pairs[0].target);
  EXPECT_EQ(one_token(model.specimen, question.typed->foil, ""), task.pairs[0].foil);

  Task unspeakable = task;   // a number that the tokenizer has no letter for
  unspeakable.pairs[0].clean[0] = model.specimen.tokenizer->vocab_size();
  EXPECT_FALSE(question_of(model.specimen, unspeakable, 1, 0).typed);
}

// 100 % of the way from one wrong answer to another is no finding.
TEST(Patching, SaysWhereTheQuestionIsNoGoodOne) {
  const auto words = [](const std::string& name) {
    return page_text(page_of(patched(known(name, handmade(name).options), "resid_pre")), {1000});
  };
  EXPECT_NE(words("handmade:anti-copy").find("does not give the clean answer"), std::string::npos);
  EXPECT_EQ(words("handmade:induction").find("does not give the clean answer"), std::string::npos);
  const auto answered = [](double clean, double corrupt) {
    Question question;
    question.metric_clean = clean, question.metric_corrupt = corrupt;
    return question;
  };
  EXPECT_EQ(doubt_about(answered(10, 0)), "");
  EXPECT_NE(doubt_about(answered(1, 2)).find("exchanged"), std::string::npos);
  EXPECT_NE(doubt_about(answered(10, 9.9)).find("difference of 0.1 logits"), std::string::npos);
}

}   // namespace
}   // namespace glass
