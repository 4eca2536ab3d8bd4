// The figures of a page in HTML. Pictures are drawn as in a PNG; words stay words, so that a narrow
// screen can break them and a screen reader can read them.
#pragma once
#include <string>

#include "interp/page/page.h"

namespace glass {

std::string figure_html(const Figure& figure);

}   // namespace glass
