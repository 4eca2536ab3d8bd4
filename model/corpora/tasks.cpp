// Small tasks with a rule that one knows, so that one can see whether a model has found it.
#include <array>
#include <vector>

#include "model/corpora/corpora.h"
#include "model/corpora/dice.h"

namespace glass {
namespace {

char letter(Dice& dice) { return static_cast<char>('a' + dice.below(26)); }

}   // namespace

// "qkxv...qkxv...": random letters, and then the same again. Nothing predicts the first half; the
// second half can be known, by looking for what followed the last time. Heads that do this are
// called induction heads.
std::string repeats_task(std::uint64_t seed, std::int64_t number) {
  Dice dice(seed, "repeats", number);
  const std::size_t size = 8 + dice.below(17);
  std::string half;
  for (std::size_t i = 0; i < size; ++i) half += letter(dice);
  return half + half;
}

// "47+85=132", "90-14=76", "7*8=56"
std::string arithmetic_task(std::uint64_t seed, std::int64_t number) {
  Dice dice(seed, "arithmetic", number);
  const auto at_most = [&](std::size_t most) { return static_cast<int>(dice.below(most + 1)); };
  switch (dice.below(3)) {
    case 0: {
      const int a = at_most(99), b = at_most(99);
      return std::to_string(a) + "+" + std::to_string(b) + "=" + std::to_string(a + b);
    }
    case 1: {
      const int a = at_most(99), b = at_most(static_cast<std::size_t>(a));
      return std::to_string(a) + "-" + std::to_string(b) + "=" + std::to_string(a - b);
    }
    default: {
      const int a = at_most(12), b = at_most(12);
      return std::to_string(a) + "*" + std::to_string(b) + "=" + std::to_string(a * b);
    }
  }
}

// "([]{()})": whatever was opened last is closed first. To close a bracket one must know which of
// the open ones is the last.
std::string brackets_task(std::uint64_t seed, std::int64_t number) {
  constexpr std::array<std::string_view, 3> kKinds = {"()", "[]", "{}"};
  Dice dice(seed, "brackets", number);
  const std::size_t pairs = 4 + dice.below(17);
  std::string text;
  std::vector<char> open;   // what closes them, innermost last
  for (std::size_t opened = 0; opened < pairs || !open.empty();) {
    const bool opens = open.empty() || (opened < pairs && open.size() < 8 && dice.chance(0.55));
    if (opens) {
      const std::string_view kind = dice.one_of(kKinds);
      text += kind[0];
      open.push_back(kind[1]);
      ++opened;
    } else {
      text += open.back();
      open.pop_back();
    }
  }
  return text;
}

}   // namespace glass
