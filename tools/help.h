// Help and the command reference, both read off the tables of options.
#pragma once
#include <string>

#include "tools/command.h"

namespace glass {

std::string overview();   // `glass`
std::string help_text(const Command& command,
                      const std::string& path);   // `glass micro --help`, for stdout
std::string reference_markdown();                 // `glass help --markdown`

// The command that the words name ("bench", "ops"), and how many of them belong to its name.
// UsageError with a suggestion if there is none.
struct Found {
  const Command* command;
  std::string path;
  std::size_t words;
};
Found find_command(std::span<const std::string> words);

}   // namespace glass
