#include "model/formats/elements.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "kernels/bits.h"

namespace glass {
namespace {

template <class T>
T read_at(std::span<const std::byte> bytes, std::size_t i) {
  T value;
  std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
  return value;
}

template <class T>
void write_at(std::span<std::byte> bytes, std::size_t i, T value) {
  std::memcpy(bytes.data() + i * sizeof(T), &value, sizeof(T));
}

[[noreturn]] void refuse(const StoredTensor& x) {
  fail(ContentError("tensor " + in_quotes(x.name) + " is of type " + name_of(x.type) +
                    ", not of numbers with fractions."));
}

// Calls f(i, number) for every element. The switch is outside of the loop: models are large.
template <class F>
void each_number(const StoredTensor& x, const F& f) {
  const std::size_t count = x.bytes.size() / bytes_of(x.type);
  switch (x.type) {
    case StoredType::f32:
      for (std::size_t i = 0; i < count; ++i) f(i, read_at<float>(x.bytes, i));
      return;
    case StoredType::f64:
      for (std::size_t i = 0; i < count; ++i) f(i, read_at<double>(x.bytes, i));
      return;
    case StoredType::f16:
      for (std::size_t i = 0; i < count; ++i) f(i, from_f16(read_at<std::uint16_t>(x.bytes, i)));
      return;
    case StoredType::bf16:
      for (std::size_t i = 0; i < count; ++i) f(i, from_bf16(read_at<std::uint16_t>(x.bytes, i)));
      return;
    default:
      refuse(x);
  }
}

}   // namespace

float from_bf16(std::uint16_t bits) { return bit_cast<float>(std::uint32_t{bits} << 16); }

std::uint16_t to_bf16(float value) {
  const auto bits = bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffff) > 0x7f800000) return static_cast<std::uint16_t>(bits >> 16 | 0x40);
  return static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

// The exponent of a half counts from 15, that of a float from 127; what is below 2^-14 has no
// leading 1 and counts in steps of 2^-24.
float from_f16(std::uint16_t bits) {
  const std::uint32_t sign = std::uint32_t{bits & 0x8000u} << 16, fraction = bits & 0x3ffu;
  const std::uint32_t exponent = bits >> 10 & 0x1fu;
  if (exponent == 31) return bit_cast<float>(sign | 0x7f800000u | fraction << 13);
  if (exponent > 0) return bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
  const float small = static_cast<float>(fraction) * 0x1p-24f;
  return sign != 0 ? -small : small;
}

std::uint16_t to_f16(float value) {
  const auto bits = bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>(bits >> 16 & 0x8000u);
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return sign | 0x7e00u;    // not a number
  if (magnitude >= 0x477ff000u) return sign | 0x7c00u;   // 65520 and more: rounds to infinity
  if (magnitude < 0x38800000u) {   // below 2^-14: adding 0.5 leaves the steps of 2^-24 at the end
    const float shifted = bit_cast<float>(magnitude) + 0.5f;
    return static_cast<std::uint16_t>(sign | (bit_cast<std::uint32_t>(shifted) - 0x3f000000u));
  }
  const std::uint32_t rounded = magnitude + 0xfffu + (magnitude >> 13 & 1);
  return static_cast<std::uint16_t>(sign | (rounded - 0x38000000u) >> 13);
}

StoredType type_named(const std::string& name) {
  if (name == "f16") return StoredType::f16;
  return name == "bf16" ? StoredType::bf16 : StoredType::f32;
}

namespace {

// A weight that became infinite would make nonsense of the model.
std::uint16_t half_of(const StoredTensor& x, float value) {
  const std::uint16_t bits = to_f16(value);
  if ((bits & 0x7fffu) == 0x7c00u && std::isfinite(value))
    fail(ContentError("tensor " + in_quotes(x.name) + " has the number " + shortest(value) +
                      ", and f16 ends at 65504; store bf16 or f32."));
  return bits;
}

}   // namespace

