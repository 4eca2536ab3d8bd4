// What a subcommand is: a name, a table of options, and a function. From the table come the parser,
// --help, the completion scripts and the command reference, so that none of them can disagree with
// another.
//
// A new command is one file tools/<command>.cpp that defines `extern const Command kName`, and one
// line in commands.cpp:
//
//   namespace {
//   const Option kOptions[] = {
//       {.name = "steps", .type = Type::integer, .value = "N", .fallback = "1000", .min = 1, .help
//       = "training steps",
//        .also = "max-iters", .group = "Training"},
//       {.name = "engine", .type = Type::choice, .fallback = "scalar", .choices = "scalar|tensor",
//       .help = "..."},
//   };
//   const Option kOperands[] = {{.name = "NAMES", .help = "a text file, one name a line"}};
//   const Example kExamples[] = {{"glass micro --steps 200", "a short run on the built-in names"}};
//   ExitCode run(const Arguments& args) {
//     const std::int64_t steps = args.integer("steps");
//     ...
//   }
//   }  // namespace
//   extern const Command kMicro = {.name = "micro", .summary = "train microgpt", .examples =
//   kExamples,
//                           .operands = kOperands, .options = kOptions, .run = run};
//
// run() writes results to stdout and everything else to stderr, and lets errors
// (engine/base/error.h) fly: main prints them and knows the exit code. Pictures and progress:
// tools/terminal.h. A backend to compute on: tools/machine.h.
#pragma once
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "engine/base/error.h"

namespace glass {

class Arguments;
struct Findings;
struct Microscope;

enum class Type : std::uint8_t { text, integer, number, choice, flag };

struct Option {
  std::string_view
      name;   // "learning-rate"; whoever types it may write _ for -. An operand's: "NAMES"
  Type type = Type::text;
  std::string_view value = {};   // what help calls the value: "N", "FILE"; choices show themselves
  std::string_view fallback =
      {};   // the default, as a user would write it; "": none. A flag is off unless "true"
  std::string_view choices = {};   // "f32|bf16|f64"
  std::string_view missing =
      {};   // choices that exist but are not in this build: refused with a sentence of their own
  std::string_view means =
      {};   // other words for choices, as "mps=metal cuda:0=cuda": what another program calls them
  std::string_view bare = {};   // the value of an option that is given without one, as --resume
  // Whether the next word is the value of such an option all the same; null: a true or false is.
  bool (*takes)(const std::string& word) = nullptr;
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  std::string_view help = {};
  std::string_view also =
      {};   // other spellings, separated by spaces; one letter is typed with one dash: "batch n"
  std::string_view group =
      {};   // the heading in --help from this option on; "": as the option before
  bool required = false;
};

struct Example {
  std::string_view line, what;
};

// Which shared options a command takes beside its own: compute adds --device, --isa, --threads,
// --dtype, --seed and
// --json; output only --json; none only --help, which everybody has. A command's own option of the
// same name wins.
enum class Shared : std::uint8_t { compute, output, none };

struct Command {
  std::string_view name;
  std::string_view summary;      // one line for the overview, lower case, no full stop
  std::string_view about = {};   // a paragraph for --help
  std::span<const Example> examples = {};
  std::span<const Option> operands = {};   // by position
  std::span<const Option> options = {};
  Shared shared = Shared::compute;
  std::span<const Command* const> commands =
      {};   // `glass bench ops`: then this level only chooses
  ExitCode (*run)(const Arguments&) = nullptr;
  // Of an analysis (tools/interp/interp.h): what it finds in a model that somebody opened.
  Findings (*find)(const Arguments&, const Microscope&) = nullptr;
};

}   // namespace glass
