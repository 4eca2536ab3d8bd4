// GPT-2's files cannot hold bytes, only letters. So they show every byte as a letter that one can
// see: bytes that are visible already stay, the other 68 become the letters from U+0100 on. A space
// is written as a G with a dot, a line end as a C with a dot.
#pragma once
#include <string>
#include <string_view>

namespace glass {

char32_t letter_of_byte(unsigned char byte);
std::string as_letters(std::string_view bytes);   // " the" -> "Ġthe"
// The bytes that such letters stand for; false where one of them stands for none.
bool bytes_of_letters(std::string_view letters, std::string& bytes);

}   // namespace glass
