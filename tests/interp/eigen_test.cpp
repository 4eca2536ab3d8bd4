// Eigenvalues of matrices that have known ones.
#include "interp/heads/eigen.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace glass {
namespace {

using Complex = std::complex<double>;

std::vector<Complex> sorted(std::vector<Complex> values) {
  std::sort(values.begin(), values.end(), [](Complex a, Complex b) {
    return std::abs(a.real() - b.real()) > 1e-6 ? a.real() < b.real() : a.imag() < b.imag();
  });
  return values;
}

void expect_values(const std::vector<double>& a, std::size_t n, std::vector<Complex> expected,
                   double tolerance = 1e-9) {
  const std::vector<Complex> found = sorted(eigenvalues(a, n));
  expected = sorted(expected);
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < n; ++i)
    EXPECT_LT(std::abs(found[i] - expected[i]), tolerance)
        << "value " << i << " of " << n << ": expected " << expected[i] << ", got " << found[i];
}

TEST(Eigen, OfSmallMatricesAsOnPaper) {
  expect_values({}, 0, {});
  expect_values({7}, 1, {7});
  expect_values({2, 0, 0, 3}, 2, {2, 3});
  expect_values({0, -1, 1, 0}, 2, {Complex(0, 1), Complex(0, -1)});   // a quarter turn
  expect_values({1, 5, 0, 1}, 2, {1, 1}, 1e-7);                       // sheared: a double one
  expect_values({0, 0, 0, 0, 0, 0, 0, 0, 0}, 3, {0, 0, 0});
  // The companion of (x-1)(x-2)(x-3) = x^3 - 6x^2 + 11x - 6
  expect_values({6, -11, 6, 1, 0, 0, 0, 1, 0}, 3, {1, 2, 3});
}

// A cyclic shift turns in a circle: its values are the roots of one, and an unshifted QR never
// ends.
TEST(Eigen, OfACyclicShiftAreTheRootsOfOne) {
  for (const std::size_t n : {3u, 4u, 8u, 17u}) {
    std::vector<double> a(n * n);
    std::vector<Complex> roots;
    for (std::size_t i = 0; i < n; ++i) {
      a[i * n + (i + 1) % n] = 1;
      roots.push_back(std::polar(1.0, 2 * M_PI * static_cast<double>(i) / static_cast<double>(n)));
    }
    expect_values(a, n, roots);
  }
}

// P D P^-1 with chosen D, where P is a product of shears, whose inverse is the same with other
// signs.
TEST(Eigen, SurviveAChangeOfBasis) {
  std::mt19937 random(5);
  std::uniform_real_distribution<double> number(-1, 1);
  for (const std::size_t n : {2u, 5u, 16u, 64u}) {
    std::vector<double> a(n * n);
    std::vector<Complex> expected;
    for (std::size_t i = 0; i + 1 < n; i += 2) {   // blocks r (cos -sin; sin cos): r e^(+- i phi)
      const double x = number(random) * 3, y = 0.1 + std::abs(number(random));
      a[i * n + i] = a[(i + 1) * n + i + 1] = x;
      a[i * n + i + 1] = -y, a[(i + 1) * n + i] = y;
      expected.insert(expected.end(), {Complex(x, y), Complex(x, -y)});
    }
    if (n % 2) {
      a[n * n - 1] = 1.5;
      expected.emplace_back(1.5);
    }
    for (std::size_t k = 0; k < 4 * n; ++k) {
      const std::size_t i = random() % n, j = random() % n;
      if (i == j) continue;
      const double s = 0.3 * number(random);
      for (std::size_t c = 0; c < n; ++c) a[i * n + c] += s * a[j * n + c];   // from the left
      for (std::size_t r = 0; r < n; ++r) a[r * n + j] -= s * a[r * n + i];   // its inverse
    }
    // Values are known as well as P is harmless; these P are, and 1e-7 leaves room for their
    // growth.
    expect_values(a, n, expected, 1e-7);
  }
}

TEST(Eigen, AddUpToTheTrace) {
  std::mt19937 random(9);
  std::normal_distribution<double> number;
  const std::size_t n = 80;
  std::vector<double> a(n * n);
  double trace = 0, square = 0;   // of a, and of a a
  for (double& x : a) x = number(random);
  for (std::size_t i = 0; i < n; ++i) {
    trace += a[i * n + i];
    for (std::size_t j = 0; j < n; ++j) square += a[i * n + j] * a[j * n + i];
  }
  Complex sum = 0, sum2 = 0;
  for (const Complex value : eigenvalues(a, n)) sum += value, sum2 += value * value;
  EXPECT_NEAR(sum.real(), trace, 1e-9);
  EXPECT_NEAR(sum.imag(), 0, 1e-9);
  EXPECT_NEAR(sum2.real(), square, 1e-8);
}

}   // namespace
}   // namespace glass
