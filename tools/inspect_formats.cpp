// The formats, in the order in which they are asked. Those that a magic number gives away come
// before those that are recognised by what their content could mean.
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "engine/base/error.h"
#include "engine/base/hash.h"
#include "engine/base/text.h"
#include "model/checkpoint.h"
#include "model/dataset.h"
#include "model/formats/foreign.h"
#include "model/formats/llmc.h"
#include "model/formats/npy.h"
#include "model/formats/pytorch.h"
#include "model/handmade.h"
#include "model/run_folder.h"
#include "model/saved_model.h"
#include "tools/inspect.h"

namespace glass {
namespace {

std::int64_t product(const std::vector<std::int64_t>& shape) {
  std::int64_t count = 1;
  for (const std::int64_t n : shape) count *= n;
  return count;
}

InspectedTensor row_of(const std::string& name, StoredType type,
                       const std::vector<std::int64_t>& shape) {
  const bool moment = name.compare(0, 6, "optim.") == 0;
  return {name, name_of(type), shape, product(shape), !moment};
}

bool exists(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0;
}

// --- Checkpoints and other safetensors -----------------------------------------------------------

// The notes of a checkpoint, as far as they are there: an interrupted experiment may lack some.
void describe_notes(const Notes& notes, Inspection& found) {
  const auto note = [&](const char* key) -> const std::string* {
    const auto at = notes.find(key);
    return at == notes.end() ? nullptr : &at->second;
  };
  const std::string what = in_quotes(found.path);
  if (const std::string* config = note("glass.config"))
    found.config = parse_json(*config, what + ": glass.config");
  if (const std::string* tokenizer = note("glass.tokenizer")) {
    const TokenizerPtr made = tokenizer_from_json(*tokenizer, what + ": glass.tokenizer");
    found.tokenizer = made->spec();
    found.vocab_size = made->vocab_size();
  }
  std::int64_t step = 0;
  if (const std::string* text = note("glass.step");
      text != nullptr && parse_integer(*text, step) == NumberFault::none)
    found.step = step;
  for (const auto& [key, value] : notes)
    if (key != "glass.config" && key != "glass.tokenizer" && key != "glass.step" &&
        key != kDigestNote && key != kTensorDigestsNote)
      found.notes.emplace(key, value);
}

bool is_safetensors(const FileOrFolder& target) {
  return !target.is_folder() && looks_like_safetensors(target.source());
}

// One of ours carries notes of ours; then its digest must be right.
Inspection inspect_safetensors(const FileOrFolder& target) {
  const SafetensorsHeader header = read_safetensors_header(target.source());
  const bool ours = std::any_of(header.notes.begin(), header.notes.end(), [](const auto& note) {
    return note.first.compare(0, 6, "glass.") == 0;
  });
  Inspection found;
  found.kind = ours ? "checkpoint" : "safetensors";
  found.path = target.path();
  found.bytes = target.source().size();
  if (ours) found.digest = verify_checkpoint(target.source()), found.verified = true;
  for (const TensorEntry& entry : header.tensors)
    found.tensors.push_back(row_of(entry.name, entry.type, entry.shape));
  describe_notes(header.notes, found);
  return found;
}

bool looks_like_run_folder(const FileOrFolder& target) {
  return target.is_folder() && is_run_folder(target.path());
}

Inspection inspect_run_folder(const FileOrFolder& target) {
  std::vector<std::string> skipped;
  const auto newest =
      newest_checkpoint(target.path(), [&](const std::string& why) { skipped.push_back(why); });
  if (!newest) fail(ContentError(in_quotes(target.path()) + " holds no checkpoint any more."));
  Inspection found = inspect_safetensors(FileOrFolder(newest->path));
  found.kind = "run folder";
  std::vector<std::string> steps;
  for (const std::int64_t step : saved_steps(target.path())) steps.push_back(with_commas(step));
  found.facts.emplace_back("saved steps", join(steps, "  "));
  if (exists(target.path() + "/" + kBestName)) found.facts.emplace_back("best", kBestName);
  for (const std::string& why : skipped) found.facts.emplace_back("damaged", why);
  return found;
}

// --- Arrays and tokens ---------------------------------------------------------------------------

bool looks_like_npy(const FileOrFolder& target) {
  return !target.is_folder() && is_npy(target.source());
}

Inspection inspect_npy(const FileOrFolder& target) {
  const NpyHeader header = read_npy_header(target.source());
  Inspection found;
  found.kind = "npy";
  found.path = target.path();
  found.bytes = target.source().size();
  found.tensors.push_back(row_of("array", header.type, header.shape));
  found.tensors.back().parameter = false;
  return found;
}

void describe_ids(const Tokens& tokens, Inspection& found) {
  std::int32_t least = INT32_MAX, most = INT32_MIN;
  for_each_piece(tokens, tokens.size(), [&](std::int64_t, std::span<const std::int32_t> ids) {
    for (const std::int32_t id : ids) least = std::min(least, id), most = std::max(most, id);
  });
  if (tokens.size() > 0)
    found.facts.emplace_back("ids", std::to_string(least) + " to " + std::to_string(most));
}

Inspection inspect_tokens(const FileOrFolder& target, int width, const char* kind) {
  Tokens tokens;
  tokens.append_file(target.path(), width);
  Inspection found;
  found.kind = kind;
  found.path = target.path();
  found.bytes = target.source().size();
  found.tensors.push_back(
      row_of("tokens", width == 2 ? StoredType::u16 : StoredType::u32, {tokens.size()}));
  found.tensors.back().parameter = false;
  describe_ids(tokens, found);
  return found;
}

int width_of_llmc_shard(const FileOrFolder& target) {
  std::int32_t magic = 0;
  if (target.is_folder() || target.source().size() < 1024) return 0;
  target.source().read(0, std::as_writable_bytes(std::span(&magic, 1)));
  return magic == 20240520 ? 2 : magic == 20240801 ? 4 : 0;
}

bool looks_like_llmc_shard(const FileOrFolder& target) { return width_of_llmc_shard(target) > 0; }
Inspection inspect_llmc_shard(const FileOrFolder& target) {
  return inspect_tokens(target, width_of_llmc_shard(target), "llm.c token shard");
}

bool looks_like_token_folder(const FileOrFolder& target) {
  return target.is_folder() && exists(target.path() + "/train.bin");
}

Inspection inspect_token_folder(const FileOrFolder& target) {
  DataOptions options;
  options.source = target.path();
  const Dataset data = open_dataset(options);
  Inspection found;
  found.kind = "token folder";
  found.path = target.path();
  const StoredType type = data.vocab_size > 65536 ? StoredType::u32 : StoredType::u16;
  for (const auto& [name, tokens] :
       {std::pair("train", &data.train), std::pair("val", &data.val)}) {
    found.tensors.push_back(row_of(name, type, {tokens->size()}));
    found.tensors.back().parameter = false;
    found.bytes += static_cast<std::uint64_t>(tokens->size()) * bytes_of(type);
  }
  if (data.tokenizer) found.tokenizer = data.tokenizer->spec();
  found.vocab_size = data.vocab_size;
  found.digest = hex16(data.digest), found.verified = true;
  return found;
}

// --- Models of other programs --------------------------------------------------------------------

// A model is often several files; the whole folder counts then.
std::uint64_t bytes_in(const FileOrFolder& target) {
  if (!target.is_folder()) return target.source().size();
  std::uint64_t sum = 0;
  std::error_code fault;
  for (const auto& entry : std::filesystem::directory_iterator(target.path(), fault))
    if (entry.is_regular_file(fault)) sum += entry.file_size(fault);
  return sum;
}

bool looks_foreign(const FileOrFolder& target) { return foreign_format_of(target) != nullptr; }

// Only what its headers say: a model of gigabytes is described at once.
Inspection inspect_foreign(const FileOrFolder& target) {
  ForeignModel model = foreign_format_of(target)->read(target, Want::description);
  Inspection found;
  found.kind = model.kind;
  found.path = target.path();
  found.bytes = bytes_in(target);
  for (const ForeignTensor& tensor : model.tensors)
    found.tensors.push_back(
        {tensor.name, tensor.type, tensor.shape, product(tensor.shape), tensor.parameter});
  describe_notes(model.checkpoint.notes, found);
  if (found.step == 0) found.step.reset();   // such a format does not know any
  found.facts = std::move(model.facts);
  return found;
}

// What is no model that is known is still described: the tensors of a state dict, or the names in
// what was saved.
bool looks_like_torch(const FileOrFolder& target) {
  return !target.is_folder() && is_torch_file(target.source());
}

Inspection inspect_torch(const FileOrFolder& target) {
  const TorchFile file(target.source());
  Inspection found;
  found.kind = "PyTorch file";
  found.path = target.path();
  found.bytes = target.source().size();
  if (!file.is_state_dict(file.root())) {
    found.facts.emplace_back("holds", file.summary());
    return found;
  }
  for (const TorchTensor& tensor : file.state_dict())
    found.tensors.push_back(row_of(tensor.name, tensor.type, tensor.shape));
  return found;
}

// What lies beside a model of llm.c. Without that model only the header can be read.
bool looks_like_llmc_helper(const FileOrFolder& target) {
  return !target.is_folder() &&
         (is_llmc(target.source(), kLlmcState) || is_llmc(target.source(), kLlmcDebug));
}

Inspection inspect_llmc_helper(const FileOrFolder& target) {
  Inspection found;
  found.path = target.path();
  found.bytes = target.source().size();
  if (is_llmc(target.source(), kLlmcState)) {
    found.kind = "llm.c training state";
    found.step = read_llmc_numbers(target.source(), kLlmcState)[10];
    found.facts.emplace_back("holds", "moments of the optimizer, for the model of this step");
  } else {
    found.kind = "llm.c debug state";
    const auto size = read_llmc_debug_size(target.source());
    found.facts.emplace_back("holds", "logits, loss and gradients by PyTorch, for a batch of " +
                                          std::to_string(size.first) + " x " +
                                          std::to_string(size.second) + " tokens");
  }
  return found;
}

// --- Tokens and tokenizers -----------------------------------------------------------------------

// Tokens without a header look like anything; a name and a neighbour are all that give them away.
bool looks_like_raw_tokens(const FileOrFolder& target) {
  const std::string& path = target.path();
  if (target.is_folder() || path.size() < 4 || path.compare(path.size() - 4, 4, ".bin") != 0)
    return false;
  const std::string folder = split_path(path).folder;
  return exists(folder + "/meta.json") || exists(folder + "/meta.pkl");
}

Inspection inspect_raw_tokens(const FileOrFolder& target) {
  const Inspection folder = inspect_token_folder(FileOrFolder(split_path(target.path()).folder));
  Inspection found = inspect_tokens(target, folder.vocab_size > 65536 ? 4 : 2, "tokens");
  found.tokenizer = folder.tokenizer;
  found.vocab_size = folder.vocab_size;
  return found;
}

const InspectFormat kFormats[] = {
    {"a run folder", looks_like_run_folder, inspect_run_folder},
    {"a folder of tokens", looks_like_token_folder, inspect_token_folder},
    {"safetensors", is_safetensors, inspect_safetensors},
    {".npy", looks_like_npy, inspect_npy},
    {"a token shard of llm.c", looks_like_llmc_shard, inspect_llmc_shard},
    {"a state of llm.c", looks_like_llmc_helper, inspect_llmc_helper},
    {nullptr, looks_foreign, inspect_foreign},   // has names of its own
    {"a file of PyTorch", looks_like_torch, inspect_torch},
    {"a .bin of tokens beside its meta.json or meta.pkl", looks_like_raw_tokens,
     inspect_raw_tokens},
    {"a tokenizer", looks_like_tokenizer, inspect_tokenizer},
};

void add_names(const InspectFormat& format, std::vector<std::string>& names) {
  if (format.name != nullptr) names.emplace_back(format.name);
  else
    for (const ForeignFormat* foreign : foreign_formats()) names.emplace_back(foreign->name);
}

// A model that this program writes; there is no file.
Inspection inspect_handmade(const std::string& path) {
  const Handmade& model = handmade(path);
  const Checkpoint checkpoint = handmade_checkpoint(model.options);
  Inspection found;
  found.kind = "handmade model";
  found.path = path;
  found.digest = checkpoint.digest;
  for (const StoredTensor& tensor : checkpoint.tensors) {
    found.tensors.push_back(row_of(tensor.name, tensor.type, tensor.shape));
    found.bytes += tensor.bytes.size();
  }
  describe_notes(checkpoint.notes, found);
  found.facts.emplace_back("what it is", model.about);
  return found;
}

// Whoever has two files of a kind wants to know whether they are the same.
Inspection with_digest(Inspection found, const FileOrFolder& target) {
  if (found.digest.empty()) found.digest = digest_of(target);
  return found;
}

}   // namespace

std::span<const InspectFormat> inspect_formats() { return kFormats; }

Inspection inspect(const std::string& path) {
  if (is_handmade(path)) return inspect_handmade(path);
  const FileOrFolder target(path);
  std::vector<std::string> names;
  for (const InspectFormat& format : kFormats) {
    if (format.recognises(target)) return with_digest(format.inspect(target), target);
    add_names(format, names);
  }
  const bool empty = !target.is_folder() && target.source().size() == 0;
  fail(ContentError(in_quotes(path) + (empty ? " is empty" : " is of no kind that is known here") +
                    "; known are " + list_of(names, "and") + "."));
}

}   // namespace glass
