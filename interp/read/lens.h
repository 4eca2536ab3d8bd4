// The logit lens: what the model would say if it stopped here. The stream is read by the model's
// own head behind every layer, so that one sees when an answer appears.
//
// The final norm is applied anew to every stream, with its own mean and deviation: with those of
// the last layer, an early stream would be read at the wrong size. The last row is the model's
// output.
//
// A post-norm model has no final norm: each block hands on a stream that has just been normed, and
// the head reads that as it is. The lens is defined there, too; but such a stream is no sum that
// grows, so a token seen early is not carried to the end by itself.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "interp/page/page.h"
#include "interp/read/tuned_lens.h"
#include "interp/specimen.h"

namespace glass {

struct LensGuess {
  std::int32_t id = 0;
  std::string token;
  double probability = 0;
};

// p at one place and position, and the token that it is asked about. Everything is in nats.
struct LensCell {
  std::vector<LensGuess> top;   // the likeliest first
  double entropy = 0;
  double kl_to_final = 0;     // KL(p of the output || p here)
  std::int64_t rank = -1;     // of the token asked about: 0 is the likeliest; -1: none is
  double cross_entropy = 0;   // -ln p of it; NaN where none is
};

struct LensRow {
  std::string name;   // "3 mid"
  std::vector<LensCell> cells;
};

struct LensReading {
  std::vector<std::string> tokens;
  std::vector<std::int32_t> targets;   // asked about at each position; -1: none
  std::vector<std::string> target_names;
  std::vector<LensRow> rows;      // from the first layer to the output
  std::vector<int> convergence;   // from which row on the likeliest token is that of the output
};

struct LensOptions {
  LensAt at = LensAt::post;
  int top_k = 5;
  std::int32_t target = -1;           // asked about everywhere; -1: the token that really follows
  const TunedLens* tuned = nullptr;   // reads through these translators where it has one
};

struct LensResult {
  Provenance from;
  bool post_norm = false;
  std::string tuned;   // the file of the tuned lens; "": the logit lens
  LensReading reading;
  // With a second text: its reading, and KL(first || second) of each row over the last positions
  // that both have.
  std::optional<LensReading> other = {};
  std::vector<std::vector<double>> divergence = {};
};

// `other`: a second text to compare with, or none.
LensResult lens_of(const Specimen& specimen, std::span<const std::int32_t> ids,
                   const LensOptions& options = {}, std::span<const std::int32_t> other = {});

Page page_of(const LensResult& result);
void put(Json& json, const LensResult& result);

}   // namespace glass
