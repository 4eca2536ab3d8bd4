#include "model/formats/gguf_gpt2.h"

#include <algorithm>
#include <map>
#include <utility>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "model/formats/gguf_tokenizer.h"
#include "model/formats/gguf_writer.h"

namespace glass {
namespace {

constexpr const char* kArchitecture = "gpt2";
constexpr std::int64_t kMostSize = std::int64_t{1} << 31;   // of any number of a config

constexpr std::int64_t kMostBlocks = 4096;   // of any model of ours

// llama.cpp's names, and ours. Both directions read this table; N stands for the layer.
struct Pair {
  const char *theirs, *ours;
};
constexpr Pair kOutside[] = {{"token_embd.weight", "transformer.wte.weight"},
                             {"position_embd.weight", "transformer.wpe.weight"},
                             {"output_norm.weight", "transformer.ln_f.weight"},
                             {"output_norm.bias", "transformer.ln_f.bias"},
                             {"output.weight", "lm_head.weight"}};
constexpr Pair kInBlock[] = {{"attn_norm", "ln_1"},          {"attn_qkv", "attn.c_attn"},
                             {"attn_output", "attn.c_proj"}, {"ffn_norm", "ln_2"},
                             {"ffn_up", "mlp.c_fc"},         {"ffn_down", "mlp.c_proj"}};
constexpr const char* kHead = "output.weight";

// "blk.3.ffn_up.bias" -> "transformer.h.3.mlp.c_fc.bias", for every tensor of a GPT-2.
std::map<std::string, std::string> our_names(std::int64_t n_layer) {
  std::map<std::string, std::string> names;
  for (const Pair& pair : kOutside) names.emplace(pair.theirs, pair.ours);
  for (std::int64_t i = 0; i < n_layer; ++i)
    for (const Pair& pair : kInBlock)
      for (const char* part : {".weight", ".bias"})
        names.emplace("blk." + std::to_string(i) + "." + pair.theirs + part,
                      "transformer.h." + std::to_string(i) + "." + pair.ours + part);
  return names;
}

// --- Reading -------------------------------------------------------------------------------------

class Reader {
 public:
  explicit Reader(const ByteSource& source) : file_(source) {}

  ForeignModel read(Want want) {
    const std::string architecture = file_.need_text("general.architecture");
    if (architecture != kArchitecture)
      fail(ContentError(file_.source().name() + " holds a model of the architecture " +
                        in_quotes(architecture) + "; of GGUF files those with a gpt2 are read."));
    read_config();
    ForeignModel model;
    model.kind = "GGUF";
    for (const GgufTensor& tensor : file_.tensors())
      model.tensors.push_back({tensor.name, tensor.type->name, tensor.shape});
    check_tensors();
    if (want == Want::everything) {
      for (const GgufTensor& tensor : file_.tensors()) {
        if (tensor.name == kHead && config_.tie) continue;
        StoredTensor stored = file_.read(tensor);
        stored.name = names_.at(tensor.name);
        model.checkpoint.tensors.push_back(std::move(stored));
      }
    }
    put_notes(model.checkpoint, config_, read_gguf_tokenizer(file_), 0, file_.source().name());
    model.facts.emplace_back("version", std::to_string(file_.version()));
    if (const auto name = file_.text("general.name")) model.facts.emplace_back("name", *name);
    return model;
  }

 private:
  std::int64_t size(const std::string& key, std::int64_t most = kMostSize) const {
    const std::int64_t n = file_.need_integer(key);
    if (n < 1 || n > most)
      file_.refuse(in_quotes(key) + " is " + std::to_string(n) + "; it must be 1 to " +
                   std::to_string(most));
    return n;
  }

  void read_config() {
    const auto tensors = static_cast<std::int64_t>(file_.tensors().size());
    config_.n_layer = size("gpt2.block_count", std::clamp<std::int64_t>(tensors, 1, kMostBlocks));
    config_.block_size = size("gpt2.context_length");
    config_.n_embd = size("gpt2.embedding_length");
    config_.n_head = size("gpt2.attention.head_count");
    const std::int64_t inner = size("gpt2.feed_forward_length");
    config_.n_inner = inner == 4 * config_.n_embd ? 0 : inner;
    // It travels in f32 and means the shortest digits of that: 1e-5, not 9.999999747378752e-06.
    config_.norm_eps = file_.need_number("gpt2.attention.layer_norm_epsilon");
    parse_number(shortest(static_cast<float>(config_.norm_eps)), config_.norm_eps);
    const auto kv = file_.integer("gpt2.attention.head_count_kv");
    if (kv && *kv != config_.n_head)
      file_.refuse("it has " + std::to_string(*kv) + " heads of keys for " +
                   std::to_string(config_.n_head) + " of queries; a gpt2 has as many");
    config_.act = Activation::gelu;
    const GgufTensor& embedding = need("token_embd.weight");
    config_.vocab_size = embedding.shape.empty() ? 0 : embedding.shape.front();
    if (config_.vocab_size < 1 || config_.vocab_size > kMostSize)
      file_.refuse("tensor 'token_embd.weight' is for no vocabulary");
    config_.tie = !has_head_of_its_own(embedding);
    names_ = our_names(config_.n_layer);
  }

  // Some converters write the embedding twice.
  bool has_head_of_its_own(const GgufTensor& embedding) const {
    const GgufTensor* head = file_.find(kHead);
    if (head == nullptr) return false;
    return head->type != embedding.type || head->shape != embedding.shape ||
           file_.bytes_of(*head) != file_.bytes_of(embedding);
  }

  const GgufTensor& need(const std::string& name) const {
    const GgufTensor* found = file_.find(name);
    if (found == nullptr) file_.refuse("tensor " + in_quotes(name) + " is missing");
    return *found;
  }

