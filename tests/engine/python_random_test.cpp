// PythonRandom against what CPython itself drew (tests/golden/python_random.py), bit for bit. Only
// gauss is given four units in the last place: it asks the machine's libm for a logarithm, a sine
// and a cosine.
#include "engine/base/python_random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <numeric>
#include <sstream>
#include <string>
#include <vector>

#include "engine/base/error.h"

namespace glass {
namespace {

struct Drawn {
  std::uint64_t seed;
  std::vector<std::string> numbers;
};

// All lines of the golden file, by name.
std::multimap<std::string, Drawn> golden() {
  std::ifstream file(GLASS_SOURCE_DIR "/tests/golden/python_random.txt");
  std::multimap<std::string, Drawn> lines;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name, number;
    Drawn drawn;
    words >> name >> drawn.seed;
    while (words >> number) drawn.numbers.push_back(number);
    lines.emplace(name, drawn);
  }
  return lines;
}

// Calls check(random, line) for every line of that name.
template <class Check>
void each(const std::string& name, Check check) {
  const auto lines = golden();
  ASSERT_GT(lines.count(name), 0u) << name << " is not in tests/golden/python_random.txt";
  for (auto [at, end] = lines.equal_range(name); at != end; ++at) {
    SCOPED_TRACE(name + ", seed " + std::to_string(at->second.seed));
    PythonRandom random(at->second.seed);
    check(random, at->second.numbers);
  }
}

double real(const std::string& hex) { return std::strtod(hex.c_str(), nullptr); }

TEST(PythonRandom, DrawsTheBitsOfCPython) {
  each("bits", [](PythonRandom& random, const std::vector<std::string>& expected) {
    ASSERT_EQ(expected.size(), 32u);
    for (int k = 1; k <= 32; ++k)
      EXPECT_EQ(std::to_string(random.bits(k)), expected[k - 1]) << "bits(" << k << ")";
  });
}

TEST(PythonRandom, DrawsTheRealNumbersOfCPython) {
  each("uniform", [](PythonRandom& random, const std::vector<std::string>& expected) {
    for (const std::string& e : expected) EXPECT_EQ(random.uniform(), real(e));
  });
}

TEST(PythonRandom, DrawsTheGaussiansOfCPythonAlsoTheSecondOfEachPair) {
  each("gauss", [](PythonRandom& random, const std::vector<std::string>& expected) {
    for (const std::string& e : expected) EXPECT_DOUBLE_EQ(random.gauss(0, 0.08), real(e));
  });
}

TEST(PythonRandom, KeepsTheSecondGaussianWhileOtherMethodsDraw) {
  each("gauss_then_uniform", [](PythonRandom& random, const std::vector<std::string>& expected) {
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_DOUBLE_EQ(i % 2 ? random.uniform() : random.gauss(3, 2), real(expected[i]))
          << "draw " << i;
    }
  });
}

TEST(PythonRandom, ShufflesAsCPythonDoes) {
  each("shuffle", [](PythonRandom& random, const std::vector<std::string>& expected) {
    std::vector<int> items(expected.size());
    std::iota(items.begin(), items.end(), 0);
    random.shuffle(std::span(items));
    for (std::size_t i = 0; i < items.size(); ++i)
      EXPECT_EQ(std::to_string(items[i]), expected[i]) << "item " << i;
  });
}

TEST(PythonRandom, ChoosesAsCPythonDoes) {
  each("choice", [](PythonRandom& random, const std::vector<std::string>& expected) {
    std::vector<double> weights(27);
    for (int i = 0; i < 27; ++i) weights[i] = 0.1 * i * i;
    for (const std::string& e : expected) EXPECT_EQ(std::to_string(random.choice(weights)), e);
  });
  each("choice_of_one", [](PythonRandom& random, const std::vector<std::string>& expected) {
    for (const std::string& e : expected)
      EXPECT_EQ(std::to_string(random.choice(std::vector<double>{0.5})), e);
  });
}

TEST(PythonRandom, StaysInStepForHundredThousandDraws) {
  each("uniform_after_100000", [](PythonRandom& random, const std::vector<std::string>& expected) {
    for (int i = 0; i < 100000; ++i) random.uniform();
    for (const std::string& e : expected) EXPECT_EQ(random.uniform(), real(e));
  });
}

TEST(PythonRandom, RefusesWhatHasNoAnswer) {
  PythonRandom random(42);
  EXPECT_THROW(random.bits(0), Error);
  EXPECT_THROW(random.bits(33), Error);
  EXPECT_THROW(random.below(0), Error);
  EXPECT_THROW(random.choice({}), Error);
  EXPECT_THROW(random.choice(std::vector<double>{0, 0}), Error);
  EXPECT_THROW(random.choice(std::vector<double>{1, std::numeric_limits<double>::infinity()}),
               Error);
  EXPECT_THROW(random.choice(std::vector<double>{1, std::nan("")}), Error);
}

TEST(PythonRandom, ShufflesNothingAndOneThingWithoutDrawing) {
  PythonRandom random(7), untouched(7);
  std::vector<int> none, one{1};
  random.shuffle(std::span(none));
  random.shuffle(std::span(one));
  EXPECT_EQ(random.uniform(), untouched.uniform());
}

}   // namespace
}   // namespace glass
