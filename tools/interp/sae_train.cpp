// glass interp sae train: a sparse autoencoder learns what flows at one place of a model.
#include "engine/base/asker.h"
#include "engine/base/text.h"
#include "interp/features/sae_show.h"
#include "tools/interp/sae.h"
#include "tools/text_options.h"
#include "tools/train_view.h"

namespace glass {
namespace {

// Half way up, where features are neither tokens nor guesses yet.
std::string place_of(const Arguments& args, const GPTConfig& config) {
  if (args.has("at")) return args.text("at");
  return "blocks." + std::to_string((config.n_layer - 1) / 2) + ".hook_resid_post";
}

Findings train(const Arguments& args, const Microscope& microscope) {
  const std::string path = sae_file(args, microscope.opened);
  refuse_to_replace(path, kKeptSae);
  refuse_unwritable(path);
  const Dataset data = data_asked(args, microscope.opened);
  SaeOptions options;
  options.place = place_of(args, microscope.opened.config());
  options.features = args.has("features") ? args.integer("features") : 0;
  options.k = args.integer("k");
  options.steps = static_cast<int>(args.integer("steps"));
  options.batch = args.integer("batch-size");
  options.tokens = args.integer("most");
  options.learning_rate = args.number("learning-rate");
  options.alpha = args.number("alpha");
  options.dead_after = args.integer("dead-after");
  options.threads = microscope.opened.machine.threads;
  std::unique_ptr<SaeModel> model;
  {
    Progress progress(options.steps);
    options.progress = [&](int step, double loss, double dead) {
      progress(step, format("error %.4f of 1, dead %.1f%%", loss, 100 * dead));
    };
    model = train_sae(microscope.specimen, data, options);
  }
  model->path = path;
  save_sae(*model);
  return findings(
      overview_of(microscope.specimen, *model, static_cast<std::size_t>(args.integer("rows"))));
}

// At a terminal Ctrl-C ends it between two steps.
class Terminal final : public Asker {
  void between_steps() override {
    if (interrupted()) fail(Interrupted());
  }
};

ExitCode train_at_terminal(const Arguments& args) {
  stop_on_interrupt();   // what was trained until then is not kept: a file is whole or not there
  Terminal terminal;
  const AskedBy asked(terminal);
  try {
    return run_analysis(args);
  } catch (const Interrupted&) { return ExitCode::interrupted; }
}

// clang-format off
const Option kTrainOptions[] = {
    kCkptOption,
    kTokenizerOption,
    kRanksOption,
    kDataOption,
    {.name = "at", .value = "HOOK", .help = "what is written as features; without it, the stream half way up (blocks.L.hook_resid_post)", .group = "Autoencoder"},
    {.name = "features", .type = Type::integer, .value = "F", .min = 1, .max = 1e7, .help = "how many; without it, 8 times the width of what is read"},
    {.name = "k", .type = Type::integer, .value = "K", .fallback = "16", .min = 1, .max = 1e6, .help = "features that may be on, a token"},
    {.name = "steps", .type = Type::integer, .value = "N", .fallback = "1000", .min = 1, .max = 1e8, .help = "training steps", .also = "max-iters", .group = "Training"},
    {.name = "batch-size", .type = Type::integer, .value = "N", .fallback = "512", .min = 1, .max = 1e7, .help = "tokens a step", .also = "batch"},
    {.name = "learning-rate", .type = Type::number, .value = "X", .fallback = "2e-3", .min = 0, .max = 10, .help = "at its highest", .also = "lr"},
    {.name = "most", .type = Type::integer, .value = "N", .fallback = "131072", .min = 2, .max = 1e12, .help = "tokens whose activations are learned from"},
    {.name = "alpha", .type = Type::number, .value = "X", .fallback = "0.03125", .min = 0, .max = 1000, .help = "weight of the loss that wakes dead features"},
    {.name = "dead-after", .type = Type::integer, .value = "N", .fallback = "100000", .min = 1, .max = 1e12, .help = "tokens without firing, and a feature counts as dead"},
    {.name = "rows", .type = Type::integer, .value = "N", .fallback = "20", .min = 1, .max = 1e6, .help = "features to list", .group = "Output"},
    {.name = "out", .value = "FILE", .help = "where the autoencoder is kept; without it, beside the checkpoint", .also = "o"},
    kPngOption,
    kHtmlOption,
};
const Example kTrainExamples[] = {
    {"glass interp sae train --ckpt out/names", "features of the stream half way up"},
    {"glass interp sae train --ckpt out/book --at blocks.0.hook_mlp_out --k 8", "of what the first mlp writes"},
};
// clang-format on

}   // namespace

extern const Command kInterpSaeTrain = {
    .name = "train",
    .summary = "train a sparse autoencoder on one place of a model",
    .examples = kTrainExamples,
    .options = kTrainOptions,
    .run = train_at_terminal,
    .find = train};

}   // namespace glass
