// nanoGPT's meta.pkl: which letter each token is. It is a pickle, a program for Python's unpickler
// that may do anything; so this reader knows only the few steps that build a dictionary of numbers
// and texts, runs nothing, and refuses a file with any other step in it.
#pragma once
#include <string_view>

#include "model/tokenizer/tokenizer.h"

namespace glass {

// {vocab_size, itos: {0: "a", ...}, stoi: {"a": 0, ...}} as a char tokenizer. ContentError, with
// the byte, for anything else.
TokenizerPtr tokenizer_from_meta_pkl(std::string_view bytes, const std::string& what);

// Such a file, of a char tokenizer.
std::string meta_pkl_of(const Tokenizer& tokenizer);

}   // namespace glass
