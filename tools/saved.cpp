#include "tools/saved.h"

#include <cstdio>
#include <filesystem>

#include "engine/base/files.h"
#include "engine/base/json.h"
#include "engine/base/json_value.h"
#include "engine/base/text.h"
#include "engine/base/utf8.h"
#include "model/formats/foreign.h"
#include "model/tokenizer/open.h"
#include "tools/shell_word.h"
#include "tools/terminal.h"

namespace glass {
namespace {

bool takes(const Arguments& args, const Option& wanted) {
  for (const Option& option : args.command().options)
    if (option.name == wanted.name) return true;
  return false;
}

TokenizerPtr tokenizer_by_name(const std::string& spec, const std::string& ranks) {
  if (is_tokenizer_path(spec)) return open_tokenizer(spec);
  check_tokenizer_spec(spec);
  if (!learns_from_text(spec)) return make_tokenizer(spec, "", "", ranks);
  fail(UsageError("--tokenizer " + in_quotes(spec) +
                  ": what the tokens of a trained model mean is in a file (a tokenizer.json, a "
                  "vocab.json, a meta.pkl, a checkpoint), or it is bytes, gpt2, cl100k or o200k."));
}

}   // namespace

void warn(const std::string& sentence) {
  std::fprintf(stderr, "%s %s\n", ink(Ink::yellow, "warning:", stderr).c_str(), sentence.c_str());
}

const Tokenizer& Opened::tokenizer() const {
  if (!saved.tokenizer) {
    const std::int64_t V = config().vocab_size;
    const bool like_gpt2 = V == 50257 || V == 50304;   // nanoGPT rounds up to a multiple of 64
    fail(ContentError(saved.path +
                      " does not say what its tokens mean: it has no tokenizer, or none that can "
                      "be read here (glass inspect says why); name one with --tokenizer." +
                      (like_gpt2 ? " It has as many tokens as GPT-2: try --tokenizer gpt2." : "")));
  }
  return *saved.tokenizer;
}

namespace {

// A folder of runs is easily said in the place of one of them.
void refuse_runs(const Arguments& args) {
  const std::string& said = args.text("ckpt");
  std::error_code fault;
  if (!std::filesystem::is_directory(said, fault) || is_run_folder(said)) return;
  std::string run;   // the first by name
  for (std::filesystem::directory_iterator it(said, fault), end; !fault && it != end;
       it.increment(fault)) {
    const std::string path = it->path().string();
    if (is_run_folder(path) && (run.empty() || path < run)) run = path;
  }
  if (run.empty() || foreign_format_of(FileOrFolder(said)) != nullptr) return;
  const bool serves = find_option(args.command(), "runs") != nullptr;
  fail(SystemError(in_quotes(said) + " holds runs and is none; did you mean --ckpt " +
                   shell_word(run) + (serves ? ", or --runs " + shell_word(said) : "") + "?"));
}

}   // namespace

PackedType packed_type(const std::string& name) {
  for (int i = 0; i < kPackedTypes; ++i)
    if (name == name_of(static_cast<PackedType>(i))) return static_cast<PackedType>(i);
  fail(UsageError("--type " + name + ": there are f32, bf16, int8 and int4."));
}

TokenizerPtr said_tokenizer(const Arguments& args, std::int64_t vocab_size) {
  if (!takes(args, kTokenizerOption) || !args.has("tokenizer")) return nullptr;
  const std::string& spec = args.text("tokenizer");
  TokenizerPtr tokenizer =
      tokenizer_by_name(spec, takes(args, kRanksOption) ? args.text("ranks") : "");
  if (tokenizer->vocab_size() > vocab_size) {
    fail(ContentError("--tokenizer " + spec + " knows " + with_commas(tokenizer->vocab_size()) +
                      " tokens, and this model only " + with_commas(vocab_size) + "."));
  }
  return tokenizer;
}

Opened open_saved(const Arguments& args, const Warn& tell) {
  Opened opened{open_machine(args), {}};
  refuse_runs(args);
  opened.saved = open_model(args.text("ckpt"), opened.machine.backend, opened.machine.dtype, tell);
  if (takes(args, kTypeOption) && args.has("type"))
    opened.model().pack(packed_type(args.text("type")));
  if (const TokenizerPtr said = said_tokenizer(args, opened.config().vocab_size)) {
    const TokenizerPtr& own = opened.saved.tokenizer;
    if (own && own->to_json() != said->to_json())
      tell(opened.saved.path + " has a tokenizer of its own (" + own->spec() +
           "); with --tokenizer " + args.text("tokenizer") + " its tokens mean something else.");
    opened.saved.tokenizer = said;
  }
  return opened;
}

std::int32_t first_token(const Tokenizer& tokenizer) {
  if (tokenizer.end_of_text() >= 0) return tokenizer.end_of_text();
  for (int id = 0; id < tokenizer.vocab_size(); ++id)
    if (tokenizer.token(id) == "\n") return id;
  return 0;
}

std::string prompt_text(const std::string& said) {
  const bool from_stdin = said == "-";
  std::string text = from_stdin ? read_text_file("/dev/stdin", "the prompt") : said;
  std::u32string letters;
  const std::size_t good = decode_utf8(text, letters);
  if (good == text.size()) return text;
  const std::string message = "the prompt is not UTF-8: byte " + std::to_string(good) +
                              " begins no letter; convert it, for example with iconv.";
  if (from_stdin) fail(ContentError(message));
  fail(UsageError(message));
}

std::vector<std::int32_t> tokens_of(const std::string& said, const GPTConfig& config) {
  std::vector<std::int32_t> tokens;
  for (const std::string& part : split(said, ',')) {
    std::int64_t token = 0;
    const bool good = parse_integer(part, token) == NumberFault::none;
    if (!good || token < 0 || token >= config.vocab_size) {
      fail(UsageError("--tokens: " + in_quotes(part) +
                      " is no token of this model; it takes numbers of 0 .. " +
                      std::to_string(config.vocab_size - 1) + " with commas between them."));
    }
    tokens.push_back(static_cast<std::int32_t>(token));
  }
  return tokens;
}

std::vector<std::int32_t> tokens_asked(const Arguments& args, const Opened& opened) {
  if (args.has("prompt") == args.has("tokens"))
    fail(UsageError("give either --prompt TEXT or --tokens 1,2,3."));
  std::vector<std::int32_t> tokens =
      args.has("tokens") ? tokens_of(args.text("tokens"), opened.config())
                         : opened.tokenizer().encode(prompt_text(args.text("prompt")));
  if (tokens.empty()) fail(UsageError("the prompt is empty; give the model one token at least."));
  const std::int64_t T = static_cast<std::int64_t>(tokens.size());
  if (T > opened.config().block_size) {
    fail(UsageError("the prompt has " + with_commas(T) + " tokens, and this model reads " +
                    with_commas(opened.config().block_size) + " at most; shorten it."));
  }
  return tokens;
}

void begin_json(Json& json, const Arguments& args, const Opened& opened) {
  json.object()
      .field("command", args.line())
      .field("checkpoint", opened.saved.path)
      .field("digest", opened.saved.digest)
      .field("step", opened.saved.step)
      .field("device", std::string(opened.machine.backend->name()))
      .field("seed", args.integer("seed"));
}

}   // namespace glass
