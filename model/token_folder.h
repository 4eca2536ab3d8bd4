// A folder of tokens: what preparing a text leaves, and what nanoGPT and llm.c leave. Training
// reads all three.
//
//   ours      train.bin  val.bin  meta.json  tokenizer.json
//   nanoGPT   train.bin  val.bin  [meta.pkl]            16 bits a token, no header
//   llm.c     *_train_*.bin  *_val_*.bin                 with a header; several shards of a split
#pragma once
#include <string>

#include "model/corpus.h"
#include "model/dataset.h"

namespace glass {

Dataset open_token_folder(const std::string& folder, const DataOptions& options);

// Writes the four files into a folder that is there already. An id takes 16 bits where the
// vocabulary allows. `source` says for people where the text came from.
void write_token_folder(const std::string& folder, const EncodedText& text,
                        const std::string& source);

// What is not in the files but follows from them: that every token is one of the vocabulary, how
// much text they stand for, and the digest.
void look_through(Dataset& data);

}   // namespace glass
