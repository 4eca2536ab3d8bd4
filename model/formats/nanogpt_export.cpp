// The way back: a ckpt.pt that nanoGPT's sample.py opens, and from which its train.py goes on.
#include <filesystem>
#include <limits>

#include "engine/base/atomic_file.h"
#include "engine/base/atomic_folder.h"
#include "engine/base/byte_source.h"
#include "engine/base/error.h"
#include "engine/base/file_ops.h"
#include "engine/base/json_value.h"
#include "engine/base/text.h"
#include "model/formats/elements.h"
#include "model/formats/file_or_folder.h"
#include "model/formats/nanogpt.h"
#include "model/formats/pytorch.h"
#include "model/tokenizer/nanogpt_meta.h"
#include "model/train_config.h"

namespace glass {
namespace {

namespace fs = std::filesystem;

bool has_bias(const GPTConfig& c) { return c.bias_qkv || c.bias_out || c.bias_norm; }

// What the checkpoint knows beside the weights.
struct Training {
  TrainConfig config;
  std::int64_t step = 0;
  double best_val_loss = 1e9;   // what nanoGPT begins with
  bool moments = false;
};

Training training_of(const Checkpoint& checkpoint) {
  Training t;
  parse_integer(checkpoint.note("glass.step"), t.step);
  const auto note = checkpoint.notes.find("glass.trainer");
  if (note == checkpoint.notes.end()) return t;
  const std::string what = "glass.trainer";
  const JsonValue json = parse_json(note->second, what);
  t.config = fields_from_json<TrainConfig>(json.at("config", what), what);
  if (const JsonValue* best = json.find("best_val_loss"))
    t.best_val_loss = best->number(what + ": best_val_loss");
  t.moments = true;
  return t;
}

StoredTensor number(const float& value) {
  return {"", StoredType::f32, {}, std::as_bytes(std::span(&value, 1)), {}};
}

class Writer {
 public:
  Writer(const ModelToWrite& model, const std::string& type)
      : model_(model),
        config_(model.config),
        bias_(has_bias(config_)),
        training_(training_of(model.checkpoint)),
        type_(type == "f16"    ? StoredType::f16
              : type == "bf16" ? StoredType::bf16
                               : StoredType::f32) {}

  void write(const std::string& path) {
    p_.dictionary();
    write_weights();
    write_optimizer();
    write_model_args();
    p_.text("iter_num").integer(training_.step).text("best_val_loss");
    best_ = static_cast<float>(training_.best_val_loss);
    file_.tensor(number(best_));
    write_config();
    p_.end();
    file_.save(path);
  }

 private:
  // Under `prefix`; zeros where ours has no bias.
  StoredTensor find(const std::string& prefix, const NanoGptParameter& p, StoredType type) {
    const StoredTensor* found = model_.checkpoint.find(prefix + p.name);
    if (found == nullptr && p.name.ends_with(".bias")) return as_type(zeros(p.name, p.shape), type);
    if (found == nullptr || found->shape != p.shape)
      fail(ContentError("the checkpoint has no tensor " + prefix + p.name +
                        " of the shape that its config asks for."));
    return as_type(*found, type);
  }

  void write_weights() {
    p_.text("model").dictionary();
    StoredTensor wte;
    for (const NanoGptParameter& p : nanogpt_parameters(config_, bias_)) {
      const StoredTensor tensor = find("", p, type_);
      if (p.name == "transformer.wte.weight") wte = tensor;
      p_.text(p.name);
      file_.tensor(tensor);
    }
    p_.text("lm_head.weight");
    file_.tensor(wte);   // the same storage
    p_.end();
  }

  // As torch.optim.AdamW says it, with the parameters in two groups.
  void write_optimizer() {
    const auto ordered = in_optimizer_order(nanogpt_parameters(config_, bias_));
    p_.text("optimizer").dictionary().text("state").dictionary();
    const bool moments =
        training_.moments && model_.checkpoint.find("optim.m." + ordered[0].name) != nullptr;
    // One number for each: PyTorch counts them up where they lie.
    adam_steps_.assign(ordered.size(), static_cast<float>(training_.step));
    for (std::size_t i = 0; moments && i < ordered.size(); ++i) {
      p_.integer(static_cast<std::int64_t>(i)).dictionary().text("step");
      file_.tensor(number(adam_steps_[i]));
      p_.text("exp_avg");
      file_.tensor(find("optim.m.", ordered[i], StoredType::f32));
      p_.text("exp_avg_sq");
      file_.tensor(find("optim.v.", ordered[i], StoredType::f32));
      p_.end();
    }
    p_.end().text("param_groups").list();
    std::int64_t first = 0, decays = 0;
    for (const NanoGptParameter& p : ordered) decays += p.shape.size() >= 2 ? 1 : 0;
    const auto all = static_cast<std::int64_t>(ordered.size());
    for (const auto& [last, decay] :
         {std::pair{decays, training_.config.weight_decay}, {all, 0.0}}) {
      const TrainConfig& t = training_.config;
      p_.dictionary().text("weight_decay").real(decay).text("lr").real(t.learning_rate);
      p_.text("betas").tuple().real(t.beta1).real(t.beta2).end().text("eps").real(1e-8);
      for (const char* off : {"amsgrad", "maximize", "capturable", "differentiable"})
        p_.text(off).boolean(false);
      for (const char* free : {"foreach", "fused"}) p_.text(free).none();
      p_.text("params").list();
      for (; first < last; ++first) p_.integer(first);
      p_.end().end();
    }
    p_.end().end();
  }

