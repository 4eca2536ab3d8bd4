// head_loss(x, w, targets) = cross_entropy(x w^T, targets), without ever holding all (B T, V) logits
//
// Rows are taken in chunks. Because the mean is a sum, the derivatives of a chunk are known (up to the factor dy) as soon
// as its logits are, so the forward computes them at once, adds them up, and backward only scales: the logits of a chunk
// live for a moment, and nothing is computed twice. A chunk's derivative is written over its logits. With x and w in
// bf16 the logits and the sum of dw are f32.
//
// A vocabulary can be any number (GPT-2's is 50,257), and rows of an odd length would begin at odd places. So rows of
// logits lie further apart: a GPU reads memory in pieces of 32 bytes and copies factors of a product 16 bytes at a time
// where every row begins at a multiple of that, and number by number where one does not.
#include <array>

#include "engine/ops/cases.h"
#include "engine/ops/cross_entropy.h"
#include "engine/ops/packed.h"

namespace glass {
namespace {

// Logits alive at a time. Each chunk reads the weight twice and its gradient once, whole, so chunks of few rows are slow;
// how few, the machine knows.
std::int64_t elements_at_once(const Tensor& x) {
  return static_cast<std::int64_t>(x.backend().chunk_bytes() / size_of(statistics_type(x)));
}

struct HeadLoss final : Node {
  Tensor dhead_x, dhead_w;                                   // for dy = 1
  HeadLoss(Tensor x, Tensor w) : Node("head_loss"), dhead_x(std::move(x)), dhead_w(std::move(w)) {}
  void backward(const Tensor& dy, Slots dx) override {
    if (dx.begin_with(dy)) return hand_on(dx);               // the usual end of a step: no pass over dhead_w
    if (dx.only_once()) {
      for (Tensor* d : {&dhead_x, &dhead_w}) scale(*d, dy);
      return hand_on(dx);
    }
    if (dx[0]) dx[0] += times(dhead_x, dy);
    if (dx[1]) dx[1] += times(dhead_w, dy);
  }
  static void scale(Tensor& d, const Tensor& by) {
    const View factor = broadcast_to(by.detach(), d.shape()).view();
    d.backend().zip(Binary::mul, {d.writable("head_loss"), false}, d.view(), factor);
  }
  void hand_on(Slots dx) {
    if (dx[0]) dx[0] += dhead_x;
    if (dx[1] && dx.only_once()) dx[1] += std::move(dhead_w);
    else if (dx[1]) dx[1] += dhead_w;
  }
};

constexpr std::int64_t kRowUnit = 16;                        // numbers: 32 bytes of bf16, 64 of f32

std::int64_t row_stride(std::int64_t V) { return (V + kRowUnit - 1) / kRowUnit * kRowUnit; }

// (n,V), not yet written, whose rows begin at multiples of kRowUnit.
Tensor spaced_rows(const Tensor& like, std::int64_t n, std::int64_t V, DType type) {
  const std::int64_t stride = row_stride(V);
  return Tensor::empty(like.device(), {n, stride}, type).window({n, V}, {stride, 1}, 0);
}

Tensor row_range(const Tensor& x, std::int64_t start, std::int64_t stop) { return slice(x.detach(), 0, start, stop); }

Tensor swapped(const Tensor& x) { return transpose(x.detach()); }

// Rows of a chunk: n in as few chunks as are allowed, all of nearly one size.
std::int64_t chunk_rows(std::int64_t n, std::int64_t V, std::int64_t elements) {
  const std::int64_t most = std::max<std::int64_t>(1, elements / std::max<std::int64_t>(1, row_stride(V)));
  const std::int64_t chunks = std::max<std::int64_t>(1, (n + most - 1) / most);
  return std::max<std::int64_t>(1, (n + chunks - 1) / chunks);
}

// Rows [start, stop), and what is known of them.
struct Chunk { std::int64_t start, stop; Tensor x, ids, logits, lse; };

// The losses of rows (n,C): logits_of(rows of a chunk), and what use(chunk) makes of them before they are gone.
template <class Logits, class Use>
Tensor losses_in_chunks(const Tensor& rows, const Tensor& ids, std::int64_t ignore, std::int64_t chunk_size, Logits logits_of,
                        Use use) {
  const std::int64_t n = rows.dim(0);
  const Tensor losses = statistics(rows, {n});
  for (std::int64_t start = 0; start < n; start += chunk_size) {
    const std::int64_t stop = std::min(n, start + chunk_size);
    const Tensor part = row_range(rows, start, stop);
    const Chunk c{start, stop, part, row_range(ids, start, stop), logits_of(part), statistics(rows, {stop - start})};
    rows.backend().cross_entropy(row_range(losses, start, stop).view(), c.lse.view(), c.logits.view(), c.ids.view(), ignore);
    use(c);
  }
  return losses;
}

}  // namespace

// The value only.
Tensor head_loss(const Tensor& x, const PackedTensor& w, const Tensor& targets, std::int64_t ignore, Where at) {
  require_targets("head_loss", x, targets, at);
  require_packed("head_loss", x, w, Tensor(), at);
  const Tensor rows = as_rows(x), ids = flat_targets(targets);
  const auto logits = [&](const Tensor& part) { return linear_packed(part, w, at); };
  const Tensor losses = losses_in_chunks(rows, ids, ignore, chunk_rows(rows.dim(0), w.N(), elements_at_once(x)), logits,
                                         [](const Chunk&) {});
  return sum(losses) / count_targets(ids, ignore, statistics_type(x));
}

Tensor head_loss(const Tensor& x, const Tensor& w, const Tensor& targets, std::int64_t ignore, Where at) {
  return head_loss_in_chunks(x, w, targets, ignore, at, elements_at_once(x));
}

Tensor head_loss_in_chunks(const Tensor& x, const Tensor& w, const Tensor& targets, std::int64_t ignore, Where at,
                           std::int64_t chunk_elements) {
  require_together("head_loss", at, {x, w});
  require_targets("head_loss", x, targets, at);
  if (w.rank() != 2 || x.dim(-1) != w.dim(1)) {
    shape_error("head_loss", "x " + str(x.shape()) + " and weight " + str(w.shape()) + " do not fit: (..,C) and (V,C)", at, {x, w});
  }
  const Tape* const tape = tape_of(std::array<Input, 2>{x, w}, at);
  const bool wanted = tape != nullptr;
  const Tensor rows = as_rows(x), ids = flat_targets(targets), weight = w.detach();
  const Tensor count = count_targets(ids, ignore, statistics_type(x));
  Backend& backend = x.backend();

  Tensor dhead_x, dhead_w;
  if (wanted) {
    dhead_x = empty_like(x), dhead_w = tape->room_for_grad(w, statistics_type(w));
  }
  const auto logits = [&](const Tensor& part) {
    const Tensor y = spaced_rows(x, part.dim(0), w.dim(0), statistics_type(x));
    backend.linear(y.view(), part.view(), weight.view(), Tensor().view());
    return y;
  };
  const auto derive = [&](const Chunk& c) {
    if (!wanted) return;
    // A factor of the products below; in the place of the logits if it has their type.
    const Tensor dlogits = c.logits.dtype() == x.dtype() ? c.logits : spaced_rows(x, c.stop - c.start, w.dim(0), x.dtype());
    const Tensor dloss = repeated(reciprocal(count), {c.stop - c.start});
    backend.cross_entropy_backward(to(dlogits), dloss.view(), c.logits.view(), c.lse.view(), c.ids.view(), ignore);
    backend.matmul(to(row_range(as_rows(dhead_x), c.start, c.stop)), dlogits.view(), w.view());
    backend.matmul({dhead_w.view(), c.start > 0}, swapped(dlogits).view(), c.x.view());
  };
  const Tensor losses = losses_in_chunks(rows, ids, ignore, chunk_rows(rows.dim(0), w.dim(0), chunk_elements), logits, derive);
  return record<HeadLoss>(sum(losses) / count, at, {x, w}, dhead_x, dhead_w);
}

namespace composed {

Tensor head_loss(const Tensor& x, const Tensor& w, const Tensor& targets, std::int64_t ignore) {
  return composed::cross_entropy(matmul(x, transpose(w)), targets, ignore);
}

}  // namespace composed

// x (..,C), w (V,C), and one target for each of at least one row
static OpCall draw_head_loss(OpDice& dice) {
  const auto n = dice.sizes(3);
  const std::int64_t V = std::max<std::int64_t>(n[0], 1), C = n[1];
  const std::int64_t rows = dice.same() ? V : std::max<std::int64_t>(n[2], 1);
  const Shape x = dice.same() || dice.below(2) ? Shape{rows, C} : Shape{2, rows, C};
  const std::int64_t ignore = V > 1 ? dice.pick("ignore", {-1, 0, 7}) : dice.pick("ignore", {-1, 7});
  const auto targets = draw_ids(dice, x.prefix(x.rank - 1), V, ignore);
  return {{x, {V, C}}, [=](Tensors in) { return head_loss(in[0], in[1], targets(in[0].device()), ignore); },
          [=](Tensors in) { return composed::head_loss(in[0], in[1], targets(in[0].device()), ignore); }, V == 1};
}

std::vector<OpCases> head_loss_cases() {
  return {{.op = "head_loss(x, w, targets, ignore)",
           .draw = draw_head_loss,
           .twin = "composed::head_loss(x, w, targets, ignore)",
           .compares_rows = true}};
}

}  // namespace glass
