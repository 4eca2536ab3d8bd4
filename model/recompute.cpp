#include "model/recompute.h"

#include "engine/base/error.h"
#include "engine/slot.h"

namespace glass {
namespace {

// A pass of its own, with the settings of another.
void same_settings(Pass& pass, Mode mode, RandomKey random) {
  pass.mode = mode, pass.random = random;
}

// y = block(x), forgotten in between:  dx and the weights' gradients come from a tape of the second
// run
struct Recompute final : Node {
  Tensor x;
  const Block* block;
  int index;
  Mode mode;
  RandomKey random;
  Recompute(Tensor input, const Block* which, int number, Mode how, RandomKey key)
      : Node("recompute"),
        x(std::move(input)),
        block(which),
        index(number),
        mode(how),
        random(key) {}
  void backward(const Tensor& dy, Slots dx) override {
    Tape again;
    Pass pass(&again);
    same_settings(pass, mode, random);
    const auto inside = pass.enter("blocks", index);
    const Tensor start = again.watch(x.detach(), "x");
    again.backward((*block)(pass, start), dy);
    if (dx[0]) dx[0] += again.grad(start);
  }
};

}   // namespace

Tensor recomputed(Pass& pass, const Block& block, int index, const Tensor& x) {
  if (pass.observer()) {
    fail(
        UsageError("Recomputing activations and observing them do not go together: what is "
                   "recomputed would be seen twice."));
  }
  Pass plain;
  same_settings(plain, pass.mode, pass.random);
  const auto inside = plain.enter("blocks", index);
  return record<Recompute>(block(plain, x.detach()), Where::here(), {x}, x, &block, index,
                           pass.mode, pass.random);
}

}   // namespace glass
