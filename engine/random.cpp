// Uniform and Gaussian tensors from Philox blocks.
#include "engine/random.h"

#include <cmath>
#include <vector>

namespace glass {

// FNV-1a, 32 bits: xor a byte in, multiply.
static std::uint32_t mix(std::uint32_t hash, std::string_view text) {
  for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return hash;
}

std::uint32_t site(std::string_view scope, std::string_view name) {
  return mix(mix(mix(2166136261u, scope), "/"), name);
}

// The middle of the 2^32 equal pieces of (0, 1): never 0, never 1.
static double to_unit(std::uint32_t x) { return (static_cast<double>(x) + 0.5) * 0x1p-32; }

template <class Draw>
static Tensor drawn(const Device& device, const Shape& shape, DType type, RandomKey key, Draw four) {
  std::vector<double> values(static_cast<std::size_t>(shape.numel()));
  for (std::size_t i = 0; i < values.size(); i += 4) {
    double block[4];
    four(philox(key, static_cast<std::uint32_t>(i / 4)), block);
    for (std::size_t k = 0; k < 4 && i + k < values.size(); ++k) values[i + k] = block[k];
  }
  return Tensor::from(device, values, shape, type);
}

Tensor uniform(const Device& device, const Shape& shape, double low, double high, RandomKey key, DType type) {
  return drawn(device, shape, type, key, [&](const Philox4& bits, double* out) {
    for (int k = 0; k < 4; ++k) out[k] = low + (high - low) * to_unit(bits.x[k]);
  });
}

// Box and Muller: two uniform numbers give a radius and an angle, and so two Gaussian ones.
Tensor gaussian(const Device& device, const Shape& shape, double mean, double deviation, RandomKey key, DType type) {
  constexpr double kTwoPi = 6.28318530717958647692;
  return drawn(device, shape, type, key, [&](const Philox4& bits, double* out) {
    for (int k = 0; k < 4; k += 2) {
      const double radius = std::sqrt(-2 * std::log(to_unit(bits.x[k]))), angle = kTwoPi * to_unit(bits.x[k + 1]);
      out[k] = mean + deviation * radius * std::cos(angle);
      out[k + 1] = mean + deviation * radius * std::sin(angle);
    }
  });
}

}  // namespace glass