  std::vector<std::int64_t> shape_of(const std::string& ours) const {
    const std::int64_t C = config_.n_embd;
    if (ours == "transformer.wte.weight" || ours == "lm_head.weight")
      return {config_.vocab_size, C};
    if (ours == "transformer.wpe.weight") return {config_.block_size, C};
    std::int64_t N = C, K = C;
    if (ours.find(".c_attn.") != std::string::npos) N = 3 * C;
    if (ours.find(".mlp.c_fc.") != std::string::npos) N = config_.inner();
    if (ours.find(".mlp.c_proj.") != std::string::npos) K = config_.inner();
    const bool matrix = ours.find(".c_") != std::string::npos && ours.ends_with(".weight");
    return matrix ? std::vector{N, K} : std::vector{N};
  }

  // All that a gpt2 has, in the shapes that its keys ask for, and nothing else: what we leave out
  // would make it another model.
  void check_tensors() const {
    for (const GgufTensor& tensor : file_.tensors()) {
      const auto found = names_.find(tensor.name);
      if (found == names_.end())
        file_.refuse("tensor " + in_quotes(tensor.name) + " is none of a gpt2 with " +
                     std::to_string(config_.n_layer) + " blocks");
      const std::vector<std::int64_t> shape = shape_of(found->second);
      if (tensor.shape != shape) {
        const Json is = Json().value(tensor.shape), should = Json().value(shape);
        file_.refuse("tensor " + in_quotes(tensor.name) + " has the shape " + is.text() +
                     "; its keys ask for " + should.text());
      }
    }
    for (const auto& [theirs, ours] : names_)
      if (theirs != kHead) need(theirs);
  }

  GgufFile file_;
  GPTConfig config_;
  std::map<std::string, std::string> names_;
};

// --- Writing -------------------------------------------------------------------------------------

struct WeightType {
  const char* name;
  std::uint32_t type;        // of ggml
  std::uint32_t file_type;   // what general.file_type says of most tensors
};
constexpr WeightType kWeightTypes[] = {
    {"f32", kGgmlF32, 0}, {"f16", kGgmlF16, 1}, {"bf16", kGgmlBf16, 32}, {"q8_0", kGgmlQ8, 7}};

// llama.cpp's own converter does the same: what is not a matrix is small, and positions are added,
// so both stay exact; rows that do not divide into blocks become f16.
std::uint32_t type_of(const StoredTensor& tensor, std::uint32_t wanted) {
  if (tensor.shape.size() < 2 || tensor.name == "transformer.wpe.weight") return kGgmlF32;
  const bool blocks = tensor.shape.back() % static_cast<std::int64_t>(kQ8Numbers) == 0;
  return wanted == kGgmlQ8 && !blocks ? kGgmlF16 : wanted;
}

std::vector<std::string> cannot_hold(const ModelToWrite& model) {
  std::vector<std::string> why =
      not_gpt2(model.config, {.untied = true, .inner = true, .norm_eps = true});
  if (!model.tokenizer) why.emplace_back("no tokenizer (give it one by --tokenizer)");
  return why;
}

void write_keys(GgufWriter& file, const ModelToWrite& model, const WeightType& type) {
  const GPTConfig& c = model.config;
  const auto u32 = [&](const char* key, std::int64_t n) {
    file.u32(key, static_cast<std::uint32_t>(n));
  };
  file.text("general.architecture", kArchitecture);
  file.text("general.name", model.name);
  u32("gpt2.block_count", c.n_layer);
  u32("gpt2.context_length", c.block_size);
  u32("gpt2.embedding_length", c.n_embd);
  u32("gpt2.feed_forward_length", c.inner());
  u32("gpt2.attention.head_count", c.n_head);
  file.f32("gpt2.attention.layer_norm_epsilon", static_cast<float>(c.norm_eps));
  file.u32("general.file_type", type.file_type);
  if (type.type == kGgmlQ8) file.u32("general.quantization_version", 2);
}

std::vector<std::string> write(const ModelToWrite& model, const std::string& type,
                               const std::string& path) {
  const auto* row = std::find_if(std::begin(kWeightTypes), std::end(kWeightTypes),
                                 [&](const WeightType& t) { return t.name == type; });
  if (row == std::end(kWeightTypes))
    fail(UsageError("GGUF files hold f32, f16, bf16 or q8_0 here, not " + in_quotes(type) + "."));
  std::map<std::string, std::string> theirs;
  for (const auto& [name, ours] : our_names(model.config.n_layer)) theirs.emplace(ours, name);
  GgufWriter file;
  write_keys(file, model, *row);
  write_gguf_tokenizer(file, *model.tokenizer, model.config.vocab_size);
  for (const StoredTensor& tensor : gpt2_tensors(model))
    file.tensor(theirs.at(tensor.name), tensor, type_of(tensor, row->type));
  file.save(path);
  return {path};
}

bool recognises(const FileOrFolder& from) { return from.begins_with("GGUF"); }
ForeignModel read(const FileOrFolder& from, Want want) {
  return read_gguf_gpt2(from.source(), want);
}
Activation computes(const GPTConfig&) { return Activation::gelu; }

}   // namespace

ForeignModel read_gguf_gpt2(const ByteSource& source, Want want) {
  return Reader(source).read(want);
}

const ForeignFormat kGgufFormat = {"a GGUF with a gpt2", recognises, read};
const ExportTarget kGgufTarget = {.name = "gguf",
                                  .about = "a file for llama.cpp",
                                  .types = "f32|f16|bf16|q8_0",
                                  .opened_by = "llama-cli -m PATH",
                                  .cannot_hold = cannot_hold,
                                  .computes = computes,
                                  .write = write};

}   // namespace glass
