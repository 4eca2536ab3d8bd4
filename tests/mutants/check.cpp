// The gradient checks over a part of the table, with one bug switched on: glass_mutants NUMBER
// [ROUNDS]. Round k takes case k of every op, so that a bug is met soon wherever it sits. Exit code
// 1 and one line: the bug was caught; 0: everything passed.
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "engine/ops/cases.h"
#include "engine/tape.h"
#include "kernels/backends.h"
#include "tests/mutants/active.h"

namespace glass {
namespace {

int caught(const std::string& how) {
  std::printf("%s\n", how.c_str());
  return 1;
}

// A cast rounds, and no difference quotient survives that; so its derivative is held to dy itself.
bool cast_hands_dy_on(const Device& reference) {
  const std::vector<double> dy = {1, 2, -4};
  Parameter x{"x", Tensor::from(reference, std::vector<double>{0.5, -2, 3}, {3}, DType::f64)};
  Tape tape;
  tape.backward(cast(tape.watch(x), DType::f32), Tensor::from(reference, dy, {3}, DType::f32));
  return x.touched && x.grad.to_host() == dy;
}

// Where a pass begins with the loss of a head, and where it is asked once only, derivatives are
// handed on as they are; where the loss goes through a product with 1, or the tape is kept, they
// are not. The numbers are the same.
bool head_loss_hands_on_the_same(const Device& reference) {
  std::vector<std::vector<double>> all;
  for (const bool goes_on : {false, true})
    for (const bool keep : {false, true}) {
      Parameter w{"w", Tensor::from(reference, std::vector<double>{1, -2, 0.5, 3, 0.25, -1}, {3, 2},
                                    DType::f64)};
      Tape tape;
      tape.keep_saved = keep;
      const Tensor weight = tape.watch(w),
                   ids = Tensor::ids(reference, std::vector<std::int32_t>{2, 0, 1}, {3});
      const Tensor loss = head_loss(embedding(weight, ids), weight, ids, -1);
      tape.backward(goes_on ? loss * 1.0 : loss);
      all.push_back(w.grad.to_host());
    }
  return all == std::vector<std::vector<double>>(4, all[0]);
}

int check(int rounds) {
  const Device reference = make_reference_backend();
  if (!cast_hands_dy_on(reference)) return caught("cast(x, DType): dx is not dy");
  if (!head_loss_hands_on_the_same(reference)) return caught("head_loss: two ways, two gradients");
  std::vector<std::vector<Case>> cases;
  for (const OpCases& op : all_op_cases()) cases.push_back(cases_of(op, rounds));
  for (std::size_t k = 0; k < static_cast<std::size_t>(rounds); ++k) {
    for (const std::vector<Case>& of_op : cases) {
      const Case& c = of_op[k];
      GradientCheck how = c.how;
      how.max_entries = 60;
      try {
        const GradientReport report =
            check_gradients(c.name, c.op, c.draw(reference, DType::f64), how);
        if (!report.ok) return caught(report.failure);
      } catch (const std::exception& error) { return caught(c.name + ": " + error.what()); }
    }
  }
  return 0;
}

}   // namespace
}   // namespace glass

int main(int argc, char** argv) {
  glass::active_mutant = argc > 1 ? std::atoi(argv[1]) : 0;
  return glass::check(argc > 2 ? std::atoi(argv[2]) : 24);
}
