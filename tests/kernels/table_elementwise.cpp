// Cases of the kernels that make one element from one: fill, copy, affine, map, zip, swiglu, dropout.
#include <cmath>

#include "kernels/formulas.h"
#include "tests/kernels/tables.h"

namespace glass::test {
namespace {

constexpr Layout kContiguous = Layout::contiguous;

// Two layouts that meet in one call, of the result and of an input.
struct Pair {
  Layout y, x;
};
constexpr Pair kPairs[] = {
    {Layout::contiguous, Layout::contiguous},      {Layout::contiguous, Layout::transposed},
    {Layout::transposed, Layout::contiguous},      {Layout::padded, Layout::stepped},
    {Layout::contiguous, Layout::repeated_rows},   {Layout::contiguous, Layout::repeated_columns},
    {Layout::narrowed, Layout::permuted},          {Layout::permuted, Layout::permuted},
    {Layout::stepped, Layout::narrowed},           {Layout::transposed, Layout::transposed},
    {Layout::contiguous, Layout::repeated_inside},
};
constexpr int kPairCount = sizeof kPairs / sizeof kPairs[0];

const std::vector<Shape>& planes() {   // two axes and more, tails included
  static const std::vector<Shape> shapes = {
      {3, 1},    {1, 5},       {2, 7},       {5, 8},          {3, 9},
      {4, 15},   {3, 16},      {7, 17},      {2, 31},         {9, 33},
      {33, 3},   {17, 17},     {2, 3, 5},    {4, 1, 17},      {1, 2, 19},
      {3, 8, 4}, {2, 3, 4, 5}, {2, 2, 3, 9}, {2, 1, 3, 2, 7}, {2, 3, 1, 5, 4},
  };
  return shapes;
}

// The smaller shapes and layouts that every elementwise kernel is tried on: body(shape, pair, mode).
template <class Body> void for_each_shape(const Body& body) {
  body(Shape{}, kPairs[0]);
  for (const std::int64_t n : tails()) {
    body(Shape{n}, kPairs[0]);
    if (n > 1) body(Shape{n}, Pair{Layout::contiguous, Layout::stepped});
  }
  for (const std::int64_t n : {47, 64, 65, 129, 257, 300, 1000}) body(Shape{n}, kPairs[0]);
  std::size_t turn = 0;
  for (const Shape& shape : planes())
    for (int i = 0; i < 4; ++i) body(shape, kPairs[(turn++ * 3) % kPairCount]);
  body(Shape{0, 3}, kPairs[0]);
}

const Shape kLarge = {300, 401};   // many chunks for several threads, and a tail
const Shape kLargeRow = {150001};

// y = f(inputs) in one rounding on every machine, or the gate that says how far apart.
std::vector<double> each(std::size_t n, const std::function<double(std::size_t)>& allowed) {
  std::vector<double> gate(n);
  for (std::size_t i = 0; i < n; ++i) gate[i] = allowed(i);
  return gate;
}

Problem fill_problem(Operand y, double c) {
  return {"fill", "c=" + std::to_string(c), {std::move(y)}, [c](Backend& b, const Args& a) {
            b.fill(a[0], c);
          }};
}

Problem copy_problem(Operand y, Operand x) {
  return {"copy", "", {std::move(y), std::move(x)}, [](Backend& b, const Args& a) {
            b.copy(a.into(0), a[1]);
          }};
}

Problem affine_problem(Operand y, Operand x, float scale, float shift) {
  // One rounding where the machine has a fused multiply-add, else two: the second is that of the product.
  return {"affine",
          std::to_string(scale) + " " + std::to_string(shift),
          {std::move(y), std::move(x)},
          [=](Backend& b, const Args& a) { b.affine(a.into(0), a[1], scale, shift); },
          [=](const Values& v, int) {
            return each(v[1].size(), [&](std::size_t i) {
              return kU * std::fabs(static_cast<double>(scale) * v[1][i]);
            });
          }};
}

Problem map_problem(Unary f, Operand y, Operand x) {
  Problem p = {"map", name_of(f), {std::move(y), std::move(x)}, [f](Backend& b, const Args& a) {
                 b.map(f, a[0], a[1]);
               }};
  if (!is_exact(f))
    p.gate = [f](const Values& v, int) {
      return each(v[1].size(), [&](std::size_t i) { return allowed_value(f, v[1][i]); });
    };
  return p;
}

Problem map_backward_problem(Unary f, Operand dx, Operand dy, Operand x) {
  Problem p = {"map_backward",
               name_of(f),
               {std::move(dx), std::move(dy), std::move(x)},
               [f](Backend& b, const Args& a) { b.map_backward(f, a.into(0), a[1], a[2]); }};
  const bool extreme = p.operands[2].draw == Draw::extreme;
  if (!slope_is_exact(f) || extreme)
    p.gate = [f](const Values& v, int) {
      return each(v[1].size(), [&](std::size_t i) {
        const double d = std::fabs(v[1][i]);
        // Where the slope itself is beyond f32, a finite product of the two is beyond reach: infinity will do.
        if (!std::isfinite(static_cast<float>(slope_of(f, v[2][i])))) return d > 0 ? INFINITY : 0.0;
        return d * allowed_slope(f, v[2][i]) + (slope_is_exact(f) ? 0 : kU * std::fabs(v[0][i]));
      });
    };
  return p;
}

Problem zip_problem(Binary f, Operand y, Operand a_, Operand b_) {
  return {"zip",
          name_of(f),
          {std::move(y), std::move(a_), std::move(b_)},
          [f](Backend& b, const Args& a) { b.zip(f, a.into(0), a[1], a[2]); }};
}

Problem swiglu_problem(Operand y, Operand gate, Operand up) {
  return {"swiglu",
          "",
          {std::move(y), std::move(gate), std::move(up)},
          [](Backend& b, const Args& a) { b.swiglu(a[0], a[1], a[2]); },
          [](const Values& v, int) {
            return each(v[1].size(), [&](std::size_t i) {
              return std::fabs(v[2][i]) * allowed_value(Unary::silu, v[1][i]) +
                     kU * std::fabs(v[0][i]);
            });
          }};
}

Problem swiglu_backward_problem(Operand dgate, Operand dup, Operand dy, Operand gate, Operand up) {
  return {
      "swiglu_backward",
      "",
      {std::move(dgate), std::move(dup), std::move(dy), std::move(gate), std::move(up)},
      [](Backend& b, const Args& a) { b.swiglu_backward(a.into(0), a.into(1), a[2], a[3], a[4]); },
      [](const Values& v, int output) {
        return each(v[2].size(), [&](std::size_t i) {
          const double d = std::fabs(v[2][i]), g = v[3][i], u = std::fabs(v[4][i]);
          if (output == 0)
            return d * u *
                   (allowed_slope(Unary::silu, g) + 2 * kU * std::fabs(formulas::silu_slope(g)));
          return d * allowed_value(Unary::silu, g) + kU * std::fabs(v[1][i]);
        });
      }};
}

Problem dropout_problem(Operand y, Operand x, double p, RandomKey key) {
  return {"dropout",
          "p=" + std::to_string(p) + " site=" + std::to_string(key.site),
          {std::move(y), std::move(x)},
          [=](Backend& b, const Args& a) { b.dropout(a.into(0), a[1], p, key); }};
}

Problem onto(Problem p, int input) {   // operand 0 is written onto one of the inputs
  p.alias = input;
  p.operands[0].layout = p.operands[static_cast<std::size_t>(input)].layout;
  return p;
}

}  // namespace

Problems fill_small() {
  Problems all;
  for_each_shape([&](const Shape& shape, Pair p) {
    all.push_back(fill_problem(out("y", shape, repeats(p.x) ? p.y : p.x), 1.1));
    all.push_back(fill_problem(integers(out("y", shape, p.y)), -7));
  });
  return all;
}
Problems fill_large() {
  return {fill_problem(out("y", kLarge, Layout::padded), 0.3),
          fill_problem(out("y", kLargeRow), 0)};
}

Problems copy_small() {
  Problems all;
  for_each_shape([&](const Shape& shape, Pair p) {
    all.push_back(
        copy_problem(into("y", shape, Mode::write, p.y), in("x", shape, p.x, Draw::extreme)));
    all.push_back(copy_problem(into("y", shape, Mode::write, p.y), in("x", shape, p.x)));
    all.push_back(copy_problem(into("y", shape, Mode::add, p.y), in("x", shape, p.x)));
    all.push_back(
        copy_problem(integers(into("y", shape, Mode::write, p.y)), integers(in("x", shape, p.x))));
    all.push_back(copy_problem(into("y", shape, Mode::write, p.y),
                               integers(in("x", shape, p.x))));   // i32 to f32
    all.push_back(copy_problem(integers(into("y", shape, Mode::write, p.y)),
                               in("x", shape, p.x, Draw::wide)));   // f32 to i32
  });
  // What is transposed goes through squares: whole ones, ones cut on either side, more than a tile.
  for (const Shape& shape :
       {Shape{32, 64}, {33, 65}, {31, 130}, {70, 16}, {15, 70}, {97, 3}, {3, 40, 35}, {2, 17, 3, 36}})
    for (const Pair p : {Pair{kContiguous, Layout::transposed}, {Layout::transposed, kContiguous},
                         {Layout::padded, Layout::narrowed}, {Layout::permuted, Layout::transposed}}) {
      all.push_back(
          copy_problem(into("y", shape, Mode::write, p.y), in("x", shape, p.x, Draw::extreme)));
      all.push_back(copy_problem(into("y", shape, Mode::add, p.y), in("x", shape, p.x)));
      all.push_back(copy_problem(integers(into("y", shape, Mode::write, p.y)),
                                 integers(in("x", shape, p.x))));
    }
  all.push_back(copy_problem(integers(into("y", {40}, Mode::write)),
                             in("x", {40}, kContiguous, Draw::extreme)));
  all.push_back(copy_problem(into("y", {40}, Mode::skip), in("x", {40})));
  // Whole numbers that are added to.
  for (const Layout x : {kContiguous, Layout::transposed}) {
    const auto below_1000 = [](Operand o) {
      o.draw = Draw::ids;
      o.limit = 1000;
      return o;
    };
    const Operand y = below_1000(integers(into("y", {6, 7}, Mode::add)));
    all.push_back(copy_problem(y, below_1000(integers(in("x", {6, 7}, x)))));
    Problem from_floats = copy_problem(y, in("x", {6, 7}, x, Draw::wide));
    from_floats.prepare = [](Values& v) {
      for (double& value : v[1]) value = std::trunc(std::fmod(value, 1000));
    };
    all.push_back(from_floats);
  }
  return all;
}
Problems copy_large() {
  return {copy_problem(into("y", kLarge, Mode::write), in("x", kLarge, Layout::transposed)),
          copy_problem(into("y", {7, 5001}, Mode::write, Layout::transposed), in("x", {7, 5001})),
          copy_problem(into("y", {50, 3003}, Mode::add), in("x", {50, 3003}, Layout::transposed)),
          copy_problem(into("y", kLargeRow, Mode::add), in("x", kLargeRow))};
}

Problems affine_small() {
  Problems all;
  for_each_shape([&](const Shape& shape, Pair p) {
    for (const Mode mode : {Mode::write, Mode::add})
      all.push_back(affine_problem(into("y", shape, mode, p.y), in("x", shape, p.x), 0.1f, -1.7f));
    all.push_back(
        onto(affine_problem(into("y", shape, Mode::write), in("x", shape, p.y), -1.3f, 0), 1));
  });
  for (const Layout x : {kContiguous, Layout::stepped}) {
    all.push_back(affine_problem(into("y", {200}, Mode::write), in("x", {200}, x, Draw::extreme),
                                 -0.5f, 0.25f));
    all.push_back(affine_problem(into("y", {17}, Mode::skip), in("x", {17}, x), 2, 1));
  }
  return all;
}
Problems affine_large() {
  return {affine_problem(into("y", kLarge, Mode::add), in("x", kLarge, Layout::padded), 0.3f, 0.1f),
          affine_problem(into("y", kLargeRow, Mode::write), in("x", kLargeRow), 0.3f, 0.1f)};
}

Problems map_small() {
  Problems all;
  for (int i = 0; i < kUnaryCount; ++i) {
    const Unary f = static_cast<Unary>(i);
    for_each_shape([&](const Shape& shape, Pair p) {
      all.push_back(map_problem(f, out("y", shape, p.y), in("x", shape, p.x, domain(f))));
    });
    for (const std::int64_t n : {1, 7, 16, 33, 200}) {
      all.push_back(map_problem(f, out("y", {n}), in("x", {n}, kContiguous, Draw::extreme)));
      all.push_back(map_problem(f, out("y", {n}), in("x", {n}, kContiguous, Draw::wide)));
      all.push_back(
          onto(map_problem(f, out("y", {3, n}), in("x", {3, n}, Layout::padded, domain(f))), 1));
    }
  }
  return all;
}
Problems map_large() {
  Problems all;
  for (int i = 0; i < kUnaryCount; ++i) {
    const Unary f = static_cast<Unary>(i);
    all.push_back(map_problem(f, out("y", kLargeRow), in("x", kLargeRow, kContiguous, domain(f))));
  }
  all.push_back(map_problem(Unary::gelu, out("y", kLarge), in("x", kLarge, Layout::padded)));
  return all;
}

Problems map_backward_small() {
  Problems all;
  for (int i = 0; i < kUnaryCount; ++i) {
    const Unary f = static_cast<Unary>(i);
    std::size_t turn = 0;
    for_each_shape([&](const Shape& shape, Pair p) {
      const Mode mode = turn++ % 2 ? Mode::add : Mode::write;
      all.push_back(map_backward_problem(f, into("dx", shape, mode, p.y), in("dy", shape, p.x),
                                         in("x", shape, turn % 3 ? p.x : kContiguous, domain(f))));
    });
    for (const std::int64_t n : {1, 7, 16, 33, 200}) {
      all.push_back(map_backward_problem(f, into("dx", {n}, Mode::write), in("dy", {n}),
                                         in("x", {n}, kContiguous, Draw::extreme)));
      all.push_back(map_backward_problem(f, into("dx", {n}, Mode::add), in("dy", {n}),
                                         in("x", {n}, kContiguous, Draw::wide)));
      all.push_back(onto(map_backward_problem(f, into("dx", {3, n}, Mode::write), in("dy", {3, n}),
                                              in("x", {3, n}, kContiguous, domain(f))),
                         1));
    }
    all.push_back(map_backward_problem(f, into("dx", {9}, Mode::skip), in("dy", {9}),
                                       in("x", {9}, kContiguous, domain(f))));
  }
  return all;
}
Problems map_backward_large() {
  Problems all;
  for (int i = 0; i < kUnaryCount; ++i) {
    const Unary f = static_cast<Unary>(i);
    all.push_back(map_backward_problem(f, into("dx", kLargeRow, Mode::add), in("dy", kLargeRow),
                                       in("x", kLargeRow, kContiguous, domain(f))));
  }
  return all;
}

Problems zip_small() {
  Problems all;
  for (int i = 0; i < kBinaryCount; ++i) {
    const Binary f = static_cast<Binary>(i);
    std::size_t turn = 0;
    for_each_shape([&](const Shape& shape, Pair p) {
      const Layout other = kPairs[turn++ % kPairCount].x;
      all.push_back(zip_problem(f, into("y", shape, Mode::write, p.y), in("a", shape, p.x),
                                in("b", shape, other)));
      if (turn % 2)
        all.push_back(zip_problem(f, into("y", shape, Mode::add, p.y), in("a", shape, other),
                                  in("b", shape, p.x)));
    });
    for (const std::int64_t n : {1, 7, 16, 33, 500}) {
      all.push_back(zip_problem(f, into("y", {n}, Mode::write),
                                in("a", {n}, kContiguous, Draw::extreme),
                                in("b", {n}, kContiguous, Draw::extreme)));
      for (const int input : {1, 2})
        all.push_back(
            onto(zip_problem(f, into("y", {2, n}, Mode::write), in("a", {2, n}), in("b", {2, n})),
                 input));
    }
    all.push_back(zip_problem(f, into("y", {9}, Mode::skip), in("a", {9}), in("b", {9})));
  }
  return all;
}
Problems zip_large() {
  return {zip_problem(Binary::add, into("y", kLarge, Mode::write), in("a", kLarge),
                      in("b", kLarge, Layout::repeated_rows)),
          zip_problem(Binary::mul, into("y", kLarge, Mode::add),
                      in("a", kLarge, Layout::repeated_columns), in("b", kLarge)),
          zip_problem(Binary::div, into("y", kLargeRow, Mode::write), in("a", kLargeRow),
                      in("b", kLargeRow))};
}

Problems swiglu_small() {
  Problems all;
  for_each_shape([&](const Shape& shape, Pair p) {
    all.push_back(swiglu_problem(out("y", shape, p.y), in("gate", shape, p.x, Draw::logits),
                                 in("up", shape)));
    all.push_back(swiglu_problem(out("y", shape), in("gate", shape), in("up", shape, p.x)));
  });
  all.push_back(swiglu_problem(out("y", {700}), in("gate", {700}, kContiguous, Draw::special),
                               in("up", {700}, kContiguous, Draw::special)));
  return all;
}
Problems swiglu_large() {
  return {swiglu_problem(out("y", kLarge), in("gate", kLarge, Layout::padded),
                         in("up", kLarge, Layout::padded))};
}

Problems swiglu_backward_small() {
  Problems all;
  std::size_t turn = 0;
  constexpr Mode kModes[][2] = {{Mode::write, Mode::write}, {Mode::add, Mode::write},
                                {Mode::write, Mode::add},   {Mode::add, Mode::add},
                                {Mode::skip, Mode::add},    {Mode::write, Mode::skip}};
  for_each_shape([&](const Shape& shape, Pair p) {
    for (int i = 0; i < 2; ++i) {
      const Mode* modes = kModes[turn++ % 6];
      all.push_back(swiglu_backward_problem(
          into("dgate", shape, modes[0], p.y), into("dup", shape, modes[1]), in("dy", shape),
          in("gate", shape, p.x, Draw::logits), in("up", shape, i ? kContiguous : p.x)));
    }
  });
  return all;
}
Problems swiglu_backward_large() {
  return {swiglu_backward_problem(into("dgate", kLarge, Mode::write),
                                  into("dup", kLarge, Mode::add), in("dy", kLarge),
                                  in("gate", kLarge), in("up", kLarge))};
}

Problems dropout_small() {
  Problems all;
  std::uint32_t site = 0;
  for_each_shape([&](const Shape& shape, Pair p) {
    const RandomKey key = {0x123456789ABCDEFu + site, ++site, 3, 1};
    all.push_back(
        dropout_problem(into("y", shape, Mode::write, p.y), in("x", shape, p.x), 0.2, key));
    all.push_back(dropout_problem(into("y", shape, Mode::add, p.y), in("x", shape, p.x), 0.5, key));
    all.push_back(
        onto(dropout_problem(into("y", shape, Mode::write), in("x", shape, p.y), 0.9, key), 1));
  });
  all.push_back(
      dropout_problem(into("y", {500}, Mode::write), in("x", {500}), 0, RandomKey{1, 2, 3, 4}));
  all.push_back(
      dropout_problem(into("y", {5}, Mode::skip), in("x", {5}), 0.5, RandomKey{1, 2, 3, 4}));
  return all;
}
Problems dropout_large() {
  return {dropout_problem(into("y", kLargeRow, Mode::write), in("x", kLargeRow), 0.2,
                          RandomKey{42, 7, 1, 0}),
          dropout_problem(into("y", kLarge, Mode::add), in("x", kLarge, Layout::padded), 0.2,
                          RandomKey{42, 7, 1, 0})};
}

}  // namespace glass::test
