// What the tests of data share: a folder that goes away (tests/scratch.h), the text of an error, a
// file with a fault, a row of tokens.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "model/tokens.h"
#include "tests/scratch.h"

namespace glass::test {

// What `act` says when it fails, which it must, with this code.
std::string error_of(const std::function<void()>& act, ExitCode code);

// The text with `to` where `from` stands first, which it must somewhere.
std::string replaced(std::string text, const std::string& from, const std::string& to);

std::vector<std::int32_t> ids_of(const Tokens& tokens);

}   // namespace glass::test
