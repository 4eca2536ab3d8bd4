// A picture as the bytes of a PNG file.
#pragma once
#include <string>
#include <string_view>

#include "interp/draw/canvas.h"

namespace glass {

std::string png(const Canvas& canvas);
// Rows from the top, R G B A each.
std::string png(int width, int height, std::string_view rgba);

}   // namespace glass
