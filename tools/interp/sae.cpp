// glass interp sae show: the features of a sparse autoencoder that sae_train.cpp trained.
#include <filesystem>

#include "engine/base/text.h"
#include "interp/features/sae_show.h"
#include "tools/interp/sae.h"
#include "tools/shell_word.h"
#include "tools/text_options.h"

namespace glass {

extern const Command kInterpSaeTrain;   // sae_train.cpp

std::string sae_file(const Arguments& args, const Opened& opened) {
  return args.has("out") ? args.text("out") : path_beside(opened.saved.path, "sae");
}

namespace {

std::string training(const Arguments& args) {
  const std::string line = "glass interp sae train" + model_options(args);
  return args.has("out") ? line + " -o " + shell_word(args.text("out")) : line;
}

Findings show(const Arguments& args, const Microscope& microscope) {
  const std::string path = sae_file(args, microscope.opened);
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored))
    fail(SystemError("there is no autoencoder at " + path + "; train one: " + training(args)));
  const std::unique_ptr<SaeModel> model = load_sae(path, microscope.specimen, training(args));
  if (!args.has("F"))
    return findings(
        overview_of(microscope.specimen, *model, static_cast<std::size_t>(args.integer("rows"))));
  NeuronShowOptions options;
  options.contexts = static_cast<std::size_t>(args.integer("contexts"));
  return findings(
      feature_of(microscope.specimen, *model, static_cast<int>(args.integer("F")), options));
}

// clang-format off
const Option kShowOperands[] = {
    {.name = "F", .type = Type::integer, .min = 0, .max = 1e9, .help = "the feature, counted from 0; without it, an overview"},
};
const Option kShowOptions[] = {
    kCkptOption,
    kTokenizerOption,
    kRanksOption,
    {.name = "contexts", .type = Type::integer, .value = "N", .fallback = "8", .min = 1, .max = 10000, .help = "moments to show", .group = "What"},
    {.name = "rows", .type = Type::integer, .value = "N", .fallback = "20", .min = 1, .max = 1e6, .help = "features to list in the overview"},
    {.name = "out", .value = "FILE", .help = "where the autoencoder is; without it, beside the checkpoint", .also = "o", .group = "Output"},
    kPngOption,
    kHtmlOption,
};
const Example kShowExamples[] = {
    {"glass interp sae show --ckpt out/names", "how good it is, and its features"},
    {"glass interp sae show 17 --ckpt out/names", "one feature"},
};
// clang-format on

const Command kShow = {.name = "show",
                       .summary = "show its features, or one of them",
                       .examples = kShowExamples,
                       .operands = kShowOperands,
                       .options = kShowOptions,
                       .run = run_analysis,
                       .find = show};
const Command* const kCommands[] = {&kInterpSaeTrain, &kShow};
const Example kExamples[] = {
    {"glass interp sae train --ckpt out/names", "once"},
    {"glass interp sae show 17 --ckpt out/names", "then any feature"},
};

}   // namespace

extern const Command kInterpSae = {.name = "sae",
                                   .summary = "find sparse features of an activation",
                                   .examples = kExamples,
                                   .commands = kCommands};

}   // namespace glass
