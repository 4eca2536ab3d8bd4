// A page as JSON, for pictures that a browser draws: tools/web/figures.js has a component for each
// kind of figure here. Long rows of numbers travel as base64 of float32, little endian: a number
// then takes 5 letters instead of 20, and is read without a parser.
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "interp/page/page.h"

namespace glass {

class Json;
std::string page_json(const Page& page);                                           // one object
void put_f32(Json& json, std::string_view name, std::span<const double> values);   // {"f32": ".."}

}   // namespace glass
