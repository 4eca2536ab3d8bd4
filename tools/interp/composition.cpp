// glass interp composition: which heads work together, and what each says of a token.
#include "interp/heads/composition.h"

#include "tools/interp/heads_options.h"

namespace glass {
namespace {

using Show = CompositionOptions::Show;

Show show_of(const std::string& name) {
  if (name == "copying") return Show::copying;
  if (name == "ov") return Show::ov;
  if (name == "qk") return Show::qk;
  return name == "match" ? Show::match : Show::scores;
}

Findings find(const Arguments& args, const Microscope& microscope) {
  const GPTConfig& config = microscope.specimen.config();
  CompositionOptions options;
  options.show = show_of(args.text("show"));
  options.seed = static_cast<std::uint64_t>(args.integer("seed"));
  if (args.has("head")) options.head = head_id(args.text("head"), config);
  if (args.has("from")) options.from = head_id(args.text("from"), config);
  if (args.has("to")) options.to = head_id(args.text("to"), config);
  if (args.has("prompt") || args.has("tokens"))
    options.tokens = tokens_asked(args, microscope.opened);
  return findings(composition_of(microscope.specimen, options));
}

// clang-format off
const Option kOptions[] = {
    kCkptOption,
    kTokenizerOption,
    kRanksOption,
    {.name = "show", .type = Type::choice, .fallback = "scores", .choices = "scores|copying|ov|qk|match",
     .help = "which heads read what others write; whether they copy; one head's table of tokens; whether one head finds the marks of another", .group = "What"},
    {.name = "head", .value = "L.H", .help = "whose table, for ov and qk; without it the first of the last layer"},
    {.name = "from", .value = "L.H", .help = "who marks, for match; without it the pair that composes most through K"},
    {.name = "to", .value = "L.H", .help = "who finds"},
    {.name = "prompt", .value = "TEXT", .help = "whose tokens the tables show; without it the first of the vocabulary", .group = "Text"},
    kTokensOption,
    kRepeatSeedOption,
    kPngOption,
    kHtmlOption,
};
const Example kExamples[] = {
    {"glass interp composition --ckpt out/induction", "which heads read what others wrote, through Q, K and V"},
    {"glass interp composition --ckpt out/induction --show ov --head 1.0", "what head 1.0 says of each token"},
};
// clang-format on

}   // namespace

extern const Command kInterpComposition = {
    .name = "composition",
    .summary = "show which heads work together, from their weights alone",
    .about =
        "A head of a later layer works with an earlier one where it reads the directions that the "
        "other "
        "writes: to ask with (Q), to be found by (K), or to carry on (V). No text is needed.",
    .examples = kExamples,
    .options = kOptions,
    .run = run_analysis, .find = find};

}   // namespace glass
