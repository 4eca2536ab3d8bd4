// Reading: the config says which tensors there must be, the files say which there are, and only
// where the two lists agree is anything read.
#include "model/formats/huggingface.h"

#include <algorithm>
#include <set>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "model/formats/elements.h"
#include "model/formats/huggingface_weights.h"
#include "model/tokenizer/compact.h"
#include "model/tokenizer/open.h"

namespace glass {
namespace {

constexpr std::string_view kPrefix = "transformer.", kHead = "lm_head.weight",
                           kTable = "wte.weight";

constexpr std::uint64_t kMostConfig = 1 << 20;   // bytes

// A tensor of a GPT-2, under its name without "transformer." and in the shape that it has there.
struct Slot {
  std::string name;
  std::vector<std::int64_t> shape;
  bool conv1d = false;   // (in, out); ours are (out, in)
};

std::vector<Slot> slots_of(const GPTConfig& c) {
  const std::int64_t C = c.n_embd;
  std::vector<Slot> slots = {{std::string(kTable), {c.vocab_size, C}},
                             {"wpe.weight", {c.block_size, C}}};
  const auto norm = [&](const std::string& name) {
    slots.push_back({name + ".weight", {C}});
    slots.push_back({name + ".bias", {C}});
  };
  const auto conv1d = [&](const std::string& name, std::int64_t in, std::int64_t out) {
    slots.push_back({name + ".weight", {in, out}, true});
    slots.push_back({name + ".bias", {out}});
  };
  for (std::int64_t i = 0; i < c.n_layer; ++i) {
    const std::string block = "h." + std::to_string(i);
    norm(block + ".ln_1");
    conv1d(block + ".attn.c_attn", C, 3 * C);
    conv1d(block + ".attn.c_proj", C, C);
    norm(block + ".ln_2");
    conv1d(block + ".mlp.c_fc", C, c.inner());
    conv1d(block + ".mlp.c_proj", c.inner(), C);
  }
  norm("ln_f");
  if (!c.tie) slots.push_back({std::string(kHead), {c.vocab_size, C}});
  return slots;
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::vector<std::string> sizes;
  for (const std::int64_t n : shape) sizes.push_back(std::to_string(n));
  return sizes.empty() ? "of a single number" : join(sizes, " x ");
}

// Older files carry the triangle that hides the future, and the number that it hides it with.
bool is_mask(const std::string& bare) {
  return bare.ends_with(".attn.bias") || bare.ends_with(".attn.masked_bias");
}

// The tensors of the files under their names without "transformer.".
std::map<std::string, WeightPlace> by_bare_name(const Weights& weights) {
  std::map<std::string, WeightPlace> places;
  for (const WeightPlace& place : weights.places) {
    const std::string& name = place.tensor().name;
    const std::string bare = name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : name;
    if (!places.emplace(bare, place).second)
      fail(ContentError(place.file->name() + ": the tensor " + in_quotes(name) +
                        " is there twice, with and without 'transformer.' in front."));
  }
  return places;
}

// What the files hold, sorted out: one place for each slot, in their order.
class Sorted {
 public:
  Sorted(const Weights& weights, GPTConfig& config, Facts& facts)
      : weights_(weights), places_(by_bare_name(weights)) {
    settle_head(config, facts);
    for (Slot& slot : slots_of(config)) take(std::move(slot));
    leave_out_masks(facts);
    if (places_.empty()) return;
    const WeightPlace& left = places_.begin()->second;
    fail(ContentError(left.file->name() + " has a tensor " + in_quotes(left.tensor().name) + " (" +
                      shape_text(left.tensor().shape) +
                      ") that the GPT-2 of its config.json does not have: " +
                      std::to_string(config.n_layer) + " layers and a head that guesses tokens."));
  }

  std::vector<StoredTensor> read() const {
    std::vector<StoredTensor> tensors;
    for (const auto& [slot, place] : taken_) tensors.push_back(read_one(slot, place));
    return tensors;
  }
  std::vector<ForeignTensor> as_they_stand() const {
    std::vector<ForeignTensor> all;
    for (const WeightPlace& place : weights_.places) {
      const FileTensor& tensor = place.tensor();
      all.push_back(
          {tensor.name, name_of(tensor.type), tensor.shape, left_out_.count(tensor.name) == 0});
    }
    return all;
  }

 private:
  // A head beside a tied table is a copy of it; if it is another one, transformers uses it.
  void settle_head(GPTConfig& config, Facts& facts) {
    const auto head = places_.find(std::string(kHead)), table = places_.find(std::string(kTable));
    if (!config.tie || head == places_.end() || table == places_.end()) return;
    const WeightPlace &a = head->second, &b = table->second;
    if (a.file->same(a.index, *b.file, b.index)) {
      left_out_.insert(a.tensor().name);
      facts.emplace_back("left out", "lm_head.weight, a copy of wte.weight");
      places_.erase(head);
    } else {
      config.tie = false;
      facts.emplace_back("head",
                         "config.json calls it a copy of wte.weight, but it is another one");
    }
  }

