// What patch, path and circuit have in common: the two texts, and the answers that they differ in.
#pragma once
#include "interp/change/contrast.h"
#include "tools/interp/interp.h"

namespace glass {

// clang-format off
inline constexpr Option kTaskOption = {.name = "task", .value = "induction|FILE", .fallback = "induction",
    .help = "induction: random tokens that come twice; or a file with a line for each pair: clean, corrupt, target and foil with tabs between them",
    .group = "Texts (without any: two of a repeat, where one token was exchanged)"};
inline constexpr Option kPairsOption = {.name = "pairs", .type = Type::integer, .value = "N", .fallback = "1", .min = 1, .max = 1e4,
    .help = "of --task induction: how many pairs to take the mean of"};
inline constexpr Option kCleanOption = {.name = "clean", .value = "TEXT", .help = "the text that is answered with the target"};
inline constexpr Option kCorruptOption = {.name = "corrupt", .value = "TEXT", .help = "the same with as little as possible exchanged; it must have as many tokens"};
inline constexpr Option kTargetOption = {.name = "target", .value = "TOKEN", .help = "what comes next in the clean text: a text of one token, or #17. Without it, what the model says"};
inline constexpr Option kFoilOption = {.name = "foil", .value = "TOKEN", .help = "what the target is held against. Without it, what the model says to the corrupt text"};
// All of them, behind those that name the model.
inline constexpr Option kTaskOptions[] = {kCkptOption, kTokenizerOption, kRanksOption, kTaskOption, kPairsOption,
                                          kCleanOption, kCorruptOption, kTargetOption, kFoilOption};
// clang-format on

Task task_asked(const Arguments& args, const Specimen& specimen);

}   // namespace glass
