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
// run. All blocks share that tape, one after the other.
struct Recompute final : Node {
  Tensor x;
  std::shared_ptr<Tape> again;
  const Block* block;
  int index;
  Mode mode;
  RandomKey random;
  Recompute(Tensor input, std::shared_ptr<Tape> tape, const Block* which, int number, Mode how,
            RandomKey key)
      : Node("recompute"),
        x(std::move(input)),
        again(std::move(tape)),
        block(which),
        index(number),
        mode(how),
        random(key) {}
  void backward(const Tensor& dy, Slots dx) override {
    struct Cleared {   // the tape of one block must not outlive it, also when it throws
      Tape& tape;
      ~Cleared() { tape.clear(); }
    } run{*again};
    Pass pass(&run.tape);
    same_settings(pass, mode, random);
    const auto inside = pass.enter("blocks", index);
    const Tensor start = run.tape.watch(x.detach(), "x");
    run.tape.backward((*block)(pass, start), dy);
    if (dx[0]) dx[0] += run.tape.grad(start);
  }
};

}   // namespace

Tensor recomputed(Pass& pass, const Block& block, int index, const Tensor& x,
                  const std::shared_ptr<Tape>& again) {
  if (pass.observer()) {
    fail(
        UsageError("Recomputing activations and observing them do not go together: what is "
                   "recomputed would be seen twice."));
  }
  Pass plain;
  same_settings(plain, pass.mode, pass.random);
  const auto inside = plain.enter("blocks", index);
  return record<Recompute>(block(plain, x.detach()), Where::here(), {x}, x, again, &block,
                           index, pass.mode, pass.random);
}

}   // namespace glass
