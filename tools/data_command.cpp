// glass data: what there is to learn from, texts made into tokens, texts made up, and files
// fetched.
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/base/atomic_file.h"
#include "engine/base/byte_source.h"
#include "engine/base/error.h"
#include "engine/base/file_ops.h"
#include "engine/base/json.h"
#include "engine/base/sha256.h"
#include "engine/base/text.h"
#include "model/corpora/corpora.h"
#include "model/public_data.h"
#include "model/token_folder.h"
#include "model/tokenizer/nanogpt_meta.h"
#include "model/tokenizer/open.h"
#include "tools/terminal.h"
#include "tools/text_options.h"

extern char** environ;

namespace glass {
namespace {

namespace fs = std::filesystem;

// --- list ----------------------------------------------------------------------------------------

std::string path_of(const PublicFile& file, const std::string& folder) {
  return folder + "/" + std::string(file.file);
}

bool is_there(const std::string& path) {
  std::error_code fault;
  return fs::exists(path, fault);
}

void list_as_json(const std::string& folder) {
  Json json;
  json.object().key("made").array();
  for (const Corpus& corpus : corpora()) {
    json.object().field("name", corpus.name).field("what", corpus.what);
    json.field("documents", corpus.documents).field("separator", corpus.separator).end();
  }
  json.end().field("folder", folder).key("public").array();
  for (const PublicFile& file : public_files()) {
    json.object().field("name", file.name).field("what", file.what).field("url", file.url);
    json.field("licence", file.licence).field("bytes", file.bytes).field("sha256", file.sha256);
    json.field("text", file.text).field("path", path_of(file, folder));
    json.field("here", is_there(path_of(file, folder))).end();
  }
  print(json.end().end().text() + "\n");
}

std::string padded(std::string_view text, std::size_t width) {
  return std::string(text) + std::string(text.size() < width ? width - text.size() : 1, ' ');
}

void print_public(const std::string& heading, bool text, const std::string& folder) {
  print("\n" + ink(Ink::bold, heading, stdout) + "\n");
  for (const PublicFile& file : public_files()) {
    if (file.text != text) continue;
    const std::string size = file.bytes == 0 ? "?" : human_bytes(static_cast<double>(file.bytes));
    print("  " + ink(Ink::cyan, padded(file.name, 20), stdout) + padded(size, 11) +
          std::string(file.what) + (is_there(path_of(file, folder)) ? " (here)" : "") + "\n");
  }
}

ExitCode run_list(const Arguments& args) {
  const std::string folder = args.has("data") ? args.text("data") : data_folder();
  if (args.flag("json")) return list_as_json(folder), ExitCode::ok;
  print(ink(Ink::bold, "Made by this program: glass train NAME, glass data make NAME", stdout) +
        "\n");
  for (const Corpus& corpus : corpora())
    print("  " + ink(Ink::cyan, padded(corpus.name, 20), stdout) + std::string(corpus.what) + "\n");
  print_public("To be fetched, then glass train NAME", true, folder);
  print_public("To be fetched: models and tokenizers", false, folder);
  print("\nglass data fetch NAME says where a file comes from, and fetches it to " + folder +
        ".\n");
  return ExitCode::ok;
}

// --- prep ----------------------------------------------------------------------------------------

struct Prepared {
  std::string path;
  Dataset data;
  double bytes_per_token() const {
    const auto tokens = static_cast<double>(data.train.size() + data.val.size());
    return static_cast<double>(data.train_bytes + data.val_bytes) / tokens;
  }
};

// Everything is written into a folder beside the target; its files move there when all is there.
void write_prepared(const std::string& target, const EncodedText& text, const std::string& source,
                    bool overwrite) {
  std::error_code fault;
  if (fs::exists(target, fault) && !fs::is_empty(target, fault) && !overwrite) {
    fail(UsageError("the folder " + in_quotes(target) +
                    " is not empty; name another one with -o, or add --overwrite."));
  }
  const std::string unfinished = target + ".part" + std::to_string(::getpid());
  fs::create_directories(unfinished, fault);
  if (fault) {
    fail(SystemError("cannot make the folder " + in_quotes(target) + ": " +
                     reason_of(fault.value()) + "."));
  }
  try {
    write_token_folder(unfinished, text, source);
    if (text.tokenizer->spec() == "char")   // where nanoGPT looks for the letters
      write_file(unfinished + "/meta.pkl", meta_pkl_of(*text.tokenizer));
  } catch (const Error&) {
    fs::remove_all(unfinished, fault);
    throw;
  }
  fs::create_directories(target, fault);
  for (const char* name : {"train.bin", "val.bin", "tokenizer.json", "meta.json", "meta.pkl"}) {
    if (fault) break;
    if (is_there(unfinished + "/" + name))
      fs::rename(unfinished + "/" + name, target + "/" + name, fault);
    else fs::remove(target + "/" + name, fault);
  }
  std::error_code ignored;
  fs::remove_all(unfinished, ignored);
  if (fault) {
    fail(SystemError("cannot write into " + in_quotes(target) + ": " + reason_of(fault.value()) +
                     "."));
  }
}

Prepared prepare(const Arguments& args) {
  DataOptions options;
  options.source = args.text("FILE");
  options.tokenizer = args.text("tokenizer");
  options.val = args.number("val");
  options.ranks = args.text("ranks");
  if (is_tokenizer_path(options.tokenizer)) options.use = open_tokenizer(options.tokenizer);
  else check_tokenizer_spec(options.tokenizer);
  const SourceText source = read_source(options.source);
  options.doc_sep = args.has("doc-sep") ? with_escapes(args.text("doc-sep")) : source.separator;
  if (args.has("doc-mark")) options.doc_mark = args.text("doc-mark");
  Prepared result;
  result.path = args.has("out") ? args.text("out") : "out/tokens/" + source.name;
  const EncodedText text = encode_text(source.text, options, in_quotes(options.source));
  write_prepared(result.path, text, options.source, args.flag("overwrite"));
  result.data = open_token_folder(result.path, {});
  return result;
}

ExitCode run_prep(const Arguments& args) {
  const Prepared result = prepare(args);
  const Dataset& data = result.data;
  if (args.flag("json")) {
    Json json;
    json.object().field("path", result.path).field("tokenizer", data.tokenizer->spec());
    json.field("vocab_size", data.vocab_size);
    json.field("train_tokens", data.train.size()).field("val_tokens", data.val.size());
    json.field("train_bytes", data.train_bytes).field("val_bytes", data.val_bytes);
    json.field("train_documents", data.train_documents).field("val_documents", data.val_documents);
    json.field("bytes_per_token", result.bytes_per_token()).end();
    print(json.text() + "\n");
    return ExitCode::ok;
  }
  const auto split = [](const char* name, const Tokens& tokens, std::int64_t documents) {
    print(padded(name, 7) + with_commas(tokens.size()) + " tokens" +
          (documents > 0 ? " of " + with_commas(documents) + " documents" : "") + "\n");
  };
  print(result.path + ": " + data.tokenizer->spec() + ", " + with_commas(data.vocab_size) +
        format(" tokens, %.2f bytes each\n", result.bytes_per_token()));
  split("train", data.train, data.train_documents);
  split("val", data.val, data.val_documents);
  return ExitCode::ok;
}

// --- make ----------------------------------------------------------------------------------------

std::vector<std::string> corpus_names() {
  std::vector<std::string> names;
  for (const Corpus& corpus : corpora()) names.emplace_back(corpus.name);
  return names;
}

ExitCode run_make(const Arguments& args) {
  const std::string& name = args.text("NAME");
  const Corpus* corpus = find_corpus(name);
  if (corpus == nullptr) {
    const std::string near = nearest(name, corpus_names());
    fail(UsageError("there is no text by the name of " + in_quotes(name) + "; " +
                    (near.empty() ? "there are " + list_of(corpus_names(), "and") + "."
                                  : "did you mean " + near + "?")));
  }
  const bool to_stdout = args.text("out") == "-";
  if (to_stdout && args.flag("json"))
    fail(UsageError("--json goes with -o FILE; without it the text itself goes to stdout."));
  const std::int64_t documents =
      args.has("documents") ? args.integer("documents") : corpus->documents;
  const std::string text =
      make_corpus(*corpus, documents, static_cast<std::uint64_t>(args.integer("seed")));
  write_whole_file(args.text("out"), text);
  if (args.flag("json")) {
    Json json;
    json.object().field("path", args.text("out")).field("documents", documents);
    json.field("bytes", text.size()).field("separator", corpus->separator).end();
    print(json.text() + "\n");
  }
  return ExitCode::ok;
}

// --- fetch ---------------------------------------------------------------------------------------

const char kFetchScript[] = {
#include "tools/fetch.sh.inc"
};

struct Fetch {
  const PublicFile* file;
  std::string path;
  bool right = false;   // it is there, and it is the right one
};

Fetch look_at(const PublicFile& file, const std::string& folder) {
  Fetch fetch{&file, path_of(file, folder)};
  fetch.right = is_there(fetch.path) && sha256_of_file(fetch.path) == file.sha256;
  return fetch;
}

// The file of this name, and those that belong to it.
std::vector<Fetch> look(const Arguments& args) {
  const std::string& name = args.text("NAME");
  const PublicFile* file = find_public_file(name);
  if (file == nullptr) {
    std::vector<std::string> names;
    for (const PublicFile& one : public_files()) names.emplace_back(one.name);
    const std::string near = nearest(name, names);
    const bool made = find_corpus(name) != nullptr;
    fail(UsageError(
        made ? name + " needs no download: this program makes it (glass data make " + name + ")."
             : "there is no file by the name of " + in_quotes(name) + " to fetch; " +
                   (near.empty() ? "see glass data list." : "did you mean " + near + "?")));
  }
  std::vector<Fetch> all;
  for (const PublicFile* one : with_companions(*file))
    all.push_back(look_at(*one, args.has("data") ? args.text("data") : data_folder()));
  return all;
}

// For a shell: safe between single quotes.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string command_of(const Fetch& fetch) {
  const std::string part = quoted(fetch.path + ".part");
  return "mkdir -p " + quoted(split_path(fetch.path).folder) + " &&\n  curl -fL -C - -o " + part +
         " " + quoted(std::string(fetch.file->url)) + " &&\n  echo " +
         quoted(std::string(fetch.file->sha256) + "  " + fetch.path + ".part") +
         " | sha256sum -c &&\n  mv " + part + " " + quoted(fetch.path);
}

// Runs tools/fetch.sh, which is part of this program, and waits for it.
ExitCode run_script(const Fetch& fetch) {
  std::vector<std::string> words = {"sh",
                                    "-c",
                                    kFetchScript,
                                    "fetch.sh",
                                    std::string(fetch.file->url),
                                    fetch.path,
                                    std::string(fetch.file->sha256)};
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  flush_stdout();
  pid_t child = 0;
  const int fault = ::posix_spawnp(&child, "sh", nullptr, nullptr, pointers.data(), environ);
  if (fault != 0) fail(SystemError("cannot start sh: " + reason_of(fault) + "."));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  if (WIFSIGNALED(status)) return ExitCode::interrupted;
  switch (WEXITSTATUS(status)) {   // the script's codes are ours
    case 0:
      return ExitCode::ok;
    case 3:
      return ExitCode::content;
    default:
      return ExitCode::system;
  }
}

void fetch_as_json(const std::vector<Fetch>& all) {
  const PublicFile& file = *all.front().file;
  Json json;
  json.object().field("name", file.name).field("url", file.url).field("licence", file.licence);
  json.field("bytes", file.bytes).field("sha256", file.sha256).field("path", all.front().path);
  json.field("here", all.front().right).field("command", command_of(all.front()));
  json.key("with").array();
  for (std::size_t i = 1; i < all.size(); ++i) json.value(all[i].file->name);
  print(json.end().end().text() + "\n");
}

void print_fetch(const Fetch& fetch) {
  const PublicFile& file = *fetch.file;
  const std::string size = file.bytes == 0 ? "not known" : with_commas(file.bytes) + " bytes";
  print(std::string(file.name) + ": " + std::string(file.what) + "\n  from     " +
        std::string(file.url) + "\n  to       " + fetch.path + "\n  licence  " +
        std::string(file.licence) + "\n  size     " + size + "\n  sha256   " +
        std::string(file.sha256) + "\n");
  if (fetch.right) print("It is there already, and it is the right one.\n");
  else print("To fetch it, add --run, or run this:\n\n" + command_of(fetch) + "\n");
}

ExitCode run_fetch(const Arguments& args) {
  const std::vector<Fetch> all = look(args);
  if (args.flag("json")) {
    if (args.flag("run"))
      fail(UsageError("--run talks to people and --json to programs; choose one."));
    fetch_as_json(all);
    return ExitCode::ok;
  }
  for (const Fetch& fetch : all) {
    if (&fetch != &all.front()) print("\n");
    if (!args.flag("run") || fetch.right) print_fetch(fetch);
    else if (const ExitCode code = run_script(fetch); code != ExitCode::ok) return code;
  }
  return ExitCode::ok;
}

// clang-format off
constexpr Option kData = {.name = "data", .value = "DIR", .help = "where fetched files are kept (GLASS_DATA; else ~/.local/share/glass)"};

const Option kListOptions[] = {kData};
const Option kPrepOperands[] = {{.name = "FILE", .help = "a text file, or a data set by name", .required = true}};
const Option kPrepOptions[] = {
    {.name = "tokenizer", .value = "SPEC", .fallback = "char", .help = "char, bytes, bpe:N, gpt2, cl100k, o200k, o200k-compact (only the tokens that occur), or the path of a tokenizer"},
    kRanksOption,
    {.name = "val", .type = Type::number, .value = "P", .fallback = "0.1", .min = 0, .max = 0.9, .help = "share that is held out"},
    {.name = "doc-sep", .value = "TEXT", .help = "what stands between documents; \\n for a line each"},
    {.name = "doc-mark", .value = "CHAR", .help = "a letter to put in front of every document"},
    {.name = "out", .value = "DIR", .help = "where to; without it, out/tokens/<name>", .also = "o"},
    {.name = "overwrite", .type = Type::flag, .help = "replace what is there"},
};
const Option kMakeOperands[] = {{.name = "NAME", .help = "names, stories, repeats, arithmetic, brackets or induction", .required = true}};
const Option kMakeOptions[] = {
    {.name = "documents", .type = Type::integer, .value = "N", .min = 1, .max = 1e9, .help = "how many documents; without it, as many as glass train NAME takes", .also = "n"},
    {.name = "seed", .type = Type::integer, .value = "N", .fallback = "1", .min = 0, .help = "another seed, other texts"},
    {.name = "out", .value = "FILE", .fallback = "-", .help = "where to; - is stdout", .also = "o"},
};
const Option kFetchOperands[] = {{.name = "NAME", .help = "as glass data list says", .required = true}};
const Option kFetchOptions[] = {kData, {.name = "run", .type = Type::flag, .help = "do it, with curl, and check what came"}};

const Example kListExamples[] = {{"glass data list", "everything there is to learn from"}};
const Example kPrepExamples[] = {{"glass data prep book.txt --tokenizer bpe:1000 -o book", "two files of tokens, for training from many times"}};
const Example kMakeExamples[] = {{"glass data make stories -n 3", "three stories"},
                                 {"glass data make stories -n 100000 --seed 7 -o stories.txt", "a hundred megabytes of them"}};
const Example kFetchExamples[] = {{"glass data fetch tinyshakespeare", "where it comes from, and how to fetch it"},
                                  {"glass data fetch tinyshakespeare --run", "fetch it"}};
const Example kExamples[] = {kListExamples[0], kMakeExamples[0], kPrepExamples[0], kFetchExamples[0]};
// clang-format on

const Command kList = {.name = "list",
                       .summary = "what there is to learn from",
                       .examples = kListExamples,
                       .options = kListOptions,
                       .shared = Shared::output,
                       .run = run_list};
const Command kPrep = {
    .name = "prep",
    .summary = "a text as files of tokens: train.bin, val.bin, meta.json, tokenizer.json",
    .about =
        "glass train does this itself when it is given a text. Prepared once, a text "
        "can be used by other programs too: the files are nanoGPT's.",
    .examples = kPrepExamples,
    .operands = kPrepOperands,
    .options = kPrepOptions,
    .shared = Shared::output,
    .run = run_prep};
const Command kMake = {.name = "make",
                       .summary = "write a text: stories, or tasks with a rule",
                       .examples = kMakeExamples,
                       .operands = kMakeOperands,
                       .options = kMakeOptions,
                       .shared = Shared::output,
                       .run = run_make};
const Command kFetch = {
    .name = "fetch",
    .summary = "public texts, models and tokenizers",
    .about =
        "This program has no network code. It says where a file is and how to tell that "
        "it is the right one; with --run it lets curl fetch it.",
    .examples = kFetchExamples,
    .operands = kFetchOperands,
    .options = kFetchOptions,
    .shared = Shared::output,
    .run = run_fetch};
const Command* const kCommands[] = {&kList, &kPrep, &kMake, &kFetch};

}   // namespace

extern const Command kDataCommand = {.name = "data",
                                     .summary = "what there is to learn from",
                                     .examples = kExamples,
                                     .commands = kCommands};

}   // namespace glass