  void take(Slot slot) {
    const auto found = places_.find(slot.name);
    if (found == places_.end())
      fail(ContentError(weights_.what + " lacks the tensor " + in_quotes(slot.name) + " (" +
                        shape_text(slot.shape) + "), which the model of config.json has."));
    const WeightPlace place = found->second;
    const FileTensor& tensor = place.tensor();
    if (tensor.shape != slot.shape)
      fail(ContentError(place.file->name() + ": tensor " + in_quotes(tensor.name) + " is " +
                        shape_text(tensor.shape) + ", and the config.json beside it asks for " +
                        shape_text(slot.shape) + "."));
    using Type = StoredType;
    if (tensor.type != Type::f32 && tensor.type != Type::f16 && tensor.type != Type::bf16 &&
        tensor.type != Type::f64)
      fail(ContentError(place.file->name() + ": tensor " + in_quotes(tensor.name) + " is of type " +
                        name_of(tensor.type) + ", not F32, F16, BF16 or F64."));
    places_.erase(found);
    taken_.emplace_back(std::move(slot), place);
  }

  void leave_out_masks(Facts& facts) {
    std::size_t masks = 0;
    for (auto at = places_.begin(); at != places_.end();) {
      const bool mask = is_mask(at->first);
      if (mask) left_out_.insert(at->second.tensor().name);
      masks += mask;
      at = mask ? places_.erase(at) : std::next(at);
    }
    if (masks > 0)
      facts.emplace_back("left out",
                         std::to_string(masks) + " masks of attention, which are no weights");
  }

  static StoredTensor read_one(const Slot& slot, const WeightPlace& place) {
    const StoredTensor as_stored = place.read();
    const StoredType type = as_stored.type == StoredType::f64 ? StoredType::f64 : StoredType::f32;
    StoredTensor tensor = as_type(slot.conv1d ? transposed(as_stored) : as_stored, type);
    tensor.name = slot.name == kHead ? slot.name : std::string(kPrefix) + slot.name;
    return tensor;
  }

  const Weights& weights_;
  std::map<std::string, WeightPlace> places_;
  std::vector<std::pair<Slot, WeightPlace>> taken_;
  std::set<std::string> left_out_;
};

// --- Which folder, and what else is in it --------------------------------------------------------

struct Place {
  FileOrFolder folder;
  std::string file;   // the name of the file of weights that the user pointed at, or ""
};
Place place_of(const FileOrFolder& from) {
  if (from.is_folder()) return {FileOrFolder(from.path()), ""};
  const SplitPath split = split_path(from.path());
  return {FileOrFolder(split.folder), split.name == "config.json" ? "" : split.name};
}

// Does the config.json of this folder look like that of a GPT-2? Whether it is a good one is seen
// when it is read.
bool names_gpt2(const FileOrFolder& folder) {
  if (!folder.holds("config.json")) return false;
  const FileSource file(folder.inside("config.json"));
  return file.size() <= kMostConfig &&
         all_bytes(file, kMostConfig).find("\"gpt2\"") != std::string::npos;
}

// A folder with a config.json of anything counts: it is refused by name then. A user may also point
// at the weights of a GPT-2, or at its config or index.
bool recognises(const FileOrFolder& from) {
  if (from.is_folder()) return from.holds("config.json");
  const SplitPath split = split_path(from.path());
  if (split.name == "config.json" || split.name.ends_with(".index.json"))
    return from.begins_with("{");
  const std::string first = from.first_bytes(9);
  const bool safetensors = first.size() == 9 && first[8] == '{', zip = first.starts_with("PK");
  return (safetensors || zip) && names_gpt2(FileOrFolder(split.folder));
}

// Models are often saved without their tokenizer; one that cannot be read is no reason to refuse
// the model.
TokenizerPtr tokenizer_in(const FileOrFolder& folder, std::int64_t vocab_size, Facts& facts) {
  const bool there =
      folder.holds("tokenizer.json") || (folder.holds("vocab.json") && folder.holds("merges.txt"));
  if (!there) return nullptr;
  try {
    return with_first_tokens(open_tokenizer(folder.path()), vocab_size);
  } catch (const ContentError& error) {
    facts.emplace_back("tokenizer", std::string("cannot be used: ") + error.what());
    return nullptr;
  }
}

ForeignModel read_folder(const FileOrFolder& from, Want want) {
  const Place place = place_of(from);
  ForeignModel model;
  model.kind = "Hugging Face GPT-2";
  const FileSource config_file(place.folder.inside("config.json"));
  GPTConfig config = read_huggingface_config(config_file, model.facts);
  const Weights weights = open_weights(place.folder, place.file);
  model.facts.emplace_back("weights", weights.said);
  const Sorted sorted(weights, config, model.facts);
  model.tensors = sorted.as_they_stand();
  put_notes(model.checkpoint, config, tokenizer_in(place.folder, config.vocab_size, model.facts), 0,
            config_file.name());
  if (want == Want::everything) model.checkpoint.tensors = sorted.read();
  return model;
}

}   // namespace

const ForeignFormat kHuggingFace = {"a Hugging Face folder of a GPT-2", recognises, read_folder};

}   // namespace glass
