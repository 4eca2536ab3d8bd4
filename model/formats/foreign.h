// Models that other programs wrote. A format is one row of a table: how its files are recognised by
// their content, and how one becomes a checkpoint of ours, that is tensors under our names (those
// of cli.md are nanoGPT's), rows as a Linear has them (out, in), and notes that say the rest. From
// there on nothing in the program knows where a model came from.
#pragma once
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "model/checkpoint.h"
#include "model/config.h"
#include "model/formats/file_or_folder.h"
#include "model/tokenizer/tokenizer.h"

namespace glass {

// A tensor as the file itself describes it, for people who look into the file.
struct ForeignTensor {
  std::string name, type;   // "h.0.attn.c_attn.weight", "Q8_0"
  std::vector<std::int64_t> shape;
  bool parameter = true;   // false: buffers, moments of the optimizer
};

struct ForeignModel {
  std::string kind;                     // "nanoGPT checkpoint"
  std::vector<ForeignTensor> tensors;   // as they stand there
  // What it becomes. Notes: glass.config and glass.step always; glass.tokenizer where the tokens
  // have a meaning; glass.trainer and optim.* where training can go on. Readers leave the digest
  // out.
  Checkpoint checkpoint;
  std::vector<std::pair<std::string, std::string>> facts;   // for people: "left out", "12 buffers"
};

// description: only what headers say; the checkpoint's tensors are not read.
enum class Want { everything, description };

struct ForeignFormat {
  const char* name;   // for the message that lists what can be read: "a nanoGPT ckpt.pt"
  bool (*recognises)(const FileOrFolder& from);
  ForeignModel (*read)(const FileOrFolder& from, Want want);   // ContentError, SystemError
};
std::span<const ForeignFormat* const>
foreign_formats();   // the first that recognises a path has it

const ForeignFormat* foreign_format_of(const FileOrFolder& from);   // or null

// Of the bytes of a file; of the names and bytes of what in a folder says something about a model.
std::string digest_of(const FileOrFolder& from);

// Everything, with its digest. ContentError where no format recognises it.
ForeignModel read_foreign(const FileOrFolder& from);

// ContentError where no model can be as the file `what` describes it.
void check_described(const GPTConfig& config, const std::string& what);

// What a reader ends with: the notes that say what the model is and what its tokens mean. A config
// that describes no model is a ContentError.
void put_notes(Checkpoint& checkpoint, const GPTConfig& config, const TokenizerPtr& tokenizer,
               std::int64_t step, const std::string& what);

}   // namespace glass
