// A few lines of arithmetic on Values, and everything that happens to them: the nodes, and backward
// one edge at a time.
//
//   trace_values("a = 1; b = a + a; c = b + b")
//
// The arithmetic is the engine's own (engine/value.h); here are only the words to say it with:
// names, numbers, + - * / ^, relu, exp, log, brackets. What comes last is the loss.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace glass {

struct ValueNode {
  int id;              // on the tape
  std::string op;      // "number", "add", ...
  std::string name;    // "b"; "" where the program gives it none
  double data, grad;   // grad: after backward
  bool constant;       // a number that the program writes down, such as the 2 of x ^ 2
  struct Input {
    int id;
    double local;
  };   // local: d this / d input
  std::vector<Input> in;
};

// One use of the chain rule: to.grad += local * from.grad.
struct ValueStep {
  int from, to;
  double local, grad, add, total;   // total: to.grad so far
};

struct ValueTrace {
  std::vector<ValueNode> nodes;   // in the order in which they were made
  std::vector<ValueStep> steps;   // in the order in which backward takes them
  int loss;
};

ValueTrace trace_values(std::string_view program);

}   // namespace glass
