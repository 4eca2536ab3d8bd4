#include "model/formats/nanogpt.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <optional>
#include <unordered_map>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "model/formats/elements.h"
#include "model/formats/pytorch.h"
#include "model/run.h"
#include "model/tokenizer/nanogpt_meta.h"
#include "model/train_config.h"

namespace glass {

std::vector<NanoGptParameter> nanogpt_parameters(const GPTConfig& c, bool bias) {
  std::vector<NanoGptParameter> all;
  const auto with_bias = [&](const std::string& name, std::vector<std::int64_t> shape) {
    const std::int64_t rows = shape[0];
    all.push_back({name + ".weight", std::move(shape)});
    if (bias) all.push_back({name + ".bias", {rows}});
  };
  const std::int64_t C = c.n_embd;
  all.push_back({"transformer.wte.weight", {c.vocab_size, C}});
  all.push_back({"transformer.wpe.weight", {c.block_size, C}});
  for (std::int64_t i = 0; i < c.n_layer; ++i) {
    const std::string block = "transformer.h." + std::to_string(i);
    with_bias(block + ".ln_1", {C});
    with_bias(block + ".attn.c_attn", {3 * C, C});
    with_bias(block + ".attn.c_proj", {C, C});
    with_bias(block + ".ln_2", {C});
    with_bias(block + ".mlp.c_fc", {4 * C, C});
    with_bias(block + ".mlp.c_proj", {C, 4 * C});
  }
  with_bias("transformer.ln_f", {C});
  return all;
}

std::vector<NanoGptParameter> in_optimizer_order(const std::vector<NanoGptParameter>& parameters) {
  std::vector<NanoGptParameter> ordered = parameters;
  std::stable_partition(ordered.begin(), ordered.end(),
                        [](const NanoGptParameter& p) { return p.shape.size() >= 2; });
  return ordered;
}

namespace {

using Kind = PickleValue::Kind;
namespace fs = std::filesystem;

constexpr std::string_view kCompiled = "_orig_mod.";   // what torch.compile puts before every name
constexpr std::int64_t kMostIterations = std::int64_t{1} << 53;
constexpr std::size_t kMostPairs = 16;      // in the state of one parameter
constexpr std::size_t kMostSettings = 64;   // of a group of parameters
constexpr const char* kHead = "lm_head.weight";

std::int64_t integer(PickleValue dictionary, std::string_view name, std::int64_t least,
                     std::int64_t most) {
  const PickleValue value = dictionary.at(name);
  if (!value.is(Kind::integer) || value.integer() < least || value.integer() > most)
    value.refuse(std::string(name) + " must be an integer of " + std::to_string(least) + " to " +
                 std::to_string(most));
  return value.integer();
}

// Fused kernels came with PyTorch 2. Before, every block kept its triangle of ones as a buffer.
bool is_buffer(const std::string& name, const TorchTensor& tensor) {
  return tensor.shape.size() == 4 &&
         (name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias"));
}

class Reader {
 public:
  Reader(const ByteSource& source, Want want) : file_(source), want_(want) {}

  ForeignModel read() {
    model_.kind = "nanoGPT checkpoint";
    const PickleValue root = file_.root();
    read_config(root.at("model_args"));
    read_weights(root.at("model"));
    step_ = root.has("iter_num") ? integer(root, "iter_num", 0, kMostIterations) : 0;
    say("iterations", with_commas(step_));
    if (root.has("optimizer")) read_optimizer(root);
    if (root.has("config")) read_dataset(root.at("config"));
    put_notes(model_.checkpoint, config_, nullptr, step_, file_.name());
    if (buffers_ > 0) say("left out", std::to_string(buffers_) + " buffers");
    return std::move(model_);
  }

 private:
  void say(const std::string& what, const std::string& text) {
    model_.facts.emplace_back(what, text);
  }

  [[noreturn]] void refuse(const std::string& reason) const {
    fail(ContentError(file_.name() + " is not a sound checkpoint of nanoGPT: " + reason + "."));
  }

  void read_config(PickleValue args) {
    config_.n_layer = integer(args, "n_layer", 1, 4096);
    config_.n_head = integer(args, "n_head", 1, 4096);
    config_.n_embd = integer(args, "n_embd", 1, 1 << 20);
    config_.block_size = integer(args, "block_size", 1, 1 << 24);
    config_.vocab_size = integer(args, "vocab_size", 1, std::int64_t{1} << 31);
    bias_ = !args.has("bias") || args.at("bias").boolean();   // at first there was no choice
    config_.bias_qkv = config_.bias_out = config_.bias_norm = bias_;
    config_.act = Activation::gelu_erf;
    if (args.has("dropout")) config_.dropout = args.at("dropout").real();
  }

  // ---- weights ----------------------------------------------------------------------------------

  StoredTensor load(const TorchTensor& tensor, const std::string& name) {
    StoredTensor loaded = file_.load(tensor);
    loaded.name = name;
    return as_type(loaded, loaded.type == StoredType::f64 ? StoredType::f64 : StoredType::f32);
  }

  void read_weights(PickleValue dictionary) {
    std::unordered_map<std::string, TorchTensor> found;
    for (const TorchTensor& tensor : file_.state_dict(dictionary)) {
      const bool compiled = tensor.name.starts_with(kCompiled);
      const std::string name = tensor.name.substr(compiled ? kCompiled.size() : 0);
      const bool buffer = is_buffer(name, tensor);
      model_.tensors.push_back({tensor.name, name_of(tensor.type), tensor.shape, !buffer});
      if (buffer) ++buffers_;
      else if (!found.emplace(name, tensor).second) refuse(in_quotes(name) + " is there twice");
    }
    read_head(found);
    if (found.size() / 4 < static_cast<std::size_t>(config_.n_layer))
      refuse("it has " + std::to_string(found.size()) + " tensors, too few for " +
             std::to_string(config_.n_layer) + " layers");
    parameters_ = nanogpt_parameters(config_, bias_);
    for (const NanoGptParameter& p : parameters_) {
      const auto tensor = found.find(p.name);
      if (tensor == found.end()) refuse("it has no tensor " + p.name);
      if (tensor->second.shape != p.shape)
        refuse(p.name + " has another shape than its model_args say");
      if (want_ == Want::everything)
        model_.checkpoint.tensors.push_back(load(tensor->second, p.name));
      found.erase(tensor);
    }
    if (!found.empty())
      refuse("it has a tensor " + in_quotes(found.begin()->first) +
             ", which nanoGPT does not have");
  }

  // The head is the embedding, saved a second time. Where somebody cut the tie it is a tensor of
  // its own.
  void read_head(std::unordered_map<std::string, TorchTensor>& found) {
    const auto head = found.find(kHead), wte = found.find("transformer.wte.weight");
    if (head == found.end() || wte == found.end()) return;
    const TorchTensor &a = head->second, &b = wte->second;
    bool tied = a.storage == b.storage && a.type == b.type && a.offset == b.offset &&
                a.shape == b.shape && a.strides == b.strides;
    if (!tied && a.shape == b.shape && a.type == b.type) {
      const StoredTensor x = file_.load(a), y = file_.load(b);
      tied = std::equal(x.bytes.begin(), x.bytes.end(), y.bytes.begin(), y.bytes.end());
    }
    config_.tie = tied;
    for (ForeignTensor& row : model_.tensors)
      if (row.name == a.name) row.parameter = !tied;
    if (!tied) {
      if (a.shape != std::vector{config_.vocab_size, config_.n_embd})
        refuse(std::string(kHead) + " has another shape than its model_args say");
      if (want_ == Want::everything) model_.checkpoint.tensors.push_back(load(a, kHead));
      say("head", "of its own, not the embedding");
    }
    found.erase(head);
  }

  // ---- what training needs to go on -------------------------------------------------------------

  struct State {
    TorchTensor m, v;
    double steps;
  };

  double number(PickleValue value) {
    if (!file_.is_tensor(value)) return value.real();
    const TorchTensor tensor = file_.tensor(value, "a number");
    if (tensor.elements() != 1) value.refuse("a number has several elements");
    const StoredTensor wide = as_type(file_.load(tensor), StoredType::f64);
    return *reinterpret_cast<const double*>(wide.bytes.data());
  }

  bool is_real_tensor(PickleValue value) {
    if (!file_.is_tensor(value)) return false;
    const StoredType type = file_.tensor(value, "a state of the optimizer").type;
    return type == StoredType::f32 || type == StoredType::f64 || type == StoredType::f16 ||
           type == StoredType::bf16;
  }

  bool is_real_number(PickleValue value) {
    return value.is(Kind::integer) || value.is(Kind::real) ||
           (is_real_tensor(value) && file_.tensor(value, "a number").elements() == 1);
  }

  // One parameter's {step, exp_avg, exp_avg_sq}, or nothing where it is not such a one. AdamW has
  // no more than four; a large dictionary could be that of all parameters, and be searched for
  // each.
  std::optional<State> state_of(PickleValue value, const std::vector<std::int64_t>& shape,
                                const std::string& name) {
    if (!value.is(Kind::dictionary) || value.pairs() > kMostPairs) return std::nullopt;
    for (const char* moment : {"exp_avg", "exp_avg_sq"})
      if (!value.has(moment) || !is_real_tensor(value.at(moment))) return std::nullopt;
    if (!value.has("step") || !is_real_number(value.at("step"))) return std::nullopt;
    State state = {file_.tensor(value.at("exp_avg"), name + ".exp_avg"),
                   file_.tensor(value.at("exp_avg_sq"), name + ".exp_avg_sq"),
                   number(value.at("step"))};
    const bool counts = state.steps >= 0 && state.steps <= static_cast<double>(kMostIterations);
    if (!counts || state.m.shape != shape || state.v.shape != shape) return std::nullopt;
    return state;
  }

  // Of two groups of parameters, the first has those that decay.
  static bool is_nanogpt_groups(PickleValue groups, std::size_t decays) {
    if (!groups.is(Kind::list) || groups.size() != 2) return false;
    const PickleValue first = groups[0];
    if (!first.is(Kind::dictionary) || first.pairs() > kMostSettings || !first.has("params"))
      return false;
    const PickleValue parameters = first.at("params");
    return parameters.is(Kind::list) && parameters.size() == decays;
  }

  // {0: {step, exp_avg, exp_avg_sq}, 1: ...} in the order of the parameters' numbers. Empty where
  // they are not what this model's optimizer would have: somebody trained with another one.
  std::vector<State> states(PickleValue optimizer, const std::vector<NanoGptParameter>& ordered) {
    if (!optimizer.has("state") || !optimizer.has("param_groups") || !config_.tie) return {};
    const PickleValue state = optimizer.at("state");
    const auto decays = static_cast<std::size_t>(
        std::count_if(ordered.begin(), ordered.end(),
                      [](const NanoGptParameter& p) { return p.shape.size() >= 2; }));
    if (!is_nanogpt_groups(optimizer.at("param_groups"), decays) || !state.is(Kind::dictionary) ||
        state.pairs() != ordered.size())
      return {};
    std::vector<std::optional<State>> found(ordered.size());
    for (std::size_t k = 0; k < state.pairs(); ++k) {
      const auto [key, value] = state.pair(k);
      if (!key.is(Kind::integer)) return {};
      const auto i = static_cast<std::size_t>(key.integer());
      if (i >= ordered.size() || found[i]) return {};
      found[i] = state_of(value, ordered[i].shape, "optimizer.state." + std::to_string(i));
      if (!found[i]) return {};
    }
    std::vector<State> all;
    for (std::optional<State>& one : found) all.push_back(std::move(*one));
    return all;
  }

  void read_optimizer(PickleValue root) {
    const std::vector<NanoGptParameter> ordered = in_optimizer_order(parameters_);
    const std::vector<State> all = states(root.at("optimizer"), ordered);
    if (all.empty()) {
      say("optimizer", "not the state of nanoGPT's AdamW for this model; left out");
      return;
    }
    for (std::size_t i = 0; i < all.size(); ++i)
      for (const auto& [kind, tensor] :
           {std::pair{"optim.m.", &all[i].m}, {"optim.v.", &all[i].v}}) {
        model_.tensors.push_back({tensor->name, name_of(tensor->type), tensor->shape, false});
        if (want_ == Want::everything)
          model_.checkpoint.tensors.push_back(load(*tensor, kind + ordered[i].name));
      }
    const auto steps = static_cast<std::int64_t>(all[0].steps);
    const bool same = steps == 0 || steps == step_;
    say("optimizer", "AdamW's moments" + (same ? "" : " of " + with_commas(steps) + " steps") +
                         "; training goes on with glass train DATA --resume FILE");
    read_training(root);
  }

  void read_training(PickleValue root) {
    TrainConfig train;
    if (root.has("config")) read_settings(root.at("config"), train);
    try {
      check(train);
    } catch (const UsageError& error) { refuse(std::string("its config: ") + error.what()); }
    double best = std::numeric_limits<double>::infinity();
    if (root.has("best_val_loss")) best = number(root.at("best_val_loss"));
    if (best < 1e8) say("best val loss", shortest(static_cast<float>(best)));
    else best = std::numeric_limits<double>::infinity();   // 1e9: it never looked
    model_.checkpoint.notes["glass.trainer"] = trainer_note(train, best, step_);
  }

  void read_dataset(PickleValue config) {
    if (config.has("dataset") && config.at("dataset").is(Kind::text))
      keep_dataset(std::string(config.at("dataset").text()));
  }

  void keep_dataset(const std::string& name) {
    say("dataset", in_quotes(name));
    model_.checkpoint.notes[kDatasetNote] = name;
  }

  // Everything in train.py that is a setting, under names that are ours.
  void read_settings(PickleValue config, TrainConfig& train) {
    each_field(train, [&](const char* name, auto& field) {
      if (!config.has(name)) return;
      const PickleValue value = config.at(name);
      using Field = std::decay_t<decltype(field)>;
      if constexpr (std::is_same_v<Field, bool>) field = value.boolean();
      else if constexpr (std::is_same_v<Field, double>) field = value.real();
      else if constexpr (std::is_same_v<Field, std::int64_t>)
        field = integer(config, name, 0, kMostIterations);
    });
    if (config.has("decay_lr") && !config.at("decay_lr").boolean())
      train.warmup_iters = 0, train.min_lr = train.learning_rate;
  }

  TorchFile file_;
  Want want_;
  ForeignModel model_;
  GPTConfig config_;
  bool bias_ = true;
  std::int64_t step_ = 0;
  int buffers_ = 0;
  std::vector<NanoGptParameter> parameters_;
};

// ---- beside the file ----------------------------------------------------------------------------

// A meta.pkl that is of another data set, or that cannot be read, is no reason to refuse the model.
TokenizerPtr letters_in(const fs::path& place, std::int64_t vocab_size, ForeignModel& model) {
  std::error_code fault;
  if (!fs::is_regular_file(place, fault)) return nullptr;
  try {
    const FileSource file(place.string());
    const TokenizerPtr letters =
        tokenizer_from_meta_pkl(all_bytes(file, std::uint64_t{1} << 26), file.name());
    if (letters->vocab_size() == vocab_size) return letters;
  } catch (const Error& error) { model.facts.emplace_back("left out", error.what()); }
  return nullptr;
}

// out-shakespeare-char/meta.pkl, or data/shakespeare_char/meta.pkl beside that folder.
void find_tokenizer(const std::string& path, ForeignModel& model) {
  const fs::path folder = fs::absolute(path).parent_path();
  std::vector<fs::path> places = {folder / "meta.pkl"};
  const auto dataset = model.checkpoint.notes.find(kDatasetNote);
  // A stranger's name, which must not lead anywhere else.
  if (dataset != model.checkpoint.notes.end() && is_plain_file_name(dataset->second))
    places.push_back(folder.parent_path() / "data" / dataset->second / "meta.pkl");
  const GPTConfig config =
      fields_from_json<GPTConfig>(parse_json(model.checkpoint.note("glass.config"), path), path);
  for (const fs::path& place : places) {
    const TokenizerPtr letters = letters_in(place, config.vocab_size, model);
    if (!letters) continue;
    model.checkpoint.notes["glass.tokenizer"] = letters->to_json();
    model.facts.emplace_back("letters",
                             "from " + place.lexically_proximate(fs::current_path()).string());
    return;
  }
  const bool gpt2 = config.vocab_size == 50257 || config.vocab_size == 50304;
  model.facts.emplace_back("tokenizer",
                           gpt2 ? "none in the file; with 50,257 tokens probably --tokenizer gpt2"
                                : "none in the file; name its data's: --tokenizer meta.pkl");
}

const char* const kFileName = "ckpt.pt";

bool recognises(const FileOrFolder& from) {
  if (from.is_folder())
    return from.holds(kFileName) && recognises(FileOrFolder(from.inside(kFileName)));
  if (!is_torch_file(from.source())) return false;
  const TorchFile file(from.source());
  const PickleValue root = file.root();
  return root.has("model") && root.has("model_args");
}

ForeignModel read(const FileOrFolder& from, Want want) {
  if (from.is_folder()) return read(FileOrFolder(from.inside(kFileName)), want);
  ForeignModel model = read_nanogpt(from.source(), want);
  find_tokenizer(from.path(), model);
  return model;
}

}   // namespace

ForeignModel read_nanogpt(const ByteSource& source, Want want) {
  return Reader(source, want).read();
}

const ForeignFormat kNanoGpt = {"a nanoGPT ckpt.pt", recognises, read};

}   // namespace glass
