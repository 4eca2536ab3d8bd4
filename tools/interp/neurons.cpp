// glass interp neurons: scan a text once, then look at any neuron.
#include "interp/features/neurons.h"

#include <filesystem>

#include "engine/base/text.h"
#include "tools/interp/interp.h"
#include "tools/shell_word.h"
#include "tools/terminal.h"
#include "tools/text_options.h"

namespace glass {
namespace {

std::string file_of(const Arguments& args, const Opened& opened) {
  return args.has("out") ? args.text("out") : path_beside(opened.saved.path, "neurons");
}

std::string renewing(const Arguments& args) {
  std::string line = "glass interp neurons scan" + model_options(args);
  if (args.has("data")) line += " --data " + shell_word(args.text("data"));
  return args.has("out") ? line + " -o " + shell_word(args.text("out")) : line;
}

Findings scan(const Arguments& args, const Microscope& microscope) {
  const std::string path = file_of(args, microscope.opened);
  refuse_to_replace(path, kKeptNeurons);
  refuse_unwritable(path);
  const Dataset data = data_asked(args, microscope.opened);
  NeuronScanOptions options;
  options.top = static_cast<std::size_t>(args.integer("top"));
  options.bottom = static_cast<std::size_t>(args.integer("bottom"));
  options.most = args.integer("most");
  options.threads = microscope.opened.machine.threads;
  UnitScan scan;
  {
    std::unique_ptr<Progress> progress;
    options.progress = [&](std::int64_t done, std::int64_t windows) {
      if (!progress) progress = std::make_unique<Progress>(windows);
      (*progress)(done, "windows");
    };
    scan = scan_neurons(microscope.specimen, data, options);
  }
  scan.path = path;
  save_neurons(scan.path, scan);
  return findings(
      overview_of(microscope.specimen, scan, static_cast<std::size_t>(args.integer("rows"))));
}

Findings show(const Arguments& args, const Microscope& microscope) {
  if (args.has("L") != args.has("N"))
    fail(
        UsageError("name a neuron by its layer and its number, as in glass interp neurons show 0 "
                   "17; or none of both, for all."));
  if (!microscope.opened.config().has_mlp())
    fail(UsageError("this model has no mlps, and so no neurons to look at."));
  const std::string renew = renewing(args);
  const std::string path = file_of(args, microscope.opened);
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored))
    fail(SystemError("there is no scan at " + path + "; make one: " + renew));
  const UnitScan scan = load_neurons(path, microscope.specimen, renew);
  refuse_changed_text(microscope.opened, said_data(args), scan, renew);
  if (!args.has("L"))
    return findings(
        overview_of(microscope.specimen, scan, static_cast<std::size_t>(args.integer("rows"))));
  NeuronShowOptions options;
  options.contexts = static_cast<std::size_t>(args.integer("contexts"));
  return findings(neuron_of(microscope.specimen, scan, static_cast<int>(args.integer("L")),
                            static_cast<int>(args.integer("N")), options));
}

// clang-format off
const Option kScanOptions[] = {
    kCkptOption,
    kTokenizerOption,
    kRanksOption,
    kDataOption,
    {.name = "most", .type = Type::integer, .value = "N", .fallback = "262144", .min = 2, .max = 1e12, .help = "tokens to read at most", .group = "Scan"},
    {.name = "top", .type = Type::integer, .value = "K", .fallback = "16", .min = 1, .max = 10000, .help = "strongest moments to keep of each neuron"},
    {.name = "bottom", .type = Type::integer, .value = "K", .fallback = "8", .min = 0, .max = 10000, .help = "weakest moments to keep of each neuron"},
    {.name = "rows", .type = Type::integer, .value = "N", .fallback = "10", .min = 1, .max = 1e6, .help = "neurons to list"},
    {.name = "out", .value = "FILE", .help = "where the scan is kept; without it, beside the checkpoint", .also = "o", .group = "Output"},
    kPngOption,
    kHtmlOption,
};
const Option kShowOperands[] = {
    {.name = "L", .type = Type::integer, .min = 0, .max = 1e6, .help = "the layer, counted from 0; without it, an overview"},
    {.name = "N", .type = Type::integer, .min = 0, .max = 1e9, .help = "the neuron, counted from 0"},
};
const Option kShowOptions[] = {
    kCkptOption,
    kTokenizerOption,
    kRanksOption,
    kDataOption,
    {.name = "contexts", .type = Type::integer, .value = "N", .fallback = "8", .min = 1, .max = 10000, .help = "moments to show", .group = "What"},
    {.name = "rows", .type = Type::integer, .value = "N", .fallback = "10", .min = 1, .max = 1e6, .help = "neurons to list in the overview"},
    {.name = "out", .value = "FILE", .help = "where the scan is; without it, beside the checkpoint", .also = "o", .group = "Output"},
    kPngOption,
    kHtmlOption,
};
const Example kScanExamples[] = {
    {"glass interp neurons scan --ckpt out/names", "over what the model learned from"},
    {"glass interp neurons scan --ckpt out/book --data other_book.txt -o other.neurons", "over another text"},
};
const Example kShowExamples[] = {
    {"glass interp neurons show --ckpt out/names", "the most active, the most selective, the dead"},
    {"glass interp neurons show 0 17 --ckpt out/names", "neuron 17 of layer 0"},
};
// clang-format on

const Command kScan = {
    .name = "scan",
    .summary = "read a text and keep what wakes every neuron",
    .about =
        "The scan is kept in a file beside the checkpoint, with the digests of weights, tokenizer "
        "and text: once one of them changes, it is refused.",
    .examples = kScanExamples,
    .options = kScanOptions,
    .run = run_analysis,
    .find = scan};
const Command kShow = {.name = "show",
                       .summary = "show what a neuron stands for",
                       .examples = kShowExamples,
                       .operands = kShowOperands,
                       .options = kShowOptions,
                       .run = run_analysis,
                       .find = show};
const Command* const kCommands[] = {&kScan, &kShow};
const Example kExamples[] = {
    {"glass interp neurons scan --ckpt out/names", "once"},
    {"glass interp neurons show 0 17 --ckpt out/names", "then any neuron"},
};

}   // namespace

extern const Command kInterpNeurons = {.name = "neurons",
                                       .summary = "show what single neurons stand for",
                                       .examples = kExamples,
                                       .commands = kCommands};

}   // namespace glass
