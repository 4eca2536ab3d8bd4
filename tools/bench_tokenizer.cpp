// glass bench tokenizer: how many bytes of text a tokenizer takes in a second, on one thread; also
// of texts that were made to be slow.
#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "engine/base/json.h"
#include "engine/base/text.h"
#include "model/corpora/corpora.h"
#include "model/source.h"
#include "model/tokenizer/open.h"
#include "tools/terminal.h"
#include "tools/text_options.h"

namespace glass {
namespace {

struct Row {
  std::string tokenizer, text;   // names
  std::size_t bytes = 0, tokens = 0;
  double load_ms = 0, first_ms = 0, ms = 0;
  double mb_per_second() const { return static_cast<double>(bytes) / 1e3 / ms; }
};

double ms_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

struct Text {
  std::string name, text;
};

std::string repeated(std::string_view piece, std::size_t bytes) {
  std::string text;
  while (text.size() < bytes) text += piece;
  return text;
}

// What a scan that starts again at every letter, or a merge that looks at a piece again for every
// token, would need days for.
std::vector<Text> hard_texts() {
  constexpr std::size_t kBytes = 1'000'000;
  return {{"one letter", repeated("a", kBytes)},
          {"spaces", repeated(" ", kBytes)},
          {"digits", repeated("7", kBytes)},
          {"apostrophes", repeated("'", kBytes)},
          {"line ends", repeated("\r\n", kBytes)},
          {"spaces and a line end", repeated(" ", kBytes - 1) + "\n"},
          {"faces", repeated("\U0001F600", kBytes)},
          {"capitals", repeated("A", kBytes)},
          {"letters without capitals", repeated("\u5b57A", kBytes)},
          {"marks", repeated("\u0301", kBytes)}};
}

std::vector<Text> texts_of(const Arguments& args) {
  if (args.flag("hard")) return hard_texts();
  if (args.has("FILE")) return {{args.text("FILE"), read_source(args.text("FILE")).text}};
  const Corpus& stories = *find_corpus("stories");
  return {{"stories", make_corpus(stories, 4 * stories.documents, kCorpusSeed)}};
}

TokenizerPtr open_named(const Arguments& args, const std::string& spec, std::string_view text) {
  if (is_tokenizer_path(spec)) return open_tokenizer(spec);
  return make_tokenizer(spec, text, "the text", args.text("ranks"));
}

Row measure(const Arguments& args, const std::string& spec, const Text& text) {
  Row row{.tokenizer = spec, .text = text.name, .bytes = text.text.size()};
  const auto start = std::chrono::steady_clock::now();
  const TokenizerPtr tokenizer = open_named(args, spec, text.text);
  row.load_ms = ms_since(start);
  for (std::int64_t run = 0; run < args.integer("runs"); ++run) {
    const auto begin = std::chrono::steady_clock::now();
    row.tokens = tokenizer->encode(text.text).size();
    const double ms = ms_since(begin);
    if (run == 0) row.first_ms = row.ms = ms;
    row.ms = std::min(row.ms, ms);
  }
  return row;
}

void print_json(const std::vector<Row>& rows) {
  Json json;
  json.object().key("rows").array();
  for (const Row& row : rows) {
    json.object().field("name", row.tokenizer).field("text", row.text).field("bytes", row.bytes);
    json.field("tokens", row.tokens).field("load_ms", row.load_ms).field("first_ms", row.first_ms);
    json.field("ms", row.ms).field("mb_per_second", row.mb_per_second()).end();
  }
  print(json.end().end().text() + "\n");
}

void print_text(const std::vector<Row>& rows) {
  print(ink(Ink::dim,
            format("  %-14s %-26s %9s %12s %9s %9s %9s\n", "tokenizer", "text", "MB", "tokens",
                   "load ms", "first ms", "MB/s"),
            stdout));
  for (const Row& row : rows) {
    print(format("  %-14s %-26s %9.1f %12s %9.1f %9.1f %9.1f\n", row.tokenizer.c_str(),
                 row.text.c_str(), static_cast<double>(row.bytes) / 1e6,
                 with_commas(static_cast<std::int64_t>(row.tokens)).c_str(), row.load_ms,
                 row.first_ms, row.mb_per_second()));
  }
}

ExitCode run(const Arguments& args) {
  std::vector<Row> rows;
  const std::vector<Text> texts = texts_of(args);
  for (const std::string& spec : split(args.text("tokenizer"), ','))
    for (const Text& text : texts) rows.push_back(measure(args, spec, text));
  if (args.flag("json")) print_json(rows);
  else print_text(rows);
  return ExitCode::ok;
}

// clang-format off
const Option kOperands[] = {{.name = "FILE", .help = "a text file; without it, made-up stories"}};
const Option kOptions[] = {
    {.name = "tokenizer", .value = "LIST", .fallback = "gpt2,cl100k,o200k", .help = "which, with commas between them", .group = "What to measure"},
    kRanksOption,
    {.name = "hard", .type = Type::flag, .help = "texts of one megabyte that were made to be slow"},
    {.name = "runs", .type = Type::integer, .value = "N", .fallback = "3", .min = 1, .max = 1000, .help = "how often; the quickest counts, the first is shown too"},
};
const Example kExamples[] = {
    {"glass bench tokenizer book.txt", "the three encodings that most models use"},
    {"glass bench tokenizer --tokenizer bpe:2048,bytes", "two that need no files"},
};
// clang-format on

}   // namespace

extern const Command kBenchTokenizer = {
    .name = "tokenizer",
    .summary = "bytes of text a second that become tokens, on one thread",
    .about =
        "load is to read the file of ranks and make a table of it. The first encoding of a "
        "text meets every piece for the first time; later ones know it.",
    .examples = kExamples,
    .operands = kOperands,
    .options = kOptions,
    .shared = Shared::output,
    .run = run};

}   // namespace glass
