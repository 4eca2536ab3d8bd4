// What kind of head is it? Ten simple questions to every head, each a mean over rows of its
// pattern: does it look at the token before, at the first one, at its own earlier selves? A head
// gets a name where one answer is high and models with random weights do not reach it.
#pragma once
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "interp/heads/chance.h"
#include "interp/page/page.h"

namespace glass {

enum class Detector : std::uint8_t {
  current,      // A[i,i]
  previous,     // A[i,i-1]
  bos,          // A[i,0], where a text begins
  duplicate,    // A[i,i-N] in the second copy: the same token, earlier
  induction,    // A[i,i-N+1] there: the token behind it
  prefix,       // all tokens behind earlier occurrences, in texts or in repeats
  positional,   // how much of a row position alone explains
  local,        // the last kLocal tokens and itself
  delimiter,    // spaces and punctuation, beyond what their number explains
  entropy,      // of the row, over ln(i+1): 1 is everywhere alike
  bracket,      // the bracket that this one closes
};
inline constexpr int kDetectors = 11;
inline constexpr std::array<std::string_view, kDetectors> kDetectorNames = {
    "current",    "previous", "bos",       "duplicate", "induction", "prefix",
    "positional", "local",    "delimiter", "entropy",   "bracket"};
inline constexpr std::int64_t kLocal = 4;

// Texts to ask about, with what the tokens mean noted beside them, so that the tokens themselves
// may be renamed.
struct ReadTexts {
  Texts ids;
  std::vector<std::vector<bool>> delimiters;   // of each token; empty: nobody knows
  std::vector<std::vector<Match>> brackets;    // a closing one, and the one that it closes
  std::int64_t words() const;                  // one more than the largest id
  // The same with ids 0, 1, 2 .. in the order in which they come: all that a random model sees.
  ReadTexts renamed() const;
  ReadTexts first(std::size_t count) const;
};
ReadTexts read_texts(const Specimen& specimen, Texts ids);
// `count` pieces of T tokens, evenly spread over the text.
Texts pieces_of(std::span<const std::int32_t> text, std::int64_t T, int count);

// One number per head for each question; NaN where a question has no answer here.
struct Detected {
  std::array<PerHead, kDetectors> all;
  std::array<PerHead, kDetectors> late;   // of the rows i >= 3: row 1 has little choice
  PerHead& operator[](Detector d) { return all[static_cast<std::size_t>(d)]; }
  const PerHead& operator[](Detector d) const { return all[static_cast<std::size_t>(d)]; }
};
// What the rows of texts say: all but duplicate, induction and positional.
Detected detect_in_texts(GPT& gpt, const ReadTexts& texts);

struct HeadsOptions {
  std::vector<std::int32_t> text = {};   // empty: random repeats alone
  std::int64_t n = 0;                    // tokens in a copy; 0: 30, or as many as fit
  int sequences = 25;
  std::uint64_t seed = 1337;
  Bos bos = Bos::automatic;
  int random_models = 20;
};

struct HeadReading {
  int layer = 0, head = 0;
  std::array<double, kDetectors> values{}, late{}, z{};
  double copy = 0;     // for or against what it looks at in a repeat
  std::string label;   // "previous token", "induction", ...; "" where nothing fits
  double operator[](Detector d) const { return values[static_cast<std::size_t>(d)]; }
  std::string name() const { return std::to_string(layer) + "." + std::to_string(head); }
};

struct HeadsResult {
  Provenance from;
  std::int64_t n = 0, layers = 0, heads_in_layer = 0, tokens_read = 0;
  bool text = false;
  std::array<Chance, kDetectors> chance;
  std::vector<HeadReading> heads;   // by layer and head
};

HeadsResult heads_of(const Specimen& specimen, const HeadsOptions& options = {});

Page page_of(const HeadsResult& result);
void put(Json& json, const HeadsResult& result);

}   // namespace glass
