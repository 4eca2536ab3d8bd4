// glass interp dynamics: when did a run learn to look back?
#include "interp/heads/dynamics.h"

#include "tools/interp/heads_options.h"

namespace glass {
namespace {

Findings find(const Arguments& args, const Microscope& microscope) {
  DynamicsOptions options;
  if (args.has("n")) options.n = args.integer("n");
  options.sequences = static_cast<int>(args.integer("sequences"));
  options.seed = static_cast<std::uint64_t>(args.integer("seed"));
  options.bos = bos_asked(args);
  return findings(dynamics_of(microscope.specimen, args.text("ckpt"), options));
}

// clang-format off
const Option kOptions[] = {
    {.name = "ckpt", .value = "RUN", .help = "the folder of a run, with its checkpoints", .also = "out-dir", .group = "Model", .required = true},
    kTokenizerOption,
    kRanksOption,
    {.name = "n", .type = Type::integer, .value = "N", .min = 2, .max = 1e6, .help = "tokens in a copy; without it 30, or as many as the model can read twice", .group = "What"},
    {.name = "sequences", .type = Type::integer, .value = "N", .fallback = "10", .min = 1, .max = 1e5, .help = "how many random sequences each checkpoint is asked with"},
    kBosOption,
    kRepeatSeedOption,
    kPngOption,
    kHtmlOption,
};
const Example kExamples[] = {
    {"glass interp dynamics --ckpt out/induction", "the scores of all heads over the run, and when it happened"},
};
// clang-format on

}   // namespace

extern const Command kInterpDynamics = {
    .name = "dynamics",
    .summary = "follow the heads through a training run",
    .about =
        "Every checkpoint of the run is asked the question of glass interp induction. A transition "
        "is where "
        "the loss in the second copy falls and a head comes to look back, both by much.",
    .examples = kExamples,
    .options = kOptions,
    .run = run_analysis, .find = find};

}   // namespace glass
