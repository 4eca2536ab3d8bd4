// Models whose weights were written by hand, so that one knows what is inside before one looks: a
// perfect induction circuit, and models that seem to have one and have none. Analyses are held
// against them, and `--ckpt handmade:induction` opens them for whoever wants to see what a known
// answer looks like.
//
// The idea: the stream has a direction of its own for every fact that a position can know, "my
// token is t", "I am at position p", "the token before me was t", "I answer t". A head then is a
// table: which fact it asks about, which fact answers, what it carries over and what it says.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/checkpoint.h"
#include "model/gpt.h"
#include "model/tokenizer/tokenizer.h"

namespace glass {

enum class Circuit : std::uint8_t {
  induction,    // 0.0 finds the token before; 1.0 the place behind an earlier self, and copies it
  positional,   // 0.0 looks 29 back and copies: right where the repeat is 30 long, and only there
  detour,       // 0.0 and 0.1 look one and two back; 1.0 the place two behind an earlier self, and
                // says what stood before it: always right, and no head looks where one would expect
  duplicate,    // 0.0 finds the earlier selves of a token
  uniform,      // nobody looks anywhere
};

struct HandmadeOptions {
  Circuit circuit = Circuit::induction;
  std::int64_t symbols = 64;   // tokens 1 .. symbols; 0 is the token that texts begin with
  std::int64_t context = 128, heads = 4;
  double sharp = 20;   // how much higher the one right score is than all others, without a norm
  // The same of the induction head alone; 0: as `sharp`. At 5 it is unsure: its softmax is not
  // saturated.
  double sharp_match = 0;
  double gain = 10;      // of what the last head writes; below 0 it argues against what it found
  bool twins = false;    // heads 1.0 and 1.1 do the same, each half as loud
  bool cipher = false;   // answers with the letter that a secret alphabet has in that place

  // Other ways to write down the same thing: every known answer stays.
  std::optional<NormType> norm =
      {};                   // before the blocks' parts and the head; then sharp 1 is plenty
  bool codes = false;       // positions are random orthogonal directions, not axes
  bool mirrored = false;    // each direction u is written as (u, -u), whose mean is 0
  bool rotated = false;     // the whole stream turned by a random rotation; not with layer norm
  bool shuffled = false;    // facts and slots of heads in random order
  bool biases = false;      // small random biases and norm weights: invariants stay, answers do not
  std::uint64_t seed = 7;   // of all that is random
};

// Its config, weights and notes, as a checkpoint on disk would have them.
Checkpoint handmade_checkpoint(const HandmadeOptions& options);
std::unique_ptr<GPT> make_handmade(const HandmadeOptions& options, const Device& device,
                                   DType dtype = DType::f32);

// Token 0, <|endoftext|>, and visible symbols of one byte: 0-9, A-Z, a-z and more.
TokenizerPtr symbols_tokenizer(std::int64_t symbols);

// --- by name: --ckpt handmade:induction ----------------------------------------------------------

struct Handmade {
  std::string_view name, about;
  HandmadeOptions options;
};
const std::vector<Handmade>& handmade_models();

bool is_handmade(std::string_view path);           // does it begin with handmade: ?
const Handmade& handmade(std::string_view path);   // UsageError that lists the names

}   // namespace glass
