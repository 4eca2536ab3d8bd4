// glass interp lens: what the model would say if it stopped after each layer.
#include "interp/read/lens.h"

#include "engine/base/text.h"
#include "tools/interp/interp.h"
#include "tools/shell_word.h"
#include "tools/text_options.h"

namespace glass {
namespace {

LensAt at_of(const std::string& name) {
  if (name == "pre") return LensAt::pre;
  if (name == "mid") return LensAt::mid;
  return name == "all" ? LensAt::all : LensAt::post;
}

std::vector<std::int32_t> second_text(const Arguments& args, const Opened& opened) {
  if (!args.has("compare")) return {};
  const std::string& said = args.text("compare");
  const std::vector<std::int32_t> ids =
      args.has("tokens") ? tokens_of(said, opened.config()) : opened.tokenizer().encode(said);
  const std::int64_t T = static_cast<std::int64_t>(ids.size()), most = opened.config().block_size;
  if (ids.empty()) fail(UsageError("--compare is empty; give it a text to compare with."));
  if (T > most)
    fail(UsageError("--compare has " + with_commas(T) + " tokens, and this model reads " +
                    with_commas(most) + " at most."));
  return ids;
}

Findings train(const Arguments& args, const Microscope& microscope) {
  refuse_to_replace(args.text("train-tuned"), kKeptTunedLens);
  refuse_unwritable(args.text("train-tuned"));
  const Dataset data = data_asked(args, microscope.opened);
  TunedLensOptions options{.at = at_of(args.text("at")),
                           .steps = static_cast<int>(args.integer("steps"))};
  Progress progress(options.steps);
  options.progress = [&](int step, double kl) { progress(step, format("KL %.4f", kl)); };
  TunedLensResult result = train_tuned_lens(microscope.specimen, data, options);
  result.lens.path = args.text("train-tuned");
  save_tuned_lens(result.lens.path, result);
  return findings(result);
}

Findings find(const Arguments& args, const Microscope& microscope) {
  if (args.has("train-tuned")) return train(args, microscope);
  if (args.has("data"))
    fail(UsageError("--data is what --train-tuned learns from; a lens reads --prompt."));
  const std::vector<std::int32_t> ids = tokens_asked(args, microscope.opened);
  LensOptions options{.at = at_of(args.text("at")),
                      .top_k = static_cast<int>(args.integer("top-k")),
                      .target = token_asked(args, "target", microscope.specimen)};
  TunedLens tuned;
  if (args.has("tuned")) {
    const std::string& path = args.text("tuned");
    tuned = load_tuned_lens(
        path, microscope.specimen,
        "glass interp lens" + model_options(args) + " --train-tuned " + shell_word(path));
    options.tuned = &tuned;
  }
  return findings(lens_of(microscope.specimen, ids, options, second_text(args, microscope.opened)));
}

// clang-format off
constexpr Option kOwn[] = {
    {.name = "compare", .value = "TEXT", .help = "a second text, read beside the first (with --tokens: its ids)"},
    {.name = "at", .type = Type::choice, .fallback = "post", .choices = "pre|mid|post|all",
     .help = "read before a block, between its halves, behind it, or everywhere", .group = "What"},
    {.name = "top-k", .type = Type::integer, .value = "N", .fallback = "5", .min = 1, .max = 1e6, .help = "guesses to keep for each place", .also = "top"},
    {.name = "target", .value = "TOKEN", .help = "whose rank is told: a token's text, or #17; without it, the token that follows"},
    {.name = "tuned", .value = "FILE", .help = "read through a tuned lens"},
    {.name = "train-tuned", .value = "FILE", .help = "train a tuned lens on --data and write it", .group = "Tuned lens"},
    kDataOption,
    {.name = "steps", .type = Type::integer, .value = "N", .fallback = "250", .min = 1, .max = 1e7, .help = "training steps of the lens"},
};
constexpr auto kOptions = joined(kTextOptions, kOwn, kPictureOptions);
const Example kExamples[] = {
    {"glass interp lens --ckpt out/names --prompt anna", "what each layer expects after each letter"},
    {"glass interp lens --ckpt out/names --prompt anna --compare annb --at all", "where two texts part"},
    {"glass interp lens --ckpt out/book --train-tuned lens.safetensors", "a lens that learns how to read early layers"},
};
// clang-format on

}   // namespace

extern const Command kInterpLens = {.name = "lens",
                                    .summary = "show what the model would say after each layer",
                                    .about =
                                        "The stream is read by the model's own head behind every "
                                        "layer (the logit lens), or through "
                                        "maps that learned how to read it (the tuned lens).",
                                    .examples = kExamples,
                                    .options = kOptions,
                                    .run = run_analysis,
                                    .find = find};

}   // namespace glass
