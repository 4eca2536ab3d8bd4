// The options of train are the fields of GPTConfig and TrainConfig under the same names, with - for
// _.
#include "tools/train_options.h"

#include <sys/stat.h>

#include <algorithm>
#include <deque>

#include "engine/base/files.h"
#include "engine/base/text.h"
#include "model/config.h"

namespace glass {
namespace {

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
    {.name = "beta1", .type = Type::number, .value = "X", .min = 0, .max = 0.999999, .help = "AdamW: memory of gradients"},
    {.name = "beta2", .type = Type::number, .value = "X", .min = 0, .max = 0.999999, .help = "AdamW: memory of their squares"},
    {.name = "weight-decay", .type = Type::number, .value = "X", .min = 0, .max = 1e3, .help = "AdamW: pull of matrices towards 0"},
    {.name = "grad-clip", .type = Type::number, .value = "X", .min = 0, .help = "longest gradient; 0: any"},
    {.name = "recompute", .type = Type::flag, .help = "run blocks again in backward and remember less: the same gradients, a third more time"},
    {.name = "on-nonfinite", .type = Type::choice, .choices = "stop|skip", .help = "what to do with a loss or gradient that is not finite"},
    {.name = "debug-nan", .type = Type::flag, .help = "look at every value, to name the operation that made the first bad one"},

    {.name = "dataset", .value = "NAME", .help = "the same as DATA", .also = "data", .group = "Data"},
    {.name = "tokenizer", .value = "SPEC", .fallback = "char", .help = "char, bytes, bpe:N, or a file"},
    {.name = "val", .type = Type::number, .value = "P", .fallback = "0.1", .min = 0, .max = 0.9, .help = "share that is held out"},
    {.name = "doc-sep", .value = "TEXT", .help = "what stands between documents; \\n for a line each"},
    {.name = "doc-mark", .value = "CHAR", .help = "a letter to put in front of every document"},

    {.name = "eval-interval", .type = Type::integer, .value = "N", .min = 1, .max = 1e9, .help = "steps between evaluations", .also = "eval-every", .group = "Looking and saving"},
    {.name = "eval-iters", .type = Type::integer, .value = "N", .min = 1, .max = 1e6, .help = "batches of an evaluation"},
    {.name = "log-interval", .type = Type::integer, .value = "N", .min = 1, .max = 1e9, .help = "steps between lines", .also = "log-every"},
    {.name = "out", .value = "DIR", .help = "the folder of the run; without it, out/<data>", .also = "out-dir"},
    {.name = "overwrite", .type = Type::flag, .help = "let go of the run that is in --out"},
    {.name = "resume", .value = "DIR", .bare = "auto", .help = "go on with the run in DIR (or in --out)"},
    {.name = "init-from", .value = "PATH", .fallback = "scratch", .help = "scratch, resume, or the model to start from"},
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
    {.name = "wandb-log", .value = "X", .bare = "true", .help = "the log is metrics.jsonl"},
    {.name = "wandb-project", .value = "X", .help = "the same"},
    {.name = "wandb-run-name", .value = "X", .help = "the same"},
};
// clang-format on

std::string with_dashes(std::string name) {
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

const Option* find_option(const Arguments& args, const std::string& key) {
  const std::string name = with_dashes(key);
  for (const Option* o : options_of(args.command())) {
    if (o->name == name) return o;
    for (const std::string& also : other_spellings(*o)) {
      if (also == name) return o;
    }
  }
  return nullptr;
}

std::string trimmed(std::string_view text) {
  const auto space = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && space(text.front())) text.remove_prefix(1);
  while (!text.empty() && space(text.back())) text.remove_suffix(1);
  return std::string(text);
}

// `line` up to a # that does not stand inside quotes.
std::string without_comment(const std::string& line) {
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (quote != 0) quote = line[i] == quote ? 0 : quote;
    else if (line[i] == '"' || line[i] == '\'') quote = line[i];
    else if (line[i] == '#') return line.substr(0, i);
  }
  return line;
}

std::string unquoted(const std::string& value) {
  const bool quoted = value.size() >= 2 && (value.front() == '"' || value.front() == '\'') &&
                      value.back() == value.front();
  if (!quoted) return value;
  std::string text;
  for (std::size_t i = 1; i + 1 < value.size(); ++i) {
    const bool escape = value[i] == '\\' && i + 2 < value.size();
    if (escape) ++i;
    text += escape && value[i] == 'n' ? '\n' : value[i];
  }
  return text;
}

