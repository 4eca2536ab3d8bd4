#include "model/formats/gguf_writer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "engine/base/atomic_file.h"
#include "engine/base/error.h"
#include "engine/base/text.h"
#include "model/formats/elements.h"

namespace glass {
namespace {

constexpr std::uint64_t kAlignment = 32;   // what readers take without general.alignment

std::uint64_t padded(std::uint64_t n) { return (n + kAlignment - 1) / kAlignment * kAlignment; }

template <class T>
void append(std::string& bytes, const T& value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void append_text(std::string& bytes, const std::string& text) {
  append(bytes, static_cast<std::uint64_t>(text.size()));
  bytes += text;
}

std::uint64_t stored_bytes(const StoredTensor& numbers, const GgmlType& type) {
  return numbers.bytes.size() / sizeof(float) / type.numbers * type.bytes;
}

// A block's step is a half: one that became infinite would make nonsense of 32 numbers.
void refuse_infinite(const StoredTensor& numbers, std::span<const std::byte> blocks) {
  const auto* x = reinterpret_cast<const float*>(numbers.bytes.data());
  for (std::size_t b = 0; b < blocks.size() / kQ8Bytes; ++b, x += kQ8Numbers) {
    std::uint16_t step = 0;
    std::memcpy(&step, &blocks[b * kQ8Bytes], sizeof step);
    if (std::isfinite(from_f16(step))) continue;
    const float largest = *std::max_element(
        x, x + kQ8Numbers, [](float p, float q) { return std::abs(p) < std::abs(q); });
    fail(ContentError("tensor " + in_quotes(numbers.name) + " has the number " + shortest(largest) +
                      ", and q8_0 ends at 127 x 65504; store bf16 or f32."));
  }
}

// The numbers as the file has them; f32 without a copy.
StoredTensor stored_as(const StoredTensor& numbers, std::uint32_t type) {
  if (type == kGgmlF32) return numbers;
  if (type == kGgmlF16) return as_type(numbers, StoredType::f16);
  if (type == kGgmlBf16) return as_type(numbers, StoredType::bf16);
  const OwnedBytes blocks =
      allocate_bytes(static_cast<std::size_t>(stored_bytes(numbers, *ggml_type(kGgmlQ8))));
  const auto* first = reinterpret_cast<const float*>(numbers.bytes.data());
  to_q8_0({first, numbers.bytes.size() / sizeof(float)}, blocks.span());
  refuse_infinite(numbers, blocks.span());
  return {numbers.name, StoredType::u8, numbers.shape, blocks.span(), blocks.data};
}

}   // namespace

void GgufWriter::key(const std::string& name, GgufType type) {
  append_text(values_, name);
  append(values_, type);
  ++keys_;
}

void GgufWriter::text(const std::string& name, const std::string& value) {
  key(name, GgufType::text);
  append_text(values_, value);
}

void GgufWriter::u32(const std::string& name, std::uint32_t value) {
  key(name, GgufType::u32);
  append(values_, value);
}

void GgufWriter::f32(const std::string& name, float value) {
  key(name, GgufType::f32);
  append(values_, value);
}

void GgufWriter::boolean(const std::string& name, bool value) {
  key(name, GgufType::boolean);
  append(values_, static_cast<std::uint8_t>(value));
}

void GgufWriter::texts(const std::string& name, const std::vector<std::string>& values) {
  key(name, GgufType::array);
  append(values_, GgufType::text);
  append(values_, static_cast<std::uint64_t>(values.size()));
  for (const std::string& value : values) append_text(values_, value);
}

void GgufWriter::i32s(const std::string& name, const std::vector<std::int32_t>& values) {
  key(name, GgufType::array);
  append(values_, GgufType::i32);
  append(values_, static_cast<std::uint64_t>(values.size()));
  for (const std::int32_t value : values) append(values_, value);
}

void GgufWriter::tensor(const std::string& name, const StoredTensor& numbers, std::uint32_t type) {
  items_.push_back({name, numbers, ggml_type(type)});
}

void GgufWriter::save(const std::string& path) const {
  std::string header = "GGUF";
  append(header, std::uint32_t{3});
  append(header, static_cast<std::uint64_t>(items_.size()));
  append(header, keys_);
  header += values_;
  std::uint64_t at = 0;
  for (const Item& item : items_) {
    append_text(header, item.name);
    append(header, static_cast<std::uint32_t>(item.numbers.shape.size()));
    for (auto n = item.numbers.shape.rbegin(); n != item.numbers.shape.rend(); ++n)
      append(header, static_cast<std::uint64_t>(*n));   // ggml names the fastest dimension first
    append(header, item.type->id);
    append(header, at);
    at += padded(stored_bytes(item.numbers, *item.type));
  }
  header.resize(static_cast<std::size_t>(padded(header.size())), '\0');
  AtomicFile file(path, header.size() + at);
  file.write(header);
  for (const Item& item : items_) {
    const StoredTensor bytes = stored_as(item.numbers, item.type->id);
    file.write(bytes.bytes);
    file.write(std::string(
        static_cast<std::size_t>(padded(bytes.bytes.size())) - bytes.bytes.size(), '\0'));
  }
  file.finish();
  file.publish();
}

}   // namespace glass
