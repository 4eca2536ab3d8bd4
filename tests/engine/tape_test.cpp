// The tape: gradients arrive, add up, and mistakes in using it are told.
#include "engine/tape.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "engine/base/error.h"
#include "engine/ops.h"
#include "engine/optim.h"
#include "tests/engine/devices.h"

namespace glass {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::counting;
using testing::message_of;
using testing::reference;
using testing::scalar;

// a = 1, b = a + a, c = b + b: dc/da = 4. Overwriting instead of adding gives 1 or 2.
TEST(Tape, AddsGradientsOfEveryUse) {
  Tape tape;
  const Tensor a = tape.watch(scalar(1), "a");
  const Tensor b = a + a;
  const Tensor c = b + b;
  tape.backward(c);
  EXPECT_EQ(tape.grad(a).item(), 4);
}

TEST(Tape, SumsTheGradientOfWhatWasBroadcast) {
  Tape tape;
  const Tensor x = counting({2, 3});
  const Tensor row = tape.watch(counting({3}), "row"), column = tape.watch(counting({2, 1}), "column");
  tape.backward(sum(x * row * column));
  EXPECT_THAT(tape.grad(row).to_host(), ElementsAre(3, 4, 5));       // sum over i of x_ij i
  EXPECT_THAT(tape.grad(column).to_host(), ElementsAre(5, 14));      // sum over j of x_ij j
}

TEST(Tape, RecordsNothingFromWhatNobodyWatches) {
  Tape tape;
  const Tensor x = counting({3});
  const Tensor y = exp(x) * x;
  EXPECT_EQ(tape.size(), 0u);
  EXPECT_EQ(y.node(), -1);
}

TEST(Tape, LeavesConstantsWithoutGradient) {
  Tape tape;
  const Tensor w = tape.watch(counting({3}), "w");
  const Tensor loss = sum(w * counting({3}, 5));
  EXPECT_EQ(tape.node(1).inputs[0], 0);
  EXPECT_EQ(tape.node(1).inputs[1], -1);
  tape.backward(loss);
  EXPECT_THAT(tape.grad(w).to_host(), ElementsAre(5, 6, 7));
}

TEST(Tape, RemembersOpScopeAndLine) {
  Tape tape;
  const Tensor w = tape.watch(counting({2, 3}), "w");
  const auto scope = tape.enter("blocks", 0);
  const Tensor y = gelu(w);
  const int line = __LINE__ - 1;
  const Node& node = tape.node(static_cast<std::size_t>(y.node()));
  EXPECT_STREQ(node.op, "gelu");
  EXPECT_STREQ(node.scope, "blocks.0");
  EXPECT_STREQ(node.where.file, "tests/engine/tape_test.cpp");
  EXPECT_EQ(node.where.line, line);
  EXPECT_EQ(node.shape, (Shape{2, 3}));
}

TEST(Tape, ScopesNestAndEnd) {
  Tape tape;
  {
    const auto outer = tape.enter("blocks", 2);
    { const auto inner = tape.enter("attn"); EXPECT_STREQ(tape.scope(), "blocks.2.attn"); }
    EXPECT_STREQ(tape.scope(), "blocks.2");
  }
  EXPECT_STREQ(tape.scope(), "");
}

TEST(Tape, AccumulatesIntoAParameterUntilItIsZeroed) {
  Parameter p{"w", counting({2}, 1)};
  for (int micro = 0; micro < 3; ++micro) {
    Tape tape;
    const Tensor w = tape.watch(p);
    tape.backward(sum(w * w));
  }
  EXPECT_THAT(p.grad.to_host(), ElementsAre(6, 12));
  p.zero_grad();
  Tape tape;
  const Tensor w = tape.watch(p);
  tape.backward(sum(w * w));
  EXPECT_THAT(p.grad.to_host(), ElementsAre(2, 4));
}

TEST(Tape, WatchesATiedWeightOnce) {
  Parameter p{"wte", counting({2}, 1)};
  Tape tape;
  const Tensor first = tape.watch(p), second = tape.watch(p);
  EXPECT_EQ(first.node(), second.node());
  tape.backward(sum(first * second));
  EXPECT_THAT(p.grad.to_host(), ElementsAre(2, 4));
}

TEST(Tape, GivesTheSameGradientTwiceWhenItMayKeepWhatItSaved) {
  Tape tape;
  tape.keep_saved = true;
  const Tensor x = tape.watch(counting({4}, 1), "x");
  const Tensor loss = sum(log(x) * x);
  tape.backward(loss);
  const std::vector<double> once = tape.grad(x).to_host();
  tape.backward(loss);
  const std::vector<double> twice = tape.grad(x).to_host();
  for (std::size_t i = 0; i < once.size(); ++i) EXPECT_EQ(twice[i], 2 * once[i]);
}

// head_loss gives its weight the very memory it summed the derivative in. Whoever may be asked again must keep it, and
// what a weight already has is added to.
TEST(Tape, AddsToAGradientThatWasHandedOver) {
  Parameter w{"w", counting({3, 2})};
  const Tensor targets = Tensor::ids(reference(), std::vector<std::int32_t>{0, 2}, {2});
  const auto gradient_after = [&](bool keep, int backwards) {
    w.zero_grad();
    Tape tape;
    tape.keep_saved = keep;
    const Tensor loss = head_loss(counting({2, 2}), tape.watch(w), targets);
    for (int i = 0; i < backwards; ++i) tape.backward(loss);
    return w.grad.to_host();
  };
  const std::vector<double> once = gradient_after(false, 1), kept = gradient_after(true, 1), twice = gradient_after(true, 2);
  EXPECT_EQ(once, kept);
  for (std::size_t i = 0; i < once.size(); ++i) EXPECT_EQ(twice[i], 2 * once[i]) << "element " << i;
}

TEST(Tape, AddsTheOtherUsesOfATiedWeightToAGradientThatWasHandedOver) {
  Parameter w{"w", counting({3, 2})};
  const Tensor targets = Tensor::ids(reference(), std::vector<std::int32_t>{0, 2}, {2});
  const auto gradient = [&](auto head) {
    w.zero_grad();
    Tape tape;
    const Tensor table = tape.watch(w);
    tape.backward(head(embedding(table, Tensor::ids(reference(), std::vector<std::int32_t>{1, 2}, {2})), table));
    return w.grad.to_host();
  };
  const auto fused = gradient([&](const Tensor& x, const Tensor& table) { return head_loss(x, table, targets); });
  const auto plain = gradient([&](const Tensor& x, const Tensor& table) { return composed::head_loss(x, table, targets); });
  for (std::size_t i = 0; i < fused.size(); ++i) EXPECT_NEAR(fused[i], plain[i], 1e-14) << "element " << i;
}

TEST(Tape, RefusesASecondBackwardOtherwise) {
  Tape tape;
  const Tensor x = tape.watch(scalar(2), "x");
  const Tensor loss = log(x);
  tape.backward(loss);
  EXPECT_THAT(message_of<TapeError>([&] { tape.backward(loss); }), HasSubstr("has given back what it saved"));
}

TEST(Tape, FreesWhatBackwardHasUsed) {
  Tape tape;
  const Tensor x = tape.watch(counting({4}, 1), "x");
  std::weak_ptr<Buffer> inner;
  Tensor loss;
  {
    const Tensor y = exp(x);
    inner = y.buffer();
    loss = sum(y * y);
  }
  EXPECT_FALSE(inner.expired());
  tape.backward(loss);
  EXPECT_TRUE(inner.expired());
}

// loss = sum(linear(gelu(linear(norm(x))))^2) with outputs of `remake_bytes` and more made again in backward.
struct Remaking {
  Parameter x{"x", counting({3, 4}, -5)}, scale{"scale", counting({4}, 1)}, shift{"shift", counting({4})};
  Parameter w1{"w1", counting({5, 4}, -9)}, w2{"w2", counting({2, 5}, -4)};
  Tape tape;
  Tensor loss;
  std::weak_ptr<Buffer> normed, post;

