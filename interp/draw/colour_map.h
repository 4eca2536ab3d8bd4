// Numbers as colours. Both maps are walks through OKLab, a space in which equal steps look equally
// far apart (Ottosson, 2020). The rising one goes from pale to dark, monotone in lightness, so that
// it also reads in grey; the diverging one is palest at 0 and goes to vermilion below and to blue
// above, as bars and arrows do; all common kinds of colour blindness tell the two apart.
#pragma once
#include <string>

#include "interp/draw/axis.h"
#include "interp/draw/colour.h"

namespace glass {

enum class ColourMap : std::uint8_t { rising, diverging };   // from nothing to much; around 0
enum class Ground : std::uint8_t { paper, terminal };        // what lies under the colours

// share: 0 .. 1 of a range; a diverging map has its middle at 1/2.
Colour colour_at(ColourMap map, double share, Ground ground = Ground::paper);
// The colour of a value; what lies outside of the range has the colour of its end. NaN: alpha 0.
Colour colour_of(ColourMap map, Range range, double value, Ground ground = Ground::paper);

double lightness(Colour colour);   // of OKLab: 0 black .. 1 white
constexpr Colour kDarkInk{20, 20, 20}, kPaleInk{250, 250, 250};
Colour ink_for(Colour under);         // of these two, the one that reads better there
int terminal_colour(Colour colour);   // the nearest of the 256 that terminals know: 16 .. 255

}   // namespace glass
