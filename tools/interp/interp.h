// What the analyses of `glass interp` have in common: which model, which text, and the four ways to
// tell a result.
#pragma once
#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "interp/features/neuron_scan.h"
#include "interp/page/page.h"
#include "interp/specimen.h"
#include "tools/saved.h"

namespace glass {

// Tables of options, one behind the other: what several commands share is written down once.
template <std::size_t... N>
constexpr std::array<Option, (N + ...)> joined(const Option (&... tables)[N]) {
  std::array<Option, (N + ...)> all{};
  std::size_t next = 0;
  const auto add = [&](std::span<const Option> table) {
    for (const Option& option : table) all[next++] = option;
  };
  (add(tables), ...);
  return all;
}

// clang-format off
inline constexpr Option kPromptOption = {.name = "prompt", .value = "TEXT", .help = "the text; - reads it from stdin", .group = "Text"};
inline constexpr Option kTokensOption = {.name = "tokens", .value = "1,2,3", .help = "the text as token ids", .group = "Text"};
// An analysis of one text begins its table of options with these.
inline constexpr Option kTextOptions[] = {kCkptOption, kTokenizerOption, kRanksOption, kPromptOption, kTokensOption};
// Every analysis ends it with these two; --json is a shared option.
inline constexpr Option kPngOption  = {.name = "png",  .value = "FILE", .help = "draw the result into a picture", .group = "Output"};
inline constexpr Option kHtmlOption = {.name = "html", .value = "FILE", .help = "write the result as one self-contained page", .group = "Output"};
inline constexpr Option kPictureOptions[] = {kPngOption, kHtmlOption};
inline constexpr Option kDataOption = {.name = "data", .value = "SOURCE", .help = "a text file or a data set; without it, what the model learned from", .also = "dataset", .group = "Text"};
// clang-format on

// A model that is open, and who asks: the command that makes the result again is part of `from`.
struct Microscope {
  Microscope(std::shared_ptr<const Opened> model, const Arguments& args);

  std::shared_ptr<const Opened> held;
  const Opened& opened;
  Specimen specimen;
};
Microscope open_specimen(const Arguments& args);

// The one token that an option names: its text, or #17. -1 where the option is not given.
std::int32_t token_asked(const Arguments& args, const char* option, const Specimen& specimen);
// What --data names, or else what the model learned from, in tokens of the model. A text needs the
// model's tokenizer; a folder of tokens does not, as long as the model knows all of them.
Dataset data_asked(const Arguments& args, const Opened& opened);
using SaidData = std::optional<std::string>;   // what --data says
SaidData said_data(const Arguments& args);
Dataset data_of(const Opened& opened, const SaidData& said = {});
// ContentError with the command that renews it, where the text of a scan can still be read and is
// another one now. Where it cannot, the scan has its own copy.
void refuse_changed_text(const Opened& opened, const SaidData& said, const UnitScan& scan,
                         const std::string& renew);

// " --ckpt out/names --tokenizer gpt2": what this line says about the model, for a command that a
// person may copy.
std::string model_options(const Arguments& args);

// How far a long computation is: told to whoever asked (engine/base/asker.h), or on stderr, in one
// line that is rewritten on a terminal and in ten lines elsewhere.
class Progress {
 public:
  explicit Progress(std::int64_t steps);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void operator()(std::int64_t done, const std::string& what);

 private:
  std::int64_t steps_, tenth_ = 0;
  bool terminal_, open_ = false;
  std::chrono::steady_clock::time_point shown_{};
};

// For what is done in a moment on a small model and takes hours on a large one. It is silent for
// two seconds; then, where much is to come, it says how long that will take and what would be
// quicker, and from there on how far it is.
class LongWay {
 public:
  LongWay(std::string steps, std::string quicker)
      : steps_(std::move(steps)), quicker_(std::move(quicker)) {}
  void operator()(std::int64_t done, std::int64_t all);

 private:
  std::string steps_, quicker_;   // what is counted; a sentence
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::optional<Progress> progress_;
};

// Prints the page, or the JSON with --json; writes --png and --html.
ExitCode tell(const Arguments& args, const Findings& found);
// What every analysis does as a command: open the model, find, tell.
ExitCode run_analysis(const Arguments& args);

}   // namespace glass
