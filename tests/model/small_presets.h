// Every preset, small enough that a test of all of them takes seconds. What makes it that preset
// stays.
#pragma once
#include <string>
#include <vector>

#include "model/config.h"

namespace glass::testing {

struct SmallPreset {
  std::string name;
  GPTConfig model;
};

// V = 29, T = 16, two layers of four heads, C = 32; two heads for keys where queries are grouped,
// an mlp of odd width where the width is given, a window of 5 where there is one. No dropout.
inline std::vector<SmallPreset> small_presets() {
  std::vector<SmallPreset> all;
  for (const Preset& p : presets()) {
    if (p.model.arch != Arch::gpt) continue;
    GPTConfig c = p.model;
    c.vocab_size = 29, c.block_size = 16, c.n_layer = 2, c.n_head = 4, c.n_embd = 32;
    if (c.n_kv_head > 0) c.n_kv_head = 2;
    if (c.n_inner > 0) c.n_inner = 44;
    if (c.window > 0) c.window = 5;
    c.dropout = 0;
    all.push_back({std::string(p.name), c});
  }
  return all;
}

// As above, each family once: what differs in size only is left out. And one that no preset has,
// whose positions only queries and keys hear of.
inline std::vector<SmallPreset> small_families() {
  std::vector<SmallPreset> families;
  for (const SmallPreset& p : small_presets()) {
    bool new_one = true;
    for (const SmallPreset& f : families) new_one &= !differences(f.model, p.model).empty();
    if (new_one) families.push_back(p);
    if (p.name == "induction") {
      families.push_back({"induction, sinusoidal", p.model});
      families.back().model.pos = Position::sinusoidal;
    }
  }
  return families;
}

}   // namespace glass::testing
