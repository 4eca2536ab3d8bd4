// glass tokenizer: turn text into tokens and back, look at a tokenizer, and write it for others.
#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "engine/base/atomic_file.h"
#include "engine/base/atomic_folder.h"
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/base/json.h"
#include "engine/base/json_value.h"
#include "engine/base/text.h"
#include "model/tokenizer/compact.h"
#include "model/tokenizer/huggingface.h"
#include "model/tokenizer/open.h"
#include "tools/terminal.h"
#include "tools/text_options.h"

namespace glass {

extern const Command kTokenizerTrain;   // tokenizer_train.cpp

namespace {

using Ids = std::vector<std::int32_t>;

// --- encode and decode ---------------------------------------------------------------------------

// Exactly one of these options; which one.
std::string one_of(const Arguments& args, const std::vector<std::string>& names) {
  std::string chosen;
  for (const std::string& name : names) {
    if (!args.has(name)) continue;
    if (!chosen.empty())
      fail(UsageError("--" + chosen + " and --" + name + " are both given; choose one."));
    chosen = name;
  }
  if (chosen.empty()) {
    std::vector<std::string> dashed_names;
    for (const std::string& name : names) dashed_names.push_back("--" + name);
    fail(UsageError(args.path() + " needs one of " + list_of(dashed_names, "and") + "."));
  }
  return chosen;
}

// Shows every line of a JSONL file as a value, with a name for messages.
void for_each_line(
    const std::string& path,
    const std::function<void(const JsonValue& value, const std::string& what)>& visit) {
  std::int64_t number = 0;
  for (const std::string& line : split(read_text_file(path, "the lines"), '\n')) {
    ++number;
    if (line.empty()) continue;
    const std::string what = in_quotes(path) + " line " + std::to_string(number);
    visit(parse_json(line, what), what);
  }
}

void print_tokens(const Tokenizer& tokenizer, const Ids& ids) {
  for (const std::int32_t id : ids)
    print(format("%8d  ", static_cast<int>(id)) + shown_token(tokenizer.token(id)) + "\n");
}

// With --compact, the ids that occur here, or in --corpus, are all there are.
TokenizerPtr compacted(const Arguments& args, const TokenizerPtr& full, std::vector<Ids>& texts) {
  if (!args.flag("compact")) return full;
  std::vector<Ids*> rows;
  if (!args.has("corpus")) {
    for (Ids& ids : texts) rows.push_back(&ids);
    return keep_what_occurs(*full, rows);
  }
  Ids corpus = full->encode(read_source(args.text("corpus")).text);
  const TokenizerPtr kept = keep_what_occurs(*full, {&corpus});
  for (Ids& ids : texts) ids = kept->encode(full->decode(ids));
  return kept;
}

ExitCode run_encode(const Arguments& args) {
  const std::string from = one_of(args, {"text", "file", "jsonl"});
  const TokenizerPtr full = chosen_tokenizer(args);
  const auto encode = [&](std::string_view text) {
    return args.flag("special") ? full->encode_special(text) : full->encode(text);
  };
  std::vector<Ids> texts;
  if (from == "jsonl") {
    for_each_line(args.text("jsonl"), [&](const JsonValue& value, const std::string& what) {
      texts.push_back(encode(value.at("text", what).string(what + ": text")));
    });
    compacted(args, full, texts);
    for (const Ids& ids : texts) print(Json().object().field("ids", ids).end().text() + "\n");
    return ExitCode::ok;
  }
  const std::string text =
      from == "text" ? args.text("text") : read_text_file(args.text("file"), "the text");
  texts.push_back(encode(text));
  const TokenizerPtr tokenizer = compacted(args, full, texts);
  const Ids& ids = texts[0];
  if (args.flag("json")) {
    Json json;
    json.object().field("tokenizer", tokenizer->spec()).field("bytes", text.size());
    json.field("ids", ids).key("tokens").array();
    for (const std::int32_t id : ids) json.value(tokenizer->token(id));
    print(json.end().end().text() + "\n");
  } else if (args.flag("show")) {
    print_tokens(*tokenizer, ids);
  } else {
    std::string line;
    for (const std::int32_t id : ids) line += (line.empty() ? "" : " ") + std::to_string(id);
    print(line + "\n");
  }
  return ExitCode::ok;
}

// Some encodings leave ids free; of a row of ids that a person gives, that is a mistake.
std::string decode(const Tokenizer& tokenizer, const Ids& ids) {
  for (const std::int32_t id : ids) {
    if (id >= 0 && id < tokenizer.vocab_size() && tokenizer.token(id).empty()) {
      fail(ContentError("the token " + std::to_string(id) +
                        " stands for nothing: " + tokenizer.spec() + " leaves this number free."));
    }
  }
  return tokenizer.decode(ids);
}

// "1, 2 3" -> {1, 2, 3}
Ids read_ids(std::string text, const std::string& what) {
  for (char& c : text)
    if (c == ',' || c == '\n' || c == '\t' || c == '\r') c = ' ';
  Ids ids;
  for (const std::string& word : split(text, ' ')) {
    if (word.empty()) continue;
    std::int64_t id = 0;
    const bool number = parse_integer(word, id) == NumberFault::none;
    if (!number || id < 0 || id > 0x7fffffff)
      fail(ContentError(what + ": " + in_quotes(word) + " is not the number of a token."));
    ids.push_back(static_cast<std::int32_t>(id));
  }
  return ids;
}

Ids ids_of_line(const JsonValue& value, const std::string& what) {
  const JsonValue& list = value.at("ids", what);
  if (list.kind != JsonValue::Kind::array) fail(ContentError(what + ": ids must be a list."));
  Ids ids;
  for (const JsonValue& item : list.items)
    ids.push_back(static_cast<std::int32_t>(item.integer(what + ": ids", 0, 0x7fffffff)));
  return ids;
}

ExitCode run_decode(const Arguments& args) {
  const std::string from = one_of(args, {"ids", "file", "jsonl"});
  const TokenizerPtr tokenizer = chosen_tokenizer(args);
  if (from == "jsonl") {
    for_each_line(args.text("jsonl"), [&](const JsonValue& value, const std::string& what) {
      const std::string text = decode(*tokenizer, ids_of_line(value, what));
      print(Json().object().field("text", text).end().text() + "\n");
    });
    return ExitCode::ok;
  }
  const Ids ids = from == "ids" ? read_ids(args.text("ids"), "--ids")
                                : read_ids(read_text_file(args.text("file"), "the tokens"),
                                           in_quotes(args.text("file")));
  const std::string text = decode(*tokenizer, ids);
  if (args.flag("json"))
    print(Json().object().field("text", text).field("ids", ids).end().text() + "\n");
  else print(text + (args.flag("raw") ? "" : "\n"));
  return ExitCode::ok;
}

// --- export --------------------------------------------------------------------------------------

// The files that others open; vocab.json and merges.txt where they can hold it.
ExitCode run_export(const Arguments& args) {
  const TokenizerPtr tokenizer = chosen_tokenizer(args);
  const std::string& folder = args.text("out");
  std::vector<std::pair<std::string, std::string>> files = {
      {"tokenizer.json", huggingface_tokenizer_json(*tokenizer)}};
  if (fits_vocab_json(*tokenizer)) {
    files.emplace_back("vocab.json", vocab_json(*tokenizer));
    files.emplace_back("merges.txt", merges_txt(*tokenizer));
  }
  AtomicFolder made(folder);
  for (const auto& [name, bytes] : files) write_file(made / name, bytes);
  made.publish();
  Json json;
  json.object().field("path", folder).key("files").array();
  for (const auto& [name, bytes] : files) {
    json.value(name);
    if (!args.flag("json")) print(folder + "/" + name + "\n");
  }
  json.end().end();
  if (args.flag("json")) print(json.text() + "\n");
  return ExitCode::ok;
}

// --- info ----------------------------------------------------------------------------------------

struct Info {
  TokenizerPtr tokenizer;
  std::vector<std::int32_t> longest;   // the longest tokens, longest first
  std::int64_t free = 0;               // ids that stand for nothing
};

Info gather(const Arguments& args) {
  Info info{chosen_tokenizer(args), {}};
  for (int id = 0; id < info.tokenizer->vocab_size(); ++id) {
    info.free += info.tokenizer->token(id).empty();
    if (id != info.tokenizer->end_of_text()) info.longest.push_back(id);
  }
  const auto longer = [&](std::int32_t a, std::int32_t b) {
    return info.tokenizer->token(a).size() > info.tokenizer->token(b).size();
  };
  std::stable_sort(info.longest.begin(), info.longest.end(), longer);
  info.longest.resize(std::min<std::size_t>(info.longest.size(), 12));
  return info;
}

ExitCode run_info(const Arguments& args) {
  const Info info = gather(args);
  const Tokenizer& tokenizer = *info.tokenizer;
  if (args.flag("json")) {
    Json json;
    json.object().field("tokenizer", tokenizer.spec()).field("vocab_size", tokenizer.vocab_size());
    json.field("end_of_text", tokenizer.end_of_text()).field("free", info.free);
    json.key("longest").array();
    for (const std::int32_t id : info.longest)
      json.object().field("id", id).field("text", tokenizer.token(id)).end();
    print(json.end().end().text() + "\n");
    return ExitCode::ok;
  }
  print(tokenizer.spec() + ": " + with_commas(tokenizer.vocab_size()) + " tokens");
  if (tokenizer.end_of_text() >= 0)
    print(", number " + std::to_string(tokenizer.end_of_text()) + " stands between documents");
  if (info.free > 0) print(", " + with_commas(info.free) + " ids are free");
  if (tokenizer.spec() == "char") {
    std::string letters;
    for (int id = 0; id < tokenizer.vocab_size(); ++id) letters += tokenizer.token(id);
    print("\n" + in_quotes(letters, 400) + "\n");
    return ExitCode::ok;
  }
  print("; the longest are\n");
  print_tokens(tokenizer, {info.longest.begin(), info.longest.end()});
  return ExitCode::ok;
}

// clang-format off
constexpr Option kTokenizer = {.name = "tokenizer", .value = "SPEC", .help = "char, bytes, bpe:N (N tokens), gpt2, cl100k, o200k, o200k-compact (only the tokens of --corpus), or the path of a tokenizer.json, vocab.json, .tiktoken, meta.pkl, checkpoint or run", .group = "Tokenizer", .required = true};
constexpr Option kCorpus = {.name = "corpus", .value = "FILE", .help = "what char, bpe:N and compact ones learn from: a text file or a data set (glass data list)"};

const Option kEncodeOptions[] = {
    kTokenizer, kCorpus, kRanksOption,
    {.name = "text", .value = "TEXT", .help = "the text itself", .group = "What to encode (one of these)"},
    {.name = "file", .value = "FILE", .help = "a text file"},
    {.name = "jsonl", .value = "FILE", .help = "a {\"text\": ...} on each line; prints an {\"ids\": [...]} for each"},
    {.name = "special", .type = Type::flag, .help = "text that looks like a special token (<|endoftext|>) is that token", .group = "How"},
    {.name = "compact", .type = Type::flag, .help = "only the tokens that occur, in the text or in --corpus, renumbered"},
    {.name = "show", .type = Type::flag, .help = "one token a line, with its text", .group = "Output"},
};
const Option kDecodeOptions[] = {
    kTokenizer, kCorpus, kRanksOption,
    {.name = "ids", .value = "LIST", .help = "numbers with spaces or commas between them", .group = "What to decode (one of these)"},
    {.name = "file", .value = "FILE", .help = "a file of such numbers"},
    {.name = "jsonl", .value = "FILE", .help = "an {\"ids\": [...]} on each line; prints a {\"text\": ...} for each"},
    {.name = "raw", .type = Type::flag, .help = "no line end behind the text", .group = "Output"},
};
const Option kExportOptions[] = {
    kTokenizer, kCorpus, kRanksOption,
    {.name = "out", .value = "DIR", .help = "the folder to write them into", .also = "o", .group = "Output", .required = true},
};
const Option kInfoOptions[] = {kTokenizer, kCorpus, kRanksOption};

const Example kEncodeExamples[] = {{"glass tokenizer encode --tokenizer book.json --text hedgehog --show", "how a word comes apart"},
                                   {"glass tokenizer encode --tokenizer char --corpus names --text anna", "one token a letter"}};
const Example kDecodeExamples[] = {{"glass tokenizer decode --tokenizer bytes --ids 72,105", "prints Hi"}};
const Example kExportExamples[] = {{"glass tokenizer export --tokenizer book.json -o book", "a tokenizer.json that Hugging Face's programs open"}};
const Example kInfoExamples[] = {{"glass tokenizer info --tokenizer out/names", "what the tokens of a trained model mean"}};
const Example kExamples[] = {kEncodeExamples[0], kEncodeExamples[1]};
// clang-format on

const Command kEncode = {.name = "encode",
                         .summary = "text to tokens",
                         .examples = kEncodeExamples,
                         .options = kEncodeOptions,
                         .shared = Shared::output,
                         .run = run_encode};
const Command kDecode = {.name = "decode",
                         .summary = "tokens to text",
                         .examples = kDecodeExamples,
                         .options = kDecodeOptions,
                         .shared = Shared::output,
                         .run = run_decode};
const Command kExport = {
    .name = "export",
    .summary = "a tokenizer as the files of others: tokenizer.json, vocab.json and merges.txt",
    .about =
        "vocab.json and merges.txt are written where they can hold it: of a tokenizer that cuts "
        "text as GPT-2 does, and whose letters are single bytes.",
    .examples = kExportExamples,
    .options = kExportOptions,
    .shared = Shared::output,
    .run = run_export};
const Command kInfo = {.name = "info",
                       .summary = "how many tokens there are, and what they mean",
                       .examples = kInfoExamples,
                       .options = kInfoOptions,
                       .shared = Shared::output,
                       .run = run_info};
const Command* const kCommands[] = {&kTokenizerTrain, &kEncode, &kDecode, &kExport, &kInfo};

}   // namespace

extern const Command kTokenizerCommand = {.name = "tokenizer",
                                          .summary = "text to tokens and back",
                                          .examples = kExamples,
                                          .commands = kCommands};

}   // namespace glass
