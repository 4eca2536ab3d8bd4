// Fused ops, their derivatives and the optimizer against what PyTorch computed in double (tests/golden/torch_ops.py).
//
// Both sides do the same arithmetic in another order, so they agree to some tens of roundings: the gate is 1e-13 of the
// largest number, which leaves no room for a wrong eps, tanh for erf, or a missing correction.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <string>

#include "engine/ops.h"
#include "engine/optim.h"
#include "tests/engine/devices.h"

namespace glass {
namespace {

struct Values { Shape shape; std::vector<double> numbers; };

struct Golden {
  std::string op;
  std::map<std::string, double> numbers;
  std::map<std::string, Values> in, out, dy, grad;
};

Values read_values(std::istringstream& words) {
  Values v;
  std::string word;
  while (words >> word && word != ":") v.shape.push_back(std::stoll(word));
  double x;
  while (words >> x) v.numbers.push_back(x);
  return v;
}

std::vector<Golden> read_goldens() {
  std::ifstream file(std::string(GLASS_SOURCE_DIR) + "/tests/golden/torch_ops.txt");
  std::vector<Golden> goldens;
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string kind, name;
    words >> kind >> name;
    if (kind == "case") {
      goldens.push_back({name, {}, {}, {}, {}, {}});
      for (std::string pair; words >> pair;) {
        const std::size_t eq = pair.find('=');
        goldens.back().numbers[pair.substr(0, eq)] = std::stod(pair.substr(eq + 1));
      }
    } else if (kind == "in") {
      goldens.back().in[name] = read_values(words);
    } else if (kind == "out") {
      goldens.back().out[name] = read_values(words);
    } else if (kind == "dy") {
      goldens.back().dy[name] = read_values(words);
    } else if (kind == "grad") {
      goldens.back().grad[name] = read_values(words);
    }
  }
  return goldens;
}

Tensor tensor(const Values& v) { return Tensor::from(testing::reference(), v.numbers, v.shape, DType::f64); }
Tensor ids(const Values& v) {
  return Tensor::ids(testing::reference(), std::vector<std::int32_t>(v.numbers.begin(), v.numbers.end()), v.shape);
}

void expect_close(const Tensor& got, const Values& expected, const std::string& what) {
  ASSERT_EQ(got.shape(), expected.shape) << what;
  const std::vector<double> values = got.to_host();
  double largest = 1;
  for (double x : expected.numbers) largest = std::max(largest, std::abs(x));
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_LE(std::abs(values[i] - expected.numbers[i]), 1e-13 * largest)
        << what << " element " << i << ": " << values[i] << ", PyTorch " << expected.numbers[i];
  }
}

using Inputs = std::map<std::string, Tensor>;

Tensor run(const Golden& golden, const Inputs& in) {
  const std::string& op = golden.op;
  if (op == "gelu") return gelu(in.at("x"));
  if (op == "gelu_erf") return gelu_erf(in.at("x"));
  if (op == "silu") return silu(in.at("x"));
  if (op == "relu2") return relu2(in.at("x"));
  if (op == "sigmoid") return sigmoid(in.at("x"));
  if (op == "tanh") return tanh(in.at("x"));
  if (op == "swiglu") return swiglu(in.at("gate"), in.at("up"));
  if (op == "softmax") return softmax(in.at("x"));
  if (op == "linear") return linear(in.at("x"), in.at("w"), in.at("b"));
  if (op == "layernorm") return layernorm(in.at("x"), in.at("w"), in.at("b"));
  if (op == "rmsnorm") return rmsnorm(in.at("x"), in.at("w"));
  if (op == "embedding") return embedding(in.at("table"), ids(golden.in.at("ids")));
  if (op == "cross_entropy") return cross_entropy(in.at("logits"), ids(golden.in.at("targets")));
  if (op == "attention") {
    Attention how{};
    how.scale = 1 / std::sqrt(static_cast<double>(in.at("q").dim(3)));
    how.window = static_cast<std::int64_t>(golden.numbers.at("window"));
    return attention(in.at("q"), in.at("k"), in.at("v"), how);
  }
  ADD_FAILURE() << "no way to run " << op;
  return Tensor();
}

TEST(Torch, AgreesOnEveryFusedOpAndItsDerivatives) {
  int cases = 0;
  for (const Golden& golden : read_goldens()) {
    if (golden.op == "adamw") continue;
    ++cases;
    Tape tape;
    Inputs in;
    for (const auto& [name, values] : golden.grad) in[name] = tape.watch(tensor(golden.in.at(name)), name);
    const Tensor y = run(golden, in);
    ASSERT_TRUE(y);
    expect_close(y, golden.out.at("y"), golden.op + " y");
    tape.backward(y, tensor(golden.dy.at("y")));
    for (const auto& [name, values] : golden.grad) expect_close(tape.grad(in[name]), values, golden.op + " d" + name);
  }
  EXPECT_EQ(cases, 16);
}

TEST(Torch, AgreesOnTenClippedStepsOfAdamW) {
  for (const Golden& golden : read_goldens()) {
    if (golden.op != "adamw") continue;
    const auto number = [&](const char* name) { return golden.numbers.at(name); };
    Parameter w{"w", tensor(golden.in.at("w"))}, b{"b", tensor(golden.in.at("b")), false};
    AdamW adamw({&w, &b}, {number("beta1"), number("beta2"), number("eps"), number("weight_decay"), number("max_norm")});
    for (int step = 0; step < number("steps"); ++step) {
      w.grad = tensor(golden.in.at("dw" + std::to_string(step))), w.touched = true;
      b.grad = tensor(golden.in.at("db" + std::to_string(step))), b.touched = true;
      adamw.step(number("lr"));
      EXPECT_NEAR(adamw.grad_norm(), golden.out.at("norm" + std::to_string(step)).numbers[0], 1e-13);
    }
    expect_close(w.value, golden.out.at("w"), "adamw w");
    expect_close(b.value, golden.out.at("b"), "adamw b");
    return;
  }
  FAIL() << "the golden file has no adamw case";
}

}  // namespace
}  // namespace glass
