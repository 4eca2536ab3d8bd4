// model/formats/gguf_gpt2.h: a model goes into a GGUF and comes back as it was, and what is no
// GPT-2 is refused by name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "model/formats/elements.h"
#include "model/formats/gguf_gpt2.h"
#include "model/formats/gguf_tokenizer.h"
#include "model/formats/gguf_writer.h"
#include "model/tokenizer/huggingface.h"
#include "tests/model/foreign_models.h"
#include "tests/scratch.h"

namespace glass::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class GgufGpt2 : public ::testing::Test {
 protected:
  // Written by the target, read by the table of formats.
  ForeignModel through_a_file(const GPTConfig& config, const std::string& type,
                              const TokenizerPtr& tokenizer = small_letters()) {
    checkpoint_ = small_checkpoint(config);
    kGgufTarget.write({config, checkpoint_, tokenizer, "small"}, type, path_);
    return read_foreign(FileOrFolder(path_));
  }

  // A file with the keys and tensors of a sound one, but for what `change` does to them.
  std::string refusal(const std::function<void(std::map<std::string, std::int64_t>&,
                                               std::vector<StoredTensor>&)>& change) {
    std::map<std::string, std::int64_t> keys = {{"gpt2.block_count", 1},
                                                {"gpt2.context_length", 3},
                                                {"gpt2.embedding_length", 4},
                                                {"gpt2.feed_forward_length", 16},
                                                {"gpt2.attention.head_count", 2}};
    std::vector<StoredTensor> tensors = {
        zeros("token_embd.weight", {5, 4}),        zeros("position_embd.weight", {3, 4}),
        zeros("output_norm.weight", {4}),          zeros("output_norm.bias", {4}),
        zeros("blk.0.attn_norm.weight", {4}),      zeros("blk.0.attn_norm.bias", {4}),
        zeros("blk.0.attn_qkv.weight", {12, 4}),   zeros("blk.0.attn_qkv.bias", {12}),
        zeros("blk.0.attn_output.weight", {4, 4}), zeros("blk.0.attn_output.bias", {4}),
        zeros("blk.0.ffn_norm.weight", {4}),       zeros("blk.0.ffn_norm.bias", {4}),
        zeros("blk.0.ffn_up.weight", {16, 4}),     zeros("blk.0.ffn_up.bias", {16}),
        zeros("blk.0.ffn_down.weight", {4, 16}),   zeros("blk.0.ffn_down.bias", {4})};
    change(keys, tensors);
    GgufWriter file;
    if (!architecture_.empty()) file.text("general.architecture", architecture_);
    for (const auto& [key, value] : keys) file.u32(key, static_cast<std::uint32_t>(value));
    file.f32("gpt2.attention.layer_norm_epsilon", 1e-5f);
    for (const StoredTensor& t : tensors) file.tensor(t.name, t, kGgmlF32);
    file.save(path_);
    try {
      read_foreign(FileOrFolder(path_));
    } catch (const ContentError& error) {
      EXPECT_THAT(error.what(), HasSubstr(path_));
      return error.what();
    }
    return "accepted";
  }

  Scratch scratch_;
  std::string path_ = scratch_ / "small.gguf", architecture_ = "gpt2";
  Checkpoint checkpoint_;
};

TEST_F(GgufGpt2, EveryBitOfAnF32ModelComesBack) {
  for (const bool tie : {true, false})
    for (const std::int64_t inner : {0, 44}) {
      GPTConfig config = gpt2_of_letters();
      config.tie = tie, config.n_inner = inner, config.norm_eps = 1e-6;
      const ForeignModel model = through_a_file(config, "f32");
      EXPECT_EQ(model.kind, "GGUF");
      GPTConfig read = config_of(model.checkpoint, "it");
      EXPECT_EQ(read.norm_eps, 1e-6) << "it travels in f32";
      EXPECT_THAT(differences(config, read), ElementsAre());
      ASSERT_EQ(model.checkpoint.tensors.size(), checkpoint_.tensors.size());
      for (const StoredTensor& before : checkpoint_.tensors) {
        const StoredTensor* after = model.checkpoint.find(before.name);
        ASSERT_NE(after, nullptr) << before.name;
        EXPECT_EQ(after->shape, before.shape) << before.name;
        EXPECT_TRUE(std::equal(after->bytes.begin(), after->bytes.end(), before.bytes.begin(),
                               before.bytes.end()))
            << before.name;
      }
    }
}

TEST_F(GgufGpt2, AModelWithoutBiasesGetsZeros) {
  GPTConfig config = gpt2_of_letters();
  config.bias_qkv = config.bias_out = config.bias_norm = false;
  const ForeignModel model = through_a_file(config, "f32");
  EXPECT_TRUE(config_of(model.checkpoint, "it").bias_norm);
  EXPECT_THAT(floats_of(*model.checkpoint.find("transformer.h.1.mlp.c_fc.bias")),
              ::testing::Each(0.0f));
}

