// Hugging Face folders that lie: in config.json, in the index, in the tensors. Each is a
// ContentError that names the file and says what was expected, and nothing is ever allocated for
// what a number claims.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "model/formats/elements.h"
#include "model/formats/huggingface.h"
#include "model/saved_model.h"
#include "tests/model/formats_huggingface_folder.h"
#include "tests/model/scratch.h"

namespace glass {
namespace {

using test::HuggingFaceFolder;
using test::Scratch;
using test::tiny_folder;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::string refusal(const std::string& path) {
  return test::error_of([&] { find_checkpoint(path); }, ExitCode::content);
}

TEST(HuggingFaceHostile, NoLieInConfigIsBelieved) {
  const struct {
    const char *key, *value, *expected;
  } kLies[] = {
      {"model_type", "\"llama\"", "a model of the type 'llama'; of Hugging Face's models only"},
      {"model_type", "7", "only those of the type gpt2"},
      {"model_type", "null", "only those of the type gpt2"},
      {"n_layer", "2", "lacks the tensor 'h.1.ln_1.weight' (4)"},
      {"n_layer", "0", "n_layer must be an integer of 1 .. 4096, not '0'"},
      {"n_layer", "-1", "n_layer must be"},
      {"n_layer", "1.5", "n_layer must be"},
      {"n_layer", "1e3", "n_layer must be"},
      {"n_layer", "\"1\"", "n_layer must be"},
      {"n_layer", "[1]", "n_layer must be"},
      {"n_layer", "9223372036854775807", "n_layer must be"},
      {"n_layer", "4096", "lacks the tensor 'h.1.ln_1.weight'"},
      {"n_layer", "1e400", "n_layer must be"},
      {"n_embd", "6",
       "tensor 'transformer.wte.weight' is 5 x 4, and the config.json beside it asks for 5 x 6"},
      {"n_embd", "1048576", "is 5 x 4, and the config.json beside it asks for 5 x 1048576"},
      {"n_embd", "1048577", "n_embd must be"},
      {"hidden_size", "8", "says two things: n_embd is 4 and hidden_size is 8"},
      {"n_head", "3", "n_embd (4) must be a multiple of n_head (3)"},
      {"n_head", "0", "n_head must be"},
      {"n_inner", "8",
       "tensor 'transformer.h.0.mlp.c_fc.weight' is 4 x 16, and the config.json beside it asks for "
       "4 x 8"},
      {"n_inner", "0", "n_inner must be"},
      {"n_positions", "5", "'transformer.wpe.weight' is 4 x 4"},
      {"n_positions", "4294967296", "n_positions must be"},
      {"vocab_size", "50257", "asks for 50257 x 4"},
      {"vocab_size", "2147483648", "asks for 2147483648 x 4"},
      {"vocab_size", "2147483649", "vocab_size must be"},
      {"vocab_size", "true", "vocab_size must be"},
      {"layer_norm_epsilon", "0", "norm_eps must be above 0"},
      {"layer_norm_epsilon", "-1e-5", "norm_eps must be above 0"},
      {"layer_norm_epsilon", "NaN", "byte"},
      {"layer_norm_epsilon", "\"tiny\"", "layer_norm_epsilon must be"},
      {"initializer_range", "-1", "init_std must not be negative"},
      {"attn_pdrop", "1", "attn_pdrop is 1; it must be in [0, 1)"},
      {"embd_pdrop", "-0.5", "embd_pdrop is -0.5"},
      {"resid_pdrop", "2", "resid_pdrop is 2"},
      {"activation_function", "\"quick_gelu\"",
       "activation_function is 'quick_gelu'; models here compute gelu_new"},
      {"activation_function", "3", "activation_function must be"},
      {"tie_word_embeddings", "false", "lacks the tensor 'lm_head.weight' (5 x 4)"},
      {"tie_word_embeddings", "\"no\"", "tie_word_embeddings must be"},
      {"scale_attn_weights", "1", "scale_attn_weights must be"},
      {"scale_attn_by_inverse_layer_idx", "true", "attention scaled by the number of the layer"},
      {"add_cross_attention", "true", "add_cross_attention"},
      {"is_encoder_decoder", "true", "is_encoder_decoder"},
      {"quantization_config", "{\"load_in_8bit\": true}", "quantization_config"},
      {"pruned_heads", "{\"0\": [1]}", "pruned_heads"},
  };
  const Scratch scratch;
  for (const auto& lie : kLies) {
    HuggingFaceFolder folder = tiny_folder();
    folder.config[lie.key] = lie.value;
    EXPECT_THAT(refusal(folder.write(scratch / "lie")), HasSubstr(lie.expected))
        << lie.key << ": " << lie.value;
  }
  HuggingFaceFolder folder = tiny_folder();
  folder.config.erase("model_type");
  folder.config["architectures"] = R"(["LlamaForCausalLM"])";
  EXPECT_THAT(refusal(folder.write(scratch / "lie")), HasSubstr("a model of 'LlamaForCausalLM'"));
}

TEST(HuggingFaceHostile, WhatIsNoConfigIsRefused) {
  const Scratch scratch;
  const std::string path = tiny_folder().write(scratch / "a");
  for (const std::string& text :
       {std::string(""), std::string("[]"), std::string("7"), std::string("{"),
        std::string("{\"n_embd\": 4, \"n_embd\": 8}"), std::string(5000, '['),
        "{\"a\": \"" + std::string(2 << 20, 'x') + "\"}", std::string("\xff\xfe{}")}) {
    scratch.write("a/config.json", text);
    EXPECT_THAT(refusal(path), HasSubstr("config.json'")) << text.substr(0, 40);
  }
}

TEST(HuggingFaceHostile, TensorsAreThoseOfTheConfigAndNoOthers) {
  const Scratch scratch;
  const auto refused = [&](const HuggingFaceFolder& folder) {
    return refusal(folder.write(scratch / "a"));
  };
  HuggingFaceFolder folder = tiny_folder();
  folder.tensor("transformer.h.0.attn.c_proj.bias").name = "transformer.h.0.attn.c_proj.bIas";
  EXPECT_THAT(refused(folder), AllOf(HasSubstr("model.safetensors' lacks the tensor"),
                                     HasSubstr("'h.0.attn.c_proj.bias' (4)")));

  folder = tiny_folder();
  folder.tensors.push_back(zeros("score.weight", {2, 4}));
  EXPECT_THAT(refused(folder), HasSubstr("has a tensor 'score.weight' (2 x 4) that the GPT-2"));

  folder = tiny_folder();
  folder.tensors.push_back(zeros("wpe.weight", {4, 4}));
  EXPECT_THAT(refused(folder), HasSubstr("there twice"));

  // A Linear where a Conv1D should be: (out, in).
  folder = tiny_folder();
  StoredTensor& c_attn = folder.tensor("transformer.h.0.attn.c_attn.weight");
  c_attn = transposed(c_attn);
  EXPECT_THAT(refused(folder),
              HasSubstr("is 12 x 4, and the config.json beside it asks for 4 x 12"));

  folder = tiny_folder();
  StoredTensor& norm = folder.tensor("transformer.ln_f.weight");
  norm.type = StoredType::i32;
  EXPECT_THAT(refused(folder), HasSubstr("'transformer.ln_f.weight' is of type I32"));
}

TEST(HuggingFaceHostile, AnIndexIsHeldAgainstItsFiles) {
  const Scratch scratch;
  const HuggingFaceFolder folder = tiny_folder();
  const std::string path = folder.write_sharded(scratch / "a", 6);
  const std::string index = test::bytes_of(path + "/model.safetensors.index.json");
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string lie = index;
    const std::size_t at = lie.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    lie.replace(at, from.size(), to);
    scratch.write("a/model.safetensors.index.json", lie);
    return refusal(path);
  };
  const std::string wte = R"("transformer.wte.weight": "model-1.safetensors")";
  for (const char* name : {"../a/model-1.safetensors", "/etc/passwd", "sub/model-1.safetensors",
                           "..", ".", "", "a\\\\b", "C:model", "x\\u0000y", ".hidden"})
    EXPECT_THAT(with(wte, std::string(R"("transformer.wte.weight": ")") + name + "\""),
                HasSubstr("must be the plain name of a file beside it"))
        << name;
  EXPECT_THAT(with(wte, R"("transformer.wte.weight": "model-9.safetensors")"),
              HasSubstr("names the file 'model-9.safetensors', which is not beside it"));
  EXPECT_THAT(with(wte, R"("transformer.wte.weight": "model-2.safetensors")"),
              AllOf(HasSubstr("model-1.safetensors' has a tensor 'transformer.wte.weight'"),
                    HasSubstr("does not put there")));
  EXPECT_THAT(with(wte, wte + ", " + wte), HasSubstr("for the second time"));
  EXPECT_THAT(with(wte, wte + R"(, "more": "model-1.safetensors")"),
              HasSubstr("has no tensor 'more'"));
  EXPECT_THAT(with(wte, R"("transformer.wte.weight": 7)"), HasSubstr("weight_map"));
  EXPECT_THAT(with("weight_map", "weight_nap"), HasSubstr("lacks the field 'weight_map'"));
  for (const char* map : {"{}", "[]", "null"}) {
    scratch.write("a/model.safetensors.index.json", std::string("{\"weight_map\": ") + map + "}");
    EXPECT_THAT(refusal(path), HasSubstr("weight_map lists no tensor"));
  }
  scratch.write("a/model.safetensors.index.json", index);
  EXPECT_EQ(find_checkpoint(path).checkpoint.tensors.size(), folder.tensors.size());

