// data/names.txt, compiled in: a first run needs no file and no download.
#pragma once
#include <string_view>

namespace glass {

std::string_view builtin_names();   // given names, one a line, each line ended by '\n'

}  // namespace glass
