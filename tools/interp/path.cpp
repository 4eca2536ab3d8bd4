// glass interp path: who listens to whom.
#include "interp/change/path.h"

#include "tools/interp/task.h"

namespace glass {
namespace {

Findings find(const Arguments& args, const Microscope& microscope) {
  PathOptions options;
  if (args.has("from")) options.sender = args.text("from");
  if (args.has("to")) options.receiver = args.text("to");
  options.mode = args.text("mode") == "noise" ? PatchMode::noise : PatchMode::denoise;
  options.linear = args.flag("linear");
  options.through_mlps = args.flag("through-mlps");
  const Task task = task_asked(args, microscope.specimen);
  LongWay way("connections", "--from and --to choose some of them.");
  return findings(paths_of(microscope.specimen, task, options, std::ref(way)));
}

// clang-format off
constexpr Option kOwn[] = {
    {.name = "from", .value = "L.H", .help = "the sender: a head, embed, pos_embed or 'mlp L'; without it, every one", .group = "What"},
    {.name = "to", .value = "L.H.q|k|v", .help = "the receiver: the queries, keys or values of a head (L.H: all three), 'mlp L' or logits; without it, every one"},
    {.name = "mode", .type = Type::choice, .fallback = "denoise", .choices = "denoise|noise",
     .help = "denoise: the connection of the clean run in the corrupt one; noise: the other way around"},
    {.name = "linear", .type = Type::flag, .help = "keep the scale of the receiver's norm as it was, and do not centre, as TransformerLens does"},
    {.name = "through-mlps", .type = Type::flag, .help = "ways through mlps count as direct; all other heads are held"},
};
constexpr auto kOptions = joined(kTaskOptions, kOwn, kPictureOptions);
const Example kExamples[] = {
    {"glass interp path --ckpt handmade:induction", "all connections, as a matrix"},
    {"glass interp path --ckpt handmade:induction --from 0.0 --to 1.0.k", "one of them"},
};
// clang-format on

}   // namespace

extern const Command kInterpPath = {
    .name = "path",
    .summary = "find out who listens to whom, one connection at a time",
    .about = "What a sender wrote in the one run reaches one receiver in the other and nobody else; "
             "norms are computed anew, and from there on the model goes on as it does.",
    .examples = kExamples,
    .options = kOptions,
    .run = run_analysis, .find = find};

}   // namespace glass
