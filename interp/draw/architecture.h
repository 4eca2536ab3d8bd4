// The plan of a GPT: on the left the way from tokens to logits, on the right one of its blocks,
// taken apart. Everything in it, boxes, sizes and counts, follows from the config, so no plan can
// differ from the model it shows.
#pragma once
#include <string>

#include "interp/draw/surface.h"
#include "model/config.h"

namespace glass {

// How many weights stand where; a test holds it to the model itself.
struct WeightCounts {
  std::int64_t embedding = 0, positions = 0, norm = 0, attention = 0, mlp = 0,
               head = 0;   // norm: one of them
  std::int64_t block = 0, all = 0;
};
WeightCounts count_weights(const GPTConfig& config);

void draw_architecture(const GPTConfig& config, const std::string& title, Surface& surface);
std::string architecture_svg(const GPTConfig& config, const std::string& title);
std::string architecture_png(const GPTConfig& config, const std::string& title, double scale = 2);

}   // namespace glass
