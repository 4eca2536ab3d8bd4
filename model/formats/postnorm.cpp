#include "model/formats/postnorm.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "model/formats/elements.h"
#include "model/formats/pytorch.h"

namespace glass {
namespace {

constexpr std::string_view kCompiled = "_orig_mod.";
const char *const kTokens = "token_embeddings.weight",
                  *const kPositions = "positional_embeddings.weight",
                  *const kFirst = "blocks.0.mh.heads.0.key.weight";

std::string head_of(std::int64_t block, std::int64_t head, const char* part) {
  return "blocks." + std::to_string(block) + ".mh.heads." + std::to_string(head) + "." + part;
}

class Reader {
 public:
  Reader(const ByteSource& source, Want want) : file_(source), want_(want) {}

  ForeignModel read() {
    model_.kind = "state dict of a post-norm model";
    find_tensors();
    read_config();
    take(kTokens, "transformer.wte.weight", {config_.vocab_size, config_.n_embd});
    take(kPositions, "transformer.wpe.weight", {config_.block_size, config_.n_embd});
    for (std::int64_t i = 0; i < config_.n_layer; ++i) take_block(i);
    if (config_.norm_final)
      take_both("lnorm", "transformer.ln_f", {config_.n_embd}, config_.bias_norm);
    take_both("final_layer", "lm_head", {config_.vocab_size, config_.n_embd}, config_.bias_head);
    if (!found_.empty())
      refuse("it has a tensor " + in_quotes(found_.begin()->first) + " too many");
    put_notes(model_.checkpoint, config_, nullptr, 0, file_.name());
    if (buffers_ > 0) say("left out", std::to_string(buffers_) + " buffers");
    say("tokenizer", "none in the file; name the one it was trained with: --tokenizer FILE");
    return std::move(model_);
  }

 private:
  void say(const std::string& what, const std::string& text) {
    model_.facts.emplace_back(what, text);
  }

  [[noreturn]] void refuse(const std::string& reason) const {
    fail(ContentError(file_.name() + " is not a sound state dict of a post-norm model: " + reason +
                      "."));
  }

  void find_tensors() {
    for (const TorchTensor& tensor : file_.state_dict()) {
      const bool compiled = tensor.name.starts_with(kCompiled);
      const std::string name = tensor.name.substr(compiled ? kCompiled.size() : 0);
      const bool buffer = name.ends_with(".tril");   // which positions a head may see
      model_.tensors.push_back({tensor.name, name_of(tensor.type), tensor.shape, !buffer});
      if (buffer) ++buffers_;
      else if (!found_.emplace(name, tensor).second) refuse(in_quotes(name) + " is there twice");
    }
  }

  const TorchTensor& find(const std::string& name, std::size_t rank) const {
    const auto tensor = found_.find(name);
    if (tensor == found_.end()) refuse("it has no tensor " + name);
    if (tensor->second.shape.size() != rank)
      refuse(name + " has " + std::to_string(tensor->second.shape.size()) + " dimensions");
    return tensor->second;
  }
  bool has(const std::string& name) const { return found_.count(name) > 0; }

  std::int64_t count(const std::string& before, const std::string& after) const {
    std::int64_t n = 0;
    while (has(before + std::to_string(n) + after)) ++n;
    return n;
  }

  void read_config() {
    GPTConfig& c = config_;
    c = preset("postnorm");
    c.vocab_size = find(kTokens, 2).shape[0], c.n_embd = find(kTokens, 2).shape[1];
    c.block_size = find(kPositions, 2).shape[0];
    c.n_layer = count("blocks.", ".ln1.weight");
    c.n_head = count("blocks.0.mh.heads.", ".key.weight");
    if (c.n_layer == 0 || c.n_head == 0) refuse("it has no heads");
    const std::int64_t inner = find("blocks.0.ff.ffn.0.weight", 2).shape[0];
    c.n_inner = inner == 4 * c.n_embd ? 0 : inner;
    c.bias_qkv = has("blocks.0.mh.heads.0.key.bias");
    c.bias_out = has("blocks.0.mh.w_o.bias");
    c.bias_norm = has("blocks.0.ln1.bias");
    c.bias_head = has("final_layer.bias");
    c.norm_final = has("lnorm.weight");
    c.dropout = 0;
  }

