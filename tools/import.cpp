// glass import: a model of another program becomes a checkpoint of ours, in one file that says
// everything about itself.
#include "engine/base/json.h"
#include "engine/base/text.h"
#include "model/saved_model.h"
#include "tools/saved.h"
#include "tools/terminal.h"
#include "tools/text_options.h"

namespace glass {
namespace {

struct Imported {
  std::string from, path, digest, tokenizer;   // tokenizer: its spec, or ""
  GPTConfig config;
  std::int64_t step = 0, parameters = 0;
  bool goes_on = false;   // there is what training needs to go on
};

Imported import(const Arguments& args) {
  Imported result;
  result.from = args.text("PATH"), result.path = args.text("out");
  refuse_to_overwrite(result.path, args);
  FoundCheckpoint found = find_checkpoint(result.from, warn);
  Checkpoint& checkpoint = found.checkpoint;
  result.config = config_of(checkpoint, found.path);
  if (args.has("attn-scale")) result.config.attn_scale = args.number("attn-scale");
  checkpoint.notes["glass.config"] = fields_to_json(result.config);
  TokenizerPtr tokenizer = said_tokenizer(args, result.config.vocab_size);
  if (tokenizer) checkpoint.notes["glass.tokenizer"] = tokenizer->to_json();
  else tokenizer = tokenizer_of(checkpoint, found.path);
  if (tokenizer) result.tokenizer = tokenizer->spec();
  result.step = found.step;
  result.goes_on = checkpoint.notes.count("glass.trainer") > 0;
  for (const StoredTensor& tensor : checkpoint.tensors)
    if (!tensor.name.starts_with("optim."))
      result.parameters += static_cast<std::int64_t>(tensor.bytes.size() / bytes_of(tensor.type));
  save_checkpoint(result.path, checkpoint);
  result.digest = verify_checkpoint(FileSource(result.path));
  return result;
}

void print_json(const Arguments& args, const Imported& r) {
  Json json;
  json.object().field("command", args.line()).field("from", r.from).field("path", r.path);
  json.field("digest", r.digest)
      .field("params", r.parameters)
      .field("step", r.step)
      .key("tokenizer");
  if (r.tokenizer.empty()) json.null();
  else json.value(r.tokenizer);
  print(json.field("goes_on", r.goes_on).end().text() + "\n");
}

void print_text(const Imported& r) {
  const GPTConfig& c = r.config;
  print(r.path + ": " + human_count(static_cast<double>(r.parameters)) + " parameters, " +
        std::to_string(c.n_layer) + " layers of " + std::to_string(c.n_embd) + ", step " +
        with_commas(r.step) + ", digest " + r.digest + "\n");
  if (r.tokenizer.empty())
    warn("nothing says what its tokens mean; import it again with --tokenizer, or name one later.");
  print("try  glass sample --ckpt " + r.path + "\n");
}

ExitCode run(const Arguments& args) {
  const Imported result = import(args);
  if (args.flag("json")) print_json(args, result);
  else print_text(result);
  return ExitCode::ok;
}

// clang-format off
const Option kOperands[] = {
    {.name = "PATH", .help = "a nanoGPT ckpt.pt, a Hugging Face GPT-2 folder, a llm.c .bin, a GGUF, a state dict", .required = true},
};
const Option kOptions[] = {
    {.name = "out", .value = "FILE", .help = "the checkpoint to write, usually NAME.safetensors", .also = "o", .required = true},
    {.name = "overwrite", .type = Type::flag, .help = "replace FILE if it is there"},
    kTokenizerOption,
    kRanksOption,
    {.name = "attn-scale", .type = Type::number, .value = "X", .min = 0, .max = 1e6,
     .help = "what scores are multiplied with, where the file does not say it; 0: 1/sqrt(head size)"},
};
const Example kExamples[] = {
    {"glass import out-shakespeare-char/ckpt.pt -o shakespeare.safetensors", "a model that nanoGPT trained"},
    {"glass import gpt2.gguf -o gpt2.safetensors", "a model of llama.cpp"},
};
// clang-format on

}   // namespace

extern const Command kImport = {
    .name = "import",
    .summary = "turn a model of another program into a checkpoint",
    .about =
        "Every command takes such models as they are, too: --ckpt finds out by content what a path "
        "leads to. An imported one is a single file with a digest and its tokenizer inside. "
        "Nothing in a file is ever run: pickles are read by a machine that knows no functions.",
    .examples = kExamples,
    .operands = kOperands,
    .options = kOptions,
    .shared = Shared::output,
    .run = run};

}   // namespace glass
