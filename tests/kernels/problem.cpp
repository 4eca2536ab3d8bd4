// Layouts as strides, cases as text that tells them apart, and the numbers each operand is filled with.
#include "tests/kernels/problem.h"

#include <cmath>
#include <limits>

namespace glass::test {

const char* to_string(Layout layout) {
  switch (layout) {
    case Layout::contiguous: return "contiguous";
    case Layout::padded: return "padded";
    case Layout::stepped: return "stepped";
    case Layout::transposed: return "transposed";
    case Layout::permuted: return "permuted";
    case Layout::narrowed: return "narrowed";
    case Layout::repeated_rows: return "repeated_rows";
    case Layout::repeated_columns: return "repeated_columns";
    case Layout::repeated_inside: return "repeated_inside";
  }
  return "?";
}

bool repeats(Layout layout) {
  return layout == Layout::repeated_rows || layout == Layout::repeated_columns ||
         layout == Layout::repeated_inside;
}

std::int64_t count(const Shape& shape) {
  std::int64_t n = 1;
  for (const std::int64_t size : shape) n *= size;
  return n;
}

std::string to_string(const Shape& shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? "," : "") + std::to_string(shape[i]);
  return text + ")";
}

Layout realized(Layout wanted, const Shape& shape) {
  const std::size_t rank = shape.size();
  const std::int64_t last = rank > 0 ? shape[rank - 1] : 1;
  const std::int64_t leading = rank > 0 && last > 0 ? count(shape) / last : 1;
  switch (wanted) {
    case Layout::contiguous: return wanted;
    case Layout::padded: return leading > 1 ? wanted : Layout::contiguous;
    case Layout::stepped: return last > 1 ? wanted : Layout::contiguous;
    case Layout::transposed:
    case Layout::narrowed:
      if (rank < 2) return realized(Layout::stepped, shape);
      return shape[rank - 2] > 1 && last > 1 ? wanted : Layout::contiguous;
    case Layout::permuted:
      if (rank < 3) return realized(Layout::transposed, shape);
      return shape[rank - 3] > 1 && shape[rank - 2] > 1 ? wanted : Layout::contiguous;
    case Layout::repeated_rows: return leading > 1 ? wanted : Layout::contiguous;
    case Layout::repeated_columns: return last > 1 ? wanted : Layout::contiguous;
    case Layout::repeated_inside:
      if (rank < 3) return realized(Layout::repeated_rows, shape);
      return shape[rank - 2] > 1 ? wanted : Layout::contiguous;
  }
  return wanted;
}

Placement place(DType dtype, const Shape& shape, Layout layout) {
  const int rank = static_cast<int>(shape.size());
  Placement p{{nullptr, dtype, rank, {}, {}}, 0, 0};
  for (int i = 0; i < rank; ++i) p.view.shape[i] = shape[static_cast<std::size_t>(i)];
  layout = realized(layout, shape);

  // The order in which axes lie in memory, how long each is there, and where the view starts and steps.
  int order[kMaxRank] = {};
  std::int64_t stored[kMaxRank] = {}, start[kMaxRank] = {}, step[kMaxRank] = {};
  for (int i = 0; i < rank; ++i) order[i] = i, stored[i] = p.view.shape[i], step[i] = 1;
  switch (layout) {
    case Layout::contiguous: break;
    case Layout::padded: stored[rank - 1] += 3; break;
    case Layout::stepped:
      stored[rank - 1] = 2 * stored[rank - 1] + 1, start[rank - 1] = 1, step[rank - 1] = 2;
      break;
    case Layout::transposed: std::swap(order[rank - 2], order[rank - 1]); break;
    case Layout::permuted: std::swap(order[rank - 3], order[rank - 2]); break;
    case Layout::narrowed:
      std::swap(order[rank - 2], order[rank - 1]);
      stored[rank - 2] += 3, start[rank - 2] = 1, stored[rank - 1] += 2, start[rank - 1] = 2;
      break;
    case Layout::repeated_rows:
      for (int i = 0; i < rank - 1; ++i) stored[i] = 1, step[i] = 0;
      break;
    case Layout::repeated_columns: stored[rank - 1] = 1, step[rank - 1] = 0; break;
    case Layout::repeated_inside: stored[rank - 2] = 1, step[rank - 2] = 0; break;
  }
  std::int64_t stride = 1;
  for (int i = rank - 1; i >= 0; --i) {
    const int axis = order[i];
    p.view.stride[axis] = stride * step[axis];
    p.offset += stride * start[axis];
    stride *= stored[axis];
  }
  // The storage ends with the last element that the view reaches, so that a guard page can stand right behind it.
  p.storage = 0;
  if (count(shape) > 0) {
    p.storage = p.offset + 1;
    for (int i = 0; i < rank; ++i) p.storage += (p.view.shape[i] - 1) * p.view.stride[i];
  } else {
    p.offset = 0;
  }
  return p;
}

