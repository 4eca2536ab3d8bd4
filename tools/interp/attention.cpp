// glass interp attention: where each head looks.
#include "interp/read/attention.h"

#include "tools/interp/interp.h"

namespace glass {
namespace {

AttentionView view_of(const std::string& name) {
  if (name == "scores") return AttentionView::scores;
  return name == "value-weighted" ? AttentionView::value_weighted : AttentionView::pattern;
}

Findings find(const Arguments& args, const Microscope& microscope) {
  const std::vector<std::int32_t> ids = tokens_asked(args, microscope.opened);
  AttentionOptions options{view_of(args.text("show"))};
  if (args.has("layer")) options.layer = static_cast<int>(args.integer("layer"));
  if (args.has("head")) options.head = static_cast<int>(args.integer("head"));
  return findings(attention_of(microscope.specimen, ids, options));
}

// clang-format off
constexpr Option kOwn[] = {
    {.name = "layer", .type = Type::integer, .value = "L", .min = 0, .max = 1e6, .help = "only this layer, counted from 0", .group = "What"},
    {.name = "head", .type = Type::integer, .value = "H", .min = 0, .max = 1e6, .help = "only this head of each layer, counted from 0"},
    {.name = "show", .type = Type::choice, .fallback = "pattern", .choices = "pattern|scores|value-weighted",
     .help = "the pattern, the scores before the softmax, or the pattern times the length of what is read"},
};
constexpr auto kOptions = joined(kTextOptions, kOwn, kPictureOptions);
const Example kExamples[] = {
    {"glass interp attention --ckpt out/names --prompt anna", "all heads"},
    {"glass interp attention --ckpt out/names --prompt anna --layer 1 --png heads.png", "one layer, as a picture"},
};
// clang-format on

}   // namespace

extern const Command kInterpAttention = {.name = "attention",
                                         .summary = "show where each head looks",
                                         .examples = kExamples,
                                         .options = kOptions,
                                         .run = run_analysis, .find = find};

}   // namespace glass