  // A tensor of the file that nobody has asked for before, in f32 or f64.
  StoredTensor load(const std::string& name, const std::vector<std::int64_t>& shape) {
    const TorchTensor tensor = find(name, shape.size());
    if (tensor.shape != shape) refuse(name + " has another shape than its neighbours say");
    found_.erase(name);
    if (want_ == Want::description) return {};
    const StoredTensor loaded = file_.load(tensor);
    return as_type(loaded, loaded.type == StoredType::f64 ? StoredType::f64 : StoredType::f32);
  }

  void keep(StoredTensor tensor, const std::string& name) {
    if (want_ == Want::description) return;
    tensor.name = name;
    model_.checkpoint.tensors.push_back(std::move(tensor));
  }

  void take(const std::string& from, const std::string& to,
            const std::vector<std::int64_t>& shape) {
    keep(load(from, shape), to);
  }

  void take_both(const std::string& from, const std::string& to,
                 const std::vector<std::int64_t>& shape, bool bias) {
    take(from + ".weight", to + ".weight", shape);
    if (bias) take(from + ".bias", to + ".bias", {shape[0]});
  }

  void take_block(std::int64_t i) {
    const std::int64_t C = config_.n_embd;
    const std::string from = "blocks." + std::to_string(i),
                      to = "transformer.h." + std::to_string(i);
    keep(gather(i, "weight", {config_.head_size(), C}), to + ".attn.c_attn.weight");
    if (config_.bias_qkv) keep(gather(i, "bias", {config_.head_size()}), to + ".attn.c_attn.bias");
    take_both(from + ".mh.w_o", to + ".attn.c_proj", {C, C}, config_.bias_out);
    take_both(from + ".ln1", to + ".ln_1", {C}, config_.bias_norm);
    take_both(from + ".ln2", to + ".ln_2", {C}, config_.bias_norm);
    take_both(from + ".ff.ffn.0", to + ".mlp.c_fc", {config_.inner(), C}, config_.bias_out);
    take_both(from + ".ff.ffn.2", to + ".mlp.c_proj", {C, config_.inner()}, config_.bias_out);
  }

  // c_attn: the queries of all heads, then their keys, then their values, D rows each.
  StoredTensor gather(std::int64_t block, const std::string& kind,
                      std::vector<std::int64_t> shape) {
    std::vector<StoredTensor> parts;
    for (const char* part : {"query.", "key.", "value."})
      for (std::int64_t h = 0; h < config_.n_head; ++h)
        parts.push_back(load(head_of(block, h, part) + kind, shape));
    if (want_ == Want::description) return {};
    shape[0] *= 3 * config_.n_head;
    const OwnedBytes all = allocate_bytes(parts[0].bytes.size() * parts.size());
    std::byte* at = all.data.get();
    for (const StoredTensor& part : parts) {
      if (part.type != parts[0].type) refuse("its heads have numbers of different types");
      at = std::copy(part.bytes.begin(), part.bytes.end(), at);
    }
    return {"", parts[0].type, shape, all.span(), all.data};
  }

  TorchFile file_;
  Want want_;
  ForeignModel model_;
  GPTConfig config_;
  int buffers_ = 0;
  std::map<std::string, TorchTensor> found_;   // that are not taken yet
};

bool recognises(const FileOrFolder& from) {
  if (from.is_folder() || !is_torch_file(from.source())) return false;
  const TorchFile file(from.source());
  if (!file.is_state_dict(file.root())) return false;
  return file.root().has(kFirst) || file.root().has(std::string(kCompiled) + kFirst);
}

ForeignModel read(const FileOrFolder& from, Want want) {
  return read_postnorm(from.source(), want);
}

}   // namespace

ForeignModel read_postnorm(const ByteSource& source, Want want) {
  return Reader(source, want).read();
}

const ForeignFormat kPostNorm = {"a state dict of a post-norm model", recognises, read};

}   // namespace glass
