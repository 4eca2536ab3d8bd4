// A small program to look into with a debugger: chapter 1's neuron, then one step of a network of
// two layers. It is compiled without optimisation in every build, so every name, line and value is
// there. tour.gdb walks through it.
//
//   glass_tour         forward, backward, and the losses
//   glass_tour trap    the same with a penalty whose slope is infinite at 0: find the line that
//   makes the first inf
#include <cstdio>
#include <string>

#include "engine/ops.h"
#include "engine/random.h"
#include "engine/value.h"
#include "kernels/backends.h"

namespace glass {
namespace {

// One neuron: w x + b, through relu, and how far it is from 3.
double neuron() {
  scalar::Tape tape;
  scalar::Value x = tape.number(2), w = tape.number(-3), b = tape.number(10);
  scalar::Value y = relu(w * x + b);
  scalar::Value loss = pow(y - 3, 2);
  tape.backward(loss);
  return loss.data();
}

struct Net {
  Parameter w1, b1, w2;
};

Parameter weight(const Device& device, const char* name, const Shape& shape, double deviation) {
  Parameter p;
  p.name = name;
  p.value = gaussian(device, shape, 0, deviation, RandomKey{42, site(name), 0, 0});
  return p;
}

// (B,3) -> (B,2)
Tensor forward(Tape& tape, Net& net, const Tensor& x) {
  const Tensor w1 = tape.watch(net.w1), b1 = tape.watch(net.b1), w2 = tape.watch(net.w2);
  Tensor h;
  {
    const auto in = tape.enter("mlp");
    h = linear(x, w1, b1);   // (B,5)
    h = gelu(h);
  }
  const auto in = tape.enter("head");
  const Tensor w2t = transpose(w2);   // (5,2): the same memory, other strides
  return matmul(h, w2t);
}

// The length of each row, added up.
Tensor lengths(const Tensor& x) { return sum(sqrt(sum(square(x), -1))); }

double train_step(const Device& device, bool trap) {
  Net net{weight(device, "w1", {5, 3}, 0.5), weight(device, "b1", {5}, 0.1),
          weight(device, "w2", {2, 5}, trap ? 0 : 0.5)};
  const Tensor x = gaussian(device, {4, 3}, 0, 1, RandomKey{42, site("x"), 0, 0});
  const std::int32_t classes[] = {0, 1, 1, 0};

  Tape tape;
  Tensor logits = forward(tape, net, x);
  Tensor loss = cross_entropy(logits, Tensor::ids(device, classes, {4}));
  if (trap) loss = loss + 0.1 * lengths(logits);
  tape.backward(loss);
  return loss.item();
}

}   // namespace
}   // namespace glass

int main(int argc, char** argv) {
  const bool trap = argc > 1 && std::string(argv[1]) == "trap";
  std::printf("neuron: loss %.6f\n", glass::neuron());
  std::printf("network: loss %.6f\n", glass::train_step(glass::make_reference_backend(), trap));
  return 0;
}
