// Sizes, shapes and numbers of test cases.
#include "engine/ops/dice.h"

#include <algorithm>
#include <iterator>

#include "engine/random.h"

namespace glass {

OpDice::OpDice(std::string_view op, int number) : site_(site(op)), number_(number) {}

bool OpDice::same() const { return number_ % 12 == 11; }
bool OpDice::wants_empty() const { return number_ % 25 == 24; }

// Mostly small, because differences cost two forwards a number. Above 2,000 they are taken along a
// few directions.
std::int64_t OpDice::budget() const {
  constexpr std::int64_t kBudgets[] = {20, 40, 20, 80, 20, 40,  150, 20,
                                       40, 20, 80, 40, 20, 300, 40,  3000};
  return kBudgets[number_ % static_cast<int>(std::size(kBudgets))];
}

std::int64_t OpDice::below(std::int64_t n) {
  const Philox4 block = philox({1, site_, static_cast<std::uint32_t>(number_), 0}, drawn_++);
  return static_cast<std::int64_t>(block.x[0]) % n;
}

double OpDice::unit() { return (static_cast<double>(below(std::int64_t{1} << 31)) + 0.5) * 0x1p-31; }

RandomKey OpDice::key() {
  return {static_cast<std::uint64_t>(below(1000)), site_, static_cast<std::uint32_t>(number_), 0};
}

std::int64_t OpDice::note(const char* name, std::int64_t value) {
  notes_ += (notes_.empty() ? "" : " ") + std::string(name) + "=" + std::to_string(value);
  return value;
}

std::int64_t OpDice::pick(const char* name, std::initializer_list<std::int64_t> from) {
  return note(name, from.begin()[below(static_cast<std::int64_t>(from.size()))]);
}

std::int64_t OpDice::between(const char* name, std::int64_t low, std::int64_t high) {
  return note(name, low + below(high - low + 1));
}

bool OpDice::flip(const char* name) { return note(name, below(2)) == 1; }

int OpDice::axis(const Shape& x) { return static_cast<int>(between("axis", -x.rank, x.rank - 1)); }

std::vector<std::int64_t> OpDice::sizes(int count, std::int64_t least) {
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(count), 1);
  if (count == 0) return sizes;
  const std::int64_t turn = std::max(least, kSizes[number_ % static_cast<int>(std::size(kSizes))]);
  const std::size_t place = static_cast<std::size_t>(below(count));
  std::int64_t product = turn;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (i == place) continue;
    const std::int64_t* first = std::lower_bound(std::begin(kSizes), std::end(kSizes), least);
    const std::int64_t* end = std::upper_bound(first, std::end(kSizes), budget() / product);
    sizes[i] = first[below(std::max<std::int64_t>(1, end - first))];
    product *= sizes[i];
  }
  sizes[place] = wants_empty() ? 0 : turn;
  return sizes;
}

Shape OpDice::shape(int min_rank, int max_rank) {
  Shape shape;
  for (std::int64_t n : sizes(min_rank + static_cast<int>(below(max_rank - min_rank + 1))))
    shape.push_back(n);
  return shape;
}

}   // namespace glass
