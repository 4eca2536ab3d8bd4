// glass eval: how surprised is a model by a text? Every token is predicted once, in windows as long
// as the model can read.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>

#include "engine/base/files.h"
#include "engine/base/hash.h"
#include "engine/base/json.h"
#include "engine/base/text.h"
#include "engine/base/utf8.h"
#include "model/evaluate.h"
#include "tools/data_note.h"
#include "tools/saved.h"
#include "tools/terminal.h"

namespace glass {
namespace {

// What is examined: tokens, and how much text they stand for (0: nobody knows).
struct Examined {
  std::string name;
  Tokens tokens;
  std::shared_ptr<const Samples> samples = nullptr;   // of data that are made: these instead
  std::int64_t bytes = 0, letters = 0;
};

struct Result {
  Evaluation evaluation;
  double accuracy = -1;   // -1: of a text, of which no part can be known for sure
  double perplexity = 0, bits_per_byte = 0, bits_per_character = 0;
};

Examined from_file(const Arguments& args, const Opened& opened) {
  const std::string& path = args.text("FILE");
  const std::string text = read_text_file(path, "the text");
  const std::vector<std::int32_t> ids = opened.tokenizer().encode(text);
  return {in_quotes(path), Tokens(ids), nullptr, static_cast<std::int64_t>(text.size()),
          count_letters(text)};
}

// What the model learned from, as its checkpoint says; a model of another program does not say it.
Dataset data_of(const Arguments& args, const Opened& opened) {
  const Checkpoint& checkpoint = opened.saved.checkpoint;
  const bool noted = checkpoint.notes.count(kDataNote) > 0;
  if (!noted && !args.has("data")) {
    fail(ContentError(opened.saved.path +
                      " does not say what it learned from; name a text (glass eval "
                      "FILE), or its data with --data."));
  }
  const DataNote note = noted ? read_data_note(checkpoint, opened.saved.path) : DataNote{};
  DataOptions options = note.options;
  if (!noted) options.use = opened.saved.tokenizer;
  if (args.has("data")) options.source = args.text("data");
  Dataset data = open_dataset(options);
  if (!args.has("data") && hex16(data.digest) != note.digest) {
    fail(ContentError("the data in " + in_quotes(options.source) +
                      " have changed since this model learned from them, so its val split may hold "
                      "what it has seen; name the data with --data to use them all the same."));
  }
  return data;
}

constexpr std::uint64_t kFreshSamples = 3;   // streams 0 to 2 of seed 0 are a trainer's
constexpr std::int64_t kManySamples = 1024;

Examined from_split(const Arguments& args, const Opened& opened) {
  const Dataset data = data_of(args, opened);
  const std::string name = data.name + ", " + args.text("split");
  if (data.made) {
    const Split split = args.text("split") == "val" ? Split::val : Split::train;
    return {name,
            {},
            samples_of(data, split, args.integer("batch-size"), opened.config().block_size,
                       kFreshSamples)};
  }
  if (args.text("split") == "train")
    return {name, data.train, nullptr, data.train_bytes, data.train_letters};
  if (data.val.size() < 2)
    fail(ContentError("nothing of " + data.name + " was held out; examine it with --split train."));
  return {name, data.val, nullptr, data.val_bytes, data.val_letters};
}

// The first token is not predicted, so its bytes are no merit either.
void leave_out_first(Examined& what, const Opened& opened) {
  if (!opened.saved.tokenizer || what.tokens.size() == 0) return;
  std::int32_t first = 0;
  what.tokens.copy(0, {&first, 1});
  if (first < 0 || first >= opened.saved.tokenizer->vocab_size()) return;
  const std::string_view bytes = opened.saved.tokenizer->token(first);
  if (what.bytes > 0) what.bytes -= static_cast<std::int64_t>(bytes.size());
  if (what.letters > 0) what.letters -= count_letters(bytes);
}

Result examine_samples(const Opened& opened, const Samples& samples) {
  const Answers seen = answers(opened.model(), samples, std::min(samples.count(), kManySamples));
  Result r;
  r.evaluation = {seen.loss, seen.asked};
  r.accuracy = seen.accuracy;
  r.perplexity = std::exp(seen.loss);
  return r;
}

Result examine(const Arguments& args, const Opened& opened, const Examined& what) {
  if (what.samples) return examine_samples(opened, *what.samples);
  if (what.tokens.size() < 2) {
    fail(ContentError(what.name +
                      " has only one token: nothing follows it that could be predicted."));
  }
  count_tokens(what.tokens, static_cast<int>(opened.config().vocab_size));   // refuses unknown ids
  Result r;
  r.evaluation = evaluate(opened.model(), what.tokens,
                          {.B = args.integer("batch-size"), .stride = args.integer("stride")});
  r.perplexity = std::exp(r.evaluation.loss);
  const double bits = r.evaluation.loss * static_cast<double>(r.evaluation.tokens) / std::log(2.0);
  if (what.bytes > 0) r.bits_per_byte = bits / static_cast<double>(what.bytes);
  if (what.letters > 0) r.bits_per_character = bits / static_cast<double>(what.letters);
  return r;
}

void print_json(const Arguments& args, const Opened& opened, const Examined& what,
                const Result& r) {
  Json json;
  begin_json(json, args, opened);
  json.field("text", what.name)
      .field("loss", r.evaluation.loss)
      .field("perplexity", r.perplexity)
      .field("tokens", r.evaluation.tokens);
  const auto known = [&](const char* name, double value) {
    if (value > 0) json.field(name, value);
    else json.key(name).null();
  };
  known("bits_per_byte", r.bits_per_byte);
  known("bits_per_character", r.bits_per_character);
  if (r.accuracy >= 0) json.field("accuracy", r.accuracy);
  print(json.end().text() + "\n");
}

void print_text(const Opened& opened, const Examined& what, const Result& r) {
  const auto line = [](const char* name, const std::string& value, const std::string& unit) {
    print(format("%-18s %10s", name, value.c_str()) + (unit.empty() ? "" : "  " + unit) + "\n");
  };
  line("loss", format("%.4f", r.evaluation.loss), "nats a token");
  line("perplexity", format("%.3f", r.perplexity), "as unsure as among so many equals");
  if (r.bits_per_byte > 0) line("bits a byte", format("%.4f", r.bits_per_byte), "");
  if (r.bits_per_character > 0) line("bits a letter", format("%.4f", r.bits_per_character), "");
  if (r.accuracy >= 0) line("accuracy", format("%.4f", r.accuracy), "of the likeliest token");
  line("tokens", with_commas(r.evaluation.tokens), what.name);
  line("step", with_commas(opened.saved.step), opened.saved.path);
}

ExitCode run(const Arguments& args) {
  if (args.has("FILE") && (args.source("split") != Source::fallback || args.has("data"))) {
    fail(UsageError("a FILE is examined as a whole; leave --split and --data out, or the FILE."));
  }
  const Opened opened = open_saved(args);
  Examined what = args.has("FILE") ? from_file(args, opened) : from_split(args, opened);
  leave_out_first(what, opened);
  const Result result = examine(args, opened, what);
  if (args.flag("json")) print_json(args, opened, what, result);
  else print_text(opened, what, result);
  return ExitCode::ok;
}

// clang-format off
const Option kOperands[] = {
    {.name = "FILE", .help = "a text; without it, a split of what the model learned from"},
};
const Option kOptions[] = {
    kCkptOption,
    kTokenizerOption,
    kRanksOption,
    kTypeOption,
    {.name = "split", .type = Type::choice, .fallback = "val", .choices = "val|train",
     .help = "val: what was held out", .group = "Text"},
    {.name = "data", .value = "SOURCE", .help = "where the data are now; without it, where they were", .also = "dataset"},
    {.name = "batch-size", .type = Type::integer, .value = "N", .fallback = "16", .min = 1, .max = 1e6,
     .help = "windows at a time", .also = "batch"},
    {.name = "stride", .type = Type::integer, .value = "N", .fallback = "0", .min = 0, .max = 1e9,
     .help = "how far a window moves on; it predicts only its last N tokens, so that each is "
             "guessed from much. 0: by its whole length, as nanoGPT judges"},
};
const Example kExamples[] = {
    {"glass eval --ckpt out/names", "the loss over everything that was held out"},
    {"glass eval --ckpt out/book other_book.txt", "how well it knows another text"},
};
// clang-format on

}   // namespace

extern const Command kEval = {
    .name = "eval",
    .summary = "measure how well a model predicts a text",
    .about =
        "The mean surprise -ln p over all tokens of a text, each predicted once from what "
        "stands before it in its window. Bits a byte can be compared between tokenizers.",
    .examples = kExamples,
    .operands = kOperands,
    .options = kOptions,
    .run = run};

}   // namespace glass
