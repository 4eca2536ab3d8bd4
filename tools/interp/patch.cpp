// glass interp patch: where the model keeps what decides its answer.
#include "interp/change/patching.h"

#include "tools/interp/task.h"

namespace glass {
namespace {

PatchBy by_of(const std::string& name) {
  if (name == "head") return PatchBy::head;
  if (name == "position") return PatchBy::position;
  return name == "source" ? PatchBy::source : PatchBy::automatic;
}

Findings find(const Arguments& args, const Microscope& microscope) {
  PatchOptions options;
  options.site = args.text("site");
  options.mode = args.text("mode") == "noise" ? PatchMode::noise : PatchMode::denoise;
  options.by = by_of(args.text("by"));
  if (args.has("layer")) options.layer = static_cast<int>(args.integer("layer"));
  if (args.has("head")) options.head = static_cast<int>(args.integer("head"));
  const Task task = task_asked(args, microscope.specimen);
  return findings(patching_of(microscope.specimen, task, options));
}

// clang-format off
constexpr Option kOwn[] = {
    {.name = "site", .type = Type::choice, .fallback = "resid_pre", .choices = "resid_pre|resid_mid|resid_post|attn_out|mlp_out|z|q|k|v|pattern",
     .help = "what is exchanged. The first five are cells by layer and position, the others by layer and head", .group = "What"},
    {.name = "mode", .type = Type::choice, .fallback = "denoise", .choices = "denoise|noise",
     .help = "denoise: put what the clean run has into the corrupt one, and see what suffices; noise: the other way around, and see what is needed"},
    {.name = "by", .type = Type::choice, .fallback = "auto", .choices = "auto|head|position|source",
     .help = "of one layer: its heads by position; source: the keys of a pattern, whose position is the query"},
    {.name = "layer", .type = Type::integer, .value = "L", .min = 0, .max = 1e6, .help = "only this layer, counted from 0"},
    {.name = "head", .type = Type::integer, .value = "H", .min = 0, .max = 1e6, .help = "only this head of each layer, counted from 0"},
};
constexpr auto kOptions = joined(kTaskOptions, kOwn, kPictureOptions);
const Example kExamples[] = {
    {"glass interp patch --ckpt handmade:induction", "where a repeat is remembered"},
    {"glass interp patch --ckpt handmade:induction --site z", "which heads bring the answer back"},
    {"glass interp patch --ckpt handmade:induction --site k --layer 1 --by position", "which keys of layer 1"},
    {"glass interp patch --ckpt gpt2 --clean 'Paris is in' --corrupt 'Tokyo is in' --target ' France' --foil ' Japan'", "two texts of your own"},
};
// clang-format on

}   // namespace

extern const Command kInterpPatch = {
    .name = "patch",
    .summary = "find the places that decide an answer, by exchanging parts of two runs",
    .about = "The model reads two texts that it answers differently. Then it reads one of them with one "
             "part of its inside taken from the other, cell after cell.",
    .examples = kExamples,
    .options = kOptions,
    .run = run_analysis, .find = find};

}   // namespace glass
