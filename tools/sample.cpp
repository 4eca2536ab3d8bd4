// glass sample: let a trained model write. The text appears while it is made; what was chosen and
// why is decided in model/sampler.h, whole letters and stop texts in model/text_stream.h.
#include <unistd.h>

#include <chrono>
#include <optional>

#include "engine/base/files.h"
#include "engine/base/json.h"
#include "engine/base/text.h"
#include "model/builtin_names.h"
#include "model/generate.h"
#include "model/text_stream.h"
#include "tools/new_lines.h"
#include "tools/sampler_options.h"
#include "tools/saved.h"
#include "tools/terminal.h"
#include "tools/text_options.h"

namespace glass {
namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Sample {
  std::string text;   // what the model wrote behind the prompt, up to a stop text
  std::vector<std::int32_t> tokens;
  bool stopped = false;   // by a stop text
};

// What one run has to tell; the text and the JSON are two views of it.
struct Result {
  std::string prompt;
  std::vector<std::int32_t> prompt_tokens;
  std::vector<Sample> samples;
  double prefill_tokens_per_second = 0, tokens_per_second = 0;
  std::optional<NewLines> new_lines;
};

// ---- what is asked for
// -----------------------------------------------------------------------------

std::vector<std::string> stops_of(const Arguments& args) {
  if (!args.has("stop")) return {};
  return {with_escapes(args.text("stop"))};
}

void read_prompt(const Arguments& args, const Opened& opened, Result& result) {
  if (args.has("prompt")) result.prompt = prompt_text(args.text("prompt"));
  result.prompt_tokens = opened.tokenizer().encode(result.prompt);
  if (result.prompt_tokens.empty()) result.prompt_tokens = {first_token(opened.tokenizer())};
  const std::int64_t T = static_cast<std::int64_t>(result.prompt_tokens.size());
  if (T > opened.config().block_size && !args.flag("crop")) {
    fail(UsageError("the prompt has " + with_commas(T) + " tokens, and this model reads " +
                    with_commas(opened.config().block_size) +
                    " at most; shorten it, or add --crop to read only its end."));
  }
}

std::string known_text(const Arguments& args) {
  const std::string& path = args.text("new-against");
  if (path == "names" && ::access("names", F_OK) != 0) return std::string(builtin_names());
  return read_text_file(path, "the known lines");
}

// ---- writing
// ---------------------------------------------------------------------------------------

enum class Show : std::uint8_t { nothing, text };

// One sample, shown piece by piece.
Sample write_sample(Generator& generator, std::int64_t number, std::int64_t most,
                    const SamplerOptions& options, const std::vector<std::string>& stops,
                    const Tokenizer& tokenizer, Show show) {
  Sample sample;
  TextStream stream(stops);
  const auto say = [&](const std::string& piece) {
    sample.text += piece;
    if (show == Show::nothing || piece.empty()) return;
    print(piece);
    flush_stdout();
  };
  sample.tokens = generator.sample(number, most, options, [&](std::int32_t token) {
    const bool known =
        token < tokenizer.vocab_size();   // a padded vocabulary has tokens without text
    say(stream.push(known ? tokenizer.token(token) : ""));
    return !stream.stopped();
  });
  say(stream.finish());
  sample.stopped = stream.stopped();
  return sample;
}

void write_all(const Arguments& args, const Opened& opened, Result& result) {
  SamplerOptions options = sampler_options(args, opened.config());
  options.known = opened.tokenizer().vocab_size();
  const std::vector<std::string> stops = stops_of(args);
  const bool text = !args.flag("json");
  const std::int64_t count = args.integer("num-samples");

  const auto began = Clock::now();
  Generator generator(opened.model(), result.prompt_tokens,
                      args.flag("cache") ? Reuse::keys_and_values : Reuse::nothing);
  result.prefill_tokens_per_second =
      static_cast<double>(result.prompt_tokens.size()) / seconds_since(began);

  double steps = 0, seconds = 0;   // the first token of a sample comes from reading the prompt
  for (std::int64_t i = 0; i < count; ++i) {
    if (text) print(ink(Ink::bold, result.prompt, stdout));
    const auto start = Clock::now();
    result.samples.push_back(write_sample(generator, i, args.integer("max-new-tokens"), options,
                                          stops, opened.tokenizer(),
                                          text ? Show::text : Show::nothing));
    seconds += seconds_since(start);
    steps += static_cast<double>(result.samples.back().tokens.size()) - 1;
    if (!text) continue;
    const std::string& end = result.samples.back().text;
    if (end.empty() || end.back() != '\n') print("\n");
    const bool several_lines = end.find('\n') < end.size() - 1;
    if (i + 1 < count && several_lines) print("---------------\n");
    flush_stdout();
  }
  if (steps > 0) result.tokens_per_second = steps / seconds;
}

NewLines hold_against(const std::string& known, const Result& result) {
  std::vector<std::string> lines;
  for (const Sample& sample : result.samples) {
    const LastLine last = sample.stopped ? LastLine::complete : LastLine::cut;
    for (std::string& line : lines_of(result.prompt + sample.text, last))
      lines.push_back(std::move(line));
  }
  return new_lines(lines, known);
}

// ---- telling
// ---------------------------------------------------------------------------------------

void print_json(const Arguments& args, const Opened& opened, const Result& result) {
  Json json;
  begin_json(json, args, opened);
  json.field("prompt", result.prompt).field("prompt_tokens", result.prompt_tokens);
  json.key("samples").array();
  for (const Sample& sample : result.samples) {
    json.object().field("text", sample.text).field("tokens", sample.tokens);
    json.field("stopped", sample.stopped).end();
  }
  json.end()
      .field("tokens_per_second", result.tokens_per_second)
      .field("prefill_tokens_per_second", result.prefill_tokens_per_second);
  if (result.new_lines) {
    json.field("lines", result.new_lines->lines).field("new_lines", result.new_lines->fresh.size());
  }
  print(json.end().text() + "\n");
}

void print_rest(const Arguments& args, const Result& result) {
  if (result.new_lines) {
    print(format("\n%zu of %s lines are new: they are not in %s.\n", result.new_lines->fresh.size(),
                 with_commas(result.new_lines->lines).c_str(), args.text("new-against").c_str()));
    flush_stdout();
  }
  std::fprintf(stderr, "read %s tokens at %s tokens/s, wrote at %s tokens/s\n",
               with_commas(static_cast<std::int64_t>(result.prompt_tokens.size())).c_str(),
               human_count(result.prefill_tokens_per_second).c_str(),
               human_count(result.tokens_per_second).c_str());
}

ExitCode run(const Arguments& args) {
  std::string known;
  if (args.has("new-against")) known = known_text(args);
  const Opened opened = open_saved(args);
  Result result;
  read_prompt(args, opened, result);
  write_all(args, opened, result);
  if (args.has("new-against")) result.new_lines = hold_against(known, result);
  if (args.flag("json")) print_json(args, opened, result);
  else print_rest(args, result);
  return ExitCode::ok;
}

// clang-format off
const Option kOptions[] = {
    kCkptOption,
    kTokenizerOption,
    kRanksOption,
    kTypeOption,
    {.name = "cache", .type = Type::flag, .fallback = "true",
     .help = "whether keys and values of what was read are kept; without, everything is read again for each token"},
    {.name = "prompt", .value = "TEXT", .help = "what the text begins with; - reads it from stdin. "
     "Without it, the model begins as its training text did", .also = "start", .group = "Text"},
    {.name = "crop", .type = Type::flag, .help = "of a prompt that is too long read the end"},
    {.name = "max-new-tokens", .type = Type::integer, .value = "N", .fallback = "500", .min = 1, .max = 1e9,
     .help = "how many to write", .also = "n"},
    {.name = "num-samples", .type = Type::integer, .value = "N", .fallback = "1", .min = 1, .max = 1e6,
     .help = "how many texts; number k of a seed is always the same one"},
    {.name = "stop", .value = "TEXT", .help = "end where this appears; \\n is the end of a line"},
    {.name = "new-against", .value = "FILE",
     .help = "count the lines that are not in this text; names is the list in this program"},
    kTemperatureOption,
    kTopKOption,
    kTopPOption,
    kMinPOption,
    kRepeatPenaltyOption,
};
const Example kExamples[] = {
    {"glass sample --ckpt out/names", "what the model of `glass train` makes up"},
    {"glass sample --ckpt out/book --prompt Alice -n 200 --temperature 0.5", "go on with a beginning"},
    {"glass sample --ckpt out/names --num-samples 20 --stop '\\n' --new-against names", "twenty names, and how many of them are new"},
};
// clang-format on

}   // namespace

extern const Command kSample = {
    .name = "sample",
    .summary = "let a trained model write",
    .about =
        "Reads the prompt, then chooses token after token. When the context of the model is "
        "full, the window slides: it reads the last tokens anew, as nanoGPT does.",
    .examples = kExamples,
    .options = kOptions,
    .run = run};

}   // namespace glass
