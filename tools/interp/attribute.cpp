// glass interp attribute: which part of the model wrote a logit.
#include "engine/base/text.h"
#include "interp/read/attribution.h"
#include "tools/interp/interp.h"

namespace glass {
namespace {

// "1.3": layer 1, head 3.
void take_head(const std::string& said, AttributionOptions& options) {
  const std::vector<std::string> parts = split(said, '.');
  std::int64_t layer = -1, head = -1;
  const bool good = parts.size() == 2 && parse_integer(parts[0], layer) == NumberFault::none &&
                    parse_integer(parts[1], head) == NumberFault::none && layer >= 0 && head >= 0 &&
                    layer < 1000000 && head < 1000000;
  if (!good)
    fail(UsageError("--head " + in_quotes(said) + ": a head is named as 1.3, layer 1, head 3."));
  options.layer = static_cast<int>(layer), options.head = static_cast<int>(head);
}

Findings find(const Arguments& args, const Microscope& microscope) {
  const std::vector<std::int32_t> ids = tokens_asked(args, microscope.opened);
  AttributionOptions options{.target = token_asked(args, "target", microscope.specimen)};
  options.against_foil = args.text("foil") != "none";
  if (options.against_foil && args.text("foil") != "auto")
    options.foil = token_asked(args, "foil", microscope.specimen);
  if (args.has("position")) options.position = static_cast<int>(args.integer("position"));
  if (args.has("head")) take_head(args.text("head"), options);
  if (args.has("mlp")) options.mlp = static_cast<int>(args.integer("mlp"));
  options.top_neurons = static_cast<int>(args.integer("neurons"));
  return findings(attribution_of(microscope.specimen, ids, options));
}

// clang-format off
constexpr Option kOwn[] = {
    {.name = "target", .value = "TOKEN", .help = "whose logit: a token's text, or #17; without it, the likeliest", .group = "What"},
    {.name = "foil", .value = "TOKEN", .fallback = "auto", .help = "the token it is compared with; auto: the likeliest other one; none: the logit alone"},
    {.name = "position", .type = Type::integer, .value = "N", .min = 0, .max = 1e9, .help = "whose next token is asked about; without it, the last one's"},
    {.name = "head", .value = "L.H", .help = "the head that is shown by where it looked; without it, the one with the largest share"},
    {.name = "mlp", .type = Type::integer, .value = "L", .min = 0, .max = 1e6, .help = "the mlp that is shown by its neurons; without it, the one with the largest share"},
    {.name = "neurons", .type = Type::integer, .value = "N", .fallback = "10", .min = 1, .max = 1e6, .help = "how many neurons to show"},
};
constexpr auto kOptions = joined(kTextOptions, kOwn, kPictureOptions);
const Example kExamples[] = {
    {"glass interp attribute --ckpt out/names --prompt ann", "who wrote the likeliest letter, against the second"},
    {"glass interp attribute --ckpt out/names --prompt ann --target a --foil i", "why a and not i"},
};
// clang-format on

}   // namespace

extern const Command kInterpAttribute = {.name = "attribute",
                                         .summary = "show which part of the model wrote a logit",
                                         .about =
                                             "The last stream is a sum of what every part wrote, "
                                             "and the head reads it with one direction a "
                                             "token: so a logit is a sum of shares (direct logit "
                                             "attribution). The shares add up exactly.",
                                         .examples = kExamples,
                                         .options = kOptions,
                                         .run = run_analysis, .find = find};

}   // namespace glass
