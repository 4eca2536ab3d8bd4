// Models with known answers for the tests of analyses, small enough that each is ready in a moment.
#pragma once
#include <functional>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "engine/base/python_random.h"
#include "interp/specimen.h"
#include "model/handmade.h"
#include "tests/engine/devices.h"
#include "tests/model/small_presets.h"

namespace glass::testing {

// A model and all that an analysis wants to know about it.
struct Known {
  std::string name;
  std::unique_ptr<GPT> gpt;
  Specimen specimen;
};

inline Known known(const std::string& name, HandmadeOptions o, const Device& device = cpu()) {
  o.symbols = 40, o.context = 72, o.heads = 2;
  std::unique_ptr<GPT> gpt = make_handmade(o, device);
  GPT& model = *gpt;
  return {name, std::move(gpt), {model, symbols_tokenizer(o.symbols), {}}};
}

// The perfect induction circuit in every way of writing it down. All known answers hold for each.
inline std::vector<std::pair<std::string, HandmadeOptions>> ways_to_write_induction() {
  const auto with = [](NormType norm, HandmadeOptions o) {
    o.norm = norm, o.sharp = 1;
    return o;
  };
  return {{"plain", {}},
          {"shuffled", {.shuffled = true}},
          {"positions in random directions", {.codes = true, .shuffled = true}},
          {"rotated", {.rotated = true, .shuffled = true}},
          {"mirrored", {.mirrored = true}},
          {"layer norm", with(NormType::layernorm, {})},
          {"layer norm, random directions",
           with(NormType::layernorm, {.codes = true, .shuffled = true})},
          {"layer norm, mirrored", with(NormType::layernorm, {.mirrored = true})},
          {"rmsnorm, rotated", with(NormType::rmsnorm, {.rotated = true, .shuffled = true})}};
}

// Small models of every kind with random weights, as far as `wanted` wants them: what holds for
// each of them holds because of how things are defined.
inline std::vector<Known> random_models(const std::function<bool(const GPTConfig&)>& wanted,
                                        DType dtype = DType::f32, const Device& device = cpu()) {
  std::vector<Known> all;
  for (const SmallPreset& family : small_families()) {
    GPTConfig c = family.model;
    c.init = Init::normal, c.init_std = 0.25;   // so that they have opinions
    if (c.window > 0) c.window = 12;   // so that they see the first copy of a repeat
    if (!wanted(c)) continue;
    auto gpt = std::make_unique<GPT>(c, device, dtype, 11);
    GPT& model = *gpt;
    all.push_back({family.name, std::move(gpt), {model, nullptr, {}}});
  }
  return all;
}
inline bool any_norm(const GPTConfig&) { return true; }
inline bool not_post_norm(const GPTConfig& c) { return c.norm != NormPlace::post; }

// Distinct tokens 1 .. symbols in random order, the first n of them, twice; behind token 0 or not.
inline std::vector<std::int32_t> repeat(std::int64_t n, std::uint64_t seed, bool bos = true,
                                        std::int64_t symbols = 40) {
  std::vector<std::int32_t> deck(static_cast<std::size_t>(symbols));
  std::iota(deck.begin(), deck.end(), 1);
  PythonRandom random(seed);
  random.shuffle(std::span(deck));
  deck.resize(static_cast<std::size_t>(n));
  std::vector<std::int32_t> ids;
  if (bos) ids.push_back(0);
  for (int copy = 0; copy < 2; ++copy) ids.insert(ids.end(), deck.begin(), deck.end());
  return ids;
}

}   // namespace glass::testing
