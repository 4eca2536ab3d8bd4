// Adding a direction to the stream while the model writes. What a direction stands for shows in
// what the model then says: a test of cause, where contexts only show company.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "interp/hooks.h"
#include "interp/page/page.h"
#include "interp/specimen.h"
#include "model/generate.h"

namespace glass {

struct SteeringVector {
  std::string what;                  // for people: "'happy' minus 'sad'"
  std::string place;                 // the hook it is added at
  std::vector<double> values = {};   // (d)
};

// What the stream at a place holds at the last token of one text and not at that of another.
SteeringVector contrast_direction(const Specimen& specimen, const std::string& place,
                                  std::span<const std::int32_t> towards,
                                  std::span<const std::int32_t> away);

// For as long as it lives, the direction is added at every token that is read through hooks(): so
// many times in each row of the batch. What attention keeps of earlier tokens has it in it already.
class Steering {
 public:
  Steering(const Specimen& specimen, const SteeringVector& direction,
           std::span<const double> strengths);
  Hooks& hooks() { return hooks_; }

 private:
  Tensor added_;   // (B,1,d)
  Hooks hooks_;
  Hooks::Scope scope_;
};

struct SteerOptions {
  std::vector<double> strengths = {0, 1, 2, 4};   // of the direction; 0: the model as it is
  std::int64_t tokens = 60;
  int samples = 1;   // of each strength; sample k draws the same dice at every strength
  int top_k = 5;     // guesses to show for the first token
  SamplerOptions sampler = {};
  Reuse reuse = Reuse::keys_and_values;
  // Called behind every step, each of which writes one token of some texts.
  std::function<void(std::int64_t done, std::int64_t steps)> progress = {};
};

struct SteeredSample {
  double strength = 0;
  int sample = 0;
  std::string text;   // what was written behind the prompt
  std::vector<std::int32_t> tokens;
};

// What comes first behind the prompt, at one strength.
struct SteeredGuess {
  double strength = 0;
  double kl = 0;   // KL(unsteered || steered)
  std::vector<std::pair<std::string, double>> top;
};

struct SteerResult {
  Provenance from;
  std::string what, place, prompt;
  double length = 0, stream_length = 0;   // of the direction; of the stream there, on average
  std::vector<SteeredSample> samples;
  std::vector<SteeredGuess> guesses;
};

SteerResult steer(const Specimen& specimen, std::span<const std::int32_t> prompt,
                  const SteeringVector& direction, const SteerOptions& options = {});

Page page_of(const SteerResult& result);
void put(Json& json, const SteerResult& result);

}   // namespace glass
