// The options of train are the fields of GPTConfig and TrainConfig under the same names, with - for
// _.
#include "tools/train_options.h"

#include <sys/stat.h>

#include <algorithm>
#include <deque>

#include "engine/base/text.h"
#include "model/corpora/corpora.h"
#include "model/formats/foreign.h"
#include "model/formats/pytorch.h"
#include "model/public_data.h"
#include "tools/text_options.h"
#include "tools/train_config_file.h"

namespace glass {
namespace {

bool exists(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0;
}

bool is_a_model(const FileOrFolder& from) {
  return from.is_folder() || looks_like_safetensors(from.source()) ||
         is_torch_file(from.source()) || foreign_format_of(from) != nullptr;
}

// The word after --resume: a folder, a model by its content, or nothing that could be data.
bool may_be_a_run(const std::string& word) {
  if (exists(word)) return is_a_model(FileOrFolder(word));
  return find_corpus(word) == nullptr && !exists("data/" + word);
}

// clang-format off
constexpr Option kOperands[] = {
    {.name = "DATA", .help = "a text file, a folder with train.bin and val.bin, or a data set by name (glass data list); "
                             "without it, the names in this program"},
    {.name = "CONFIG", .help = "a file of `key = value` lines, as nanoGPT's config/x.py; the same as --config"},
};

constexpr Option kOptions[] = {
    {.name = "preset", .value = "NAME", .help = "a model and how to train it: names, char-small, char-base, gpt2, gpt2-medium, "
                                                "gpt2-large, gpt2-xl, microgpt, postnorm, induction, modern, bigram", .group = "Model (defaults: char-small's; each preset has its own)"},
    {.name = "arch", .type = Type::choice, .choices = "gpt|bigram", .help = "a transformer, or a table of what follows what"},
    {.name = "n-layer", .type = Type::integer, .value = "N", .min = 0, .max = 4096, .help = "blocks"},
    {.name = "n-head", .type = Type::integer, .value = "N", .min = 1, .max = 4096, .help = "attention heads in a block"},
    {.name = "n-embd", .type = Type::integer, .value = "N", .min = 1, .max = 1048576, .help = "width of the stream"},
    {.name = "block-size", .type = Type::integer, .value = "N", .min = 1, .max = 16777216, .help = "longest context, in tokens"},
    {.name = "dropout", .type = Type::number, .value = "P", .min = 0, .max = 0.99, .help = "share of activations that training drops"},
    {.name = "bias", .type = Type::flag, .help = "biases in norms and linear layers"},
    {.name = "norm", .type = Type::choice, .choices = "pre|post|none", .help = "before a sublayer, after its sum, or nowhere"},
    {.name = "norm-type", .type = Type::choice, .choices = "layernorm|rmsnorm", .help = "which norm"},
    {.name = "act", .type = Type::choice, .choices = "gelu|gelu_erf|relu|relu2|swiglu|none", .means = "gelu-erf=gelu_erf",
     .help = "activation; none leaves the mlp out"},
    {.name = "pos", .type = Type::choice, .choices = "learned|rope|sinusoidal|none", .help = "how positions are told"},
    {.name = "tie", .type = Type::flag, .help = "the head is the embedding table"},
    {.name = "n-kv-head", .type = Type::integer, .value = "N", .min = 0, .max = 4096, .help = "heads of keys and values; 0: as many as queries"},
    {.name = "window", .type = Type::integer, .value = "N", .min = 0, .max = 16777216, .help = "how far back attention sees; 0: all the way"},
    {.name = "attn-scale", .type = Type::number, .value = "X", .min = 0, .help = "factor of the scores; 0: 1/sqrt(head size)"},

    {.name = "batch-size", .type = Type::integer, .value = "N", .min = 1, .max = 1048576, .help = "windows in a micro-step", .also = "batch", .group = "Training"},
    {.name = "gradient-accumulation-steps", .type = Type::integer, .value = "N", .min = 1, .max = 1048576, .help = "micro-steps in a step", .also = "grad-accum"},
    {.name = "max-iters", .type = Type::integer, .value = "N", .min = 0, .max = 1e9, .help = "steps", .also = "steps"},
    {.name = "learning-rate", .type = Type::number, .value = "X", .min = 0, .max = 1e3, .help = "at its highest", .also = "lr"},
    {.name = "min-lr", .type = Type::number, .value = "X", .min = 0, .max = 1e3, .help = "at the end of its decay"},
    {.name = "warmup-iters", .type = Type::integer, .value = "N", .min = 0, .max = 1e9, .help = "steps of rising", .also = "warmup"},
    {.name = "lr-decay-iters", .type = Type::integer, .value = "N", .min = 0, .max = 1e9, .help = "steps until it is lowest; 0: max-iters"},
    {.name = "decay-lr", .type = Type::flag, .fallback = "true", .help = "whether the learning rate changes at all"},
    {.name = "repeat", .type = Type::number, .value = "P", .min = 0, .max = 1, .help = "share of windows in which a passage of theirs comes again: grows induction heads"},
    {.name = "repeat-random", .type = Type::number, .value = "P", .min = 0, .max = 1, .help = "share of windows of random tokens that come again, and again"},
    {.name = "beta1", .type = Type::number, .value = "X", .min = 0, .max = 0.999999, .help = "AdamW: memory of gradients"},
    {.name = "beta2", .type = Type::number, .value = "X", .min = 0, .max = 0.999999, .help = "AdamW: memory of their squares"},
    {.name = "weight-decay", .type = Type::number, .value = "X", .min = 0, .max = 1e3, .help = "AdamW: pull of matrices towards 0"},
    {.name = "grad-clip", .type = Type::number, .value = "X", .min = 0, .help = "longest gradient; 0: any"},
    {.name = "recompute", .type = Type::flag, .help = "run blocks again in backward and remember less: the same gradients, up to a third more time"},
    {.name = "on-nonfinite", .type = Type::choice, .choices = "stop|skip", .help = "what to do with a loss or gradient that is not finite"},
    {.name = "debug-nan", .type = Type::flag, .help = "look at every value, to name the operation that made the first bad one"},

    {.name = "dataset", .value = "NAME", .help = "the same as DATA", .also = "data", .group = "Data"},
    {.name = "tokenizer", .value = "SPEC", .fallback = "char", .help = "char, bytes, bpe:N, gpt2, cl100k, o200k, o200k-compact (only the tokens that occur), or a file"},
    kRanksOption,
    {.name = "val", .type = Type::number, .value = "P", .fallback = "0.1", .min = 0, .max = 0.9, .help = "share that is held out"},
    {.name = "doc-sep", .value = "TEXT", .help = "what stands between documents; \\n for a line each"},
    {.name = "doc-mark", .value = "CHAR", .help = "a letter to put in front of every document"},

    {.name = "eval-interval", .type = Type::integer, .value = "N", .min = 1, .max = 1e9, .help = "steps between evaluations", .also = "eval-every", .group = "Looking and saving"},
    {.name = "eval-iters", .type = Type::integer, .value = "N", .min = 1, .max = 1e6, .help = "batches of an evaluation"},
    {.name = "log-interval", .type = Type::integer, .value = "N", .min = 1, .max = 1e9, .help = "steps between lines", .also = "log-every"},
    {.name = "out", .value = "DIR", .help = "the folder of the run; without it, out/<data>", .also = "out-dir"},
    {.name = "overwrite", .type = Type::flag, .help = "let go of the run that is in --out"},
    {.name = "resume", .value = "DIR", .bare = "auto", .takes = may_be_a_run, .help = "go on with the run in DIR (or in --out), or from a checkpoint, also nanoGPT's ckpt.pt, in a folder of its own"},
    {.name = "init-from", .value = "PATH", .fallback = "scratch", .help = "scratch, resume, or the model to start from: a path, or gpt2 once it was fetched"},
    {.name = "force-config", .type = Type::flag, .help = "resume although settings differ"},
    {.name = "always-save-checkpoint", .type = Type::flag, .help = "save at every evaluation, not only at the best"},
    {.name = "save-every", .type = Type::integer, .value = "N", .min = 0, .max = 1e9, .help = "steps between checkpoints; 0: at evaluations"},
    {.name = "keep", .type = Type::integer, .value = "N", .min = 0, .max = 1e6, .help = "checkpoints that stay, beside the best; 0: all"},
    {.name = "verify-save", .type = Type::flag, .help = "read every checkpoint back before it counts"},
    {.name = "sample-every", .type = Type::integer, .value = "N", .min = 0, .max = 1e9, .help = "steps between samples; 0: at the end"},
    {.name = "prompt", .value = "TEXT", .help = "what samples begin with"},
    {.name = "config", .value = "FILE", .help = "read `key = value` lines: config.toml of a run, or nanoGPT's config/x.py"},

    {.name = "compile", .value = "X", .bare = "true", .help = "nothing to compile", .group = "Accepted from nanoGPT, without effect"},
    {.name = "backend", .value = "X", .help = "one machine"},
    {.name = "eval-only", .type = Type::flag, .help = "refused: glass eval does that"},
    {.name = "wandb-log", .value = "X", .bare = "true", .help = "the log is metrics.jsonl"},
    {.name = "wandb-project", .value = "X", .help = "the same"},
    {.name = "wandb-run-name", .value = "X", .help = "the same"},
};
// clang-format on

// What the preset says, where an option can say it too.
template <class Config>
void offer_fields(Arguments& args, const Config& config, const std::string& preset) {
  each_field(config, [&](const char* name, const auto& field) {
    const Option* option = find_option(args.command(), name);
    if (option && !spelled(field).empty())
      args.offer(*option, spelled(field), Source::preset, "preset " + preset + ": " + name);
  });
}

void take(const Arguments& args, const std::string& name, bool& field) { field = args.flag(name); }
void take(const Arguments& args, const std::string& name, std::int64_t& field) {
  field = args.integer(name);
}
void take(const Arguments& args, const std::string& name, double& field) {
  field = args.number(name);
}
void take(const Arguments& args, const std::string& name, std::string& field) {
  field = args.text(name);
}
template <class Enum, std::enable_if_t<std::is_enum_v<Enum>, int> = 0>
void take(const Arguments& args, const std::string& name, Enum& field) {
  read_name(args.text(name), field);   // the option knows no other word
}

// The fields that somebody said something about, from `weakest` on.
template <class Config>
void take_fields(const Arguments& args, Source weakest, Config& config) {
  each_field(config, [&](const char* name, auto& field) {
    const Option* option = find_option(args.command(), name);
    if (option && args.has(option->name) && args.source(option->name) >= weakest)
      take(args, std::string(option->name), field);
  });
}

// What one option says about several fields.
void take_the_rest(const Arguments& args, GPTConfig& model) {
  const auto all_biases = [&] {
    model.bias_qkv = model.bias_out = model.bias_norm = args.flag("bias");
  };
  if (args.source("bias") == Source::config) all_biases();
  put_fields(args, model);
  if (args.source("bias") > Source::config) all_biases();
  if (model.norm == NormPlace::none) model.norm_final = false;
}

void take_the_rest(const Arguments& args, TrainConfig& train) {
  put_fields(args, train);
  if (args.flag("decay-lr")) return;
  train.warmup_iters = 0;
  train.min_lr = train.learning_rate;
}

// nanoGPT says --dataset=shakespeare_char and means the folder data/shakespeare_char.
std::string data_source(const Arguments& args) {
  const std::string said = args.has("DATA")      ? args.text("DATA")
                           : args.has("dataset") ? args.text("dataset")
                                                 : "names";
  return !exists(said) && exists("data/" + said) ? "data/" + said : said;
}

// A config file has its own quotes and escapes, which are read already.
std::string separator(const Arguments& args) {
  const std::string& said = args.text("doc-sep");
  return args.source("doc-sep") == Source::config ? said : with_escapes(said);
}

std::string default_preset(const Arguments& args, const DataOptions& data) {
  if (args.has("arch") && args.text("arch") == "bigram") return "bigram";
  if (is_made(data.source)) return "induction";
  return data.source == "names" ? "names" : "char-small";
}

DataOptions data_options(const Arguments& args) {
  DataOptions data;
  data.source = data_source(args);
  data.tokenizer = args.text("tokenizer");
  data.ranks = args.text("ranks");
  data.val = args.number("val");
  if (args.has("doc-sep")) data.doc_sep = separator(args);
  if (args.has("doc-mark")) data.doc_mark = args.text("doc-mark");
  return data;
}

bool known_preset(const std::string& name) {
  const auto same = [&](const Preset& p) { return p.name == name; };
  return std::any_of(presets().begin(), presets().end(), same);
}

// `glass train config/x.py data` and `glass train data config/x.py` are both said. Where the config
// comes first, what stands in the other place is the data.
std::vector<std::string> read_configs(Arguments& args) {
  std::vector<std::string> paths;
  if (args.has("config")) paths.push_back(args.text("config"));
  if (args.has("DATA") && args.text("DATA").ends_with(".py")) {
    paths.push_back(args.text("DATA"));
    args.forget("DATA");
    if (args.has("CONFIG"))
      args.offer(kOperands[0], args.text("CONFIG"), Source::command_line, "DATA");
    args.forget("CONFIG");
  } else if (args.has("CONFIG")) {
    paths.push_back(args.text("CONFIG"));
  }
  std::vector<std::string> notes;
  for (const std::string& path : paths) {
    for (std::string& note : read_config(args, path)) notes.push_back(std::move(note));
  }
  return notes;
}

// What nanoGPT's train.py can do, and this command cannot.
void refuse_foreign(const Arguments& args) {
  if (args.flag("eval-only"))
    fail(UsageError("--eval-only: glass eval measures a model without training it."));
  const std::string& start = args.text("init-from");
  const PublicFile* file = find_public_file(start);
  const bool can_be_had = file != nullptr && !file->ckpt.empty();
  if (!start.starts_with("gpt2") || can_be_had || exists(start)) return;
  fail(UsageError("--init-from " + in_quotes(start) +
                  ": name a file or folder that holds these weights (a folder of Hugging Face, for "
                  "example), or start from random ones with --preset " +
                  (known_preset(start) ? start : "gpt2") + "."));
}

}   // namespace

// The table above, with the numbers of char-small as the defaults that help shows. What really
// holds is the preset's, which train_request puts over them.
std::span<const Option> train_options() {
  static std::deque<std::string> texts;   // options point at these
  static const std::vector<Option> all = [] {
    std::vector<Option> options(std::begin(kOptions), std::end(kOptions));
    const auto show = [&](const char* name, const auto& field) {
      for (Option& o : options) {
        if (o.name != with_dashes(name) || o.type == Type::flag || spelled(field).empty()) continue;
        o.fallback = texts.emplace_back(spelled(field));
      }
    };
    const GPTConfig model = preset("char-small");
    const TrainConfig train = recipe("char-small");
    each_field(model, show);
    each_field(train, show);
    return options;
  }();
  return all;
}
std::span<const Option> train_operands() { return kOperands; }

bool chosen(const Arguments& args, const std::string& option) {
  return args.source(option) > Source::preset;
}

void put_chosen(const Arguments& args, GPTConfig& model) {
  take_fields(args, Source::config, model);
  take_the_rest(args, model);
}

void put_chosen(const Arguments& args, TrainConfig& train) {
  take_fields(args, Source::config, train);
  take_the_rest(args, train);
}

TrainRequest train_request(const Arguments& said) {
  TrainRequest request{said, "", {}, {}, {}, {}};
  Arguments& args = request.args;
  request.notes = read_configs(args);
  refuse_foreign(args);
  request.data = data_options(args);
  request.preset = args.has("preset") ? args.text("preset") : default_preset(args, request.data);
  request.model = preset(request.preset);
  request.train = recipe(request.preset);
  offer_fields(args, request.model, request.preset);
  offer_fields(args, request.train, request.preset);
  take_fields(args, Source::preset, request.model);
  take_fields(args, Source::preset, request.train);
  take_the_rest(args, request.model);
  take_the_rest(args, request.train);
  request.train.lr_decay_iters = request.train.decay_steps();
  return request;
}

}   // namespace glass
