// A picture as the bytes of a PNG file.
#pragma once
#include <string>

#include "interp/draw/canvas.h"

namespace glass {

std::string png(const Canvas& canvas);

}   // namespace glass
