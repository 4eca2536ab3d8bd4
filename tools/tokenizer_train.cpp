// glass tokenizer train: find the pieces that a text is made of, or which of a large vocabulary it
// needs.
#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/json.h"
#include "engine/base/text.h"
#include "model/corpus.h"
#include "model/tokenizer/compact.h"
#include "model/tokenizer/open.h"
#include "model/tokenizer/rank_file.h"
#include "tools/terminal.h"
#include "tools/text_options.h"

namespace glass {
namespace {

using Ids = std::vector<std::int32_t>;

struct Trained {
  std::string path;
  TokenizerPtr tokenizer;
  std::size_t bytes = 0, tokens = 0;
  double train_seconds = 0, encode_seconds = 0;
  double bytes_per_token() const {
    return static_cast<double>(bytes) / static_cast<double>(tokens);
  }
};

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// "o200k --compact" and "o200k-compact" are the same.
std::string with_compact(const Arguments& args) {
  const std::string& spec = args.text("tokenizer");
  return args.flag("compact") && find_encoding(spec) != nullptr ? spec + "-compact" : spec;
}

Trained train(const Arguments& args) {
  const std::string& spec = args.text("tokenizer");
  const bool made = is_tokenizer_path(spec);
  if (!made) check_tokenizer_spec(spec);
  SourceText source = read_source(args.text("FILE"));
  if (args.has("doc-sep")) source.separator = with_escapes(args.text("doc-sep"));
  Trained result;
  result.path = args.text("out");
  std::error_code fault;
  if (std::filesystem::equivalent(args.text("FILE"), result.path, fault))
    fail(UsageError("-o " + result.path + " is the text itself; choose another name."));
  result.bytes = source.text.size();
  result.train_seconds = seconds_of([&] {
    result.tokenizer = made ? open_tokenizer(spec)
                            : tokenizer_for_text(source.text, with_compact(args), source.separator,
                                                 in_quotes(args.text("FILE")), args.text("ranks"));
  });
  Ids ids;
  result.encode_seconds = seconds_of([&] { ids = result.tokenizer->encode(source.text); });
  result.tokens = ids.size();
  // Of a known encoding, tokenizer_for_text has done it, and knows where documents end.
  if (args.flag("compact") && (made || encoding_of_spec(spec) == nullptr))
    result.tokenizer = keep_what_occurs(*result.tokenizer, {&ids});
  write_whole_file(result.path, result.tokenizer->to_json() + "\n");
  return result;
}

ExitCode run_train(const Arguments& args) {
  const bool to_stdout = args.text("out") == "-";
  if (to_stdout && args.flag("json"))
    fail(UsageError("-o - and --json both want stdout; give -o a file."));
  const Trained result = train(args);
  if (args.flag("json")) {
    Json json;
    json.object().field("path", result.path).field("tokenizer", result.tokenizer->spec());
    json.field("vocab_size", result.tokenizer->vocab_size()).field("bytes", result.bytes);
    json.field("tokens", result.tokens).field("bytes_per_token", result.bytes_per_token());
    json.field("train_seconds", result.train_seconds)
        .field("encode_seconds", result.encode_seconds);
    print(json.end().text() + "\n");
  } else if (!to_stdout) {
    print(result.path + ": " + with_commas(result.tokenizer->vocab_size()) + " tokens (" +
          result.tokenizer->spec() + "); " + with_commas(static_cast<std::int64_t>(result.bytes)) +
          " bytes of text become " + with_commas(static_cast<std::int64_t>(result.tokens)) +
          format(" tokens, %.2f bytes each\n", result.bytes_per_token()));
  }
  return ExitCode::ok;
}

// clang-format off
const Option kTrainOperands[] = {{.name = "FILE", .help = "a text file, or a data set by name", .required = true}};
const Option kTrainOptions[] = {
    {.name = "tokenizer", .value = "SPEC", .fallback = "bpe:2048", .help = "bpe:N, where N is the number of tokens; or any other that glass tokenizer encode knows"},
    {.name = "compact", .type = Type::flag, .help = "keep only the tokens that occur in the text, renumbered"},
    kRanksOption,
    {.name = "out", .value = "PATH", .fallback = "tokenizer.json", .help = "where to; - is stdout", .also = "o"},
    {.name = "doc-sep", .value = "TEXT", .help = "what stands between documents, which no token shall cross; \\n is a line end"},
};
const Example kTrainExamples[] = {{"glass tokenizer train book.txt --tokenizer bpe:1000 -o book.json", "find a thousand pieces that the book is made of"}};
// clang-format on

}   // namespace

extern const Command kTokenizerTrain = {
    .name = "train",
    .summary = "find the pieces that a text is made of",
    .about =
        "Byte-pair encoding starts with the 256 bytes and glues, over and over, the two "
        "neighbours that stand side by side most often.",
    .examples = kTrainExamples,
    .operands = kTrainOperands,
    .options = kTrainOptions,
    .shared = Shared::output,
    .run = run_train};

}   // namespace glass
