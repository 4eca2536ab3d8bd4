// What the commands that use a trained model have in common: which model, on which machine, and
// what it is given to read.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "model/dataset.h"
#include "model/saved_model.h"
#include "tools/arguments.h"
#include "tools/machine.h"
#include "tools/text_options.h"

namespace glass {

inline constexpr Option kCkptOption = {
    .name = "ckpt",
    .value = "PATH",
    .help =
        "the model: a checkpoint, the folder of a run (its newest one), or what another program "
        "left (nanoGPT, Hugging Face, llm.c, GGUF); or handmade:induction and others, whose "
        "weights "
        "were written by hand",
    .also = "out-dir",
    .group = "Model",
    .required = true};

inline constexpr Option kTokenizerOption = {
    .name = "tokenizer",
    .value = "SPEC",
    .help =
        "what the tokens mean, where the checkpoint does not say it: bytes, gpt2, cl100k, o200k, "
        "or the path of a tokenizer.json, vocab.json, .tiktoken, meta.pkl or checkpoint",
    .also = "meta"};

// Commands that read with a model but never train it take this; open_saved packs the weights then.
inline constexpr Option kTypeOption = {
    .name = "type",
    .type = Type::choice,
    .choices = "f32|bf16|int8|int4",
    .help =
        "pack the weights: fewer bits are read faster and rounded more. Without it they are "
        "multiplied as they are"};
PackedType packed_type(const std::string& name);   // one of those choices

void warn(const std::string& sentence);   // on stderr

struct Opened {
  Machine machine;
  SavedModel saved;

  LanguageModel& model() const { return *saved.model; }
  const GPTConfig& config() const { return saved.model->config(); }
  const Tokenizer& tokenizer() const;   // ContentError where the checkpoint has none
};
Opened open_saved(const Arguments& args, const Warn& tell = warn);

// What --tokenizer says the tokens of a model with this vocabulary mean; null where it is not
// given.
TokenizerPtr said_tokenizer(const Arguments& args, std::int64_t vocab_size);

// Where a text begins if nobody says how: as every document in the training text did.
std::int32_t first_token(const Tokenizer& tokenizer);

// The text of an option that is a prompt; "-" is all of stdin. UsageError where it is not text.
std::string prompt_text(const std::string& said);
// "1,2,3" as tokens of this model.
std::vector<std::int32_t> tokens_of(const std::string& said, const GPTConfig& config);
// What --prompt or --tokens says, as tokens that the model can read at once.
std::vector<std::int32_t> tokens_asked(const Arguments& args, const Opened& opened);

// Begins a JSON object with what every result about a model carries.
class Json;
void begin_json(Json& json, const Arguments& args, const Opened& opened);

}   // namespace glass
