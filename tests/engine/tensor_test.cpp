// Tensors: shapes, memory, views, errors that tell what to do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/ops.h"
#include "engine/tensor.h"
#include "tests/engine/devices.h"

namespace glass {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::counting;
using testing::message_of;
using testing::reference;

TEST(Shape, CountsAxesFromEitherEnd) {
  const Shape s{2, 3, 5};
  EXPECT_EQ(s[0], 2);
  EXPECT_EQ(s[-1], 5);
  EXPECT_EQ(s.numel(), 30);
  EXPECT_EQ(str(s), "(2,3,5)");
}

TEST(Shape, OfASingleNumberHasNoAxesAndOneElement) {
  EXPECT_EQ(Shape{}.numel(), 1);
  EXPECT_EQ(str(Shape{}), "()");
}

TEST(Shape, SaysWhichAxisIsOutside) {
  EXPECT_THAT(message_of<ShapeError>([] { (void)Shape{2, 3}[2]; }), HasSubstr("axis 2 is outside of (2,3)"));
  EXPECT_THAT(message_of<ShapeError>([] { (void)Shape{2, 3}[-3]; }), HasSubstr("axis -3"));
  EXPECT_THAT(message_of<ShapeError>([] { Shape{1, 1, 1, 1, 1, 1}; }), HasSubstr("at most 5 axes"));
}

TEST(Shape, BroadcastsFromTheLastAxis) {
  EXPECT_EQ(broadcast({4, 1, 3}, {2, 1}).shape, (Shape{4, 2, 3}));
  EXPECT_EQ(broadcast({}, {2, 3}).shape, (Shape{2, 3}));
  EXPECT_EQ(broadcast({1}, {0}).shape, Shape{0});
  EXPECT_FALSE(broadcast({2, 3}, {2}).fits);
}

TEST(Tensor, ComesHomeInRowMajorOrderWhateverItsStrides) {
  const Tensor x = counting({2, 3});
  EXPECT_THAT(x.to_host(), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(transpose(x).to_host(), ElementsAre(0, 3, 1, 4, 2, 5));
  EXPECT_THAT(slice(x, 1, 0, 3, 2).to_host(), ElementsAre(0, 2, 3, 5));
  EXPECT_THAT(broadcast_to(slice(x, 0, 1, 2), {2, 3}).to_host(), ElementsAre(3, 4, 5, 3, 4, 5));
}

TEST(Tensor, ViewsShareMemory) {
  const Tensor x = counting({2, 3});
  EXPECT_EQ(transpose(x).buffer(), x.buffer());
  EXPECT_EQ(reshape(x, {3, 2}).buffer(), x.buffer());
  EXPECT_NE(reshape(transpose(x), {6}).buffer(), x.buffer());
  EXPECT_THAT(reshape(transpose(x), {6}).to_host(), ElementsAre(0, 3, 1, 4, 2, 5));
}

TEST(Tensor, KeepsItsDeviceAlive) {
  Tensor x;
  {
    const Device device = make_backend("reference", "auto", 1);
    x = Tensor::full(device, {2}, 7, DType::f64);
  }
  EXPECT_THAT(x.to_host(), ElementsAre(7, 7));
}

TEST(Tensor, RefusesTheWrongNumberOfValues) {
  const std::vector<double> three{1, 2, 3};
  EXPECT_THAT(message_of<ShapeError>([&] { Tensor::from(reference(), three, {2, 2}, DType::f64); }),
              HasSubstr("3 values cannot fill (2,2), which has 4 elements"));
  EXPECT_THAT(message_of<ShapeError>([] { (void)counting({2}).item(); }), HasSubstr("needs one element"));
}

TEST(Errors, NameOpShapesLineAndScope) {
  Tape tape;
  const Tensor a = tape.watch(counting({8, 16, 64}), "a");
  const auto blocks = tape.enter("blocks", 3);
  const auto mlp = tape.enter("mlp");
  const int line = __LINE__ + 1;
  const std::string message = message_of<ShapeError>([&] { matmul(a, counting({48, 192})); });
  EXPECT_THAT(message, HasSubstr("matmul: inner sizes differ: (8,16,64) and (48,192), 64 is not 48"));
  EXPECT_THAT(message, HasSubstr("tests/engine/tensor_test.cpp:" + std::to_string(line)));
  EXPECT_THAT(message, HasSubstr("in blocks.3.mlp"));
}

TEST(Errors, OfOperatorsKnowTheirLineToo) {
  const int line = __LINE__ + 1;
  const std::string message = message_of<ShapeError>([] { (void)(counting({2, 3}) * counting({3, 2})); });
  EXPECT_THAT(message, HasSubstr("mul: shapes (2,3) and (3,2) do not broadcast"));
  EXPECT_THAT(message, HasSubstr("tensor_test.cpp:" + std::to_string(line)));
}

TEST(Errors, SayWhatEachOpNeeds) {
  const Tensor x = counting({2, 3});
  EXPECT_THAT(message_of<ShapeError>([&] { reshape(x, {4}); }), HasSubstr("(2,3) has 6 elements, (4) has 4"));
  EXPECT_THAT(message_of<ShapeError>([&] { permute(x, {0, 0}); }), HasSubstr("do not name each axis"));
  EXPECT_THAT(message_of<ShapeError>([&] { slice(x, 1, 2, 4); }), HasSubstr("2..4 in steps of 1 is not inside"));
  EXPECT_THAT(message_of<ShapeError>([&] { layernorm(x, counting({2}), counting({3})); }), HasSubstr("weight (2)"));
  EXPECT_THAT(message_of<ShapeError>([&] { linear(x, counting({4, 2})); }), HasSubstr("needs a weight (N,K)"));
  EXPECT_THAT(message_of<ShapeError>([&] { attention(x, x, x); }), HasSubstr("needs (B,H,T,D)"));
  EXPECT_THAT(message_of<ShapeError>([&] { dropout(x, 1, {}); }), HasSubstr("must be in [0, 1)"));
  EXPECT_THAT(message_of<ShapeError>([&] { rope(counting({1, 1, 2, 3})); }), HasSubstr("even D"));
  EXPECT_THAT(message_of<ShapeError>([&] { concat({x, counting({2, 2})}, 0); }), HasSubstr("does not continue"));
  EXPECT_THAT(message_of<ShapeError>([&] { mean(counting({0})); }), HasSubstr("nothing to average"));
}

TEST(Errors, RefuseTwoTypesAndTwoDevices) {
  const Tensor x = counting({2});
  const Tensor single = Tensor::full(reference(), {2}, 1, DType::f32);
  EXPECT_THAT(message_of<ShapeError>([&] { (void)(x + single); }), HasSubstr("two types, f64 and f32"));
  const Tensor elsewhere = Tensor::full(make_backend("reference", "auto", 1), {2}, 1, DType::f64);
  EXPECT_THAT(message_of<ShapeError>([&] { (void)(x + elsewhere); }), HasSubstr("two devices"));
}

}  // namespace
}  // namespace glass
