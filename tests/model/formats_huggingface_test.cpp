// Hugging Face folders: what transformers computes with them is what we compute (logits from
// tests/golden/huggingface.py), every way of keeping the weights gives the same model, and what we
// write is what we read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>

#include "model/formats/elements.h"
#include "model/formats/huggingface.h"
#include "model/formats/pytorch.h"
#include "model/saved_model.h"
#include "tests/engine/devices.h"
#include "tests/model/formats_huggingface_folder.h"
#include "tests/model/golden.h"
#include "tests/model/scratch.h"

namespace glass {
namespace {

using glass::testing::GoldenCase;
using test::drawn_folder;
using test::HuggingFaceFolder;
using test::Scratch;
using test::tiny_folder;
using ::testing::HasSubstr;

ForeignModel read(const std::string& path, Want want = Want::everything) {
  return kHuggingFace.read(FileOrFolder(path), want);
}

GPTConfig config_in(const Checkpoint& checkpoint) { return config_of(checkpoint, "the test"); }

// Every tensor of one is in the other, bit for bit.
void expect_equal(const Checkpoint& got, const Checkpoint& expected) {
  EXPECT_EQ(got.tensors.size(), expected.tensors.size());
  for (const StoredTensor& tensor : expected.tensors) {
    const StoredTensor* mine = got.find(tensor.name);
    ASSERT_NE(mine, nullptr) << tensor.name;
    EXPECT_EQ(mine->shape, tensor.shape) << tensor.name;
    EXPECT_EQ(mine->type, tensor.type) << tensor.name;
    ASSERT_EQ(mine->bytes.size(), tensor.bytes.size()) << tensor.name;
    EXPECT_EQ(std::memcmp(mine->bytes.data(), tensor.bytes.data(), tensor.bytes.size()), 0)
        << tensor.name;
  }
}

std::string fact(const ForeignModel& model, const std::string& name) {
  std::string all;
  for (const auto& [key, sentence] : model.facts) all += key == name ? sentence + "; " : "";
  return all;
}

// --- The same numbers as transformers ------------------------------------------------------------

class HuggingFaceGolden : public ::testing::TestWithParam<std::size_t> {
 public:
  static const std::vector<GoldenCase>& goldens() {
    static const std::vector<GoldenCase> all = testing::read_golden("huggingface.txt");
    return all;
  }
};

TEST_P(HuggingFaceGolden, LogitsAreThoseOfTransformers) {
  const GoldenCase& golden = goldens()[GetParam()];
  test::Settings settings = golden.settings;
  std::string& act = settings["activation_function"];
  // transformers writes sqrt(2/pi) with ten digits there; everywhere else both compute in double.
  const double gate = act == "gelu_fast" ? 1e-10 : 1e-13;
  act = "\"" + act + "\"";
  const Scratch scratch;
  const std::string path = drawn_folder(settings).write(scratch / "theirs");
  const SavedModel saved = open_model(path, testing::reference(), DType::f64);
  const auto T = static_cast<std::int64_t>(golden.number("n_positions"));
  const std::vector<std::int32_t> ids =
      testing::drawn_below("tokens", static_cast<std::size_t>(T),
                           static_cast<std::int64_t>(golden.number("vocab_size")));
  Pass pass;
  const Tensor logits = saved.model->logits(pass, Tensor::ids(testing::reference(), ids, {1, T}));
  EXPECT_LT(testing::distance(logits.to_host(), golden.tensor("logits", "logits")), gate)
      << golden.name;
}

INSTANTIATE_TEST_SUITE_P(Golden, HuggingFaceGolden,
                         ::testing::Range(std::size_t{0}, HuggingFaceGolden::goldens().size()),
                         [](const auto& golden) {
                           return HuggingFaceGolden::goldens()[golden.param].name;
                         });

// --- Every way of keeping the weights ------------------------------------------------------------

TEST(HuggingFaceFolders, ConfigSaysEverythingAboutTheModel) {
  HuggingFaceFolder folder = drawn_folder({{"vocab_size", "5"},
                                           {"n_positions", "4"},
                                           {"n_layer", "2"},
                                           {"n_head", "2"},
                                           {"n_embd", "4"},
                                           {"n_inner", "6"},
                                           {"activation_function", "\"gelu\""},
                                           {"layer_norm_epsilon", "1e-06"},
                                           {"initializer_range", "0.5"},
                                           {"tie_word_embeddings", "false"},
                                           {"scale_attn_weights", "false"},
                                           {"attn_pdrop", "0.25"},
                                           {"embd_pdrop", "0.25"},
                                           {"resid_pdrop", "0.25"}});
  const Scratch scratch;
  const ForeignModel model = read(folder.write(scratch / "a"));
  const GPTConfig c = config_in(model.checkpoint);
  EXPECT_EQ(c.vocab_size, 5);
  EXPECT_EQ(c.block_size, 4);
  EXPECT_EQ(c.n_layer, 2);
  EXPECT_EQ(c.n_head, 2);
  EXPECT_EQ(c.n_embd, 4);
  EXPECT_EQ(c.n_inner, 6);
  EXPECT_EQ(c.act, Activation::gelu_erf);
  EXPECT_EQ(c.norm_eps, 1e-6);
  EXPECT_EQ(c.init_std, 0.5);
  EXPECT_FALSE(c.tie);
  EXPECT_EQ(c.attn_scale, 1);
  EXPECT_EQ(c.dropout, 0.25);
  EXPECT_EQ(fact(model, "dropout"), "") << "the three agree";
  EXPECT_EQ(model.checkpoint.note("glass.step"), "0");
}

TEST(HuggingFaceFolders, WhatConfigLeavesOutIsWhatTransformersFillsIn) {
  const std::string json = R"({"model_type": "gpt2", "n_inner": null, "task_specific_params": {}})";
  const MemorySource source("'config.json'", std::as_bytes(std::span(json.data(), json.size())));
  Facts facts;
  const GPTConfig c = read_huggingface_config(source, facts);
  GPTConfig gpt2 = preset("gpt2");
  gpt2.dropout = 0.1;
  EXPECT_EQ(differences(gpt2, c), std::vector<std::string>{});
}

TEST(HuggingFaceFolders, EveryWayOfKeepingTheWeightsGivesTheSameModel) {
  const Scratch scratch;
  const HuggingFaceFolder folder = tiny_folder();
  const Checkpoint plain = read(folder.write(scratch / "plain")).checkpoint;
  EXPECT_EQ(plain.find("transformer.h.0.attn.c_attn.weight")->shape,
            (std::vector<std::int64_t>{12, 4}))
      << "(out, in)";

  HuggingFaceFolder bare = folder;   // as openai-community/gpt2: without a prefix, with masks
  for (StoredTensor& tensor : bare.tensors)
    tensor.name = tensor.name.substr(std::string("transformer.").size());
  bare.tensors.push_back(zeros("h.0.attn.bias", {1, 1, 4, 4}));
  bare.tensors.push_back(zeros("h.0.attn.masked_bias", {}));
  const ForeignModel without = read(bare.write(scratch / "bare"));
  expect_equal(without.checkpoint, plain);
  EXPECT_THAT(fact(without, "left out"), HasSubstr("2 masks"));
  std::size_t parameters = 0;
  for (const ForeignTensor& tensor : without.tensors) parameters += tensor.parameter;
  EXPECT_EQ(parameters, folder.tensors.size());

  HuggingFaceFolder copied = folder;   // as pytorch_model.bin has it
  copied.tensors.push_back(copied.tensor("transformer.wte.weight"));
  copied.tensors.back().name = "lm_head.weight";
  expect_equal(read(copied.write(scratch / "copied")).checkpoint, plain);

  std::filesystem::remove(folder.write(scratch / "torch") + "/model.safetensors");
  TorchWriter torch;
  torch.pickle().dictionary();
  for (const StoredTensor& tensor : copied.tensors) {
    torch.pickle().text(tensor.name);
    torch.tensor(tensor);
  }
  torch.pickle().end();
  torch.save(scratch / "torch/pytorch_model.bin");
  const ForeignModel pickled = read(scratch / "torch");
  expect_equal(pickled.checkpoint, plain);
  EXPECT_THAT(fact(pickled, "left out"), HasSubstr("lm_head.weight, a copy"));
  expect_equal(find_checkpoint(scratch / "torch/pytorch_model.bin").checkpoint, plain);

  const std::string sharded = folder.write_sharded(scratch / "sharded", 3);
  const ForeignModel shards = read(sharded);
  expect_equal(shards.checkpoint, plain);
  EXPECT_THAT(fact(shards, "weights"), HasSubstr("6 files"));

  // A file of the folder leads to all of it.
  expect_equal(read(scratch / "plain/model.safetensors").checkpoint, plain);
  expect_equal(read(sharded + "/model-2.safetensors").checkpoint, plain);
  expect_equal(find_checkpoint(scratch / "plain/model.safetensors").checkpoint, plain);
  expect_equal(find_checkpoint(scratch / "plain/config.json").checkpoint, plain);
  expect_equal(find_checkpoint(sharded + "/model.safetensors.index.json").checkpoint, plain);
}

TEST(HuggingFaceFolders, HalvesAndDoublesAreReadAsWhatTheyAre) {
  const Scratch scratch;
  const HuggingFaceFolder folder = tiny_folder();
  for (const StoredType type : {StoredType::f16, StoredType::bf16, StoredType::f64}) {
    HuggingFaceFolder other = folder;
    for (StoredTensor& tensor : other.tensors) tensor = as_type(tensor, type);
    Checkpoint expected = read(folder.write(scratch / "a")).checkpoint;
    const bool wide = type == StoredType::f64;
    for (StoredTensor& tensor : expected.tensors)   // rounded, and back
      tensor = as_type(as_type(tensor, type), wide ? type : StoredType::f32);
    expect_equal(read(other.write(scratch / name_of(type))).checkpoint, expected);
  }
}

TEST(HuggingFaceFolders, AHeadThatIsNoCopyIsUsedAlthoughTheConfigCallsItTied) {
  const Scratch scratch;
  HuggingFaceFolder folder = tiny_folder();
  folder.tensors.push_back(zeros("lm_head.weight", {5, 4}));
  for (const Want want : {Want::everything, Want::description}) {
    const ForeignModel model = read(folder.write(scratch / "a"), want);
    EXPECT_FALSE(config_in(model.checkpoint).tie);
    EXPECT_THAT(fact(model, "head"), HasSubstr("another one"));
  }
}

TEST(HuggingFaceFolders, ADescriptionReadsNoTensor) {
  const Scratch scratch;
  const std::string path = tiny_folder().write(scratch / "a");
  const ForeignModel model = read(path, Want::description);
  EXPECT_TRUE(model.checkpoint.tensors.empty());
  EXPECT_EQ(model.tensors.size(), tiny_folder().tensors.size());
  EXPECT_EQ(config_in(model.checkpoint).n_embd, 4);
}

TEST(HuggingFaceFolders, DropoutsThatDisagreeAreSaid) {
  const Scratch scratch;
  HuggingFaceFolder folder = tiny_folder();
  folder.config["attn_pdrop"] = "0.0";
  const ForeignModel model = read(folder.write(scratch / "a"));
  EXPECT_THAT(fact(model, "dropout"), HasSubstr("attention 0;"));
  EXPECT_EQ(config_in(model.checkpoint).dropout, 0.1);
}

// --- What we write -------------------------------------------------------------------------------

GPTConfig small_gpt2() {
  GPTConfig config;
  config.vocab_size = 7, config.block_size = 6, config.n_layer = 2, config.n_head = 2;
  config.n_embd = 8;
  return config;
}

// A model with random weights, as a checkpoint.
Checkpoint new_checkpoint(const GPTConfig& config) {
  const auto model = make_model(config, testing::reference(), DType::f32, 3);
  Checkpoint checkpoint;
  for (const Parameter* p : model->parameters())
    checkpoint.tensors.push_back(stored(p->name, p->value));
  put_notes(checkpoint, config, nullptr, 5, "the test");
  return checkpoint;
}

TEST(HuggingFaceExport, WhatIsWrittenIsReadAgainBitForBit) {
  GPTConfig config = small_gpt2();
  std::vector<GPTConfig> configs = {config};
  config.act = Activation::gelu_erf, config.tie = false, config.n_inner = 12;
  config.norm_eps = 1e-3, config.attn_scale = 1, config.dropout = 0.25;
  configs.push_back(config);
  config.act = Activation::relu;
  configs.push_back(config);
  const Scratch scratch;
  for (std::size_t i = 0; i < configs.size(); ++i) {
    const Checkpoint checkpoint = new_checkpoint(configs[i]);
    const ModelToWrite model{configs[i], checkpoint, nullptr, "x"};
    EXPECT_EQ(kHuggingFaceTarget.cannot_hold(model), std::vector<std::string>{});
    EXPECT_EQ(kHuggingFaceTarget.computes(configs[i]), configs[i].act);
    const std::string path = scratch / ("out" + std::to_string(i));
    EXPECT_THAT(kHuggingFaceTarget.write(model, "f32", path),
                ::testing::Contains(path + "/model.safetensors"));
    const ForeignModel back = read(path);
    EXPECT_EQ(differences(configs[i], config_in(back.checkpoint)), std::vector<std::string>{});
    expect_equal(back.checkpoint, checkpoint);
  }
}

TEST(HuggingFaceExport, MissingBiasesAreWrittenAsZeros) {
  GPTConfig config = small_gpt2();
  config.bias_qkv = config.bias_out = config.bias_norm = false;
  const Checkpoint checkpoint = new_checkpoint(config);
  const Scratch scratch;
  kHuggingFaceTarget.write({config, checkpoint, nullptr, "x"}, "f32", scratch / "out");
  const Checkpoint back = read(scratch / "out").checkpoint;
  for (const StoredTensor& tensor : back.tensors) {
    if (const StoredTensor* mine = checkpoint.find(tensor.name)) {
      EXPECT_TRUE(std::equal(mine->bytes.begin(), mine->bytes.end(), tensor.bytes.begin()));
    } else {
      EXPECT_TRUE(tensor.name.ends_with(".bias")) << tensor.name;
      for (const std::byte b : tensor.bytes) EXPECT_EQ(b, std::byte{0}) << tensor.name;
    }
  }
}

TEST(HuggingFaceExport, HalvesAreWrittenAsHalves) {
  const Checkpoint checkpoint = new_checkpoint(small_gpt2());
  const Scratch scratch;
  for (const auto& [name, type] : {std::pair{"f16", StoredType::f16}, {"bf16", StoredType::bf16}}) {
    const std::string path = scratch / name;
    kHuggingFaceTarget.write({small_gpt2(), checkpoint, nullptr, "x"}, name, path);
    for (const StoredTensor& tensor : load_safetensors(path + "/model.safetensors").tensors)
      EXPECT_EQ(tensor.type, type) << tensor.name;
    const char* torch = type == StoredType::f16 ? "\"float16\"" : "\"bfloat16\"";
    EXPECT_THAT(test::bytes_of(path + "/config.json"), HasSubstr(torch));
  }
}

TEST(HuggingFaceExport, AWeightThatAHalfCannotHoldIsRefused) {
  Checkpoint checkpoint = new_checkpoint(small_gpt2());
  for (StoredTensor& tensor : checkpoint.tensors)
    if (tensor.name == "transformer.ln_f.weight")
      tensor = test::stored_floats(tensor.name, tensor.shape, {1, 1, 1, 65504, 65520, 1, 1, 1});
  const Scratch scratch;
  const ModelToWrite model{small_gpt2(), checkpoint, nullptr, "x"};
  const std::string error = test::error_of(
      [&] { kHuggingFaceTarget.write(model, "f16", scratch / "out"); }, ExitCode::content);
  EXPECT_THAT(error, HasSubstr("transformer.ln_f.weight"));
  EXPECT_EQ(scratch.names(), std::vector<std::string>{}) << "nothing is left behind";
  EXPECT_NO_THROW(kHuggingFaceTarget.write(model, "bf16", scratch / "out"));
}

TEST(HuggingFaceExport, WhatTransformersDoesNotHaveIsNamed) {
  for (const char* name : {"microgpt", "postnorm", "induction", "modern", "bigram"}) {
    GPTConfig config = preset(name);
    config.vocab_size = 7;
    const ModelToWrite model{config, Checkpoint{}, nullptr, "x"};
    EXPECT_FALSE(kHuggingFaceTarget.cannot_hold(model).empty()) << name;
  }
}

TEST(HuggingFaceExport, NobodysFilesAreReplaced) {
  const Scratch scratch;
  scratch.write("taken/thesis.tex", "years of work");
  const Checkpoint checkpoint = new_checkpoint(small_gpt2());
  const ModelToWrite model{small_gpt2(), checkpoint, nullptr, "x"};
  EXPECT_THROW(kHuggingFaceTarget.write(model, "f32", scratch / "taken"), UsageError);
  EXPECT_EQ(scratch.names("taken"), std::vector<std::string>{"thesis.tex"});
  EXPECT_EQ(scratch.names(), std::vector<std::string>{"taken"}) << "nothing is left behind";
}

}   // namespace
}   // namespace glass
