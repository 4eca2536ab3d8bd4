// Names for tests, and running a case forward and backward on any machine.
#include "tests/engine/op_cases.h"

#include "engine/random.h"
#include "tests/engine/devices.h"

namespace glass::testing {

std::string name_of_test(const ::testing::TestParamInfo<OpCases>& info) {
  std::string name;
  for (const char c : std::string(info.param.op)) {
    switch (c) {
      case '+':
        name += "plus";
        break;
      case '-':
        name += "minus";
        break;
      case '*':
        name += "times";
        break;
      case '/':
        name += "over";
        break;
      default:
        if (std::isalnum(static_cast<unsigned char>(c))) name += c;
        else if (!name.empty() && name.back() != '_') name += '_';
    }
  }
  while (!name.empty() && name.back() == '_') name.pop_back();
  return name;
}

Outcome run(const Case& c, const TensorFunction& f, const std::vector<Tensor>& inputs) {
  Tape tape;
  std::vector<Parameter> leaves;
  for (const Tensor& x : inputs) leaves.push_back({"input", x});
  std::vector<Tensor> watched;
  for (Parameter& leaf : leaves) watched.push_back(tape.watch(leaf));
  const Tensor y = f(watched);
  Outcome outcome{y.to_host(), {}};
  const Tensor dy = gaussian(y.device(), y.shape(), 0, 1, {1, site(c.name, "dy"), 0, 0},
                             DType::f32);   // exact in both types
  tape.backward(y, moved({dy}, y.device(), y.dtype())[0]);
  for (const Parameter& leaf : leaves) {
    const std::vector<double> zeros(static_cast<std::size_t>(leaf.value.numel()));
    outcome.gradients.push_back(leaf.touched ? leaf.grad.to_host() : zeros);
  }
  return outcome;
}

std::vector<Tensor> moved(const std::vector<Tensor>& tensors, const Device& device, DType type) {
  std::vector<Tensor> there;
  for (const Tensor& x : tensors)
    there.push_back(Tensor::from(device, x.to_host(), x.shape(), type));
  return there;
}

bool has_zero_size(const Case& c) {
  bool zero = c.op(c.draw(reference(), DType::f64)).numel() == 0;
  for (const Seen& seen : c.inputs) zero = zero || seen.shape.numel() == 0;
  return zero;
}

}   // namespace glass::testing
