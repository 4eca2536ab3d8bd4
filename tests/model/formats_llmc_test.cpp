// model/formats/llmc.h: files put together here number by number are read as llm.c means them, what
// is written is read again, and no header can lie.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <numeric>

#include "engine/base/utf8.h"
#include "model/formats/elements.h"
#include "model/formats/llmc.h"
#include "tests/model/foreign_models.h"
#include "tests/peak_memory.h"
#include "tests/scratch.h"

namespace glass::test {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <class T>
std::string raw(const std::vector<T>& numbers) {
  return {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(T)};
}

std::string header(std::vector<std::int32_t> numbers) {
  numbers.resize(256);
  return raw(numbers);
}

// T = 2, V = 3 of 128, two layers, one head, C = 2.
const std::vector<std::int32_t> kTiny = {kLlmcModel, 3, 2, 3, 2, 1, 2, 128};
constexpr int kTinyParameters = 128 * 2 + 2 * 2 + 2 * (12 * 4 + 13 * 2) + 2 * 2;

std::vector<float> counted(int count, float first) {
  std::vector<float> numbers(static_cast<std::size_t>(count));
  std::iota(numbers.begin(), numbers.end(), first);
  return numbers;
}

const std::string& tiny() {
  static const std::string file = header(kTiny) + raw(counted(kTinyParameters, 0));
  return file;
}

MemorySource source_of(const std::string& bytes) {
  return {"'x.bin'", std::as_bytes(std::span(bytes.data(), bytes.size()))};
}

template <class Read>
std::string refusal_by(const Read& read, const std::string& bytes) {
  const MemorySource source = source_of(bytes);
  try {
    read(source);
  } catch (const ContentError& error) {
    EXPECT_THAT(error.what(), HasSubstr("'x.bin'")) << "every message names the file";
    return error.what();
  }
  return "accepted";
}

std::string model_refusal(const std::string& bytes) {
  return refusal_by(
      [](const ByteSource& source) { read_llmc_model(source, Want::everything, nullptr, ""); },
      bytes);
}

std::string with(std::vector<std::int32_t> numbers, std::size_t i, std::int32_t value,
                 const std::string& rest) {
  numbers[i] = value;
  return header(numbers) + rest;
}

// --- Models --------------------------------------------------------------------------------------

TEST(Llmc, KindsStandOneAfterTheOtherAndLayersInside) {
  const MemorySource source = source_of(tiny());
  const ForeignModel model = read_llmc_model(source, Want::everything, nullptr, "");
  const Checkpoint& c = model.checkpoint;
  const GPTConfig config = config_of(c, "it");
  EXPECT_EQ(config.vocab_size, 3);
  EXPECT_EQ(config.block_size, 2);
  EXPECT_EQ(config.n_layer, 2);
  EXPECT_EQ(config.act, Activation::gelu);
  EXPECT_TRUE(config.tie);
  EXPECT_THAT(floats_of(*c.find("transformer.wte.weight")), ElementsAre(0, 1, 2, 3, 4, 5))
      << "three rows; the padding stays behind";
  EXPECT_THAT(floats_of(*c.find("transformer.wpe.weight")), ElementsAre(256, 257, 258, 259));
  EXPECT_THAT(floats_of(*c.find("transformer.h.0.ln_1.weight")), ElementsAre(260, 261));
  EXPECT_THAT(floats_of(*c.find("transformer.h.1.ln_1.weight")), ElementsAre(262, 263));
  EXPECT_THAT(floats_of(*c.find("transformer.h.0.ln_1.bias")), ElementsAre(264, 265));
  EXPECT_EQ(floats_of(*c.find("transformer.h.0.attn.c_attn.weight"))[0], 268);
  EXPECT_EQ(floats_of(*c.find("transformer.h.1.attn.c_attn.weight"))[0], 280);
  EXPECT_EQ(c.find("transformer.h.1.attn.c_attn.weight")->shape, (std::vector<std::int64_t>{6, 2}));
  EXPECT_EQ(c.find("transformer.h.1.mlp.c_proj.weight")->shape, (std::vector<std::int64_t>{2, 8}));
  EXPECT_THAT(floats_of(*c.find("transformer.ln_f.bias")),
              ElementsAre(kTinyParameters - 2, kTinyParameters - 1));
  EXPECT_EQ(c.note("glass.step"), "0");
}

TEST(Llmc, VersionFiveIsBf16) {
  std::vector<std::uint16_t> halves;
  for (const float x : counted(kTinyParameters, 0)) halves.push_back(to_bf16(x));
  std::vector<std::int32_t> numbers = kTiny;
  numbers[1] = 5;
  const std::string file = header(numbers) + raw(halves);
  const MemorySource source = source_of(file);
  const Checkpoint c = read_llmc_model(source, Want::everything, nullptr, "").checkpoint;
  EXPECT_THAT(floats_of(*c.find("transformer.wte.weight")), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(floats_of(*c.find("transformer.wpe.weight")), ElementsAre(256, 256, 258, 260))
      << "eight bits of a number are kept";
}

TEST(Llmc, Gpt2HasTheSizeThatLlmcWrites) {
  GPTConfig config;
  config.vocab_size = 50257;
  const std::string name = "gpt2_124M.bin";
  std::vector<std::int32_t> numbers = {kLlmcModel, 3, 1024, 50257, 12, 12, 768, 50304};
  // Only its size is asked for: a source of this many zeros behind the header.
  class Zeros final : public ByteSource {
   public:
    explicit Zeros(std::string head) : ByteSource("'x.bin'", 497'904'640), head_(std::move(head)) {}

   private:
    void read_inside(std::uint64_t offset, std::span<std::byte> out) const override {
      for (std::size_t i = 0; i < out.size(); ++i)
        out[i] = static_cast<std::byte>(offset + i < head_.size() ? head_[offset + i] : 0);
    }
    std::string head_;
  } source(header(numbers));
  EXPECT_EQ(read_llmc_header(source).parameters, 124'475'904);
  EXPECT_EQ(llmc_padded(50257), 50304);
  EXPECT_EQ(llmc_padded(128), 128);
}

TEST(Llmc, NoModelCanLie) {
  ASSERT_EQ(model_refusal(tiny()), "accepted") << "the table starts from a sound file";
  const std::string rest = tiny().substr(1024);
  struct Lie {
    std::string file, reason;
  };
  std::vector<Lie> lies = {
      {"", "it has 0 bytes"},
      {tiny().substr(0, 1023), "it has 1023 bytes, and its header has 1024"},
      {"\xef\xbb\xbf" + tiny(), "it begins with the number"},
      {with(kTiny, 0, 20240801, rest), "it begins with the number 20240801"},
      {tiny() + "x", "bytes follow byte 1024"},
      {tiny().substr(0, tiny().size() - 1), "bytes follow byte 1024"},
      {with(kTiny, 7, 2, rest), "it pads 3 tokens to 2"},
      {with(kTiny, 5, 3, rest), "describes no model"},
  };
  for (const std::int32_t version : {0, 1, 2, 4, 6, -1})
    lies.push_back({with(kTiny, 1, version, rest), "its version is " + std::to_string(version)});
  for (std::size_t i = 2; i < 8; ++i)
    for (const std::int32_t size : {0, -1, INT32_MIN})
      lies.push_back({with(kTiny, i, size, rest), "number " + std::to_string(i)});
  for (const std::size_t i : {2, 4, 6, 7})
    for (const std::int32_t size : {INT32_MAX, INT32_MAX - 1, 1 << 30, 65536})
      lies.push_back({with(kTiny, i, size, rest), "bytes follow byte 1024"});
  lies.push_back({header({kLlmcModel, 3, INT32_MAX, INT32_MAX, INT32_MAX, 1, INT32_MAX, INT32_MAX}),
                  "more than 2^40 parameters"});
  for (const Lie& lie : lies)
    EXPECT_THAT(model_refusal(lie.file), HasSubstr(lie.reason)) << lie.reason;
  const long needed = test::kilobytes_needed([&] {
    for (const Lie& lie : lies) model_refusal(lie.file);
  });
  EXPECT_LT(needed, test::kMostKilobytes) << "a claim costs nothing";
}

TEST(Llmc, AHeaderPromisesNoMoreThanAModelCanHave) {
  const auto said = [](std::int32_t layers) {
    const std::string file = header({kLlmcModel, 3, 2, 3, layers, 1, 1, 128}) +
                             raw(counted(128 + 2 + layers * 25 + 2, 0));
    return refusal_by([](const ByteSource& source) { read_llmc_header(source); }, file);
  };
  EXPECT_EQ(said(4096), "accepted");
  EXPECT_THAT(said(4097), HasSubstr("n_layer"))
      << "the sizes agree, and still nobody needs to walk through its tensors";
}

class LlmcFile : public ::testing::Test {
 protected:
  Scratch scratch_;
  std::string path_ = scratch_ / "model_00000100.bin";
};

TEST_F(LlmcFile, WhatIsWrittenIsReadAgain) {
  const GPTConfig config = gpt2_of_letters();
  const Checkpoint before = small_checkpoint(config);
  for (const bool bf16 : {false, true}) {
    const auto paths =
        kLlmcTarget.write({config, before, small_letters(), "small"}, bf16 ? "bf16" : "f32", path_);
    EXPECT_THAT(paths, ElementsAre(path_, scratch_ / "gpt2_tokenizer.bin"));
    const ForeignModel model = read_foreign(FileOrFolder(path_));
    EXPECT_THAT(differences(config, config_of(model.checkpoint, "it")), ElementsAre());
    ASSERT_EQ(model.checkpoint.tensors.size(), before.tensors.size());
    for (const StoredTensor& tensor : before.tensors) {
      const StoredTensor wanted =
          bf16 ? as_type(as_type(tensor, StoredType::bf16), StoredType::f32) : tensor;
      EXPECT_EQ(floats_of(*model.checkpoint.find(tensor.name)), floats_of(wanted)) << tensor.name;
    }
    const TokenizerPtr letters = tokenizer_of(model.checkpoint, "it");
    ASSERT_NE(letters, nullptr);
    EXPECT_EQ(letters->encode("caf\xc3\xa9"), small_letters()->encode("caf\xc3\xa9"));
  }
  EXPECT_EQ(test::bytes_of(path_).size(),
            1024u + 2 * (128 * 32 + 16 * 32 + 2 * (12 * 32 * 32 + 13 * 32) + 2 * 32));
}

TEST_F(LlmcFile, AnotherModelsTokenizerIsNotReplaced) {
  scratch_.write("gpt2_tokenizer.bin", "somebody's");
  const GPTConfig config = gpt2_of_letters();
  const Checkpoint checkpoint = small_checkpoint(config);
  EXPECT_THROW(kLlmcTarget.write({config, checkpoint, small_letters(), ""}, "f32", path_),
               UsageError);
  EXPECT_THAT(scratch_.names(), ElementsAre("gpt2_tokenizer.bin"));
}

TEST_F(LlmcFile, WhatTheTargetCannotHoldIsSaidInWords) {
  GPTConfig config = gpt2_of_letters();
  const Checkpoint none;
  EXPECT_THAT(kLlmcTarget.cannot_hold({config, none, nullptr, ""}), ElementsAre());
  config.tie = false, config.n_inner = 44, config.norm_eps = 1e-6;
  EXPECT_THAT(
      kLlmcTarget.cannot_hold({config, none, nullptr, ""}),
      ::testing::UnorderedElementsAre(HasSubstr("--tie"), HasSubstr("44"), HasSubstr("norm_eps")));
}

// --- Where training was --------------------------------------------------------------------------

std::vector<std::int32_t> state_numbers(int processes, int masters, int shuffled) {
  std::vector<std::int32_t> numbers = {kLlmcState, 1, processes, 0, masters, shuffled};
  numbers.resize(11);
  numbers[10] = 100;
  return numbers;
}

TEST_F(LlmcFile, TheStateBesideAModelBringsStepAndMoments) {
  scratch_.write("model_00000100.bin", tiny());
  scratch_.write("state_00000100_00000.bin", header(state_numbers(1, 0, 0)) +
                                                 raw(counted(kTinyParameters, 1000)) +
                                                 raw(counted(kTinyParameters, 2000)));
  const Checkpoint c = read_foreign(FileOrFolder(path_)).checkpoint;
  EXPECT_EQ(c.note("glass.step"), "100");
  EXPECT_THAT(c.note("glass.trainer"), HasSubstr("learning_rate")) << "so training can go on";
  EXPECT_EQ(c.tensors.size(), 3 * 28u);
  EXPECT_THAT(floats_of(*c.find("optim.m.transformer.wpe.weight")),
              ElementsAre(1256, 1257, 1258, 1259));
  EXPECT_THAT(floats_of(*c.find("optim.v.transformer.h.1.ln_1.weight")), ElementsAre(2262, 2263));
}

TEST_F(LlmcFile, MastersReplaceRoundedWeightsAndTheOrderOfShuffledDataIsPassedOver) {
  scratch_.write("model_00000100.bin", tiny());
  scratch_.write("state_00000100_00000.bin",
                 header(state_numbers(1, 1, 1)) + raw(counted(3 * kTinyParameters, 0)) + "order");
  const Checkpoint c = read_foreign(FileOrFolder(path_)).checkpoint;
  EXPECT_EQ(floats_of(*c.find("transformer.wte.weight"))[0], 2 * kTinyParameters);
  EXPECT_EQ(floats_of(*c.find("transformer.ln_f.bias"))[1], 3 * kTinyParameters - 1);
  EXPECT_EQ(floats_of(*c.find("optim.v.transformer.ln_f.bias"))[1], 2 * kTinyParameters - 1);
}

TEST_F(LlmcFile, ANeighbourThatLeadsNowhereIsNone) {
  scratch_.write("model_00000100.bin", tiny());
  for (const char* name : {"gpt2_tokenizer.bin", "state_00000100_00000.bin"})
    std::filesystem::create_symlink(name, scratch_ / name);   // round and round
  EXPECT_EQ(read_foreign(FileOrFolder(path_)).checkpoint.tensors.size(), 28u);
}

TEST_F(LlmcFile, AStateThatDoesNotFitIsSaidAndLeftAlone) {
  scratch_.write("model_00000100.bin", tiny());
  const std::string moments = raw(counted(2 * kTinyParameters, 0));
  const std::pair<std::string, const char*> kStates[] = {
      {header(state_numbers(8, 0, 0)) + moments, "8 processes"},
      {header(state_numbers(1, 1, 0)) + moments, "the moments of"},
      {header(state_numbers(1, 0, 0)) + moments + "x", "the moments of"},
      {header(state_numbers(1, 0, 0)) + moments.substr(1), "the moments of"},
      {"short", "it has 5 bytes"}};
  for (const auto& [state, reason] : kStates) {
    scratch_.write("state_00000100_00000.bin", state);
    const ForeignModel model = read_foreign(FileOrFolder(path_));
    EXPECT_EQ(model.checkpoint.tensors.size(), 28u);
    ASSERT_FALSE(model.facts.empty());
    EXPECT_THAT(model.facts.back().second, HasSubstr(reason));
  }
}

TEST(Llmc, TheNameOfAStateFollowsFromItsModels) {
  EXPECT_EQ(llmc_state_beside("log/model_00000100.bin"), "log/state_00000100_00000.bin");
  EXPECT_EQ(llmc_state_beside("model_19560000.bin"), "state_19560000_00000.bin");
  for (const char* other : {"gpt2_124M.bin", "model_0000010x.bin", "model_00000100.txt"})
    EXPECT_EQ(llmc_state_beside(other), "") << other;
}

// --- What PyTorch computed -----------------------------------------------------------------------

std::string debug_refusal(const std::string& bytes) {
  const std::string model_bytes = tiny();
  const MemorySource model = source_of(model_bytes);
  const LlmcHeader head = read_llmc_header(model);
  return refusal_by([&](const ByteSource& source) { read_llmc_debug(source, head); }, bytes);
}

TEST(Llmc, ABatchAndWhatWasComputedForItAreRead) {
  const std::vector<std::int32_t> numbers = {kLlmcDebug, 2, 1, 2};
  const std::string body = raw<std::int32_t>({0, 2}) + raw<std::int32_t>({2, 1}) +
                           raw(counted(6, 50)) + raw<float>({1.25f}) +
                           raw(counted(kTinyParameters, 0));
  const std::string file = header(numbers) + body;
  const MemorySource model = source_of(tiny()), source = source_of(file);
  const LlmcDebug debug = read_llmc_debug(source, read_llmc_header(model));
  EXPECT_THAT(debug.x, ElementsAre(0, 2));
  EXPECT_THAT(debug.y, ElementsAre(2, 1));
  EXPECT_THAT(floats_of(debug.logits), ElementsAre(50, 51, 52, 53, 54, 55));
  EXPECT_EQ(debug.loss, 1.25f);
  ASSERT_EQ(debug.gradients.size(), 28u);
  EXPECT_EQ(debug.gradients[1].name, "transformer.wpe.weight");
  EXPECT_THAT(floats_of(debug.gradients[1]), ElementsAre(256, 257, 258, 259));

  ASSERT_EQ(debug_refusal(file), "accepted");
  EXPECT_THAT(debug_refusal(file + "x"), HasSubstr("need another number"));
  EXPECT_THAT(debug_refusal(file.substr(0, file.size() - 4)), HasSubstr("need another number"));
  EXPECT_THAT(debug_refusal(with(numbers, 1, 1, body)), HasSubstr("its version is 1"));
  EXPECT_THAT(debug_refusal(with(numbers, 0, 1, body)), HasSubstr("it begins with the number 1"));
  for (const std::size_t i : {2, 3})
    for (const std::int32_t n : {0, -1, INT32_MIN, INT32_MAX, 1 << 30})
      EXPECT_THAT(debug_refusal(with(numbers, i, n, body)), HasSubstr("it promises"));
  for (const std::int32_t id : {3, -1, INT32_MAX})
    EXPECT_THAT(debug_refusal(header(numbers) + raw<std::int32_t>({0, id}) + body.substr(8)),
                HasSubstr("token " + std::to_string(id) + " at byte 1028"));
}

// --- Tokenizers ----------------------------------------------------------------------------------

std::string tokens_of(const std::vector<std::string>& tokens) {
  std::string bytes;
  for (const std::string& token : tokens) bytes += static_cast<char>(token.size()) + token;
  return bytes;
}

// Every byte, two pieces, the sign between texts.
std::vector<std::string> few_tokens() {
  std::vector<std::string> tokens;
  for (int i = 0; i < 256; ++i) tokens.emplace_back(1, static_cast<char>(i));
  tokens.insert(tokens.end(), {"th", "the", "<|endoftext|>"});
  return tokens;
}

TEST(Llmc, TokensAreRanks) {
  const std::string file = header({kLlmcTokenizer, 2, 259, 258}) + tokens_of(few_tokens());
  const MemorySource source = source_of(file);
  const TokenizerPtr tokenizer = read_llmc_tokenizer(source);
  EXPECT_THAT(tokenizer->encode("the tho"), ElementsAre(257, ' ', 256, 'o'));
  EXPECT_EQ(tokenizer->end_of_text(), 258);
  EXPECT_EQ(llmc_tokenizer_bytes(*tokenizer), file) << "written, it is the same again";
}

TEST(Llmc, NoTokenizerCanLie) {
  const auto refusal = [](const std::string& bytes) {
    return refusal_by([](const ByteSource& s) { read_llmc_tokenizer(s); }, bytes);
  };
  const std::vector<std::int32_t> numbers = {kLlmcTokenizer, 2, 259, 258};
  const std::string body = tokens_of(few_tokens());
  ASSERT_EQ(refusal(header(numbers) + body), "accepted");
  EXPECT_THAT(refusal(header(numbers)), HasSubstr("0 fit into what follows"));
  EXPECT_THAT(refusal(header(numbers) + body + "x"), HasSubstr("its tokens end at byte"));
  EXPECT_THAT(refusal(header(numbers) + body.substr(0, body.size() - 1)), HasSubstr("token 258"));
  EXPECT_THAT(refusal(header(numbers) + std::string(body.size(), '\0')),
              HasSubstr("token 0 at byte 1024 is empty"));
  EXPECT_THAT(refusal(with(numbers, 1, 1, body)), HasSubstr("its version is 1"));
  EXPECT_THAT(refusal(with(numbers, 1, 3, body)), HasSubstr("its version is 3"));
  for (const std::int32_t n : {0, -1, INT32_MIN, INT32_MAX, 1 << 30})
    EXPECT_THAT(refusal(with(numbers, 2, n, body)), HasSubstr("it promises " + std::to_string(n)));
  for (const std::int32_t n : {0, -1, 259, INT32_MAX})
    EXPECT_THAT(refusal(with(numbers, 3, n, body)), HasSubstr("token " + std::to_string(n)));
  const std::string much = header({kLlmcTokenizer, 2, 1, 0}) + "\1a" + std::string(80 << 20, 'x');
  EXPECT_THAT(refusal(much), HasSubstr("1 tokens take 256 at most"));
  EXPECT_LT(test::kilobytes_needed([&] { refusal(much); }), test::kMostKilobytes)
      << "refused before it is read";
  std::vector<std::string> twice = few_tokens();
  twice[257] = "th";
  EXPECT_NE(refusal(header(numbers) + tokens_of(twice)), "accepted") << "a token twice";
  for (std::size_t n = 0; n < 1024; n += 31)
    EXPECT_THAT(refusal((header(numbers) + body).substr(0, n)), HasSubstr("its header has 1024"));
}

}   // namespace
}   // namespace glass::test
