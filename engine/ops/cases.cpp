// The list of all ops, the shapes they share, and how one call becomes many cases: by the layout of
// its inputs.
#include "engine/ops/cases.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "engine/random.h"

namespace glass {

std::vector<OpCases> all_op_cases() {
  std::vector<OpCases> all;
  for (const auto& of_file :
       {arithmetic_cases(), activation_cases(), cast_cases(), view_cases(), reduction_cases(), matmul_cases(),
        softmax_cases(), norm_cases(), attention_cases(), rope_cases(), embedding_cases(),
        dropout_cases(), cross_entropy_cases(), head_loss_cases()}) {
    for (const OpCases& op : of_file) {
      all.push_back(op);
      if (!*op.twin) continue;
      OpCases twin = op;   // the same calls, of the other one
      twin.op = op.twin, twin.twin = "";
      twin.draw = [draw = op.draw](OpDice& dice) {
        OpCall call = draw(dice);
        call.op = std::exchange(call.twin, nullptr);
        return call;
      };
      all.push_back(std::move(twin));
    }
  }
  return all;
}

// Families.

Family elementwise(TensorFunction op, TensorFunction twin) {
  return [=](OpDice& dice) { return OpCall{{dice.shape()}, op, twin}; };
}

Family elementwise(UnaryOp op, UnaryTwin twin) {
  TensorFunction other;
  if (twin) other = [=](Tensors x) { return twin(x[0]); };
  return elementwise([=](Tensors x) { return op(x[0], Where::here()); }, other);
}

Family elementwise(BinaryOp op, BinaryTwin twin) {
  return [=](OpDice& dice) {
    const Shape shape = dice.shape();
    return OpCall{{shape, shape},
                [=](Tensors x) { return op(x[0], x[1], Where::here()); },
                [=](Tensors x) { return twin(x[0], x[1]); }};
  };
}

Family rows(UnaryOp op, UnaryTwin twin) {
  return [=](OpDice& dice) {
    Shape x = dice.shape(1);
    x[-1] = std::max<std::int64_t>(x[-1], 1);
    return OpCall{{x},
                [=](Tensors in) { return op(in[0], Where::here()); },
                [=](Tensors in) { return twin(in[0]); },
                x[-1] == 1};   // the only number of a row has nothing to choose
  };
}

// A pattern of broadcasting: the ranks of both, and for each axis they share, from the last one,
// who has size 1 there.
struct Pattern {
  int rank_a, rank_b;
  int ones;   // digits in base 3; 0: nobody, 1: a, 2: b
};

static Pattern pattern(int number) {
  constexpr int kPower[] = {1, 3, 9, 27, 81};
  for (;;) {
    for (int a = 0; a <= 4; ++a) {
      for (int b = 0; b <= 4; ++b) {
        const int count = kPower[std::min(a, b)];
        if (number < count) return {a, b, number};
        number -= count;
      }
    }
  }
}

Family broadcast_pair(TensorFunction op, TensorFunction twin) {
  return [=](OpDice& dice) {
    if (dice.same()) {
      const Shape shape = dice.shape();
      return OpCall{{shape, shape}, op, twin};
    }
    const Pattern p =
        pattern(dice.number() - dice.number() / 12);   // every twelfth case was taken above
    const auto sizes = dice.sizes(std::max(p.rank_a, p.rank_b), 2);
    Shape a, b;
    a.rank = p.rank_a, b.rank = p.rank_b;
    int ones = p.ones;
    for (int i = 1; i <= static_cast<int>(sizes.size()); ++i) {
      const std::int64_t n = sizes[sizes.size() - static_cast<std::size_t>(i)];
      const int who = i <= std::min(a.rank, b.rank) ? ones % 3 : 0;
      ones /= 3;
      if (i <= a.rank) a[-i] = who == 1 ? 1 : n;
      if (i <= b.rank) b[-i] = who == 2 ? 1 : n;
    }
    return OpCall{{a, b}, op, twin};
  };
}

static TensorFunction of_two(BinaryOp op) {
  return [=](Tensors x) { return op(x[0], x[1], Where::here()); };
}

Family broadcast_pair(TensorFunction op, BinaryOp twin) { return broadcast_pair(op, of_two(twin)); }
Family broadcast_pair(BinaryOp op) { return broadcast_pair(of_two(op)); }

std::function<Tensor(const Device&)> draw_ids(OpDice& dice, const Shape& shape, std::int64_t limit,
                                              std::int64_t ignore) {
  std::vector<std::int32_t> ids(static_cast<std::size_t>(shape.numel()));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    std::int64_t id = dice.below(limit);
    if (i == 0 && id == ignore) id = (id + 1) % limit;
    if (i > 0 && ignore != kNever && dice.below(5) == 0) id = ignore;
    ids[i] = static_cast<std::int32_t>(id);
  }
  if (shape.rank == 0 || dice.below(3) > 0)
    return [=](const Device& device) { return Tensor::ids(device, ids, shape); };
  Shape spread = shape;
  spread[-1] *= 2;
  std::vector<std::int32_t> apart(ids.size() * 2);
  for (std::size_t i = 0; i < ids.size(); ++i) apart[2 * i] = ids[i];
  return [=](const Device& device) {
    return slice(Tensor::ids(device, apart, spread), -1, 0, spread[-1], 2);
  };
}

