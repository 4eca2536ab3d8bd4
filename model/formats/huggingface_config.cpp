// config.json, both ways, and the index of a model in several files. transformers fills in what a
// config.json leaves out; its defaults stand here as those of the struct below.
#include <algorithm>
#include <optional>

#include "engine/base/error.h"
#include "engine/base/json.h"
#include "engine/base/json_value.h"
#include "engine/base/text.h"
#include "model/formats/huggingface.h"

namespace glass {
namespace {

constexpr std::uint64_t kMostConfig = 1 << 20, kMostIndex = 4 << 20;   // bytes; real ones have few
constexpr std::int64_t kMostSize = std::int64_t{1} << 31;

// Every way in which transformers spells a function that we have. Those of the first row differ in
// how they round, not in what they mean.
struct ActivationRow {
  Activation act;
  std::vector<const char*> names;
};
const std::vector<ActivationRow>& activations() {
  static const std::vector<ActivationRow> rows = {
      {Activation::gelu,
       {"gelu_new", "gelu_pytorch_tanh", "gelu_python_tanh", "gelu_fast", "gelu_accurate"}},
      {Activation::gelu_erf, {"gelu", "gelu_python"}},
      {Activation::relu, {"relu"}},
      {Activation::relu2, {"relu2"}}};
  return rows;
}

// The fields of one config.json, with the name of the file for messages.
class ConfigReader {
 public:
  ConfigReader(const ByteSource& file, Facts& facts)
      : what_(file.name()),
        json_(parse_json(all_bytes(file, kMostConfig), what_, {.depth = 16, .values = 1 << 16})),
        facts_(facts) {
    if (json_.kind != JsonValue::Kind::object)
      fail(ContentError(what_ + " is no config of a model: it holds no object."));
  }

  GPTConfig read() {
    require_gpt2();
    GPTConfig c;
    c.vocab_size = size_of({"vocab_size"}, 50257, kMostSize);
    c.block_size = positions();
    c.n_embd = size_of({"n_embd", "hidden_size"}, 768, 1 << 20);
    c.n_layer = size_of({"n_layer", "num_hidden_layers"}, 12, 4096);
    c.n_head = size_of({"n_head", "num_attention_heads"}, 12, 4096);
    c.n_inner = size_of({"n_inner"}, 0, 1 << 22);
    if (c.n_inner == 4 * c.n_embd) c.n_inner = 0;   // said in full
    c.norm_eps = number("layer_norm_epsilon", 1e-5);
    c.init_std = number("initializer_range", 0.02);
    c.act = activation();
    c.tie = flag("tie_word_embeddings", true);
    if (!flag("scale_attn_weights", true)) c.attn_scale = 1;
    c.dropout = dropout();
    refuse_what_is_not_here();
    return c;
  }

 private:
  // null means "as usual" in these files, as if it were not there.
  const JsonValue* find(const char* name) const {
    const JsonValue* found = json_.find(name);
    return found != nullptr && found->kind == JsonValue::Kind::null ? nullptr : found;
  }
  std::string place(const char* name) const { return what_ + ": " + name; }
  bool flag(const char* name, bool otherwise) const {
    const JsonValue* found = find(name);
    return found ? found->flag(place(name)) : otherwise;
  }
  double number(const char* name, double otherwise) const {
    const JsonValue* found = find(name);
    return found ? found->number(place(name)) : otherwise;
  }

  // A size under the first of its names that is there; the others must not say something else.
  std::int64_t size_of(const std::vector<const char*>& names, std::int64_t otherwise,
                       std::int64_t most) const {
    std::optional<std::int64_t> size;
    for (const char* name : names) {
      const JsonValue* found = find(name);
      if (!found) continue;
      const std::int64_t said = found->integer(place(name), 1, most);
      if (size && *size != said)
        fail(ContentError(what_ + " says two things: " + names[0] + " is " + std::to_string(*size) +
                          " and " + name + " is " + std::to_string(said) + "."));
      size = said;
    }
    return size.value_or(otherwise);
  }

  // n_ctx is an old name that nothing reads any more; n_positions is how long wpe is.
  std::int64_t positions() const {
    const bool named = find("n_positions") || find("max_position_embeddings");
    const std::int64_t old = size_of({"n_ctx"}, 1024, 1 << 24);
    const std::int64_t T =
        named ? size_of({"n_positions", "max_position_embeddings"}, 1024, 1 << 24) : old;
    if (find("n_ctx") && old != T)
      facts_.emplace_back("left out", "n_ctx " + std::to_string(old) + ", since n_positions is " +
                                          std::to_string(T));
    return T;
  }

  // What kind of model it is, in the words of the file: "llama (LlamaForCausalLM)".
  std::string kind() const {
    const JsonValue* type = find("model_type");
    const JsonValue* made_for = find("architectures");
    const bool named = made_for && !made_for->items.empty() && !made_for->items[0].text.empty();
    const std::string by = named ? in_quotes(made_for->items[0].text) : "";
    if (!type || type->text.empty()) return by.empty() ? "an unnamed type" : by;
    return "the type " + in_quotes(type->text) + (named ? " (" + by + ")" : "");
  }

  void require_gpt2() const {
    const JsonValue* type = find("model_type");
    if (type && type->kind == JsonValue::Kind::text && type->text == "gpt2") return;
    fail(ContentError(what_ + " describes a model of " + kind() +
                      "; of Hugging Face's models only those of the type gpt2 can be read here."));
  }

