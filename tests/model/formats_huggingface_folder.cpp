#include "tests/model/formats_huggingface_folder.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "engine/base/json.h"
#include "tests/model/golden.h"

namespace glass::test {
namespace {

void write_text(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::int64_t number(const Settings& settings, const std::string& key, std::int64_t otherwise) {
  const auto found = settings.find(key);
  return found == settings.end() || found->second == "null" ? otherwise : std::stoll(found->second);
}

}   // namespace

StoredTensor stored_floats(const std::string& name, const std::vector<std::int64_t>& shape,
                           const std::vector<float>& values) {
  const OwnedBytes bytes = allocate_bytes(values.size() * sizeof(float));
  std::memcpy(bytes.data.get(), values.data(), bytes.size);
  return {name, StoredType::f32, shape, bytes.span(), bytes.data};
}

std::string HuggingFaceFolder::config_json() const {
  std::string text;
  for (const auto& [key, value] : config)
    text += (text.empty() ? "" : ", ") + ("\"" + key + "\": " + value);
  return "{" + text + "}";
}

StoredTensor& HuggingFaceFolder::tensor(const std::string& name) {
  const auto found = std::find_if(tensors.begin(), tensors.end(),
                                  [&](const StoredTensor& tensor) { return tensor.name == name; });
  if (found == tensors.end()) throw std::runtime_error("the test has no tensor " + name);
  return *found;
}

std::string HuggingFaceFolder::write(const std::string& path) const {
  std::filesystem::create_directories(path);
  write_text(path + "/config.json", config_json());
  save_safetensors(path + "/model.safetensors", tensors, {{"format", "pt"}});
  return path;
}

std::string HuggingFaceFolder::write_sharded(const std::string& path, std::size_t in_a_file) const {
  std::filesystem::create_directories(path);
  write_text(path + "/config.json", config_json());
  Json json;
  json.object().key("metadata").object().field("total_size", 1).end().key("weight_map").object();
  for (std::size_t first = 0, file = 1; first < tensors.size(); first += in_a_file, ++file) {
    const std::string name = "model-" + std::to_string(file) + ".safetensors";
    std::vector<StoredTensor> some;
    for (std::size_t i = first; i < std::min(tensors.size(), first + in_a_file); ++i) {
      some.push_back(tensors[i]);
      json.field(tensors[i].name, name);
    }
    save_safetensors(path + "/" + name, some, {{"format", "pt"}});
  }
  write_text(path + "/model.safetensors.index.json", json.end().end().text());
  return path;
}

HuggingFaceFolder drawn_folder(const Settings& settings) {
  HuggingFaceFolder folder;
  folder.config = settings;
  folder.config["model_type"] = "\"gpt2\"";
  const auto add = [&](const std::string& name, const std::vector<std::int64_t>& shape) {
    Shape drawn;
    for (const std::int64_t n : shape) drawn.push_back(n);
    const std::vector<double> weight = testing::drawn_weight(name, drawn);
    folder.tensors.push_back(stored_floats(name, shape, {weight.begin(), weight.end()}));
  };
  const auto add_both = [&](const std::string& name, const std::vector<std::int64_t>& shape) {
    add(name + ".weight", shape);
    add(name + ".bias", {shape.back()});
  };
  const std::int64_t V = number(settings, "vocab_size", 0), C = number(settings, "n_embd", 0),
                     inner = number(settings, "n_inner", 4 * C);
  add("transformer.wte.weight", {V, C});
  add("transformer.wpe.weight", {number(settings, "n_positions", 0), C});
  for (std::int64_t i = 0; i < number(settings, "n_layer", 0); ++i) {
    const std::string block = "transformer.h." + std::to_string(i);
    add_both(block + ".ln_1", {C});
    add_both(block + ".attn.c_attn", {C, 3 * C});
    add_both(block + ".attn.c_proj", {C, C});
    add_both(block + ".ln_2", {C});
    add_both(block + ".mlp.c_fc", {C, inner});
    add_both(block + ".mlp.c_proj", {inner, C});
  }
  add_both("transformer.ln_f", {C});
  const auto tied = settings.find("tie_word_embeddings");
  if (tied != settings.end() && tied->second == "false") add("lm_head.weight", {V, C});
  return folder;
}

HuggingFaceFolder tiny_folder() {
  return drawn_folder({{"vocab_size", "5"},
                       {"n_positions", "4"},
                       {"n_layer", "1"},
                       {"n_head", "2"},
                       {"n_embd", "4"}});
}

}   // namespace glass::test