  void write_model_args() {
    p_.text("model_args").dictionary();
    p_.text("n_layer").integer(config_.n_layer).text("n_head").integer(config_.n_head);
    p_.text("n_embd").integer(config_.n_embd).text("block_size").integer(config_.block_size);
    p_.text("bias").boolean(bias_).text("vocab_size").integer(config_.vocab_size);
    p_.text("dropout").real(config_.dropout).end();
  }

  // What it learned from, as nanoGPT or we said it when it was trained.
  std::string dataset() const {
    const Notes& notes = model_.checkpoint.notes;
    if (const auto note = notes.find(kDatasetNote); note != notes.end()) return note->second;
    const auto data = notes.find("glass.data");
    if (data == notes.end()) return model_.name.empty() ? "glass" : model_.name;
    const JsonValue source = parse_json(data->second, "glass.data");
    return std::filesystem::path(source.at("source", "glass.data").string("source"))
        .stem()
        .string();
  }

  // The settings of its train.py. sample.py looks for data/<dataset>/meta.pkl.
  void write_config() {
    const TrainConfig& t = training_.config;
    p_.text("config").dictionary();
    p_.text("dataset").text(dataset());
    each_field(t, [&](const char* name, const auto& field) {
      using Field = std::decay_t<decltype(field)>;
      const std::string key = name;
      if (key == "lr_decay_iters") p_.text(key).integer(t.decay_steps());
      else if constexpr (std::is_same_v<Field, bool>) p_.text(key).boolean(field);
      else if constexpr (std::is_same_v<Field, double>) p_.text(key).real(field);
      else if constexpr (std::is_same_v<Field, std::int64_t>) p_.text(key).integer(field);
    });
    p_.text("decay_lr").boolean(true).text("dropout").real(config_.dropout);
    p_.text("n_layer").integer(config_.n_layer).text("n_head").integer(config_.n_head);
    p_.text("n_embd").integer(config_.n_embd).text("block_size").integer(config_.block_size);
    p_.text("bias").boolean(bias_).end();
  }

  const ModelToWrite& model_;
  const GPTConfig& config_;
  const bool bias_;
  const Training training_;
  const StoredType type_;
  TorchWriter file_;
  PickleWriter& p_ = file_.pickle();
  float best_ = 0;
  std::vector<float> adam_steps_;
};

std::vector<std::string> cannot_hold(const ModelToWrite& model) {
  return not_gpt2(model.config, {});
}

Activation computes(const GPTConfig&) { return Activation::gelu_erf; }

// meta.pkl has one name for every model in a folder; somebody else's is not replaced.
void refuse_other_letters(const std::string& path, const std::string& bytes) {
  if (!fs::exists(path)) return;
  const FileSource there(path);
  if (there.size() == bytes.size() && all_bytes(there, bytes.size()) == bytes) return;
  fail(UsageError(in_quotes(path) + " holds other letters than this model's, and nanoGPT finds "
                                    "them by that name; write to another folder."));
}

// PATH.pt is the file; another name is nanoGPT's out folder, which is there whole or not at all.
std::vector<std::string> write(const ModelToWrite& model, const std::string& type,
                               const std::string& path) {
  const bool letters = model.tokenizer && model.tokenizer->spec() == "char";
  const std::string meta = letters ? meta_pkl_of(*model.tokenizer) : "";
  std::vector<std::string> written;
  if (fs::path(path).extension() == ".pt") {
    written.push_back(path);
    if (letters) written.push_back((fs::path(path).parent_path() / "meta.pkl").string());
    if (letters) refuse_other_letters(written[1], meta);
    make_folders(system_files(), split_path(path).folder);
    Writer(model, type).write(path);
    if (letters) write_file(written[1], meta);
  } else {
    AtomicFolder folder(path);
    written.push_back(folder.path() + "/ckpt.pt");
    Writer(model, type).write(folder / "ckpt.pt");
    if (letters) {
      written.push_back(folder.path() + "/meta.pkl");
      write_file(folder / "meta.pkl", meta);
    }
    folder.publish();
  }
  return written;
}

}   // namespace

const ExportTarget kNanoGptTarget = {
    .name = "nanogpt",
    .about = "a ckpt.pt for nanoGPT's sample.py and train.py --init_from=resume",
    .types = "f32|f16|bf16",
    .opened_by = "python sample.py --out_dir=FOLDER, with meta.pkl in nanoGPT's data/<dataset>",
    .cannot_hold = cannot_hold,
    .computes = computes,
    .write = write};

}   // namespace glass
