#include "model/samples.h"

#include <string>

#include "engine/base/error.h"

namespace glass {

Samples::~Samples() = default;

void Samples::fill(std::int64_t first, std::span<std::int32_t> inputs,
                   std::span<std::int32_t> targets) const {
  const auto T = static_cast<std::size_t>(T_), B = static_cast<std::size_t>(B_);
  if (inputs.size() != B * T || targets.size() != B * T)
    fail(ShapeError("a batch has " + std::to_string(B * T) + " inputs and as many targets"));
  for (std::size_t b = 0; b < B; ++b)
    sample(first + static_cast<std::int64_t>(b), inputs.subspan(b * T, T),
           targets.subspan(b * T, T));
}

}   // namespace glass
