// A word as it must be typed into a shell, so that a command that a result names can be copied and
// run: 'it'\''s'. Whoever copies it runs what it says and nothing else, whatever stands in a
// prompt.
#pragma once
#include <string>
#include <vector>

namespace glass {

std::string shell_word(const std::string& word);                 // as it is where that is safe
std::string shell_line(const std::vector<std::string>& words);   // with spaces between them

}   // namespace glass
