// The table that tests walk over. Each file of this folder ends with a few lines an op: how it is
// called, from where its inputs are drawn, and its twin. From them come thousands of cases, with
// every size and every layout of memory.
//
// A new op brings its lines and joins the list in cases.cpp; a test reads ops.h and asks for it.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "engine/gradcheck.h"
#include "engine/ops.h"
#include "engine/ops/dice.h"

namespace glass {

// One call of an op.
struct OpCall {
  std::vector<Shape> inputs;
  TensorFunction op;
  TensorFunction twin = nullptr;   // the same function, written differently; or none
  bool zero_gradient = false;      // of every input, and rightly so
};

// Numbers between low and high, but none in (-hole, hole): there is a kink or a pole at 0.
struct OpRange {
  double low = -2, high = 2, hole = 0;
};

// An op, and how to draw calls of it.
struct OpCases {
  const char* op;   // as ops.h declares it, an unnamed parameter called by its type: "gelu(x)"
  std::function<OpCall(OpDice&)> draw;
  // Of the inputs in order; the last one goes for all that follow.
  std::vector<OpRange> ranges = {OpRange{}};
  const char* twin = "";        // the twin, where ops.h declares it: "composed::gelu(x)"
  bool zero_if_same = false;    // x - x has no derivative
  bool compares_rows = false;   // equal numbers in a row have none (softmax) or a wild one (norms)
  bool adds_in_parts = false;   // see GradientCheck
};

// How an input of an op lies in memory: it is a view of a tensor of shape `base`.
enum class Layout { whole, transposed, stepped, expanded, permuted, narrowed };
struct Seen {
  Layout layout;
  Shape shape, base;
  int axis;   // along which it is stepped, expanded or narrowed
};

// A case: a call, and the layouts of its inputs.
struct Case {
  std::string name;            // "add(a, b): (2,3) transposed, (3)"
  TensorFunction op, twin;     // of the tensors that the views look at; twin: or none
  std::vector<Seen> inputs;    // one for each of those tensors
  std::vector<OpRange> ranges;   // of each
  GradientCheck how;

  std::vector<Tensor> draw(const Device&, DType) const;   // the tensors, always the same
};

constexpr int kCasesPerOp = 264;   // all patterns of broadcasting up to rank 4 are 237

// Every op of ops.h; and cases of one, distinct, and always the same ones.
std::vector<OpCases> all_op_cases();
std::vector<Case> cases_of(const OpCases& op, int count = kCasesPerOp);

// Families: the shapes that many ops share.
using UnaryOp = Tensor (*)(const Tensor&, Where);
using BinaryOp = Tensor (*)(const Tensor&, const Tensor&, Where);
using UnaryTwin = Tensor (*)(const Tensor&);
using BinaryTwin = Tensor (*)(const Tensor&, const Tensor&);
using Family = std::function<OpCall(OpDice&)>;

// One input of any shape, or two of one shape.
Family elementwise(TensorFunction op, TensorFunction twin = nullptr);
Family elementwise(UnaryOp op, UnaryTwin twin = nullptr);
Family elementwise(BinaryOp op, BinaryTwin twin = nullptr);
// Two inputs, in all patterns of broadcasting.
Family broadcast_pair(TensorFunction op, TensorFunction twin = nullptr);
Family broadcast_pair(TensorFunction op, BinaryOp twin);
Family broadcast_pair(BinaryOp op);
// One input (..,C); the op works along the last axis.
Family rows(UnaryOp op, UnaryTwin twin = nullptr);

// i32 numbers from 0 to below `limit`, sometimes spread out in memory. Where `ignore` is not kNever
// every fifth number is that one, but not the first.
constexpr std::int64_t kNever = -1000;
std::function<Tensor(const Device&)> draw_ids(OpDice& dice, const Shape& shape, std::int64_t limit,
                                              std::int64_t ignore = kNever);

// By file.
std::vector<OpCases> arithmetic_cases();
std::vector<OpCases> activation_cases();
std::vector<OpCases> cast_cases();
std::vector<OpCases> view_cases();
std::vector<OpCases> reduction_cases();
std::vector<OpCases> matmul_cases();
std::vector<OpCases> softmax_cases();
std::vector<OpCases> norm_cases();
std::vector<OpCases> attention_cases();
std::vector<OpCases> rope_cases();
std::vector<OpCases> embedding_cases();
std::vector<OpCases> dropout_cases();
std::vector<OpCases> cross_entropy_cases();
std::vector<OpCases> head_loss_cases();

}   // namespace glass
