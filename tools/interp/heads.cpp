// glass interp heads: what kind of head is each?
#include "interp/heads/detectors.h"
#include "tools/interp/heads_options.h"

namespace glass {
namespace {

Findings find(const Arguments& args, const Microscope& microscope) {
  HeadsOptions options;
  if (args.has("data")) options.text = text_asked(args, microscope.opened);
  if (args.has("n")) options.n = args.integer("n");
  options.sequences = static_cast<int>(args.integer("sequences"));
  options.seed = static_cast<std::uint64_t>(args.integer("seed"));
  options.bos = bos_asked(args);
  options.random_models = static_cast<int>(args.integer("random-models"));
  return findings(heads_of(microscope.specimen, options));
}

// clang-format off
const Option kOptions[] = {
    kCkptOption,
    kTokenizerOption,
    kRanksOption,
    kHeadsDataOption,
    {.name = "n", .type = Type::integer, .value = "N", .min = 2, .max = 1e6, .help = "tokens in a copy of the random repeats; without it 30, or as many as the model can read twice", .group = "What"},
    kSequencesOption,
    kBosOption,
    kRandomModelsOption,
    kRepeatSeedOption,
    kPngOption,
    kHtmlOption,
};
const Example kExamples[] = {
    {"glass interp heads --ckpt out/induction", "eleven questions to every head, over random repeats"},
    {"glass interp heads --ckpt out/names --data names.txt", "over a text, where delimiters and brackets mean something"},
};
// clang-format on

}   // namespace

extern const Command kInterpHeads = {
    .name = "heads",
    .summary = "say what kind of head each is",
    .about =
        "Does a head look at the token before, at the first one, at earlier occurrences of its "
        "token, at "
        "what came behind them? Each question is a mean over rows of its pattern. A head gets a "
        "name where "
        "one answer is high and models with random weights do not reach it.",
    .examples = kExamples,
    .options = kOptions,
    .run = run_analysis, .find = find};

}   // namespace glass
