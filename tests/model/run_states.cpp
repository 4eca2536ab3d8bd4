#include "tests/model/run_states.h"

#include <cstring>

namespace glass::test {
namespace {

// Words that no two steps, tensors or places share.
StoredTensor filled(const std::string& name, StoredType type, std::int64_t count,
                    std::uint64_t seed) {
  const OwnedBytes bytes = allocate_bytes(static_cast<std::size_t>(count) * bytes_of(type));
  for (std::size_t at = 0; at < bytes.size; at += 8) {
    const std::uint64_t word = (seed * 0x10001 + at) * 0x9e3779b97f4a7c15;
    std::memcpy(bytes.data.get() + at, &word, std::min<std::size_t>(8, bytes.size - at));
  }
  return {name, type, {count}, bytes.span(), bytes.data};
}

}   // namespace

Checkpoint state_of(std::int64_t step, std::size_t kilobytes) {
  const auto seed = static_cast<std::uint64_t>(step) * 3;
  const auto count = static_cast<std::int64_t>(kilobytes * 64);
  Checkpoint state;
  state.tensors.push_back(filled("transformer.wte.weight", StoredType::f32, count, seed));
  state.tensors.push_back(
      filled("optim.m.transformer.wte.weight", StoredType::f32, count, seed + 1));
  state.tensors.push_back(
      filled("optim.v.transformer.wte.weight", StoredType::f64, count, seed + 2));
  state.notes = {{"format", "glass"},
                 {"glass.config", "{\"n_embd\": 64}"},
                 {"glass.rng", std::to_string(step * 7)}};
  return state;
}

std::string difference(const Checkpoint& found, std::int64_t step, std::size_t kilobytes) {
  const Checkpoint expected = state_of(step, kilobytes);
  for (const StoredTensor& tensor : expected.tensors) {
    const StoredTensor* same = found.find(tensor.name);
    if (same == nullptr) return tensor.name + " is missing";
    if (same->type != tensor.type || same->shape != tensor.shape) return tensor.name + " changed";
    if (std::memcmp(same->bytes.data(), tensor.bytes.data(), tensor.bytes.size()) != 0)
      return tensor.name + " has other bytes";
  }
  for (const auto& [key, value] : expected.notes)
    if (found.notes.count(key) == 0 || found.notes.at(key) != value) return "note " + key;
  return found.tensors.size() == expected.tensors.size() ? "" : "more tensors";
}

}   // namespace glass::test
