// Packing, once when a model is opened: plain loops on the host, the same bytes on every machine.
#include "kernels/packed.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/bits.h"
#include "kernels/cpu/team.h"

namespace glass {
namespace {

std::uint32_t bits_of_float(float x) { return bit_cast<std::uint32_t>(x); }
float float_of_bf16(std::uint32_t bits) { return bit_cast<float>(bits << 16); }

std::uint32_t nearest_bf16(float x) {
  const std::uint32_t bits = bits_of_float(x);
  if (std::isnan(x)) return bits >> 16 | 0x40u;
  return (bits + 0x7FFFu + (bits >> 16 & 1)) >> 16;   // ties to even
}
// Rounded away from zero: the largest number of a group must not need more than 2^(b-1) steps.
std::uint32_t outward_bf16(float x) {
  return std::isnan(x) ? nearest_bf16(x) : (bits_of_float(x) + 0xFFFFu) >> 16;
}

int nearest(float x) { return static_cast<int>(x < 0 ? x - 0.5f : x + 0.5f); }

// The matrix to be packed; zeros beyond its edges.
struct Source {
  const float* w;
  std::int64_t N, K, row, column;
  float operator()(std::int64_t n, std::int64_t k) const {
    return n < N && k < K ? w[n * row + k * column] : 0.0f;
  }
};

// One panel as 32-bit words.
class Words {
 public:
  explicit Words(std::byte* to) : to_(to) {}
  void set(std::int64_t word, std::uint32_t bits) { std::memcpy(to_ + 4 * word, &bits, 4); }
  void add(std::int64_t word, std::uint32_t bits) {
    std::uint32_t before;
    std::memcpy(&before, to_ + 4 * word, 4);
    set(word, before | bits);
  }

 private:
  std::byte* to_;
};

// Group `group` of output j: its step, then its numbers.
void pack_group(Words words, PackedType type, const Source& w, std::int64_t n, int j,
                std::int64_t group) {
  const int bits = bits_of(type), size = group_of(type), in_word = 32 / bits;
  const std::int64_t first = group * size;
  const std::int64_t begin =
      group * (kPanel / 2 + static_cast<std::int64_t>(size) * kPanel / in_word);
  float largest = 0;
  for (int i = 0; i < size; ++i) {
    const float x = w(n, first + i);
    if (std::isnan(x) || std::fabs(x) > std::fabs(largest)) largest = x;
    if (std::isnan(x)) break;   // then the step is one, and so are all numbers of the group
  }
  const int half = 1 << (bits - 1);
  const std::uint32_t step_bits = outward_bf16(largest / static_cast<float>(-half));
  words.add(begin + j % 16, step_bits << (j / 16 * 16));
  const float step = float_of_bf16(step_bits);
  for (int i = 0; i < size; ++i) {
    const float x = w(n, first + i), steps = x / step;
    const int u = step == 0 || !std::isfinite(steps)
                      ? half
                      : std::clamp(nearest(steps) + half, 0, 2 * half - 1);
    const std::int64_t word =
        begin + kPanel / 2 + static_cast<std::int64_t>(i / in_word) * kPanel + j;
    words.add(word, static_cast<std::uint32_t>(u) << place_in_word(i % in_word, bits));
  }
}

void pack_panel(std::byte* to, PackedType type, const Source& w, std::int64_t first) {
  Words words(to);
  for (int j = 0; j < kPanel; ++j) {
    const std::int64_t n = first + j;
    if (type == PackedType::f32) {
      for (std::int64_t k = 0; k < w.K; ++k) words.set(k * kPanel + j, bits_of_float(w(n, k)));
    } else if (type == PackedType::bf16) {
      for (std::int64_t k = 0; k < w.K; k += 2)
        words.set(k / 2 * kPanel + j, nearest_bf16(w(n, k)) | nearest_bf16(w(n, k + 1)) << 16);
    } else {
      const std::int64_t size = group_of(type);
      for (std::int64_t group = 0; group * size < w.K; ++group)
        pack_group(words, type, w, n, j, group);
    }
  }
}

// Where the group of input k begins, in words of the panel of output n, and that panel.
struct Place {
  const std::byte* panel;
  std::int64_t group;
  std::uint32_t word(std::int64_t i) const {
    std::uint32_t bits;
    std::memcpy(&bits, panel + 4 * i, 4);
    return bits;
  }
};
Place place_of(const PackedWeight& w, std::int64_t n, std::int64_t k) {
  const std::int64_t size = group_of(w.type);
  return {w.data + n / kPanel * panel_bytes(w.type, w.K),
          size == 1 ? 0 : k / size * (kPanel / 2 + size * kPanel * bits_of(w.type) / 32)};
}

}   // namespace

const char* name_of(PackedType type) {
  static const char* const kNames[kPackedTypes] = {"f32", "bf16", "int8", "int4"};
  return kNames[static_cast<int>(type)];
}

std::size_t packed_bytes(PackedType type, std::int64_t N, std::int64_t K) {
  return static_cast<std::size_t>((N + kPanel - 1) / kPanel * panel_bytes(type, K));
}

void pack(std::byte* to, PackedType type, std::int64_t N, std::int64_t K, const float* w,
          std::int64_t row, std::int64_t column) {
  const std::size_t bytes = packed_bytes(type, N, K);
  if (bytes > 0) std::memset(to, 0, bytes);   // where there is nothing, `to` may be nullptr
  struct Job {
    std::byte* to;
    PackedType type;
    Source source;
  };
  const Job job = {to, type, {w, N, K, row, column}};
  const auto one = [](const void* context, std::int64_t panel) {
    const Job& j = *static_cast<const Job*>(context);
    pack_panel(j.to + panel * panel_bytes(j.type, j.source.K), j.type, j.source, panel * kPanel);
  };
  run_chunks(make_team(0), (N + kPanel - 1) / kPanel, one, &job);
}

float packed_step(const PackedWeight& w, std::int64_t n, std::int64_t k) {
  if (group_of(w.type) == 1) return 0;
  const Place at = place_of(w, n, k);
  const std::int64_t j = n % kPanel;
  return float_of_bf16(at.word(at.group + j % 16) >> (j / 16 * 16) & 0xFFFFu);
}

float packed_number(const PackedWeight& w, std::int64_t n, std::int64_t k) {
  const Place at = place_of(w, n, k);
  const std::int64_t j = n % kPanel;
  if (w.type == PackedType::f32) return bit_cast<float>(at.word(k * kPanel + j));
  if (w.type == PackedType::bf16)
    return float_of_bf16(at.word(k / 2 * kPanel + j) >> (k % 2 * 16) & 0xFFFFu);
  const int bits = bits_of(w.type), in_word = 32 / bits, half = 1 << (bits - 1);
  const std::int64_t i = k % group_of(w.type);
  const std::uint32_t word = at.word(at.group + kPanel / 2 + i / in_word * kPanel + j);
  const int u = static_cast<int>(word >> place_in_word(static_cast<int>(i) % in_word, bits) &
                                 ((1u << bits) - 1));
  return static_cast<float>(u - half) * packed_step(w, n, k);
}

}   // namespace glass