  Activation activation() const {
    const JsonValue* found = find("activation_function");
    if (!found) return Activation::gelu;
    const std::string& name = found->string(place("activation_function"));
    std::vector<std::string> known;
    for (const ActivationRow& row : activations())
      for (const char* candidate : row.names) {
        if (name == candidate) return row.act;
        known.emplace_back(candidate);
      }
    fail(ContentError(place("activation_function") + " is " + in_quotes(name) +
                      "; models here compute " + list_of(known, "or") + "."));
  }

  // Three numbers there, one here.
  double dropout() const {
    const double resid = probability("resid_pdrop"), embd = probability("embd_pdrop"),
                 attn = probability("attn_pdrop");
    if (resid != embd || resid != attn)
      facts_.emplace_back("dropout", "of the branches " + shortest(resid) + ", the embedding " +
                                         shortest(embd) + ", attention " + shortest(attn) +
                                         "; training on takes the first for all");
    return resid;
  }
  double probability(const char* name) const {
    const double p = number(name, 0.1);
    if (!(p >= 0 && p < 1))
      fail(ContentError(place(name) + " is " + shortest(p) + "; it must be in [0, 1)."));
    return p;
  }

  void refuse_what_is_not_here() const {
    const auto refuse = [&](const char* name, const char* means) {
      fail(
          ContentError(what_ + " has " + name + ", " + means + ", which models here do not have."));
    };
    if (flag("scale_attn_by_inverse_layer_idx", false))
      refuse("scale_attn_by_inverse_layer_idx", "attention scaled by the number of the layer");
    if (flag("add_cross_attention", false))
      refuse("add_cross_attention", "attention to a second text");
    if (flag("is_encoder_decoder", false)) refuse("is_encoder_decoder", "two models in one");
    if (find("quantization_config"))
      refuse("a quantization_config", "weights rounded by another program");
    const JsonValue* pruned = find("pruned_heads");
    if (pruned && !pruned->fields.empty()) refuse("pruned_heads", "heads that were taken out");
  }

  std::string what_;
  JsonValue json_;
  Facts& facts_;
};

const char* name_of_activation(Activation act) {
  for (const ActivationRow& row : activations())
    if (row.act == act) return row.names[0];
  fail(Error(ExitCode::internal, "config.json has no name for the activation " + spelled(act)));
}

const char* torch_name(const std::string& type) {
  return type == "f16" ? "float16" : type == "bf16" ? "bfloat16" : "float32";
}

}   // namespace

GPTConfig read_huggingface_config(const ByteSource& file, Facts& facts) {
  const GPTConfig config = ConfigReader(file, facts).read();
  try {
    check(config);
  } catch (const UsageError& error) {
    fail(ContentError(file.name() + " describes no model. " + error.what()));
  }
  return config;
}

std::string huggingface_config_json(const GPTConfig& c, const Tokenizer* tokenizer,
                                    const std::string& type) {
  const int end = tokenizer ? tokenizer->end_of_text() : -1;
  Json json;
  const auto end_token = [&](const char* name) {
    if (end >= 0) json.field(name, end);
    else json.key(name).null();
  };
  json.object().field("activation_function", name_of_activation(c.act));
  json.field("architectures", std::vector<std::string>{"GPT2LMHeadModel"});
  json.field("attn_pdrop", c.dropout);
  end_token("bos_token_id");
  json.field("embd_pdrop", c.dropout);
  end_token("eos_token_id");
  json.field("initializer_range", c.init_std).field("layer_norm_epsilon", c.norm_eps);
  json.field("model_type", "gpt2").field("n_ctx", c.block_size).field("n_embd", c.n_embd);
  json.field("n_head", c.n_head);
  if (c.inner() == 4 * c.n_embd) json.key("n_inner").null();
  else json.field("n_inner", c.inner());
  json.field("n_layer", c.n_layer).field("n_positions", c.block_size);
  json.field("reorder_and_upcast_attn", false).field("resid_pdrop", c.dropout);
  json.field("scale_attn_by_inverse_layer_idx", false);
  json.field("scale_attn_weights", c.attn_scale != 1);
  json.field("tie_word_embeddings", c.tie).field("torch_dtype", torch_name(type));
  json.field("use_cache", true).field("vocab_size", c.vocab_size);
  return json.end().text();
}

std::map<std::string, std::string> read_weight_map(const ByteSource& file) {
  const std::string& what = file.name();
  const JsonValue json =
      parse_json(all_bytes(file, kMostIndex), what, {.depth = 8, .values = 1 << 17});
  const JsonValue& map = json.at("weight_map", what);
  if (map.kind != JsonValue::Kind::object || map.fields.empty())
    fail(ContentError(what + ": weight_map lists no tensor."));
  std::map<std::string, std::string> files;
  for (const auto& [tensor, in] : map.fields) {
    const std::string& name = in.string(what + ": weight_map: " + in_quotes(tensor));
    if (!is_plain_file_name(name))
      fail(ContentError(what + ": weight_map puts " + in_quotes(tensor) + " into " +
                        in_quotes(name) + "; it must be the plain name of a file beside it."));
    files.emplace(tensor, name);
  }
  return files;
}

}   // namespace glass
