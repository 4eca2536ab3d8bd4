// What a call gives a model to read, and how tokens are told to a page.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/json.h"
#include "tools/api/api.h"
#include "tools/guess.h"
#include "tools/saved.h"

namespace glass {

// 400 where the tokenizer cannot say the text, 409 where there is no tokenizer.
std::vector<std::int32_t> encoded(const Opened& opened, const std::string& text);

// The field "prompt" (a text) or "tokens" (a list of ids), one of which must be there. 400 where
// it is more than the model can read at once.
std::vector<std::int32_t> tokens_asked(const Call& call, const Opened& opened);

// Their texts; bytes that are no letter alone become U+FFFD.
std::vector<std::string> texts_of(const Opened& opened, const std::vector<std::int32_t>& ids);

// (T,V): what the model expects behind each of T tokens.
Tensor logits_of(const Opened& opened, const std::vector<std::int32_t>& ids);
inline constexpr std::int64_t kMostLogits = 1 << 22;   // of one answer: 16 MiB as f32

void put(Json& json, const Opened& opened, const std::vector<Guess>& guesses);   // a list

}   // namespace glass
