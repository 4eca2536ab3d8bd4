// Drawing shapes and numbers for test cases. A case is a function of the op's name and its number,
// so a failure can be drawn again; sizes run through a list in which every kernel finds its tails,
// whatever its vector width.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "engine/shape.h"
#include "kernels/random.h"

namespace glass {

// Around 1, 8, 16, 32, 64 and 128: where loops over vectors, tiles and chunks begin and end. Size 0
// is drawn rarely.
constexpr std::int64_t kSizes[] = {1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 127, 129};

class OpDice {
 public:
  OpDice(std::string_view op, int number);

  // Which case of its op this is. Families walk through their patterns with it.
  int number() const { return number_; }
  bool same() const;   // this case wants inputs of one shape: they will be one tensor
  const std::string& notes() const { return notes_; }   // what was drawn by name: "axis=1 keep"

  std::int64_t below(std::int64_t n);   // 0 .. n-1
  double unit();                        // between 0 and 1
  RandomKey key();

  // Remembered in the case's name.
  std::int64_t pick(const char* name, std::initializer_list<std::int64_t> from);
  std::int64_t between(const char* name, std::int64_t low, std::int64_t high);
  bool flip(const char* name);
  int axis(const Shape& x);   // counted from the start or from the end
  std::int64_t note(const char* name, std::int64_t value);

  // `count` sizes of at least `least` for axes whose product stays small, or in a few cases grows
  // large. Each of kSizes gets its turn.
  std::vector<std::int64_t> sizes(int count, std::int64_t least = 1);
  Shape shape(int min_rank = 0, int max_rank = kMaxRank);
  std::int64_t budget() const;   // about how large that product may be
  bool wants_empty() const;      // in this case, one of the sizes is 0

 private:
  std::uint32_t site_;
  int number_;
  std::uint32_t drawn_ = 0;
  std::string notes_;
};

}   // namespace glass
