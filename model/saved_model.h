// From a model to the tensors and notes of a checkpoint, and back. A checkpoint says everything
// about its model: what it is made of, what its weights are, what its tokens mean.
#pragma once
#include <memory>
#include <string>

#include "model/checkpoint.h"
#include "model/language_model.h"
#include "model/run_folder.h"
#include "model/tokenizer/tokenizer.h"

namespace glass {

struct SavedModel {
  std::unique_ptr<LanguageModel> model;
  TokenizerPtr tokenizer;   // null: the file does not have one
  std::int64_t step = 0;
  std::string path, digest;   // of the file itself, also where a folder was asked for
  Checkpoint checkpoint;      // everything that the file says beside tensors
};

// A checkpoint; a run folder: its newest valid checkpoint; a model of another program
// (model/formats/foreign.h); a public one by its name (gpt2), once it was fetched; or one that was
// written by hand (handmade:induction). SystemError, ContentError: what is wrong with which file.
SavedModel open_model(const std::string& path, const Device& device, DType dtype,
                      const Warn& warn = {});

// The same in two steps, for those who look at the config first.
FoundCheckpoint find_checkpoint(const std::string& said, const Warn& warn = {});
GPTConfig config_of(const Checkpoint& checkpoint, const std::string& what);
TokenizerPtr tokenizer_of(const Checkpoint& checkpoint, const std::string& what);
// For a model that reads only so far: keeps that many rows of the table of positions, if it is
// longer.
void crop_positions(Checkpoint& checkpoint, std::int64_t block_size);
void load_weights(LanguageModel& model, const Checkpoint& checkpoint, const std::string& what);

// A tensor's numbers on the host, under a name; and back into a tensor of the same shape, whatever
// the type.
StoredTensor stored(const std::string& name, const Tensor& x);
void fill_from(Tensor& x, const StoredTensor& from, const std::string& what);

}   // namespace glass
