// Where the heads look: the pattern of every head over one text, and what travels along it.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "interp/page/page.h"
#include "interp/specimen.h"

namespace glass {

// What of a head is shown at (query, key).
enum class AttentionView : std::uint8_t {
  pattern,          // softmax(scores): rows add up to 1
  scores,           // before the softmax
  value_weighted,   // pattern |v|: a look at an empty value carries nothing
};

struct AttentionResult {
  Provenance from;
  AttentionView view = AttentionView::pattern;
  std::vector<std::string> tokens;
  std::vector<int> layers, heads;   // which ones were asked for
  // attention[layer][head], (T,T) row by query; NaN where a query may not look.
  std::vector<std::vector<std::vector<double>>> attention;
};

struct AttentionOptions {
  AttentionView view = AttentionView::pattern;
  int layer = -1, head = -1;   // -1: all
};

AttentionResult attention_of(const Specimen& specimen, std::span<const std::int32_t> ids,
                             const AttentionOptions& options = {});

Page page_of(const AttentionResult& result);
void put(Json& json, const AttentionResult& result);   // fields of an object that is open

}   // namespace glass
