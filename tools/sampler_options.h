// How a token is chosen (model/sampler.h), as options of the commands that write.
#pragma once
#include "model/config.h"
#include "model/sampler.h"
#include "tools/arguments.h"

namespace glass {

// clang-format off
inline constexpr Option kTemperatureOption = {.name = "temperature", .type = Type::number, .value = "X", .fallback = "0.8", .min = 0, .max = 1e6,
    .help = "low is careful, high is daring; 0 always takes the likeliest token", .also = "temp", .group = "Choice, in the order in which it is made"};
inline constexpr Option kTopKOption = {.name = "top-k", .type = Type::integer, .value = "N", .fallback = "200", .min = 1, .max = 1e9,
    .help = "only the N likeliest tokens"};
inline constexpr Option kTopPOption = {.name = "top-p", .type = Type::number, .value = "P", .fallback = "1", .min = 0, .max = 1,
    .help = "only the likeliest tokens that together reach P"};
inline constexpr Option kMinPOption = {.name = "min-p", .type = Type::number, .value = "P", .fallback = "0", .min = 0, .max = 1,
    .help = "only tokens at least P times as likely as the likeliest"};
inline constexpr Option kRepeatPenaltyOption = {.name = "repeat-penalty", .type = Type::number, .value = "X", .fallback = "1", .min = 0, .max = 1e6,
    .help = "above 1: tokens that were there already become less likely. Comes before everything else"};
// clang-format on

// What these say, and --seed. UsageError where the model has no such choice.
SamplerOptions sampler_options(const Arguments& args, const GPTConfig& config);

}   // namespace glass
