// Golden files of whole models, read back (tests/golden/drawn.py says how they are made), and the
// weights and batches that Python and this side draw alike.
//
// A tensor in a golden is whole when it is small; of a larger one there are 32 sums with random
// signs and 64 elements, from which `distance` estimates how far another tensor is from it.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "engine/tensor.h"
#include "model/config.h"

namespace glass::testing {

struct GoldenTensor {
  std::string word, name;   // "grad", "transformer.wte.weight"
  Shape shape;
  double length = 0;             // the L2 norm of the whole
  std::vector<double> numbers;   // all of it, or 32 sums and 64 elements
};

struct GoldenCase {
  std::string name;
  std::map<std::string, std::string> settings;
  std::map<std::string, std::vector<double>> numbers;   // "losses"
  std::vector<GoldenTensor> tensors;                    // in the order of the file

  double number(const std::string& setting) const;   // a setting that is a number
  const std::vector<double>& list(const std::string& word) const;
  const GoldenTensor& tensor(const std::string& word, const std::string& name) const;
  GPTConfig config() const;   // from the settings
};

// tests/golden/FILE. Throws when it cannot be read: a test without its golden has not passed.
std::vector<GoldenCase> read_golden(const std::string& file);

// The weight called `name`, as Python draws it: exact in float.
std::vector<double> drawn_weight(const std::string& name, const Shape& shape);
// Integers of 0 .. limit-1.
std::vector<std::int32_t> drawn_below(const std::string& name, std::size_t count,
                                      std::int64_t limit, std::uint32_t step = 0);

// What a golden keeps of a tensor with these elements.
std::vector<double> numbers_of(const std::vector<double>& whole);
// |got - golden| / |golden|, estimated when the golden is not whole; the worse of the estimates
// from sums and elements.
double distance(const std::vector<double>& got, const GoldenTensor& golden);

}   // namespace glass::testing
