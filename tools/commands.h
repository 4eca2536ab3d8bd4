// Every subcommand of `glass`, in the order in which help lists them.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "tools/command.h"

namespace glass {

std::span<const Command* const> all_commands();

// A command that one can run, and how it is called: "glass bench ops".
struct Named {
  const Command* command;
  std::string path;
};
std::vector<Named> runnable_commands();

// "glass micro" for "steps": a command with an option of this name; "" if there is none.
std::string command_that_takes(const std::string& option);

}   // namespace glass