// Layouts.

namespace {

void swap_last(Shape& shape) { std::swap(shape[-1], shape[-2]); }

// A tensor of what shape, so that its view has `shape`? Where a layout is not possible, another one
// is taken. Only the first `free` axes may repeat one number.
Seen see(OpDice& dice, const Shape& shape, Layout layout, int free) {
  Seen seen{layout, shape, shape, static_cast<int>(dice.below(std::max(shape.rank, 1)))};
  if (layout == Layout::expanded) {
    seen.axis = 0;
    int candidates = 0;
    for (int i = 0; i < free; ++i) {
      if (shape[i] > 1 && dice.below(++candidates) == 0) seen.axis = i;
    }
    if (candidates == 0) layout = Layout::whole;
  } else if (layout != Layout::whole && shape.rank < 2) {
    layout = shape.rank == 1 ? Layout::stepped : Layout::whole;
  }
  switch (seen.layout = layout) {
    case Layout::whole:
      break;
    case Layout::transposed:
      swap_last(seen.base);
      break;
    case Layout::stepped:
      seen.base[seen.axis] = 2 * shape[seen.axis] + 1;
      break;
    case Layout::expanded:
      seen.base[seen.axis] = 1;
      break;
    case Layout::permuted:
      std::rotate(seen.base.size, seen.base.size + shape.rank - 1, seen.base.size + shape.rank);
      break;
    case Layout::narrowed:
      seen.base[seen.axis] += 2;
      swap_last(seen.base);
      break;
  }
  return seen;
}

Tensor look(const Seen& seen, const Tensor& base) {
  const std::int64_t n = seen.shape.rank > 0 ? seen.shape[seen.axis] : 1;
  Tensor x = base;
  switch (seen.layout) {
    case Layout::whole:
      return x;
    case Layout::transposed:
      return transpose(x);
    case Layout::stepped:
      return slice(x, seen.axis, 1, 2 * n + 1, 2);
    case Layout::expanded:
      return broadcast_to(x, seen.shape);
    case Layout::permuted:   // the first axis becomes the last
      for (int i = 0; i + 1 < x.rank(); ++i) x = transpose(x, i, i + 1);
      return x;
    case Layout::narrowed:
      return slice(transpose(x), seen.axis, 1, n + 1);
  }
  return x;
}

const char* name_of(Layout layout) {
  constexpr const char* kNames[] = {"",          " transposed", " stepped",
                                    " expanded", " permuted",   " narrowed"};
  return kNames[static_cast<int>(layout)];
}

// The first input goes through all layouts; the others take any.
Layout layout_of(OpDice& dice, std::size_t input) {
  const std::int64_t turn = dice.number() % 7;
  if (turn == 0) return Layout::whole;
  return static_cast<Layout>(input == 0 && turn < 6 ? turn : dice.below(6));
}

Case case_of(const OpCases& op, int number) {
  OpDice dice(op.op, number);
  const OpCall call = op.draw(dice);
  const auto range = [&](std::size_t input) {
    return op.ranges[std::min(input, op.ranges.size() - 1)];
  };

  Case result{op.op, nullptr, nullptr, {}, {}, {}};
  std::vector<std::size_t> sources;   // which tensor each input looks at
  bool same = false, empty = false;
  std::string name;
  for (std::size_t i = 0; i < call.inputs.size(); ++i) {
    const Shape& shape = call.inputs[i];
    name += (i ? ", " : ": ") + str(shape);
    if (i > 0 && dice.same() && shape == call.inputs[0]) {
      same = true;
      name += " same";
      sources.push_back(0);
      result.ranges[0] = range(i);
      continue;
    }
    sources.push_back(result.inputs.size());
    const int free = !op.compares_rows ? shape.rank : i == 0 && !dice.same() ? shape.rank - 1 : 0;
    result.inputs.push_back(see(dice, shape, layout_of(dice, i), free));
    result.ranges.push_back(range(i));
    empty = empty || shape.numel() == 0;
    name += name_of(result.inputs.back().layout);
  }
  result.name += name + (dice.notes().empty() ? "" : "; " + dice.notes());
  result.how.zero_gradient = call.zero_gradient || empty || (same && op.zero_if_same);
  result.how.adds_in_parts = op.adds_in_parts;

  const auto through_views = [&](const TensorFunction& f) -> TensorFunction {
    if (!f) return nullptr;
    return [f, sources, inputs = result.inputs](Tensors bases) {
      std::vector<Tensor> views, x;
      for (std::size_t i = 0; i < inputs.size(); ++i) views.push_back(look(inputs[i], bases[i]));
      for (std::size_t source : sources) x.push_back(views[source]);
      return f(x);
    };
  };
  result.op = through_views(call.op);
  result.twin = through_views(call.twin);
  return result;
}

double within(const OpRange& range, double t) {
  const double x = range.low + (range.high - range.low) * t;
  return x < 0 ? x * (1 + range.hole / range.low) - range.hole
               : x * (1 - range.hole / range.high) + range.hole;
}

}   // namespace

