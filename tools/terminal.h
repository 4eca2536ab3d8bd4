// What we know about the thing that shows our output: whether it is a terminal, how wide, whether
// it likes colour. NO_COLOR, CLICOLOR_FORCE and TERM=dumb are obeyed.
#pragma once
#include <cstdio>
#include <string>
#include <string_view>

namespace glass {

bool is_terminal(std::FILE* stream);
bool wants_colour(std::FILE* stream);
int terminal_width(std::FILE* stream);   // columns, between 40 and 120; 80 where nobody can tell

enum class Ink { plain, bold, dim, red, green, yellow, cyan };
std::string ink(Ink colour, std::string_view text,
                std::FILE* stream);   // the text alone where colour is not wanted

std::string duration(double seconds);   // "2:05", "1:02:03"

void print(std::string_view text);   // to stdout; a failure is noticed by flush_stdout
void flush_stdout();                 // SystemError if anything that was printed did not arrive

}   // namespace glass
