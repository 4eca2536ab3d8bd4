// Letters and bytes: text in files is UTF-8, where a letter takes one to four bytes.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace glass {

// Appends the letters (Unicode code points) of the text. Returns the place of the first byte that
// is not UTF-8, or text.size(). Overlong forms, surrogates and what is above U+10FFFF are not UTF-8.
std::size_t decode_utf8(std::string_view text, std::u32string& letters);

std::string encode_utf8(std::u32string_view letters);

// White space as Python's str.strip() sees it.
bool is_space(char32_t letter);

}   // namespace glass
