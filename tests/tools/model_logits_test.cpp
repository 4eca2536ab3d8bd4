// glass logits and glass grads: the numbers of the model, and what is refused.
#include <cmath>
#include <filesystem>
#include <fstream>

#include "model/formats/llmc.h"
#include "model/generate.h"
#include "tests/tools/on_model.h"

namespace glass::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(ModelCommands, WrongTokensAreRefusedAndNoFileIsLeftBehind) {
  const SmallPlace& p = place();
  const std::string out = p.folder / "out.file";
  std::vector<RefusedLine> table = {
      {{"logits"}, kUsage, "either --prompt TEXT or --tokens"},
      {{"logits", "--prompt", "a", "--tokens", "1"}, kUsage, "either --prompt TEXT or --tokens"},
      {{"logits", "--prompt", ""}, kUsage, "empty"},
      {{"logits", "--tokens", "27"}, kUsage, "'27' is no token"},
      {{"logits", "--tokens", "1,,2"}, kUsage, "'' is no token"},
      {{"logits", "--tokens", "-1"}, kUsage, "-1"},
      {{"logits", "--tokens", "1, 2"}, kUsage, "' 2' is no token"},
      {{"logits", "--tokens", "1,2,3,4,5,6,7,8,9"}, kUsage, "reads 8 at most"},
      {{"logits", "--prompt", "a", "--top-k", "0"}, kUsage, "--top-k"},
      {{"grads"}, kUsage, "--tokens-file"},
      {{"grads", "--tokens-file", p.folder / "gone.npy"}, kSystem, "gone.npy"},
      {{"grads", "--tokens-file", p.names}, kContent, "names.txt"},
      {{"grads", "--tokens-file", p.array("flat.npy", {4}, {1, 2, 3, 4})},
       kContent,
       "two dimensions"},
      {{"grads", "--tokens-file", p.array("thin.npy", {4, 1}, {1, 2, 3, 4})},
       kContent,
       "B rows of T + 1"},
      {{"grads", "--tokens-file", p.array("large.npy", {1, 3}, {1, 27, 3})},
       kContent,
       "the token 27 in row 0"},
      {{"grads", "--tokens-file", p.array("negative.npy", {1, 3}, {1, -1, 3})},
       kContent,
       "the token -1"},
      {{"grads", "--tokens-file", p.array("long.npy", {1, 10}, std::vector<std::int32_t>(10))},
       kContent,
       "9 + 1 tokens"},
  };
  for (RefusedLine& row : table) {
    row.words.insert(row.words.end(), {"-o", out});
    expect_refusal(row, on_model(row.words));
    EXPECT_FALSE(std::filesystem::exists(out)) << join(row.words, " ");
  }
  const std::string nowhere = p.folder / "no/such/folder/x.npy";
  expect_refusal({{}, kSystem, "no/such/folder"},
                 on_model({"logits", "--prompt", "a", "-o", nowhere}));
}

TEST(Logits, AreThoseOfTheModelAtEveryPosition) {
  const std::string out = place().folder / "logits.npy";
  const JsonValue json = json_of(on_model({"logits", "--prompt", "anna", "--device", "reference",
                                           "--json", "--top-k", "3", "-o", out}));
  EXPECT_THAT(tokens_in(json.at("tokens", "json")), ElementsAre(1, 14, 14, 1));
  EXPECT_THAT(tokens_in(json.at("shape", "json")), ElementsAre(4, 27));

  const auto model = tiny_model();
  Pass pass;
  const std::vector<std::int32_t> ids = {1, 14, 14, 1};
  const std::vector<double> expected =
      model->logits(pass, Tensor::ids(model->device(), ids, {1, 4})).to_host();
  std::string bytes;
  {
    std::ifstream file(out, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(file), {});
  }
  std::vector<float> written(4 * 27);
  ASSERT_GT(bytes.size(), written.size() * 4);
  std::memcpy(written.data(), bytes.data() + bytes.size() - written.size() * 4, written.size() * 4);
  for (std::size_t i = 0; i < written.size(); ++i)
    ASSERT_EQ(static_cast<double>(written[i]), expected[i]) << "element " << i;

  const std::vector<JsonValue>& top = json.at("top", "json").items;
  ASSERT_EQ(top.size(), 4u);
  for (std::size_t t = 0; t < 4; ++t) {
    const std::span<const double> row(&expected[t * 27], 27);
    const std::vector<double> p = probabilities(row, {.temperature = 1, .top_k = 0});
    const auto best = std::max_element(p.begin(), p.end());
    ASSERT_EQ(top[t].items.size(), 3u);
    EXPECT_EQ(top[t].items[0].at("id", "json").integer("id", 0, 26), best - p.begin());
    EXPECT_NEAR(top[t].items[0].at("prob", "json").number("prob"), *best, 1e-12);
  }
}

