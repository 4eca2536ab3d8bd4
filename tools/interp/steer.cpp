// glass interp steer: add a direction to the stream while the model writes.
#include "tools/interp/steer.h"

#include <filesystem>

#include "engine/base/text.h"
#include "interp/features/sae_train.h"
#include "tools/sampler_options.h"
#include "tools/shell_word.h"

namespace glass {
namespace {

constexpr std::int64_t kManySteps = 500;   // so many take long enough to be told about

std::vector<double> numbers_of(const std::string& said) {
  std::vector<double> all;
  for (const std::string& part : split(said, ',')) {
    double x = 0;
    if (parse_number(part, x) != NumberFault::none)
      fail(UsageError("--strengths " + in_quotes(said) + ": " + in_quotes(part) +
                      " is no number; say 0,2,4."));
    all.push_back(x);
  }
  return all;
}

std::vector<std::int32_t> encoded(const Arguments& args, const char* option, const Opened& opened) {
  const std::vector<std::int32_t> ids = opened.tokenizer().encode(args.text(option));
  const std::int64_t T = static_cast<std::int64_t>(ids.size()), most = opened.config().block_size;
  if (ids.empty() || T > most)
    fail(UsageError("--" + std::string(option) + " has " + with_commas(T) +
                    " tokens; this model reads 1 .. " + with_commas(most) + "."));
  return ids;
}

SteeringVector of_feature(const Arguments& args, const Microscope& microscope) {
  const std::string renew =
      "glass interp sae train" + model_options(args) +
      (args.has("sae") ? " -o " + shell_word(args.text("sae")) : std::string());
  const std::string path =
      args.has("sae") ? args.text("sae") : path_beside(microscope.opened.saved.path, "sae");
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored))
    fail(SystemError("there is no autoencoder at " + path + "; train one: " + renew));
  const std::unique_ptr<SaeModel> model = load_sae(path, microscope.specimen, renew);
  const std::int64_t f = args.integer("feature");
  if (f >= model->sae->features())
    fail(UsageError("this autoencoder has no feature " + std::to_string(f) + ": there are 0 .. " +
                    std::to_string(model->sae->features() - 1) + "."));
  return {"feature " + std::to_string(f), model->place,
          slice(model->sae->W_dec.value, 0, f, f + 1).to_host()};
}

}   // namespace

SteeringVector direction_asked(const Arguments& args, const Microscope& microscope) {
  if (args.has("feature") == args.has("towards") || args.has("towards") != args.has("away"))
    fail(UsageError(
        "say where to: --towards TEXT with --away TEXT, or --feature N of an autoencoder."));
  if (args.has("feature")) return of_feature(args, microscope);
  const std::int64_t middle = microscope.opened.config().n_layer / 2;
  SteeringVector d = contrast_direction(
      microscope.specimen,
      args.has("at") ? args.text("at") : "blocks." + std::to_string(middle) + ".hook_resid_pre",
      encoded(args, "towards", microscope.opened), encoded(args, "away", microscope.opened));
  d.what = in_quotes(args.text("towards")) + " minus " + in_quotes(args.text("away"));
  return d;
}

namespace {

Findings find(const Arguments& args, const Microscope& microscope) {
  const std::vector<std::int32_t> ids = tokens_asked(args, microscope.opened);
  SteerOptions options{.strengths = numbers_of(args.text("strengths")),
                       .tokens = args.integer("max-new-tokens"),
                       .samples = static_cast<int>(args.integer("num-samples"))};
  options.sampler = sampler_options(args, microscope.opened.config());
  std::unique_ptr<Progress> progress;
  options.progress = [&](std::int64_t done, std::int64_t steps) {
    if (steps < kManySteps) return;   // it is done before anybody could read
    if (!progress) progress = std::make_unique<Progress>(steps);
    (*progress)(done, "tokens of each text");
  };
  const SteerResult result =
      steer(microscope.specimen, ids, direction_asked(args, microscope), options);
  progress.reset();
  return findings(result);
}

// clang-format off
const Option kOptions[] = {
    kCkptOption,
    kTokenizerOption,
    kRanksOption,
    kPromptOption,
    kTokensOption,
    {.name = "towards", .value = "TEXT", .help = "a text that has what is wanted", .group = "Direction"},
    {.name = "away", .value = "TEXT", .help = "a text that has it not; the direction is the difference at their last tokens"},
    {.name = "feature", .type = Type::integer, .value = "F", .min = 0, .max = 1e9, .help = "a feature of a sparse autoencoder instead"},
    {.name = "sae", .value = "FILE", .help = "the autoencoder; without it, the one beside the checkpoint"},
    {.name = "at", .value = "HOOK", .help = "where it is added; without it, the stream half way up (blocks.L.hook_resid_pre)"},
    {.name = "strengths", .value = "X,X", .fallback = "0,1,2,4", .help = "how often it is added; 0 is the model as it is"},
    {.name = "max-new-tokens", .type = Type::integer, .value = "N", .fallback = "60", .min = 1, .max = 1e6, .help = "how many to write", .also = "n", .group = "Sampling"},
    {.name = "num-samples", .type = Type::integer, .value = "N", .fallback = "1", .min = 1, .max = 1000, .help = "texts of each strength"},
    kTemperatureOption,
    kTopKOption,
    kTopPOption,
    kMinPOption,
    kRepeatPenaltyOption,
    kPngOption,
    kHtmlOption,
};
const Example kExamples[] = {
    {"glass interp steer --ckpt out/names --prompt a --towards anna --away otto", "names that end otherwise"},
    {"glass interp steer --ckpt out/names --prompt a --feature 17 --strengths 0,2,8", "what a feature does"},
};
// clang-format on

}   // namespace

extern const Command kInterpSteer = {
    .name = "steer",
    .summary = "add a direction to the stream while the model writes",
    .about =
        "The direction is what the stream holds behind one text and not behind another, or a "
        "feature of a sparse autoencoder. The same dice are thrown at every strength, so what "
        "differs between the texts is the direction's doing.",
    .examples = kExamples,
    .options = kOptions,
    .run = run_analysis,
    .find = find};

}   // namespace glass