std::vector<Case> cases_of(const OpCases& op, int count) {
  std::vector<Case> cases;
  std::set<std::string> names;
  for (int number = 0; static_cast<int>(cases.size()) < count; ++number) {
    Case next = case_of(op, number);
    if (names.insert(next.name).second) cases.push_back(std::move(next));
  }
  return cases;
}

// All numbers of a case lie apart from each other, as a shuffled row of equal steps does: no
// maximum is nearly a tie. The first that an op sees is large, so that a relu passes something on.
std::vector<Tensor> Case::draw(const Device& device, DType type) const {
  std::size_t total = 0;
  for (const Seen& seen : inputs) total += static_cast<std::size_t>(seen.base.numel());
  std::vector<double> places(total);
  OpDice dice(name, 0);
  for (std::size_t i = 0; i < total; ++i) {
    const std::size_t other =
        static_cast<std::size_t>(dice.below(static_cast<std::int64_t>(i) + 1));
    places[i] = places[other];
    places[other] = (static_cast<double>(i) + 0.3 + 0.4 * dice.unit()) / static_cast<double>(total);
  }
  std::vector<Tensor> tensors;
  std::size_t start = 0;
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    const Seen& seen = inputs[k];
    const std::size_t count = static_cast<std::size_t>(seen.base.numel());
    if (k == 0 && seen.shape.numel() > 0) {
      double& seen_first = places[static_cast<std::size_t>(
          look(seen, Tensor::empty(device, seen.base, type)).offset())];
      std::swap(seen_first, *std::max_element(places.begin(), places.end()));
      seen_first = 1 - 0.2 / static_cast<double>(total);
    }
    std::vector<double> values;
    for (std::size_t i = start; i < start + count; ++i)
      values.push_back(within(ranges[k], places[i]));
    tensors.push_back(Tensor::from(device, values, seen.base, type));
    start += count;
  }
  return tensors;
}

}   // namespace glass
