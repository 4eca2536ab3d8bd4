// glass interp induction: is there a head that continues what came before?
#include "interp/heads/induction.h"

#include "tools/interp/heads_options.h"

namespace glass {
namespace {

Findings find(const Arguments& args, const Microscope& microscope) {
  InductionOptions options;
  if (args.has("n")) options.n = args.integer("n");
  options.sequences = static_cast<int>(args.integer("sequences"));
  options.seed = static_cast<std::uint64_t>(args.integer("seed"));
  options.bos = bos_asked(args);
  if (args.flag("sweep")) options.sweep = InductionOptions::Sweep::every;
  options.random_models = static_cast<int>(args.integer("random-models"));
  return findings(induction_of(microscope.specimen, options));
}

// clang-format off
const Option kOptions[] = {
    kCkptOption,
    kTokenizerOption,
    kRanksOption,
    {.name = "n", .type = Type::integer, .value = "N", .min = 2, .max = 1e6, .help = "tokens in a copy; without it 30, or as many as the model can read twice", .group = "What"},
    kSequencesOption,
    {.name = "sweep", .type = Type::flag, .help = "try every length 5, 10, 15 .. that fits, not five of them"},
    kBosOption,
    kRandomModelsOption,
    kRepeatSeedOption,
    kPngOption,
    kHtmlOption,
};
const Example kExamples[] = {
    {"glass interp induction --ckpt out/induction", "all heads, the best first, and what makes it one"},
    {"glass interp induction --ckpt gpt2 --random-models 0 --json", "the numbers, without asking what chance scores"},
};
// clang-format on

}   // namespace

extern const Command kInterpInduction = {.name = "induction",
                                         .summary = "find the heads that continue what came before",
                                         .about =
                                             "Random tokens come twice. The score of a head is the "
                                             "attention that it gives, from a token "
                                             "of the second copy, to the token behind its first "
                                             "occurrence. A head is called an induction "
                                             "head where that is at least 0.4 and more than 5 "
                                             "deviations above chance, at every length of "
                                             "the copy, and not a matter of position.",
                                         .examples = kExamples,
                                         .options = kOptions,
                                         .run = run_analysis, .find = find};

}   // namespace glass
