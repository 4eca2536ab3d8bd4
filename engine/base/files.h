// Reading what a user points at. Every way in which that goes wrong has a sentence of its own.
#pragma once
#include <cstdint>
#include <string>

namespace glass {

// The whole file. Not there, a directory, unreadable: SystemError. Empty, larger than `most` bytes,
// or with a NUL byte in it (so not text): ContentError. `what` names the role of the file in
// messages: "the names".
std::string read_text_file(const std::string& path, const std::string& what,
                           std::int64_t most = std::int64_t{1} << 30);

}   // namespace glass
