// glass export: a model on its way to other programs. What the target cannot hold is refused by
// name before anything is written; where it computes another gelu, the change is measured.
#include "model/formats/export.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "engine/base/json.h"
#include "engine/base/text.h"
#include "model/formats/foreign.h"
#include "model/saved_model.h"
#include "tools/logit_change.h"
#include "tools/saved.h"
#include "tools/terminal.h"
#include "tools/text_options.h"

namespace glass {
namespace {

namespace fs = std::filesystem;

struct Exported {
  const ExportTarget* target = nullptr;
  std::string path, type;
  std::vector<std::string> files;
  std::uint64_t bytes = 0;
  Activation ours{}, theirs{};         // what the model computes, and what the target knows
  std::optional<LogitChange> change;   // where they differ
  bool keeps_tokenizer = true;         // whoever opens it finds what its tokens mean
};

const ExportTarget& target_named(const std::string& name) {
  std::vector<std::string> names;
  for (const ExportTarget* target : export_targets()) {
    if (name == target->name) return *target;
    names.emplace_back(target->name);
  }
  fail(UsageError("--to " + name + ": there are " + list_of(names, "and") + "."));
}

std::string type_for(const ExportTarget& target, const Arguments& args) {
  const std::vector<std::string> types = split(target.types, '|');
  if (!args.has("type")) return types.front();
  const std::string& said = args.text("type");
  if (std::find(types.begin(), types.end(), said) != types.end()) return said;
  fail(UsageError("--type " + said + ": " + target.name + " stores " + list_of(types, "or") + "."));
}

// "shakespeare" of out/shakespeare, of out/shakespeare/ckpt.pt and of shakespeare.gguf.
std::string name_of_model(const std::string& path) {
  const fs::path whole = fs::weakly_canonical(path);
  const std::string stem = whole.stem().string();
  const bool says_nothing =
      stem.starts_with("ckpt") || stem == "best" || stem == "model" || stem == "pytorch_model";
  return says_nothing ? whole.parent_path().filename().string() : stem;
}

void refuse_what_does_not_fit(const ExportTarget& target, const ModelToWrite& model) {
  const std::vector<std::string> why = target.cannot_hold(model);
  if (why.empty()) return;
  fail(UsageError(std::string(target.name) + " cannot hold this model, which has " +
                  list_of(why, "and") + "; --to safetensors holds everything."));
}

// Looked at again as any user would find it.
bool has_tokenizer(const std::string& path) {
  const FileOrFolder written(path);
  const ForeignFormat* format = foreign_format_of(written);
  return format == nullptr ||
         format->read(written, Want::description).checkpoint.notes.count("glass.tokenizer") > 0;
}

Exported export_model(const Arguments& args) {
  Exported result;
  const ExportTarget& target = target_named(args.text("to"));
  result.target = &target, result.path = args.text("out"), result.type = type_for(target, args);
  refuse_to_overwrite(result.path, args);
  const FoundCheckpoint found = find_checkpoint(args.text("ckpt"), warn);
  const GPTConfig config = config_of(found.checkpoint, found.path);
  TokenizerPtr tokenizer = said_tokenizer(args, config.vocab_size);
  if (!tokenizer) tokenizer = tokenizer_of(found.checkpoint, found.path);
  const ModelToWrite model{config, found.checkpoint, tokenizer, name_of_model(args.text("ckpt"))};
  refuse_what_does_not_fit(target, model);
  result.ours = config.act, result.theirs = target.computes(config);
  if (result.theirs != result.ours)
    result.change =
        change_by_activation(config, found.checkpoint, result.theirs, open_machine(args));
  result.files = target.write(model, result.type, result.path);
  for (const std::string& file : result.files) result.bytes += fs::file_size(file);
  result.keeps_tokenizer = !tokenizer || has_tokenizer(result.path);
  return result;
}

// --- What is said --------------------------------------------------------------------------------

void warn_of_change(const Exported& r) {
  const LogitChange& change = *r.change;
  const std::string others = std::to_string(change.other_choices);
  warn("this model computes " + spelled(r.ours) + " and " + r.target->name + " knows only " +
       spelled(r.theirs) + ": over " + std::to_string(change.positions) +
       " tokens of its own text the logits move by at most " + format("%.2g", change.most) +
       " (they spread by " + format("%.2g", change.spread) + "), and " +
       (change.other_choices == 0 ? "the likeliest token stays the same everywhere."
                                  : "at " + others + " places another token is the likeliest."));
}

void print_json(const Arguments& args, const Exported& r) {
  Json json;
  json.object().field("command", args.line()).field("path", r.path).field("to", r.target->name);
  json.field("type", r.type).field("bytes", r.bytes).field("files", r.files).key("logit_change");
  if (!r.change) json.null();
  else
    json.object()
        .field("most", r.change->most)
        .field("spread", r.change->spread)
        .field("positions", r.change->positions)
        .field("other_choices", r.change->other_choices)
        .end();
  print(json.end().text() + "\n");
}

void print_text(const Exported& r) {
  for (const std::string& file : r.files)
    print(format("%10s  ", human_bytes(static_cast<double>(fs::file_size(file))).c_str()) + file +
          "\n");
  std::string use = r.target->opened_by;
  const auto put = [&](std::string_view word, const std::string& path) {
    if (const std::size_t at = use.find(word); at != std::string::npos)
      use.replace(at, word.size(), path);
  };
  put("PATH", r.path);
  const std::string folder = fs::path(r.files.front()).parent_path().string();
  put("FOLDER", folder.empty() ? "." : folder);
  print("open it with  " + use + "\n");
}

ExitCode run(const Arguments& args) {
  const Exported result = export_model(args);
  if (result.change) warn_of_change(result);
  if (!result.keeps_tokenizer)
    warn(result.path + " cannot say what its tokens mean; keep " + args.text("ckpt") +
         " and name it as --tokenizer.");
  if (args.flag("json")) print_json(args, result);
  else print_text(result);
  return ExitCode::ok;
}

// clang-format off
const Option kOptions[] = {
    kCkptOption,
    kTokenizerOption,
    kRanksOption,
    {.name = "to", .type = Type::choice, .choices = "hf|gguf|nanogpt|llmc|safetensors",
     .help = "hf: a folder for transformers; gguf: llama.cpp; nanogpt: a ckpt.pt; llmc: a .bin; safetensors: weights with names",
     .group = "Where to", .required = true},
    {.name = "type", .type = Type::choice, .choices = "f32|f16|bf16|q8_0",
     .help = "what weights are stored as; fewer bits round more. Each target has its own; the usual one is f32"},
    {.name = "out", .value = "PATH", .help = "the file or folder to write", .also = "o", .required = true},
    {.name = "overwrite", .type = Type::flag, .help = "replace a file that is there; folders are never replaced"},
};
const Example kExamples[] = {
    {"glass export --ckpt out/shakespeare --to hf -o shakespeare-hf", "for transformers: from_pretrained(\"shakespeare-hf\")"},
    {"glass export --ckpt out/shakespeare --to gguf --type q8_0 -o shakespeare.gguf", "for llama.cpp, a byte a weight"},
    {"glass export --ckpt out/shakespeare --to nanogpt -o out-shakespeare/ckpt.pt", "for nanoGPT's sample.py and train.py"},
};
// clang-format on

}   // namespace

extern const Command kExport = {
    .name = "export",
    .summary = "write a model for other programs",
    .about =
        "What a target cannot hold is refused by name before anything is written. Some programs "
        "know only one kind of gelu: then the change of the logits is measured and said.",
    .examples = kExamples,
    .options = kOptions,
    .run = run};

}   // namespace glass
