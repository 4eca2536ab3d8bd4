// A tokenizer that somebody has already made, out of whatever file it lives in.
#pragma once
#include <string>

#include "model/tokenizer/tokenizer.h"

namespace glass {

// Is this value of --tokenizer the path of a file or folder, rather than a name?
bool is_tokenizer_path(const std::string& spec);

// A tokenizer.json (ours or of Hugging Face), vocab.json with merges.txt beside it, a .tiktoken,
// nanoGPT's meta.pkl, llm.c's gpt2_tokenizer.bin, a GGUF, a checkpoint; or a folder with one of
// them in it. What a file is follows from what is in it, not from its name.
TokenizerPtr open_tokenizer(const std::string& path);

}   // namespace glass