  // One tensor in two files: the second is one that the index does not put there.
  std::vector<StoredTensor> tensors = load_safetensors(path + "/model-2.safetensors").tensors;
  tensors.push_back(folder.tensors[0]);
  save_safetensors(path + "/model-2.safetensors", tensors, {});
  EXPECT_THAT(refusal(path), HasSubstr("do not belong together"));
  std::filesystem::remove(path + "/model-2.safetensors");
  EXPECT_THAT(refusal(path), HasSubstr("'model-2.safetensors', which is not beside it"));
}

TEST(HuggingFaceHostile, AThousandFilesAreNotOpened) {
  const Scratch scratch;
  std::string map;
  for (int i = 0; i < 1000; ++i)
    map += (i > 0 ? ", " : "") + ("\"t" + std::to_string(i)) + "\": \"f" + std::to_string(i) + "\"";
  const std::string path = tiny_folder().write_sharded(scratch / "a", 6);
  scratch.write("a/model.safetensors.index.json", "{\"weight_map\": {" + map + "}}");
  EXPECT_THAT(refusal(path), HasSubstr("names 1000 files; at most 256"));
}

TEST(HuggingFaceHostile, AFolderWithoutWeightsSaysWhichFilesItLooksFor) {
  const Scratch scratch;
  const std::string path = tiny_folder().write(scratch / "a");
  std::filesystem::remove(path + "/model.safetensors");
  EXPECT_THAT(refusal(path), HasSubstr("no weights: none of model.safetensors, "));
  scratch.write("a/model.safetensors", "not a model");
  EXPECT_THAT(refusal(path), HasSubstr("it begins neither like"));
  scratch.write("a/model.safetensors", "");
  EXPECT_THAT(refusal(path), HasSubstr("it begins neither like"));
}

}   // namespace
}   // namespace glass
