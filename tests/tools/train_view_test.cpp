// What a person sees of a training: how often a plain line comes, and what a terminal shows.
#include "tools/train_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace glass {
namespace {

using testing::HasSubstr;

TrainView view_of(TrainView::Style style) {
  return {style,
          {.first_step = 0,
           .max_iters = 5000,
           .log_interval = 1000,
           .flops_per_step = 1e6,
           .peak_gflops = 0,
           .tokens_per_step = 64}};
}

StepResult step_number(std::int64_t step) {
  StepResult result{};
  result.step = step, result.loss = 2;
  return result;
}

// What is said about steps 1, 2, ... count that take so long each.
std::string said(int count, double ms) {
  TrainView view = view_of(TrainView::Style::lines);
  testing::internal::CaptureStderr();
  for (int i = 1; i <= count; ++i) view.on_step(step_number(i), ms);
  return testing::internal::GetCapturedStderr();
}

TEST(TrainView, OfFastStepsItSpeaksOnceAnInterval) {
  const std::string lines = said(2500, 1);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 2) << lines;
  EXPECT_THAT(lines, HasSubstr("step   1000 / 5000 | loss 2.0000"));
}

TEST(TrainView, OfSlowStepsItSpeaksAfterHalfAMinute) {
  const std::string lines = said(7, 10e3);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 2) << lines;
  EXPECT_THAT(lines, HasSubstr("step      3 / 5000"));
  EXPECT_THAT(lines, HasSubstr("step      6 / 5000"));
}

TEST(TrainView, ATerminalSeesThatAnEvaluationHasBegun) {
  TrainView view = view_of(TrainView::Style::rewritten);
  testing::internal::CaptureStderr();
  view.on_look(0);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("step 0/5000  looks at"));
  testing::internal::CaptureStderr();
  view.on_evaluation(0, {.train = 3, .val = 3}, false);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::StartsWith("\r\033[K"));
  TrainView quiet = view_of(TrainView::Style::lines);
  testing::internal::CaptureStderr();
  quiet.on_look(0);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}   // namespace
}   // namespace glass
