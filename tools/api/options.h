// Options of commands as a page sees them: which there are, and how the fields of a body become the
// words of a command line. A page, a script and a person at a terminal thereby say the same words.
#pragma once
#include <string>
#include <vector>

#include "engine/base/json.h"
#include "engine/base/json_value.h"
#include "tools/command.h"

namespace glass {

// Not those that name a file or say where to compute: the person who started the server decides
// these. Of `glass train`, there are some more (train.cpp).
bool is_for_page(const Option& option);

void put(Json& json, const Option& option, bool operand);

// The command line that a body means. Refused: what is no option of a page.
using ForPage = bool (*)(const Option&);
std::vector<std::string> words_of(const Command& command, const JsonValue& body,
                                  ForPage for_page = is_for_page);

}   // namespace glass
