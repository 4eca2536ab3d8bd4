// glass logits: what a model thinks may come next, at every position of a text.
#include <cstdio>

#include "engine/base/json.h"
#include "engine/base/text.h"
#include "model/formats/npy.h"
#include "tools/guess.h"
#include "tools/saved.h"
#include "tools/terminal.h"

namespace glass {
namespace {

// What one run has to tell; the text and the JSON are two views of it.
struct Result {
  std::vector<std::int32_t> tokens;
  Tensor logits;                         // (T,V)
  std::vector<std::vector<Guess>> top;   // of every position, the likeliest first
};

Result compute(const Arguments& args, const Opened& opened) {
  Result r;
  r.tokens = tokens_asked(args, opened);
  const std::int64_t T = static_cast<std::int64_t>(r.tokens.size()), V = opened.config().vocab_size;
  Pass pass;
  const Tensor ids = Tensor::ids(opened.model().device(), r.tokens, {1, T});
  r.logits = reshape(opened.model().logits(pass, ids), {T, V});
  const std::vector<double> all = r.logits.to_host();
  const std::size_t width = static_cast<std::size_t>(V);
  for (std::size_t t = 0; t < r.tokens.size(); ++t) {
    const std::span<const double> row(&all[t * width], width);
    r.top.push_back(likeliest(row, static_cast<std::size_t>(args.integer("top-k"))));
  }
  return r;
}

void print_json(const Arguments& args, const Opened& opened, const Result& r) {
  Json json;
  begin_json(json, args, opened);
  json.field("tokens", r.tokens);
  json.field("shape", std::vector<std::int64_t>{r.logits.dim(0), r.logits.dim(1)});
  json.key("top").array();
  for (const std::vector<Guess>& position : r.top) {
    json.array();
    for (const Guess& guess : position) {
      json.object().field("id", guess.id).field("text", text_of(opened, guess.id));
      json.field("prob", guess.probability).end();
    }
    json.end();
  }
  json.end();
  if (args.has("out")) json.field("out", args.text("out"));
  print(json.end().text() + "\n");
}

std::string shown(const Opened& opened, std::int32_t id) {
  const std::string text = text_of(opened, id);
  if (text == "\n") return "'\\n'";
  return text.empty() ? "#" + std::to_string(id) : in_quotes(text, 16);
}

void print_text(const Opened& opened, const Result& r) {
  print("position  token               what may come next\n");
  for (std::size_t t = 0; t < r.top.size(); ++t) {
    print(format("%8zu  %-18s", t, shown(opened, r.tokens[t]).c_str()));
    for (const Guess& guess : r.top[t])
      print(format("  %s %.3f", shown(opened, guess.id).c_str(), guess.probability));
    print("\n");
  }
}

ExitCode run(const Arguments& args) {
  const Opened opened = open_saved(args);
  const Result result = compute(args, opened);
  if (args.has("out")) save_npy(args.text("out"), stored("logits", result.logits));
  if (args.flag("json")) print_json(args, opened, result);
  else print_text(opened, result);
  return ExitCode::ok;
}

// clang-format off
const Option kOptions[] = {
    kCkptOption,
    kTokenizerOption,
    kRanksOption,
    kTypeOption,
    {.name = "prompt", .value = "TEXT", .help = "the text; - reads it from stdin", .group = "Text"},
    {.name = "tokens", .value = "1,2,3", .help = "the text as token ids"},
    {.name = "top-k", .type = Type::integer, .value = "N", .fallback = "5", .min = 1, .max = 1e6,
     .help = "guesses to show for each position", .also = "top", .group = "Result"},
    {.name = "out", .value = "FILE.npy", .help = "write all logits, (T, V), as a NumPy array", .also = "o"},
};
const Example kExamples[] = {
    {"glass logits --ckpt out/names --prompt anna", "after each letter, the likeliest next ones"},
    {"glass logits --ckpt out/names --tokens 1,14,14 -o logits.npy", "all numbers, for other programs"},
};
// clang-format on

}   // namespace

extern const Command kLogits = {.name = "logits",
                                .summary = "show what a model expects at every position of a text",
                                .about = "",
                                .examples = kExamples,
                                .options = kOptions,
                                .run = run};

}   // namespace glass