TEST_F(GgufGpt2, FewerBitsRoundTheMatricesAndNothingElse) {
  for (const std::string type : {"f16", "bf16", "q8_0"}) {
    const ForeignModel model = through_a_file(gpt2_of_letters(), type);
    for (const StoredTensor& before : checkpoint_.tensors) {
      std::vector<float> wanted = floats_of(before);
      const bool exact = before.shape.size() < 2 || before.name == "transformer.wpe.weight";
      if (!exact && type == "q8_0") {
        std::vector<std::byte> blocks(wanted.size() / kQ8Numbers * kQ8Bytes);
        to_q8_0(wanted, blocks);
        from_q8_0(blocks, wanted);
      } else if (!exact) {
        const StoredType less = type == "f16" ? StoredType::f16 : StoredType::bf16;
        wanted = floats_of(as_type(as_type(before, less), StoredType::f32));
      }
      EXPECT_EQ(floats_of(*model.checkpoint.find(before.name)), wanted)
          << before.name << " as " << type;
      EXPECT_EQ(wanted == floats_of(before), exact) << before.name << " as " << type;
    }
  }
}

TEST_F(GgufGpt2, RowsThatDoNotDivideIntoBlocksBecomeF16) {
  GPTConfig config = gpt2_of_letters();
  config.n_embd = 20, config.n_inner = 64;
  const ForeignModel model = through_a_file(config, "q8_0");
  std::map<std::string, std::string> types;
  for (const ForeignTensor& t : model.tensors) types[t.name] = t.type;
  EXPECT_EQ(types.at("token_embd.weight"), "F16");
  EXPECT_EQ(types.at("blk.0.ffn_down.weight"), "Q8_0") << "its rows have 64 numbers";
  EXPECT_EQ(types.at("position_embd.weight"), "F32");
}

TEST_F(GgufGpt2, LettersOfSeveralBytesComeBack) {
  const ForeignModel model = through_a_file(gpt2_of_letters(), "f32");
  const TokenizerPtr tokenizer = tokenizer_of(model.checkpoint, "it");
  ASSERT_NE(tokenizer, nullptr);
  const std::string text = "caf\xc3\xa9 au\nlait";
  EXPECT_EQ(tokenizer->encode(text), small_letters()->encode(text));
  EXPECT_EQ(tokenizer->vocab_size(), 29);
  const FileSource source(path_);
  const GgufFile file(source);
  EXPECT_THAT(*file.texts("tokenizer.ggml.tokens", 99), ::testing::Contains("\xc4\xa0"))
      << "a space is shown as a G with a dot";
  EXPECT_EQ(file.integers("tokenizer.ggml.token_type", 99)->at(28), 4)
      << "an e with an accent is found as it is";
  EXPECT_EQ(file.integer("tokenizer.ggml.eos_token_id"), 0) << "a line end";
}

TEST_F(GgufGpt2, TokensWithoutAMeaningAreNamedAndForgotten) {
  GPTConfig config = gpt2_of_letters();
  config.vocab_size = 32;
  const ForeignModel model = through_a_file(config, "f32");
  EXPECT_EQ(tokenizer_of(model.checkpoint, "it")->vocab_size(), 29);
  const FileSource source(path_);
  EXPECT_EQ(GgufFile(source).texts("tokenizer.ggml.tokens", 99)->at(31), "[PAD31]");
  EXPECT_EQ(GgufFile(source).integer("tokenizer.ggml.eos_token_id"), 31);
}

TEST_F(GgufGpt2, ATokenizerOfPiecesComesBack) {
  std::vector<std::string_view> corpus = {"the cat and the hat and the rat sat on the mat"};
  const TokenizerPtr bpe = make_tokenizer("bpe:270", corpus, "the test");
  GPTConfig config = gpt2_of_letters();
  config.vocab_size = bpe->vocab_size();
  const ForeignModel model = through_a_file(config, "f32", bpe);
  const TokenizerPtr read = tokenizer_of(model.checkpoint, "it");
  for (const std::string text : {"the hat", "that cat's mat?\n\n 12", "\xff\xfe\xe2\x82\xac"}) {
    EXPECT_EQ(read->encode(text), bpe->encode(text)) << text;
    EXPECT_EQ(read->decode(read->encode(text)), text);
  }
  EXPECT_EQ(read->end_of_text(), bpe->end_of_text());
}

TEST_F(GgufGpt2, WhatIsATokenIsTakenAsItIsWhereLlamaCppDoes) {
  std::vector<std::string_view> corpus = {"the cat and the hat and the rat sat on the mat"};
  const TokenizerPtr plain = make_tokenizer("bpe:270", corpus, "the test");
  MappedVocabulary v = mapped_vocabulary(*plain);
  const auto last = static_cast<std::int32_t>(v.tokens.size());
  v.tokens.emplace_back("zqx");   // no merge leads to it
  std::vector<std::int32_t> types;
  for (std::size_t i = 0; i < v.tokens.size(); ++i)
    types.push_back(i < v.special.size() && v.special[i] ? 3 : 1);
  const auto read = [&](const GgufWriter& file) {
    file.save(path_);
    const FileSource source(path_);
    return read_gguf_tokenizer(GgufFile(source));
  };
  for (const std::string pre : {"llama-bpe", "llama3", "llama-v3", "dbrx", "gpt-2", "gpt-4o"}) {
    GgufWriter file;
    file.text("tokenizer.ggml.model", "gpt2");
    file.text("tokenizer.ggml.pre", pre);
    file.texts("tokenizer.ggml.tokens", v.tokens);
    file.texts("tokenizer.ggml.merges", v.merges);
    file.i32s("tokenizer.ggml.token_type", types);
    const TokenizerPtr tokenizer = read(file);
    const std::vector<std::int32_t> ids =
        pre.starts_with("llama") ? std::vector{last} : plain->encode("zqx");
    EXPECT_EQ(tokenizer->encode("zqx"), ids) << pre;
    GgufWriter again;
    write_gguf_tokenizer(again, *tokenizer, tokenizer->vocab_size());
    EXPECT_EQ(read(again)->encode("zqx"), ids) << pre << ", written and read again";
  }
}