Operand in(const char* name, Shape shape, Layout layout, Draw draw) {
  return {name, Role::in, std::move(shape), layout, Mode::write, draw, DType::f32, 0};
}
Operand out(const char* name, Shape shape, Layout layout) {
  return {name, Role::out, std::move(shape), layout, Mode::write, Draw::bell, DType::f32, 0};
}
Operand into(const char* name, Shape shape, Mode mode, Layout layout) {
  return {name, Role::into, std::move(shape), layout, mode, Draw::bell, DType::f32, 0};
}
Operand ids(const char* name, Shape shape, std::int64_t limit, Layout layout) {
  return {name, Role::in, std::move(shape), layout, Mode::write, Draw::ids, DType::i32, limit};
}
Operand update(const char* name, Shape shape, Draw draw) {
  return {name,        Role::update, std::move(shape), Layout::contiguous,
          Mode::write, draw,         DType::f32,       0};
}
bool is_result(const Operand& o) {
  return o.role == Role::out || o.role == Role::into || o.role == Role::update;
}
Operand none(const char* name) {
  return {name, Role::none, {0}, Layout::contiguous, Mode::write, Draw::bell, DType::f32, 0};
}
Operand integers(Operand operand) {
  operand.dtype = DType::i32;
  operand.draw = Draw::integers;
  return operand;
}

std::string Problem::key() const {
  std::string text = kernel;
  if (!parameters.empty()) text += " " + parameters;
  for (const Operand& o : operands) {
    text += std::string(" ") + o.name;
    if (o.role == Role::none) {
      text += ":none";
      continue;
    }
    text += to_string(o.shape);
    if (const Layout layout = realized(o.layout, o.shape); layout != Layout::contiguous)
      text += std::string(":") + to_string(layout);
    if (o.dtype == DType::i32) text += ":i32";
    if (o.role == Role::into)
      text += o.mode == Mode::write ? " =" : o.mode == Mode::add ? " +=" : " skipped";
    if (o.draw == Draw::extreme) text += " extreme";
    if (o.draw == Draw::wide) text += " wide";
    if (o.draw == Draw::special) text += " special";
  }
  if (alias >= 0) text += std::string(" onto ") + operands[static_cast<std::size_t>(alias)].name;
  return text;
}

bool Problem::empty() const {
  for (const Operand& o : operands)
    if (o.role != Role::none && count(o.shape) == 0) return true;
  return false;
}

namespace {

std::uint64_t mix(
    std::uint64_t x) {   // splitmix64: every bit of the result depends on every bit of x
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

double one_number(Draw kind, std::uint64_t r, std::int64_t limit) {
  static const float kExtremes[] = {
      0.0f,
      -0.0f,
      1.0f,
      -1.0f,
      0.5f,
      -3.0f,
      1e-20f,
      -1e20f,
      88.0f,
      -88.0f,
      104.0f,
      -104.0f,
      700.0f,
      -700.0f,
      std::numeric_limits<float>::denorm_min(),
      -std::numeric_limits<float>::denorm_min(),
      1e-39f,
      -1e-39f,
      std::numeric_limits<float>::min(),
      -std::numeric_limits<float>::min(),
      std::numeric_limits<float>::max(),
      -std::numeric_limits<float>::max(),
      std::numeric_limits<float>::infinity(),
      -std::numeric_limits<float>::infinity(),
      std::numeric_limits<float>::quiet_NaN(),
  };
  constexpr std::size_t kExtremeCount = sizeof kExtremes / sizeof kExtremes[0];
  const double a = static_cast<double>(r & 0x1FFFFF) / 0x1FFFFF,
               b = static_cast<double>((r >> 21) & 0x1FFFFF) / 0x1FFFFF,
               c = static_cast<double>((r >> 42) & 0x1FFFFF) / 0x1FFFFF;
  switch (kind) {
    case Draw::bell: return static_cast<float>(2 * (a + b + c - 1.5));
    case Draw::positive: return static_cast<float>(0.05 + 3.95 * a);
    case Draw::wide: return static_cast<float>((b < 0.5 ? -1 : 1) * std::exp2(40 * a - 20));
    case Draw::extreme: return static_cast<double>(kExtremes[r % kExtremeCount]);
    case Draw::special: {
      // No huge numbers: their sums overflow or do not, depending on the order, and both are right.
      static const float kSpecials[] = {std::numeric_limits<float>::quiet_NaN(),
                                        std::numeric_limits<float>::infinity(),
                                        -std::numeric_limits<float>::infinity(),
                                        0.0f,
                                        -0.0f,
                                        1e-39f,
                                        -1e-42f,
                                        0.0f};
      if ((r >> 20) % 16 == 0) return static_cast<double>(kSpecials[r % 8]);
      return one_number(Draw::bell, r, limit);
    }
    case Draw::logits: return static_cast<float>(10 * (a + b + c - 1.5));
    case Draw::ids:
      return static_cast<double>(limit > 0 ? r % static_cast<std::uint64_t>(limit) : 0);
    case Draw::integers: return static_cast<double>(static_cast<std::int32_t>(r));
  }
  return 0;
}

}  // namespace

std::vector<double> draw(const Operand& operand, std::uint64_t seed, int index) {
  std::vector<double> values(static_cast<std::size_t>(count(operand.shape)));
  const Layout layout = realized(operand.layout, operand.shape);
  const std::int64_t last = operand.shape.empty() ? 1 : operand.shape.back();
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::int64_t n = static_cast<std::int64_t>(i);
    if (layout == Layout::repeated_rows) n %= last;
    if (layout == Layout::repeated_columns) n /= last;
    if (layout == Layout::repeated_inside)
      n = n / (last * operand.shape[operand.shape.size() - 2]) * last + n % last;
    const std::uint64_t r =
        mix(mix(mix(seed) + static_cast<std::uint64_t>(index)) + static_cast<std::uint64_t>(n));
    values[i] = one_number(operand.draw, r, operand.limit);
  }
  return values;
}

}  // namespace glass::test