// "1_000" and "5 * 8 * 2" are numbers in Python.
std::string as_number(std::string value) {
  value.erase(std::remove(value.begin(), value.end(), '_'), value.end());
  std::int64_t product = 1;
  for (const std::string& factor : split(value, '*')) {
    std::int64_t n = 0;
    if (parse_integer(trimmed(factor), n) != NumberFault::none) return value;
    product *= n;
  }
  return std::to_string(product);
}

// A config file: TOML's simplest lines, which are also nanoGPT's.
void read_config(Arguments& args, const std::string& path) {
  const std::string text = read_text_file(path, "the config", 1 << 20);
  int number = 0;
  for (const std::string& raw : split(text, '\n')) {
    const std::string place = path + ", line " + std::to_string(++number);
    const std::string line = trimmed(without_comment(raw));
    if (line.empty()) continue;
    const std::size_t equals = line.find('=');
    if (equals == std::string::npos) {
      fail(ContentError(place + ": " + in_quotes(line) +
                        " is not `key = value`; nothing else is understood here."));
    }
    const std::string key = trimmed(line.substr(0, equals)),
                      value = trimmed(line.substr(equals + 1));
    const Option* option = find_option(args, key);
    if (!option || key == "config")
      fail(ContentError(place + ": there is no setting " + in_quotes(key) +
                        "; see glass train --help."));
    const bool numeric = option->type == Type::integer;
    if (!unquoted(value).empty())
      args.offer(*option, numeric ? as_number(value) : unquoted(value), Source::config,
                 place + ": " + key);
  }
}

// What the preset says, where an option can say it too.
template <class Config>
void offer_fields(Arguments& args, const Config& config, const std::string& preset) {
  each_field(config, [&](const char* name, const auto& field) {
    const Option* option = find_option(args, name);
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
  const auto& all = Names<Enum>::all;
  field = static_cast<Enum>(std::find(all.begin(), all.end(), args.text(name)) - all.begin());
}

// The fields that somebody said something about, from `weakest` on.
template <class Config>
void take_fields(const Arguments& args, Source weakest, Config& config) {
  each_field(config, [&](const char* name, auto& field) {
    const Option* option = find_option(args, name);
    if (option && args.has(option->name) && args.source(option->name) >= weakest)
      take(args, std::string(option->name), field);
  });
}

// What one option says about several fields.
void take_the_rest(const Arguments& args, GPTConfig& model) {
  if (args.source("bias") > Source::preset)
    model.bias_qkv = model.bias_out = model.bias_norm = args.flag("bias");
  if (model.norm == NormPlace::none) model.norm_final = false;
}

void take_the_rest(const Arguments& args, TrainConfig& train) {
  if (args.flag("decay-lr")) return;
  train.warmup_iters = 0;
  train.min_lr = train.learning_rate;
}

bool exists(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0;
}

// nanoGPT says --dataset=shakespeare_char and means the folder data/shakespeare_char.
std::string data_source(const Arguments& args) {
  const std::string said = args.has("DATA")      ? args.text("DATA")
                           : args.has("dataset") ? args.text("dataset")
                                                 : "names";
  return !exists(said) && exists("data/" + said) ? "data/" + said : said;
}

std::string unescaped(const std::string& text) { return unquoted("\"" + text + "\""); }

std::string default_preset(const Arguments& args, const DataOptions& data) {
  if (args.has("arch") && args.text("arch") == "bigram") return "bigram";
  return data.source == "names" ? "names" : "char-small";
}

DataOptions data_options(const Arguments& args) {
  DataOptions data;
  data.source = data_source(args);
  data.tokenizer = args.text("tokenizer");
  data.val = args.number("val");
  if (args.has("doc-sep")) data.doc_sep = unescaped(args.text("doc-sep"));
  if (args.has("doc-mark")) data.doc_mark = args.text("doc-mark");
  return data;
}

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// `glass train config/x.py data` and `glass train data config/x.py` are both said.
void read_configs(Arguments& args) {
  if (args.has("config")) read_config(args, args.text("config"));
  if (args.has("CONFIG")) read_config(args, args.text("CONFIG"));
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
  TrainRequest request{said, "", {}, {}, {}};
  Arguments& args = request.args;
  if (args.has("DATA") && ends_with(args.text("DATA"), ".py")) {
    // A config came first: what stands in the other place is the data.
    const std::string config = args.text("DATA");
    const std::string data = args.has("CONFIG") ? args.text("CONFIG") : "";
    read_config(args, config);
    const std::string source = !data.empty()         ? data
                               : args.has("dataset") ? args.text("dataset")
                                                     : "names";
    args.offer(kOperands[0], source, Source::command_line, "DATA");
  } else {
    read_configs(args);
  }
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
