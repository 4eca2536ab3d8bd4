#include "interp/heads/eigen.h"

#include <cmath>
#include <limits>

#include "engine/base/error.h"

namespace glass {
namespace {

using Complex = std::complex<double>;

// One Householder reflection for each column: it turns what is below the subdiagonal into zeros,
// and is applied from both sides, so that eigenvalues stay.
void to_hessenberg(std::vector<double>& a, std::size_t n) {
  std::vector<double> v(n);
  for (std::size_t k = 0; k + 2 < n; ++k) {
    double length2 = 0;
    for (std::size_t i = k + 1; i < n; ++i) length2 += a[i * n + k] * a[i * n + k];
    if (length2 == 0) continue;
    const double first = a[(k + 1) * n + k];
    double v2 = 0;
    for (std::size_t i = k + 1; i < n; ++i) v[i] = a[i * n + k];
    v[k + 1] = first + std::copysign(std::sqrt(length2), first);   // no cancellation
    for (std::size_t i = k + 1; i < n; ++i) v2 += v[i] * v[i];
    for (std::size_t j = 0; j < n; ++j) {   // from the left: rows below k
      double along = 0;
      for (std::size_t i = k + 1; i < n; ++i) along += v[i] * a[i * n + j];
      for (std::size_t i = k + 1; i < n; ++i) a[i * n + j] -= 2 * along / v2 * v[i];
    }
    for (std::size_t i = 0; i < n; ++i) {   // from the right: columns behind k
      double along = 0;
      for (std::size_t j = k + 1; j < n; ++j) along += v[j] * a[i * n + j];
      for (std::size_t j = k + 1; j < n; ++j) a[i * n + j] -= 2 * along / v2 * v[j];
    }
  }
}

class ShiftedQR {
 public:
  ShiftedQR(const std::vector<double>& a, std::size_t n) : n_(n), h_(a.begin(), a.end()) {
    for (const double x : a) size_ += std::abs(x);
  }

  std::vector<Complex> run() {
    std::size_t last = n_ - 1;
    for (int tries = 0; last > 0;) {
      const std::size_t first = start_of_block(last);
      if (first == last) {   // its neighbour has let go of it
        --last, tries = 0;
        continue;
      }
      if (++tries > 500)
        fail(Error(ExitCode::internal, "the eigenvalues of a matrix of " + std::to_string(n_) +
                                           " rows were not found."));
      // Now and then another shift, for matrices that turn in a circle.
      const Complex shift = tries % 12 == 0 ? Complex(std::abs(at(last, last - 1)), size_ * 1e-3)
                                            : near_eigenvalue(last);
      step(first, last, shift);
    }
    std::vector<Complex> values;
    for (std::size_t i = 0; i < n_; ++i) values.push_back(at(i, i));
    return values;
  }

 private:
  Complex& at(std::size_t i, std::size_t j) { return h_[i * n_ + j]; }

  // The block that ends at `last` begins where a subdiagonal number is as good as zero.
  std::size_t start_of_block(std::size_t last) {
    std::size_t first = last;
    for (; first > 0; --first) {
      double beside = std::abs(at(first - 1, first - 1)) + std::abs(at(first, first));
      if (beside == 0) beside = size_;
      if (std::abs(at(first, first - 1)) <= std::numeric_limits<double>::epsilon() * beside) break;
    }
    return first;
  }

  // Of the last two rows and columns, the eigenvalue that is nearer to the last number.
  Complex near_eigenvalue(std::size_t last) {
    const Complex a = at(last - 1, last - 1), b = at(last - 1, last), c = at(last, last - 1),
                  d = at(last, last);
    const Complex half = (a + d) / 2.0, root = std::sqrt((a - d) * (a - d) / 4.0 + b * c);
    const Complex one = half + root, other = half - root;
    return std::abs(one - d) < std::abs(other - d) ? one : other;
  }

  // H - shift = Q R, then R Q + shift: similar to H, with a smaller number beside the last one.
  void step(std::size_t first, std::size_t last, Complex shift) {
    std::vector<std::pair<Complex, Complex>> turns;   // what each rotation is made of
    for (std::size_t i = first; i <= last; ++i) at(i, i) -= shift;
    for (std::size_t k = first; k < last; ++k) {
      Complex a = at(k, k), b = at(k + 1, k);
      const double r = std::hypot(std::abs(a), std::abs(b));
      a = r > 0 ? a / r : 1, b = r > 0 ? b / r : 0;
      for (std::size_t j = k; j <= last; ++j) {
        const Complex x = at(k, j), y = at(k + 1, j);
        at(k, j) = std::conj(a) * x + std::conj(b) * y;
        at(k + 1, j) = a * y - b * x;
      }
      turns.emplace_back(a, b);
    }
    for (std::size_t k = first; k < last; ++k) {
      const auto& [a, b] = turns[k - first];
      for (std::size_t i = first; i <= std::min(k + 1, last); ++i) {
        const Complex x = at(i, k), y = at(i, k + 1);
        at(i, k) = x * a + y * b;
        at(i, k + 1) = y * std::conj(a) - x * std::conj(b);
      }
    }
    for (std::size_t i = first; i <= last; ++i) at(i, i) += shift;
  }

  std::size_t n_;
  std::vector<Complex> h_;
  double size_ = 0;
};

}   // namespace

std::vector<std::complex<double>> eigenvalues(std::vector<double> a, std::size_t n) {
  if (n == 0) return {};
  to_hessenberg(a, n);
  return ShiftedQR(a, n).run();
}

}   // namespace glass
