// Did the model make this up, or does it recite? Lines that it wrote, held against the text that it
// learned from.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace glass {

struct NewLines {
  std::int64_t lines = 0;           // that were looked at
  std::vector<std::string> fresh;   // those that are no line of the known text, in order
};
NewLines new_lines(const std::vector<std::string>& lines, std::string_view known);

// The lines of a text without the empty ones. The last one counts only if it is `complete`: a model
// that was interrupted in the middle of a name has not written a name.
enum class LastLine : std::uint8_t { complete, cut };
std::vector<std::string> lines_of(std::string_view text, LastLine last);

}   // namespace glass