StoredTensor as_type(const StoredTensor& x, StoredType type) {
  if (x.type == type) return x;
  const std::size_t count = x.bytes.size() / bytes_of(x.type);
  const OwnedBytes bytes = allocate_bytes(count * bytes_of(type));
  const std::span<std::byte> out = bytes.span();
  switch (type) {
    case StoredType::f32:
      each_number(x, [&](std::size_t i, auto n) { write_at(out, i, static_cast<float>(n)); });
      break;
    case StoredType::f64:
      each_number(x, [&](std::size_t i, auto n) { write_at(out, i, static_cast<double>(n)); });
      break;
    case StoredType::f16:
      each_number(
          x, [&](std::size_t i, auto n) { write_at(out, i, half_of(x, static_cast<float>(n))); });
      break;
    case StoredType::bf16:
      each_number(x,
                  [&](std::size_t i, auto n) { write_at(out, i, to_bf16(static_cast<float>(n))); });
      break;
    default:
      fail(Error(ExitCode::internal, std::string("as_type: no numbers become ") + name_of(type)));
  }
  return {x.name, type, x.shape, out, bytes.data};
}

namespace {

// In squares that stay in the cache, since one of the two sides is read across.
template <class T>
void transpose(std::span<const std::byte> from, std::span<std::byte> to, std::size_t N,
               std::size_t K) {
  constexpr std::size_t kSquare = 32;
  for (std::size_t n0 = 0; n0 < N; n0 += kSquare)
    for (std::size_t k0 = 0; k0 < K; k0 += kSquare)
      for (std::size_t n = n0; n < std::min(N, n0 + kSquare); ++n)
        for (std::size_t k = k0; k < std::min(K, k0 + kSquare); ++k)
          write_at(to, k * N + n, read_at<T>(from, n * K + k));
}

}   // namespace

StoredTensor transposed(const StoredTensor& x) {
  if (x.shape.size() != 2)
    fail(ContentError("tensor " + in_quotes(x.name) + " should have two dimensions, and has " +
                      std::to_string(x.shape.size()) + "."));
  const auto N = static_cast<std::size_t>(x.shape[0]), K = static_cast<std::size_t>(x.shape[1]);
  const OwnedBytes bytes = allocate_bytes(x.bytes.size());
  switch (bytes_of(x.type)) {
    case 1:
      transpose<std::uint8_t>(x.bytes, bytes.span(), N, K);
      break;
    case 2:
      transpose<std::uint16_t>(x.bytes, bytes.span(), N, K);
      break;
    case 4:
      transpose<std::uint32_t>(x.bytes, bytes.span(), N, K);
      break;
    default:
      transpose<std::uint64_t>(x.bytes, bytes.span(), N, K);
  }
  return {x.name, x.type, {x.shape[1], x.shape[0]}, bytes.span(), bytes.data};
}

StoredTensor rows_of(const StoredTensor& x, std::int64_t first, std::int64_t count) {
  if (x.shape.empty() || first < 0 || count < 0 || count > x.shape[0] || first > x.shape[0] - count)
    fail(ContentError("tensor " + in_quotes(x.name) + " has no rows " + std::to_string(first) +
                      " to " + std::to_string(first + count) + "."));
  const std::size_t row =
      x.shape[0] == 0 ? 0 : x.bytes.size() / static_cast<std::size_t>(x.shape[0]);
  StoredTensor rows = x;
  rows.shape[0] = count;
  rows.bytes =
      x.bytes.subspan(static_cast<std::size_t>(first) * row, static_cast<std::size_t>(count) * row);
  return rows;
}

StoredTensor zeros(const std::string& name, const std::vector<std::int64_t>& shape) {
  std::size_t count = 1;
  for (const std::int64_t n : shape) count *= static_cast<std::size_t>(n);
  const OwnedBytes bytes = allocate_bytes(count * sizeof(float));
  std::fill_n(bytes.data.get(), bytes.size, std::byte{0});
  return {name, StoredType::f32, shape, bytes.span(), bytes.data};
}

}   // namespace glass
