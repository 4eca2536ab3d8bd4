// Options that the analyses of heads share.
#pragma once
#include <vector>

#include "interp/heads/sequences.h"
#include "tools/interp/interp.h"

namespace glass {

// clang-format off
inline constexpr Option kSequencesOption = {.name = "sequences", .type = Type::integer, .value = "N", .fallback = "25", .min = 1, .max = 1e5, .help = "how many random sequences"};
inline constexpr Option kBosOption = {.name = "bos", .type = Type::choice, .fallback = "auto", .choices = "auto|yes|no", .help = "whether the token that begins a text stands in front; auto: where the tokenizer has one"};
inline constexpr Option kRandomModelsOption = {.name = "random-models", .type = Type::integer, .value = "N", .fallback = "20", .min = 0, .max = 1000, .help = "how many models with random weights say what chance scores; 0: nobody asks"};
inline constexpr Option kRepeatSeedOption = {.name = "seed", .type = Type::integer, .value = "N", .fallback = "1337", .min = 0, .help = "of the random sequences"};
inline constexpr Option kHeadsDataOption = {.name = "data", .value = "SOURCE", .help = "a text file or a data set; without it, random repeats", .also = "dataset", .group = "Text"};
// clang-format on

// The tokens of what --data names (data_asked): what is held out of it, where something is.
std::vector<std::int32_t> text_asked(const Arguments& args, const Opened& opened);

inline Bos bos_asked(const Arguments& args) {
  const std::string& said = args.text("bos");
  return said == "yes" ? Bos::yes : said == "no" ? Bos::no : Bos::automatic;
}

}   // namespace glass