TEST_F(GgufGpt2, AHeadThatIsTheEmbeddingAgainIsTied) {
  const auto head = [](float value) {
    return [value](auto&, std::vector<StoredTensor>& tensors) {
      tensors.push_back(zeros("output.weight", {5, 4}));
      const auto* bytes = tensors.back().bytes.data();
      const_cast<float*>(reinterpret_cast<const float*>(bytes))[0] = value;
    };
  };
  EXPECT_EQ(refusal(head(0)), "accepted");
  EXPECT_TRUE(config_of(read_foreign(FileOrFolder(path_)).checkpoint, "it").tie);
  EXPECT_EQ(refusal(head(1)), "accepted");
  EXPECT_FALSE(config_of(read_foreign(FileOrFolder(path_)).checkpoint, "it").tie);
}

TEST_F(GgufGpt2, WhatIsNoGpt2IsRefusedByName) {
  const auto nothing = [](auto&, auto&) {};
  ASSERT_EQ(refusal(nothing), "accepted") << "the table starts from a sound file";
  for (const char* key : {"gpt2.block_count", "gpt2.context_length", "gpt2.embedding_length",
                          "gpt2.feed_forward_length", "gpt2.attention.head_count"}) {
    EXPECT_THAT(refusal([&](auto& keys, auto&) { keys.erase(key); }),
                HasSubstr("'" + std::string(key) + "' is missing"));
    for (const std::int64_t value : {std::int64_t{0}, std::int64_t{0xffffffff}})
      EXPECT_NE(refusal([&](auto& keys, auto&) { keys[key] = value; }), "accepted")
          << key << " " << value;
  }
  for (std::size_t i = 0; i < 16; ++i)
    EXPECT_THAT(refusal([&](auto&, auto& t) { t.erase(t.begin() + static_cast<long>(i)); }),
                HasSubstr("is missing"));
  EXPECT_THAT(refusal([](auto&, auto& t) {
                t[6] = zeros("blk.0.attn_qkv.weight", {4, 12});
              }),
              HasSubstr("has the shape [4, 12]; its keys ask for [12, 4]"));
  EXPECT_THAT(refusal([](auto&, auto& t) { t.push_back(zeros("blk.1.ffn_up.bias", {16})); }),
              HasSubstr("'blk.1.ffn_up.bias' is none of a gpt2 with 1 blocks"));
  EXPECT_THAT(refusal([](auto&, auto& t) { t.push_back(zeros("rope_freqs.weight", {2})); }),
              HasSubstr("'rope_freqs.weight' is none"));
  EXPECT_THAT(refusal([](auto& keys, auto&) { keys["gpt2.attention.head_count"] = 3; }),
              HasSubstr("describes no model"));
  EXPECT_THAT(refusal([](auto& keys, auto&) { keys["gpt2.attention.head_count_kv"] = 1; }),
              HasSubstr("1 heads of keys"));
  EXPECT_THAT(refusal([](auto& keys, auto& t) {
                keys["gpt2.block_count"] = 4097;
                for (int i = 0; i < 4097; ++i) t.push_back(zeros("x" + std::to_string(i), {1}));
              }),
              HasSubstr("'gpt2.block_count' is 4097; it must be 1 to 4096"));
  architecture_ = "llama";
  EXPECT_THAT(refusal(nothing), HasSubstr("the architecture 'llama'"));
  architecture_ = "";
  EXPECT_THAT(refusal(nothing), HasSubstr("'general.architecture' is missing"));
}

TEST_F(GgufGpt2, WhatTheTargetCannotHoldIsSaidInWords) {
  GPTConfig config = gpt2_of_letters();
  const Checkpoint none;
  EXPECT_THAT(kGgufTarget.cannot_hold({config, none, small_letters(), ""}), ElementsAre());
  EXPECT_THAT(kGgufTarget.cannot_hold({config, none, nullptr, ""}),
              ElementsAre(HasSubstr("--tokenizer")));
  config.pos = Position::rope;
  config.act = Activation::swiglu;
  EXPECT_THAT(kGgufTarget.cannot_hold({config, none, small_letters(), ""}),
              ::testing::UnorderedElementsAre(HasSubstr("rope"), HasSubstr("swiglu")));
}

}   // namespace
}   // namespace glass::test
