// Letters and bytes: text in files is UTF-8, where a letter takes one to four bytes.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace glass {

// Appends the letters (Unicode code points) of the text. Returns the place of the first byte that
// is not UTF-8, or text.size(). Overlong forms, surrogates and what is above U+10FFFF are not UTF-8.
std::size_t decode_utf8(std::string_view text, std::u32string& letters);

std::string encode_utf8(std::u32string_view letters);

// A letter is where its first byte is. Of bytes that are not UTF-8 some begin one and some do not;
// what holds for all bytes is that the letters of two texts add up to those of both together.
inline bool begins_letter(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; }
std::int64_t count_letters(std::string_view text);

// White space as Python's str.strip() sees it.
bool is_space(char32_t letter);

}   // namespace glass
