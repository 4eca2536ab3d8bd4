// Before any merging, a tokenizer of pieces cuts text at places that no token shall cross: between
// words, between letters and digits. GPT-2 says where with a regular expression:
//
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//
// This is the same by hand, since the general machine for such expressions is slow and, on long
// runs of spaces, very slow.
#pragma once
#include <cstddef>
#include <string_view>

namespace glass {

// Where the piece that begins at `at` ends; at < text.size(). Every byte belongs to one piece, also
// in text that is not UTF-8.
std::size_t end_of_piece(std::string_view text, std::size_t at);

}   // namespace glass
