// Before any merging, a tokenizer of pieces cuts text at places that no token shall cross: between
// words, between letters and digits. Where, the makers of GPT-2, GPT-4 and GPT-4o said with a
// regular expression each (pattern_text). The same three are written here by hand: the general
// machine for such expressions is slow and, on long runs of spaces, very slow. These take one look
// at every letter, or two, whatever the text is.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace glass {

enum class Pattern : std::uint8_t { gpt2, cl100k, o200k };

// Where the piece that begins at `at` ends; at < text.size(). Every byte belongs to one piece, also
// in text that is not UTF-8.
std::size_t end_of_piece(Pattern pattern, std::string_view text, std::size_t at);

std::string_view pattern_name(Pattern pattern);   // "gpt2"
std::string_view pattern_text(Pattern pattern);   // the regular expression
std::optional<Pattern> find_pattern(std::string_view name);
// By its regular expression, in any of the spellings that are in use.
std::optional<Pattern> pattern_of_text(std::string_view text);

}   // namespace glass
