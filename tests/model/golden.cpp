// Reading goldens, and drawing what they leave out. The counterpart of tests/golden/drawn.py.
#include "tests/model/golden.h"

#include <bit>
#include <cmath>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <type_traits>

#include "engine/base/text.h"
#include "engine/random.h"

namespace glass::testing {
namespace {

constexpr std::uint64_t kSeed = 20;
constexpr std::size_t kWhole = 192, kSigns = 32, kSamples = 64;

std::vector<std::uint32_t> draws(const std::string& name, std::size_t count,
                                 std::uint32_t step = 0) {
  std::vector<std::uint32_t> found;
  const RandomKey key{kSeed, site(name), step, 0};
  for (std::uint32_t block = 0; found.size() < count; ++block) {
    for (std::uint32_t x : philox(key, block).x) found.push_back(x);
  }
  found.resize(count);
  return found;
}

double square_of_differences(const std::vector<double>& a, const std::vector<double>& b,
                             std::size_t first, std::size_t last) {
  double total = 0;
  for (std::size_t i = first; i < last; ++i) total += (a[i] - b[i]) * (a[i] - b[i]);
  return total;
}

// The words of a field of GPTConfig, read as its type says.
template <class Field>
void set(Field& field, const std::string& word) {
  if constexpr (std::is_same_v<Field, bool>) {
    field = word == "1";
  } else if constexpr (std::is_enum_v<Field>) {
    if (read_name(word, field)) return;
    throw std::runtime_error("a golden file says " + word + ", which GPTConfig does not know");
  } else {
    field = static_cast<Field>(std::stod(word));
  }
}

GoldenTensor read_tensor(const std::string& word, std::istringstream& words) {
  GoldenTensor tensor{word, {}, {}, 0, {}};
  words >> tensor.name;
  for (std::string size; words >> size && size != ":";) tensor.shape.push_back(std::stoll(size));
  words >> tensor.length;
  for (double x; words >> x;) tensor.numbers.push_back(x);
  return tensor;
}

}   // namespace

double GoldenCase::number(const std::string& setting) const {
  return std::stod(settings.at(setting));
}

const std::vector<double>& GoldenCase::list(const std::string& word) const {
  return numbers.at(word);
}

const GoldenTensor& GoldenCase::tensor(const std::string& word, const std::string& wanted) const {
  for (const GoldenTensor& t : tensors) {
    if (t.word == word && t.name == wanted) return t;
  }
  throw std::runtime_error("golden " + name + " has no " + word + " " + wanted);
}

GPTConfig GoldenCase::config() const {
  GPTConfig config;
  each_field(config, [&](const char* field_name, auto& field) {
    if (const auto found = settings.find(field_name); found != settings.end())
      set(field, found->second);
  });
  return config;
}

std::vector<GoldenCase> read_golden(const std::string& file) {
  std::ifstream in(std::string(GLASS_SOURCE_DIR) + "/tests/golden/" + file);
  if (!in) throw std::runtime_error("cannot read tests/golden/" + file);
  std::vector<GoldenCase> cases;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string word, next;
    words >> word;
    if (word == "#") continue;
    if (word == "case") {
      cases.emplace_back();
      words >> cases.back().name;
      for (std::string pair; words >> pair;) {
        const std::size_t eq = pair.find('=');
        cases.back().settings[pair.substr(0, eq)] = pair.substr(eq + 1);
      }
    } else if (line.compare(word.size(), 3, " : ") == 0) {
      words >> next;
      std::vector<double>& list = cases.back().numbers[word];
      for (double x; words >> x;) list.push_back(x);
    } else {
      cases.back().tensors.push_back(read_tensor(word, words));
    }
  }
  return cases;
}

std::vector<double> drawn_weight(const std::string& name, const Shape& shape) {
  const bool norm = name.find(".ln_") != std::string::npos && name.ends_with(".weight");
  const bool embedding =
      name.find(".wte.") != std::string::npos || name.find(".wpe.") != std::string::npos;
  double shift = 0, scale = 0;
  if (norm) {
    shift = 1, scale = 0.25;
  } else if (shape.rank == 1) {
    scale = 0.125;
  } else if (embedding) {
    scale = 0.5;
  } else {
    scale =
        std::ldexp(1, -static_cast<int>(std::bit_width(static_cast<std::uint64_t>(shape[1])) / 2));
  }
  std::vector<double> weight;
  for (std::uint32_t x : draws(name, static_cast<std::size_t>(shape.numel()))) {
    weight.push_back(shift + scale * (static_cast<double>(x >> 16) * 0x1p-15 - 1));
  }
  return weight;
}

std::vector<std::int32_t> drawn_below(const std::string& name, std::size_t count,
                                      std::int64_t limit, std::uint32_t step) {
  std::vector<std::int32_t> found;
  for (std::uint64_t x : draws(name, count, step))
    found.push_back(static_cast<std::int32_t>(x * static_cast<std::uint64_t>(limit) >> 32));
  return found;
}

std::vector<double> numbers_of(const std::vector<double>& whole) {
  if (whole.size() <= kWhole) return whole;
  std::vector<double> numbers(kSigns);
  const std::vector<std::uint32_t> signs = draws("signs", whole.size());
  for (std::size_t k = 0; k < kSigns; ++k) {
    double sum = 0,
           lost = 0;   // Neumaier's sum: Python's side is exact, and this one to the last bit or so
    for (std::size_t i = 0; i < whole.size(); ++i) {
      const double x = signs[i] >> k & 1 ? -whole[i] : whole[i];
      const double next = sum + x;
      lost += std::abs(sum) >= std::abs(x) ? (sum - next) + x : (x - next) + sum;
      sum = next;
    }
    numbers[k] = sum + lost;
  }
  for (std::int32_t i : drawn_below("samples", kSamples, static_cast<std::int64_t>(whole.size()))) {
    numbers.push_back(whole[static_cast<std::size_t>(i)]);
  }
  return numbers;
}

double distance(const std::vector<double>& got, const GoldenTensor& golden) {
  const std::vector<double> numbers = numbers_of(got);
  if (static_cast<std::int64_t>(got.size()) != golden.shape.numel() ||
      numbers.size() != golden.numbers.size())
    return HUGE_VAL;
  const double scale = golden.length > 0 ? golden.length : 1;
  if (got.size() <= kWhole)
    return std::sqrt(square_of_differences(numbers, golden.numbers, 0, got.size())) / scale;
  const double sums = square_of_differences(numbers, golden.numbers, 0, kSigns) / kSigns;
  const double elements =
      square_of_differences(numbers, golden.numbers, kSigns, kSigns + kSamples) *
      static_cast<double>(got.size()) / kSamples;
  const double worse = std::sqrt(std::max(sums, elements)) / scale;
  return worse == worse ? worse : HUGE_VAL;   // what is not a number is infinitely far
}

}   // namespace glass::testing
