// glass interp ablate: what becomes worse when a part is taken out?
#include "interp/change/ablation.h"
#include "tools/interp/heads_options.h"

namespace glass {
namespace {

AblateHow how_of(const std::string& name) {
  for (const AblateHow how : {AblateHow::mean, AblateHow::position_mean, AblateHow::resample})
    if (name == name_of(how)) return how;
  return AblateHow::zero;
}

Findings find(const Arguments& args, const Microscope& microscope) {
  AblationOptions options;
  const auto add = [&](const char* option, Part::Kind kind) {
    if (!args.has(option)) return;
    const std::vector<Part> parts = parts_of(args.text(option), kind, microscope.specimen.config());
    options.parts.insert(options.parts.end(), parts.begin(), parts.end());
  };
  add("heads", Part::Kind::head);
  add("neurons", Part::Kind::neuron);
  add("mlps", Part::Kind::mlp);
  options.how = how_of(args.text("how"));
  if (args.has("data")) options.text = text_asked(args, microscope.opened);
  if (args.has("prompt") || args.has("tokens"))
    options.prompt = tokens_asked(args, microscope.opened);
  options.windows = static_cast<int>(args.integer("windows"));
  options.seed = static_cast<std::uint64_t>(args.integer("seed"));
  options.bos = bos_asked(args);
  options.icl = args.flag("icl");
  return findings(ablation_of(microscope.specimen, options));
}

// clang-format off
const Option kOptions[] = {
    kCkptOption,
    kTokenizerOption,
    kRanksOption,
    {.name = "heads", .value = "1.3,1.2", .help = "heads to take out together, as layer.head; 1.* is all of layer 1; without any part, each head alone", .group = "What"},
    {.name = "neurons", .value = "0.321", .help = "neurons, as layer.neuron"},
    {.name = "mlps", .value = "2", .help = "whole mlps, by layer"},
    {.name = "how", .type = Type::choice, .fallback = "zero", .choices = "zero|mean|position-mean|resample", .help = "a part says nothing, its mean over the windows, its mean over them at each position, or what it says in the next window"},
    kHeadsDataOption,
    kPromptOption,
    kTokensOption,
    {.name = "windows", .type = Type::integer, .value = "N", .fallback = "32", .min = 1, .max = 1e5, .help = "how many windows of the text, or random repeats, are read"},
    {.name = "icl", .type = Type::flag, .help = "also the share of what is learned from context: loss late in a window against early"},
    kBosOption,
    kRepeatSeedOption,
    kPngOption,
    kHtmlOption,
};
const Example kExamples[] = {
    {"glass interp ablate --ckpt out/induction", "the loss without each head alone"},
    {"glass interp ablate --ckpt out/induction --heads 1.* --icl", "without all heads of layer 1"},
    {"glass interp ablate --ckpt out/names --mlps 2 --how mean --data names.txt --prompt ann", "an mlp that no longer knows what it reads"},
};
// clang-format on

}   // namespace

extern const Command kInterpAblate = {
    .name = "ablate",
    .summary = "take parts of the model out and see what becomes worse",
    .about =
        "The loss is that of a text (--data), or of the second copy of random repeats. Each window "
        "is "
        "compared with itself, and the standard error says how sure the difference is.",
    .examples = kExamples,
    .options = kOptions,
    .run = run_analysis, .find = find};

}   // namespace glass
