// The weights of a model in a few numbers each: how long, how wide, how far from 0.
#pragma once
#include <cstdint>
#include <mutex>
#include <vector>

#include "model/language_model.h"

namespace glass {

struct TensorNumbers {
  double norm = 0, mean = 0, std = 0, min = 0, max = 0;
};
TensorNumbers numbers_of(const Tensor& x);

// How many values lie in each of `bins` equal parts of min .. max.
std::vector<std::int64_t> histogram_of(const Tensor& x, const TensorNumbers& numbers, int bins);

// The numbers of every tensor, made at the first asking: those of a large model take a second.
class Measurements {
 public:
  const std::vector<TensorNumbers>& of(LanguageModel& model) const;

 private:
  mutable std::once_flag once_;
  mutable std::vector<TensorNumbers> numbers_;
};

}   // namespace glass
