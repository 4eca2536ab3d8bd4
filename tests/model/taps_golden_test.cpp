// What an observer sees, name by name, against what TransformerLens sees at its hooks
// (tests/golden/transformer_lens_taps.py): names, shapes, order and values.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <iostream>

#include "tests/engine/devices.h"
#include "tests/model/golden.h"
#include "tests/model/watcher.h"

namespace glass {
namespace {

using testing::GoldenCase;
using testing::GoldenTensor;
using testing::is_head_input;
using testing::Subject;
using testing::Watcher;

// Both sides compute in double, in another order.
constexpr double kGate = 1e-13;   // measured: 1e-15

Subject subject_of(const GoldenCase& golden) {
  const std::int64_t B = static_cast<std::int64_t>(golden.number("B"));
  Subject subject(golden.config(), testing::reference(), DType::f64, B);
  const std::int64_t T = golden.config().block_size, V = golden.config().vocab_size;
  std::vector<std::int32_t> ids;   // the goldens' batches have a column more, for the targets
  const std::vector<std::int32_t> drawn =
      testing::drawn_below("tokens", static_cast<std::size_t>(B * (T + 1)), V);
  for (std::int64_t b = 0; b < B; ++b) {
    ids.insert(ids.end(), drawn.begin() + b * (T + 1), drawn.begin() + b * (T + 1) + T);
  }
  subject.ids = Tensor::ids(testing::reference(), ids, {B, T});
  return subject;
}

// A score that is masked is -inf there and here; the golden says 0.
std::vector<double> finite(std::vector<double> x) {
  for (double& v : x) {
    if (std::isinf(v) && v < 0) v = 0;
  }
  return x;
}

std::vector<GoldenCase> cases() { return testing::read_golden("transformer_lens_taps.txt"); }

TEST(TapsAndTransformerLens, SeeTheSameValues) {
  double worst = 0;
  for (const GoldenCase& golden : cases()) {
    const Subject subject = subject_of(golden);
    Watcher most = testing::without_head_inputs(), inputs(is_head_input);
    subject.logits(&most);
    subject.logits(&inputs);
    for (const GoldenTensor& theirs : golden.tensors) {
      const auto& seen = is_head_input(theirs.name) ? inputs.seen : most.seen;
      const auto ours = seen.find(theirs.name);
      ASSERT_NE(ours, seen.end()) << golden.name << " has no " << theirs.name;
      EXPECT_EQ(ours->second.shape(), theirs.shape) << golden.name << ", " << theirs.name;
      const double error = distance(finite(ours->second.to_host()), theirs);
      EXPECT_LE(error, kGate) << golden.name << ", " << theirs.name;
      worst = std::max(worst, error);
    }
  }
  std::cout << "[  margin  ] TransformerLens: the worst error is " << worst << " of " << kGate
            << "\n";
}

// We have no names that it lacks, but for the inputs of grouped heads, which it does not tell
// apart.
TEST(TapsAndTransformerLens, HaveTheSameNamesInTheSameOrder) {
  for (const GoldenCase& golden : cases()) {
    const Subject subject = subject_of(golden);
    std::vector<std::string> theirs, their_inputs, ours, our_inputs;
    for (const GoldenTensor& t : golden.tensors)
      (is_head_input(t.name) ? their_inputs : theirs).push_back(t.name);
    for (const std::string& name : subject.model->taps())
      (is_head_input(name) ? our_inputs : ours).push_back(name);
    EXPECT_EQ(ours, theirs) << golden.name;
    if (golden.config().n_kv_head == 0) {
      EXPECT_THAT(our_inputs, ::testing::UnorderedElementsAreArray(their_inputs)) << golden.name;
    }
  }
}

}   // namespace
}   // namespace glass