TEST(Grads, AreTheSlopesOfTheLoss) {
  // One number of one weight is moved, in the checkpoint itself: the loss must change as its
  // gradient says.
  const SmallPlace& p = place();
  const std::string batch = p.array("batch.npy", {2, 6}, {1, 2, 3, 4, 5, 6, 20, 19, 18, 0, 1, 2});
  const std::string out = p.folder / "grads.safetensors";
  const auto loss_of = [&](const std::string& ckpt, const std::vector<std::string>& more) {
    std::vector<std::string> words = {"grads",  "--ckpt",   ckpt,        "--tokens-file", batch,
                                      "--json", "--device", "reference", "--dtype",       "f64"};
    words.insert(words.end(), more.begin(), more.end());
    return json_of(glass(words)).at("loss", "json").number("loss");
  };
  const double loss = loss_of(p.ckpt, {"-o", out});

  const Safetensors grads = load_safetensors(out);
  const auto find = [&](const std::string& name) -> const StoredTensor& {
    const auto found = std::find_if(grads.tensors.begin(), grads.tensors.end(),
                                    [&](const StoredTensor& t) { return t.name == name; });
    EXPECT_NE(found, grads.tensors.end()) << name;
    return *found;
  };
  const auto number = [](const StoredTensor& tensor, std::size_t i) {
    double value = 0;
    std::memcpy(&value, tensor.bytes.data() + i * sizeof value, sizeof value);
    return value;
  };
  EXPECT_EQ(number(find("loss"), 0), loss);
  EXPECT_THAT(find("logits").shape, ElementsAre(2, 5, 27));
  EXPECT_EQ(grads.tensors.size(), tiny_model()->parameters().size() + 2)
      << "one for each parameter";

  const std::string name = "transformer.h.0.attn.c_proj.weight";
  Checkpoint moved = load_checkpoint(p.ckpt);
  for (StoredTensor& tensor : moved.tensors) {
    if (tensor.name != name) continue;
    const OwnedBytes copy = allocate_bytes(tensor.bytes.size());
    std::memcpy(copy.data.get(), tensor.bytes.data(), tensor.bytes.size());
    float value = 0;
    std::memcpy(&value, copy.data.get() + 12, sizeof value);
    value += 1e-3F;
    std::memcpy(copy.data.get() + 12, &value, sizeof value);
    tensor.bytes = copy.span(), tensor.owner = copy.data;
  }
  save_checkpoint(p.folder / "moved.safetensors", moved);
  // A step of 1e-3 leaves a curvature of about that size in the quotient.
  EXPECT_NEAR((loss_of(p.folder / "moved.safetensors", {}) - loss) / 1e-3, number(find(name), 3),
              2e-3);
  EXPECT_GT(std::abs(number(find(name), 3)), 1e-3)
      << "the slope is not so small that anything would pass";
}

// A GPT-2, and what llm.c might say of one row of four tokens: one number for all logits, one for
// all gradients, and another in the middle of each.
struct DebugState {
  explicit DebugState(const Scratch& folder) : model_path(folder / "gpt2.safetensors") {
    config.vocab_size = 27, config.block_size = 4, config.n_layer = 1, config.n_head = 1;
    config.n_embd = 4;
    Checkpoint checkpoint;
    const auto model = make_model(config, make_reference_backend(), DType::f32, 5);
    for (const Parameter* p : model->parameters())
      checkpoint.tensors.push_back(stored(p->name, p->value));
    checkpoint.notes = {{"format", "glass"},
                        {"glass.config", fields_to_json(config)},
                        {"glass.step", "7"},
                        {"glass.tokenizer", place().tokenizer->to_json()}};
    save_checkpoint(model_path, checkpoint);
  }
  std::string bytes(float number, float logit, float gradient) const {
    std::vector<std::int32_t> head = {kLlmcDebug, 2, 1, 4};
    head.resize(256);
    head.insert(head.end(), {1, 2, 3, 4, 2, 3, 4, 5});
    std::vector<float> logits(4 * 27, number),
        gradients(static_cast<std::size_t>(llmc_header_for(config, "the test").parameters), number);
    logits[50] = logit, gradients[9] = gradient;   // of the embedding
    logits.push_back(3.25F);                       // the loss
    std::string all(reinterpret_cast<const char*>(head.data()), head.size() * 4);
    all.append(reinterpret_cast<const char*>(logits.data()), logits.size() * 4);
    return all.append(reinterpret_cast<const char*>(gradients.data()), gradients.size() * 4);
  }
  GPTConfig config;
  std::string model_path;
};

TEST(Grads, ADebugStateThatIsFarAwayIsSaidToBe) {
  const Scratch folder;
  const DebugState state(folder);
  const auto compared = [&](const std::string& bytes, const std::string& dtype,
                            const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = {"grads",
                                      "--ckpt",
                                      state.model_path,
                                      "--tokens-file",
                                      folder.write("state.bin", bytes),
                                      "--device",
                                      "reference",
                                      "--dtype",
                                      dtype};
    words.insert(words.end(), more.begin(), more.end());
    return glass(words);
  };
  for (const std::string dtype : {"f32", "f64"}) {
    const JsonValue json = json_of(compared(state.bytes(10, 10, 10), dtype, {"--json"}));
    const JsonValue& theirs = json.at("theirs", "json");
    EXPECT_EQ(theirs.at("loss", "json").number("loss"), 3.25) << dtype;
    // Logits and gradients of a fresh model are far below 10.
    EXPECT_NEAR(theirs.at("logits_differ", "json").number("logits"), 10, 2) << dtype;
    EXPECT_NEAR(theirs.at("gradients_differ", "json").number("gradients"), 1, 0.2) << dtype;
    EXPECT_THAT(theirs.at("worst", "json").text, HasSubstr("transformer.")) << dtype;
    for (const float broken : {std::nanf(""), -HUGE_VALF}) {
      EXPECT_THAT(compared(state.bytes(10, broken, 10), dtype).out,
                  HasSubstr("logits differ by at most inf"))
          << dtype;
      EXPECT_THAT(compared(state.bytes(10, 10, broken), dtype).out,
                  HasSubstr("gradients by inf of their length (transformer.wte.weight)"))
          << dtype;
    }
    EXPECT_THAT(compared(state.bytes(0, 0, 0), dtype).out,
                HasSubstr("gradients by inf of their length"))
        << "zeros are no gradients: " << dtype;
  }
}

}   // namespace
}   // namespace glass::test