  explicit Remaking(std::size_t remake_bytes) {
    tape.remake_bytes = remake_bytes;
    const Tensor a = layernorm(tape.watch(x), tape.watch(scale), tape.watch(shift)), b = rmsnorm(a);
    const Tensor c = gelu(0.1 * linear(b, tape.watch(w1)));
    normed = b.buffer(), post = c.buffer();
    loss = sum(square(linear(c, tape.watch(w2))));
  }
};

TEST(Tape, MakesALargeCheapOutputAgainInsteadOfKeepingIt) {
  Remaking again(1), kept(std::numeric_limits<std::size_t>::max());
  EXPECT_TRUE(again.normed.expired() && again.post.expired());
  EXPECT_FALSE(kept.normed.expired() || kept.post.expired());
  again.tape.backward(again.loss);
  kept.tape.backward(kept.loss);
  for (Parameter Remaking::*p : {&Remaking::x, &Remaking::scale, &Remaking::shift, &Remaking::w1, &Remaking::w2})
    EXPECT_EQ((again.*p).grad.to_host(), (kept.*p).grad.to_host()) << (again.*p).name;
}

TEST(Tape, MakesNothingAgainFromWhatWasWrittenOver) {
  Remaking step(1);
  step.scale.value.backend().fill(step.scale.value.writable("my_hook"), 0);
  EXPECT_THAT(message_of<TapeError>([&] { step.tape.backward(step.loss); }), HasSubstr("my_hook"));
}

TEST(Tape, ReleasesAlsoWhatTheLossDoesNotDependOn) {
  Tape tape;
  const Tensor x = tape.watch(counting({4}, 1), "x");
  std::weak_ptr<Buffer> unused;
  {
    const Tensor y = exp(x);
    unused = y.buffer();
    (void)(y * y);
  }
  tape.backward(sum(x));
  EXPECT_TRUE(unused.expired());
}

TEST(Tape, StopsWhenASavedTensorWasWrittenOver) {
  Tape tape;
  Parameter p{"w", counting({2}, 1)};
  const Tensor w = tape.watch(p);
  const Tensor loss = sum(w * w);
  const int line = __LINE__ + 1;
  p.value.backend().fill(p.value.writable("my_hook"), 0);
  const std::string message = message_of<TapeError>([&] { tape.backward(loss); });
  EXPECT_THAT(message, HasSubstr("mul at tests/engine/tape_test.cpp:" + std::to_string(line - 2)));
  EXPECT_THAT(message, HasSubstr("my_hook at tests/engine/tape_test.cpp:" + std::to_string(line)));
}

TEST(Tape, RefusesTensorsOfAnEarlierStep) {
  Tape tape;
  const Tensor x = tape.watch(scalar(2), "x");
  const Tensor cached = exp(x);
  tape.clear();
  EXPECT_THAT(message_of<TapeError>([&] { (void)log(cached); }), HasSubstr("detach() what outlives a step"));
  EXPECT_EQ(log(cached.detach()).item(), 2);
}

TEST(Tape, RefusesInputsOfTwoTapes) {
  Tape one, two;
  const Tensor a = one.watch(scalar(1), "a"), b = two.watch(scalar(1), "b");
  EXPECT_THAT(message_of<TapeError>([&] { (void)(a + b); }), HasSubstr("two tapes"));
}

TEST(Tape, NeedsALossOfOneElement) {
  Tape tape;
  const Tensor x = tape.watch(counting({3}), "x");
  EXPECT_THAT(message_of<TapeError>([&] { tape.backward(exp(x)); }), HasSubstr("a loss has one element"));
  EXPECT_THAT(message_of<TapeError>([&] { tape.backward(counting({})); }), HasSubstr("was not made on this tape"));
}

TEST(Tape, RecordsAgainAfterABackwardThatFailed) {
  Tape tape;
  const Tensor x = tape.watch(counting({3}), "x");
  EXPECT_THROW(tape.backward(exp(x), counting({2})), TapeError);
  EXPECT_TRUE(tape.recording());
  EXPECT_NE(exp(x).node(), -1);
}

TEST(Tape, KeepsGradientsAndValuesForThoseWhoLook) {
  Tape tape;
  tape.keep_grads = tape.keep_values = true;
  const Tensor x = tape.watch(scalar(3), "x");
  const Tensor y = x * x;
  tape.backward(y * y);
  EXPECT_EQ(tape.grad(y).item(), 18);
  EXPECT_EQ(tape.node(1).value.item(), 9);
}

TEST(Tape, NamesTheFirstValueThatIsNotFinite) {
  Tape tape;
  tape.stop_at_nonfinite = true;
  const Tensor x = tape.watch(counting({3}, -1), "x");
  const int line = __LINE__ + 1;
  const std::string message = message_of<NonFiniteError>([&] { (void)log(x); });
  EXPECT_THAT(message, HasSubstr("the output of log at tests/engine/tape_test.cpp:" + std::to_string(line)));
  EXPECT_THAT(message, HasSubstr("is nan at element 0 of (3)"));
}

TEST(Tape, NamesTheNodeWhoseGradientIsNotFinite) {
  Tape tape;
  tape.stop_at_nonfinite = true;
  const Tensor x = tape.watch(counting({3}), "x");
  const Tensor loss = sum(sqrt(x));                                  // the slope at 0 is infinite
  EXPECT_THAT(message_of<NonFiniteError>([&] { tape.backward(loss); }), HasSubstr("the gradient that sqrt at"));
}

TEST(Tape, ReusesItsMemoryFromStepToStep) {
  Tape tape;
  Parameter p{"w", counting({8}, 1)};
  const auto step = [&] {
    Tensor y = tape.watch(p);
    for (int i = 0; i < 300; ++i) y = y * 0.5 + 0.5;
    tape.backward(sum(y));
    tape.clear();
  };
  step();
  const std::size_t blocks = tape.arena_blocks();
  for (int i = 0; i < 5; ++i) step();
  EXPECT_EQ(tape.arena_blocks(), blocks);
}

TEST(Tape, RunsAVeryLongChainWithoutRecursion) {
  Tape tape;
  Tensor y = tape.watch(scalar(1), "x");
  for (int i = 0; i < 200'000; ++i) y = y + 1.0;
  tape.backward(y);
  EXPECT_EQ(y.item(), 200'001);
}

}  // namespace
}  // namespace glass
