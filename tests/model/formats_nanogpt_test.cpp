// model/formats/nanogpt.h and postnorm.h: what becomes of a ckpt.pt, and what a ckpt.pt of ours
// says.
#include "model/formats/nanogpt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>

#include "kernels/backends.h"
#include "model/formats/elements.h"
#include "model/formats/postnorm.h"
#include "model/formats/pytorch.h"
#include "model/run.h"
#include "model/saved_model.h"
#include "model/tokenizer/char.h"
#include "model/tokenizer/nanogpt_meta.h"
#include "tests/model/scratch.h"
#include "tests/model/torch_bytes.h"

namespace glass::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

GPTConfig small(bool bias) {
  GPTConfig c = preset("char-small");
  c.vocab_size = 5, c.block_size = 4, c.n_layer = 2, c.n_head = 2, c.n_embd = 4;
  c.bias_qkv = c.bias_out = c.bias_norm = bias;
  return c;
}

// A tensor whose numbers say which one it is.
StoredTensor numbered(const std::string& name, const std::vector<std::int64_t>& shape,
                      float first) {
  std::size_t count = 1;
  for (const std::int64_t n : shape) count *= static_cast<std::size_t>(n);
  const OwnedBytes bytes = allocate_bytes(count * sizeof(float));
  auto* values = reinterpret_cast<float*>(bytes.data.get());
  for (std::size_t i = 0; i < count; ++i) values[i] = first + static_cast<float>(i) / 64;
  return {name, StoredType::f32, shape, bytes.span(), bytes.data};
}

Checkpoint checkpoint(const GPTConfig& config, bool bias, bool moments) {
  Checkpoint all;
  float first = 1;
  for (const NanoGptParameter& p : nanogpt_parameters(config, bias))
    for (const char* prefix : {"", "optim.m.", "optim.v."})
      if (*prefix == 0 || moments)
        all.tensors.push_back(numbered(prefix + p.name, p.shape, first++));
  put_notes(all, config, nullptr, 7, "the test");
  TrainConfig train;
  train.learning_rate = 3e-3, train.batch_size = 5, train.beta2 = 0.95, train.lr_decay_iters = 90;
  if (moments) all.notes["glass.trainer"] = trainer_note(train, 1.25, 6);
  return all;
}

std::string exported(const Scratch& folder, const GPTConfig& config, const Checkpoint& checkpoint,
                     const TokenizerPtr& tokenizer = nullptr) {
  const ModelToWrite model{config, checkpoint, tokenizer, "tiny"};
  return kNanoGptTarget.write(model, "f32", folder / "out")[0];
}

std::string numbers_of(const Checkpoint& checkpoint) {
  std::string all;
  std::vector<StoredTensor> tensors = in_file_order(checkpoint.tensors);
  for (const StoredTensor& x : tensors)
    all += x.name + "=" +
           std::string(reinterpret_cast<const char*>(x.bytes.data()), x.bytes.size()) + ";";
  return all;
}

TEST(NanoGpt, WhatIsExportedIsReadBackWithMomentsAndSettings) {
  for (const bool bias : {false, true}) {
    const Scratch folder;
    const Checkpoint ours = checkpoint(small(bias), bias, true);
    const FileSource source(exported(folder, small(bias), ours));
    const ForeignModel model = read_nanogpt(source, Want::everything);
    EXPECT_EQ(numbers_of(model.checkpoint), numbers_of(ours));
    EXPECT_THAT(differences(small(bias), config_of(model.checkpoint, "x")), ElementsAre());
    EXPECT_EQ(model.checkpoint.note("glass.step"), "7");
    const JsonValue trainer = parse_json(model.checkpoint.note("glass.trainer"), "x");
    TrainConfig train;
    train.learning_rate = 3e-3, train.batch_size = 5, train.beta2 = 0.95, train.lr_decay_iters = 90;
    EXPECT_THAT(differences(train, fields_from_json<TrainConfig>(trainer.at("config", "x"), "x")),
                ElementsAre());
    EXPECT_EQ(trainer.at("best_val_loss", "x").number("x"), 1.25);
    const ForeignModel described = read_nanogpt(source, Want::description);
    EXPECT_TRUE(described.checkpoint.tensors.empty());
    EXPECT_EQ(described.tensors.size(), model.tensors.size());
  }
}

TEST(NanoGpt, WithoutMomentsTheWeightsStillAre) {
  const Scratch folder;
  const Checkpoint ours = checkpoint(small(true), true, false);
  const FileSource source(exported(folder, small(true), ours));
  const ForeignModel model = read_nanogpt(source, Want::everything);
  EXPECT_EQ(numbers_of(model.checkpoint), numbers_of(ours));
  EXPECT_EQ(model.checkpoint.notes.count("glass.trainer"), 0u);
}

// nanoGPT has all biases or none.
TEST(NanoGpt, MissingBiasesAreFilledWithZeros) {
  const Scratch folder;
  GPTConfig config = small(true);
  config.bias_qkv = false;
  Checkpoint ours = checkpoint(config, true, true);
  ours.tensors.erase(
      std::remove_if(ours.tensors.begin(), ours.tensors.end(),
                     [](const StoredTensor& x) { return x.name.ends_with("c_attn.bias"); }),
      ours.tensors.end());
  const FileSource source(exported(folder, config, ours));
  const ForeignModel model = read_nanogpt(source, Want::everything);
  for (const char* prefix : {"", "optim.m.", "optim.v."}) {
    const StoredTensor* bias =
        model.checkpoint.find(prefix + std::string("transformer.h.1.attn.c_attn.bias"));
    ASSERT_NE(bias, nullptr) << prefix;
    EXPECT_EQ(bias->bytes.size(), 12 * sizeof(float));
    EXPECT_TRUE(std::all_of(bias->bytes.begin(), bias->bytes.end(),
                            [](std::byte b) { return b == std::byte{0}; }));
  }
}

TEST(NanoGpt, LettersTravelInMetaPklBesideTheFileOrInTheFolderOfTheData) {
  const auto letters = std::make_shared<CharTokenizer>(U"\nab\u00e9z", "the test");
  const Checkpoint ours = checkpoint(small(false), false, false);
  const Scratch beside, data;
  const std::string path = exported(beside, small(false), ours, letters);
  EXPECT_THAT(beside.names("out"), ElementsAre("ckpt.pt", "meta.pkl"));
  EXPECT_EQ(tokenizer_of(find_checkpoint(path).checkpoint, path)->to_json(), letters->to_json());
  EXPECT_EQ(tokenizer_of(find_checkpoint(beside / "out").checkpoint, path)->to_json(),
            letters->to_json());

  const std::string alone = exported(data, small(false), ours);
  EXPECT_EQ(tokenizer_of(find_checkpoint(alone).checkpoint, alone), nullptr);
  data.write("data/tiny/meta.pkl", meta_pkl_of(*letters));
  EXPECT_EQ(tokenizer_of(find_checkpoint(alone).checkpoint, alone)->to_json(), letters->to_json());
  const CharTokenizer others(U"abcdef", "the test");   // of another model: not used
  data.write("data/tiny/meta.pkl", meta_pkl_of(others));
  EXPECT_EQ(tokenizer_of(find_checkpoint(alone).checkpoint, alone), nullptr);
  data.write("data/tiny/meta.pkl", "something else");
  EXPECT_EQ(tokenizer_of(find_checkpoint(alone).checkpoint, alone), nullptr);
}

TEST(NanoGpt, NobodysLettersAreOverwrittenAndFoldersAreMade) {
  const Checkpoint ours = checkpoint(small(false), false, false);
  const auto export_to = [&](const std::string& path, const std::u32string& letters) {
    const auto tokenizer = std::make_shared<CharTokenizer>(letters, "the test");
    return kNanoGptTarget.write({small(false), ours, tokenizer, "tiny"}, "f32", path);
  };
  const Scratch folder;
  EXPECT_THAT(export_to(folder / "far/away/ckpt.pt", U"abcde"),
              ElementsAre(folder / "far/away/ckpt.pt", folder / "far/away/meta.pkl"));
  EXPECT_NO_THROW(export_to(folder / "far/away/other.pt", U"abcde")) << "the same letters";
  const std::string meta = bytes_of(folder / "far/away/meta.pkl");
  for (const char32_t* letters : {U"efghi", U"abcdef"}) {
    EXPECT_THAT(error_of([&] { export_to(folder / "far/away/new.pt", letters); }, ExitCode::usage),
                HasSubstr("holds other letters"));
    EXPECT_EQ(bytes_of(folder / "far/away/meta.pkl"), meta);
    EXPECT_THAT(folder.names("far/away"), ElementsAre("ckpt.pt", "meta.pkl", "other.pt"))
        << "nothing was written";
  }
}

TEST(NanoGpt, AFolderIsExportedWholeOrNotAtAll) {
  const Scratch folder;
  const Checkpoint ours = checkpoint(small(false), false, false);
  const std::string path = exported(folder, small(false), ours);
  const std::string bytes = bytes_of(path);
  EXPECT_THAT(error_of([&] { exported(folder, small(false), ours); }, ExitCode::usage),
              HasSubstr("is there already and has files in it"));
  EXPECT_EQ(bytes_of(path), bytes);

  const Scratch empty;
  Checkpoint half = ours;
  half.tensors.pop_back();   // found out when most of the file is made
  error_of([&] { exported(empty, small(false), half); }, ExitCode::content);
  EXPECT_THAT(empty.names(), ElementsAre());
}

TEST(NanoGpt, WhatItCannotHoldIsSaid) {
  const auto why = [](const GPTConfig& config) {
    const Checkpoint none;
    return kNanoGptTarget.cannot_hold({config, none, nullptr, ""});
  };
  EXPECT_THAT(why(small(false)), ElementsAre());
  EXPECT_THAT(why(preset("gpt2")), ElementsAre());
  for (const char* other : {"modern", "postnorm", "microgpt", "induction", "bigram"})
    EXPECT_FALSE(why(preset(other)).empty()) << other;
  GPTConfig untied = small(false);
  untied.tie = false;
  EXPECT_THAT(why(untied), ElementsAre(HasSubstr("--tie")));
}

// ---- files that are none ------------------------------------------------------------------------

// A ckpt.pt by hand: these tensors, and these model_args.
std::string made(const Scratch& folder, const std::vector<StoredTensor>& tensors,
                 const std::vector<std::pair<const char*, std::int64_t>>& args) {
  TorchWriter file;
  file.pickle().dictionary().text("model").dictionary();
  for (const StoredTensor& x : tensors) {
    file.pickle().text(x.name);
    file.tensor(x);
  }
  file.pickle().end().text("model_args").dictionary();
  for (const auto& [name, value] : args) file.pickle().text(name).integer(value);
  file.pickle().text("bias").boolean(false).end().end();
  file.save(folder / "x.pt");
  return folder / "x.pt";
}

std::string said(const std::string& path) {
  return error_of([&] { read_nanogpt(FileSource(path), Want::everything); }, ExitCode::content);
}

TEST(NanoGpt, ConfigAndTensorsMustAgree) {
  const Scratch folder;
  using Args = std::vector<std::pair<const char*, std::int64_t>>;
  const Args good = {
      {"n_layer", 2}, {"n_head", 2}, {"n_embd", 4}, {"block_size", 4}, {"vocab_size", 5}};
  const std::vector<StoredTensor> all = checkpoint(small(false), false, false).tensors;
  EXPECT_EQ(
      read_nanogpt(FileSource(made(folder, all, good)), Want::everything).checkpoint.tensors.size(),
      all.size());
  const auto with = [&](std::size_t i, std::int64_t value) {
    Args args = good;
    args[i].second = value;
    return said(made(folder, all, args));
  };
  EXPECT_THAT(with(0, 3), HasSubstr("no tensor transformer.h.2"));
  EXPECT_THAT(with(0, 1), HasSubstr("which nanoGPT does not have"));
  EXPECT_THAT(with(0, 4000), HasSubstr("too few for 4000 layers"));
  EXPECT_THAT(with(0, std::int64_t{1} << 40), HasSubstr("n_layer must be an integer"));
  EXPECT_THAT(with(0, -1), HasSubstr("n_layer must be an integer"));
  EXPECT_THAT(with(1, 3), HasSubstr("n_head"));
  EXPECT_THAT(with(2, 8), HasSubstr("another shape"));
  EXPECT_THAT(with(3, 5), HasSubstr("another shape"));
  EXPECT_THAT(with(4, 6), HasSubstr("another shape"));
  EXPECT_THAT(said(made(folder, all, {good.begin(), good.begin() + 4})),
              HasSubstr("has no vocab_size"));
  std::vector<StoredTensor> tensors = all;
  tensors.pop_back();
  EXPECT_THAT(said(made(folder, tensors, good)), HasSubstr("no tensor transformer.ln_f.weight"));
  tensors = all;
  tensors.push_back(numbered("lm_heed.weight", {5, 4}, 0));
  EXPECT_THAT(said(made(folder, tensors, good)), HasSubstr("'lm_heed.weight', which nanoGPT"));
  tensors = all;
  tensors.push_back(tensors[0]);
  tensors.back().name = "_orig_mod." + tensors[0].name;
  EXPECT_THAT(said(made(folder, tensors, good)), HasSubstr("is there twice"));
  tensors = all;
  tensors[1].type = StoredType::i32;
  EXPECT_THAT(said(made(folder, tensors, good)), HasSubstr("transformer.wpe.weight"));
}

TEST(NanoGpt, CompiledModelsBuffersAndHeadsOfTheirOwnAreUnderstood) {
  const Scratch folder;
  std::vector<StoredTensor> tensors = checkpoint(small(false), false, false).tensors;
  tensors.push_back(numbered("transformer.h.0.attn.bias", {1, 1, 4, 4}, 0));
  tensors.push_back(tensors[0]);
  tensors.back().name = "lm_head.weight";
  for (StoredTensor& x : tensors) x.name = "_orig_mod." + x.name;
  const std::vector<std::pair<const char*, std::int64_t>> args = {
      {"n_layer", 2}, {"n_head", 2}, {"n_embd", 4}, {"block_size", 4}, {"vocab_size", 5}};
  const ForeignModel tied = read_nanogpt(FileSource(made(folder, tensors, args)), Want::everything);
  EXPECT_TRUE(config_of(tied.checkpoint, "x").tie);
  EXPECT_EQ(tied.checkpoint.tensors.size(), tensors.size() - 2);
  EXPECT_EQ(std::count_if(tied.tensors.begin(), tied.tensors.end(),
                          [](const ForeignTensor& x) { return !x.parameter; }),
            2);
  tensors.back() = numbered("lm_head.weight", {5, 4}, -3);
  const ForeignModel untied =
      read_nanogpt(FileSource(made(folder, tensors, args)), Want::everything);
  EXPECT_FALSE(config_of(untied.checkpoint, "x").tie);
  EXPECT_NE(untied.checkpoint.find("lm_head.weight"), nullptr);
}

// The head lies where the embedding does, but turned around, or as numbers of another type.
TEST(NanoGpt, AHeadIsTiedOnlyWhereItReadsTheEmbeddingsNumbersInTheirOrder) {
  for (const bool turned : {true, false}) {
    const std::string embedding = tensor(storage("0", 16), 0, {4, 4}, {4, 1});
    const std::string head = turned ? tensor(storage("0", 16), 0, {4, 4}, {1, 4})
                                    : tensor(storage("0", 32, "HalfStorage"), 0, {4, 4}, {4, 1});
    GPTConfig config = small(false);
    config.n_layer = 1, config.vocab_size = 4;
    std::string steps = "}(" + text("model") + "}(" + text("lm_head.weight") + head;
    for (const NanoGptParameter& p : nanogpt_parameters(config, false)) {
      const std::int64_t columns = p.shape.size() == 2 ? p.shape[1] : 1;
      const std::vector<std::int64_t> strides =
          p.shape.size() == 2 ? std::vector{columns, std::int64_t{1}} : std::vector{columns};
      const bool wte = p.name == "transformer.wte.weight";
      steps += text(p.name) + (wte ? embedding : tensor(storage("1", 64), 0, p.shape, strides));
    }
    steps += "u" + text("model_args") + "}(" + text("bias") + "\x89";
    for (const auto& [name, value] : {std::pair{"n_layer", 1},
                                      {"n_head", 2},
                                      {"n_embd", 4},
                                      {"block_size", 4},
                                      {"vocab_size", 4}})
      steps += text(name) + number(value);
    std::string counted;
    for (int i = 0; i < 64; ++i) counted += static_cast<char>(i);
    const std::string file =
        torch_bytes(pickle(steps + "uu"), {counted, std::string(64 * sizeof(float), '\0')}).bytes;
    const MemorySource source("'x.pt'", std::as_bytes(std::span(file.data(), file.size())));
    const ForeignModel model = read_nanogpt(source, Want::everything);
    EXPECT_FALSE(config_of(model.checkpoint, "x").tie) << (turned ? "turned" : "another type");
    EXPECT_NE(model.checkpoint.find("lm_head.weight"), nullptr);
  }
}

// ---- other people's optimizers ------------------------------------------------------------------

// What "optimizer" is, in a file that is otherwise sound: the fact about it.
std::string optimizer_of(const std::function<void(TorchWriter&)>& put) {
  const Scratch folder;
  TorchWriter file;
  PickleWriter& p = file.pickle();
  p.dictionary().text("model").dictionary();
  for (const StoredTensor& x : checkpoint(small(false), false, false).tensors) {
    p.text(x.name);
    file.tensor(x);
  }
  p.end().text("model_args").dictionary().text("n_layer").integer(2).text("n_head").integer(2);
  p.text("n_embd").integer(4).text("block_size").integer(4).text("vocab_size").integer(5);
  p.text("bias").boolean(false).end().text("iter_num").integer(7).text("optimizer");
  put(file);
  p.end();
  file.save(folder / "x.pt");
  const ForeignModel model = read_nanogpt(FileSource(folder / "x.pt"), Want::everything);
  for (const auto& [what, fact] : model.facts)
    if (what == "optimizer") return fact;
  return "nothing";
}

// The 10 matrices decay, the 5 vectors do not.
void put_groups(PickleWriter& p) {
  p.text("param_groups").list();
  for (const auto& [first, last] : {std::pair{0, 10}, {10, 15}}) {
    p.dictionary().text("params").list();
    for (int i = first; i < last; ++i) p.integer(i);
    p.end().end();
  }
  p.end();
}

// What a state has that is not as AdamW's.
struct Odd {
  std::string without = {};
  std::function<void(PickleWriter&)> step = [](PickleWriter& p) { p.real(3); };
  std::function<void(PickleWriter&)> more = [](PickleWriter&) {};
};

// All are AdamW's, but the one of parameter 4.
std::string with_state(const Odd& odd) {
  return optimizer_of([&](TorchWriter& file) {
    PickleWriter& p = file.pickle();
    p.dictionary().text("state").dictionary();
    const auto ordered = in_optimizer_order(nanogpt_parameters(small(false), false));
    for (std::size_t i = 0; i < ordered.size(); ++i) {
      p.integer(static_cast<std::int64_t>(i)).dictionary();
      for (const std::string moment : {"exp_avg", "exp_avg_sq"})
        if (i != 4 || odd.without != moment) {
          p.text(moment);
          file.tensor(numbered(moment, ordered[i].shape, 0));
        }
      p.text("step");
      if (i == 4) odd.step(p), odd.more(p);
      else p.real(3);
      p.end();
    }
    p.end();
    put_groups(p);
    p.end();
  });
}

TEST(NanoGpt, AnotherOptimizersStateIsLeftOut) {
  ASSERT_THAT(with_state({}), HasSubstr("AdamW's moments of 3 steps"));
  const auto real = [](double value) { return [=](PickleWriter& p) { p.real(value); }; };
  const std::pair<const char*, std::string> kOthers[] = {
      {"none", optimizer_of([](TorchWriter& f) { f.pickle().none(); })},
      {"a list", optimizer_of([](TorchWriter& f) { f.pickle().list().end(); })},
      {"an empty dictionary", optimizer_of([](TorchWriter& f) { f.pickle().dictionary().end(); })},
      {"no groups", optimizer_of([](TorchWriter& f) {
         f.pickle().dictionary().text("state").dictionary().end().end();
       })},
      {"groups that are none", optimizer_of([](TorchWriter& f) {
         f.pickle().dictionary().text("state").dictionary().end();
         f.pickle().text("param_groups").list().none().none().end().end();
       })},
      {"no state", optimizer_of([](TorchWriter& f) {
         f.pickle().dictionary();
         put_groups(f.pickle());
         f.pickle().end();
       })},
      {"states that are none", optimizer_of([](TorchWriter& f) {
         f.pickle().dictionary().text("state").dictionary();
         for (int i = 0; i < 15; ++i) f.pickle().integer(i).none();
         f.pickle().end();
         put_groups(f.pickle());
         f.pickle().end();
       })},
      {"names for numbers", optimizer_of([](TorchWriter& f) {
         f.pickle().dictionary().text("state").dictionary();
         for (int i = 0; i < 15; ++i) f.pickle().text("p").none();
         f.pickle().end();
         put_groups(f.pickle());
         f.pickle().end();
       })},
      {"Lion", with_state({.without = "exp_avg_sq"})},
      {"no first moment", with_state({.without = "exp_avg"})},
      {"a step that is a text", with_state({.step = [](PickleWriter& p) { p.text("3"); }})},
      {"a step of 1e300", with_state({.step = real(1e300)})},
      {"a step of -1", with_state({.step = real(-1)})},
      {"a step of NaN", with_state({.step = real(std::nan(""))})},
      {"17 pairs", with_state({.more =
                                   [](PickleWriter& p) {
                                     for (int i = 3; i < 17; ++i) p.integer(i).none();
                                   }})},
  };
  for (const auto& [what, fact] : kOthers) EXPECT_THAT(fact, HasSubstr("left out")) << what;
}

// ---- the post-norm model ------------------------------------------------------------------------

TEST(PostNorm, HeadsBecomeTheRowsOfOneMatrix) {
  const Scratch folder;
  TorchWriter file;
  file.pickle().dictionary();
  const auto put = [&](const std::string& name, const std::vector<std::int64_t>& shape,
                       float first) {
    file.pickle().text(name);
    file.tensor(numbered(name, shape, first));
  };
  put("token_embeddings.weight", {7, 4}, 0);
  put("positional_embeddings.weight", {5, 4}, 0);
  for (const char* head : {"0", "1"}) {
    const std::string at = std::string("blocks.0.mh.heads.") + head + ".";
    const float first = head[0] == '0' ? 10.0f : 20.0f;
    put(at + "tril", {5, 5}, 0);
    put(at + "key.weight", {2, 4}, first);
    put(at + "query.weight", {2, 4}, first + 1);
    put(at + "value.weight", {2, 4}, first + 2);
  }
  for (const auto& [name, N, K] : {std::tuple{"blocks.0.mh.w_o", 4, 4},
                                   {"blocks.0.ff.ffn.0", 16, 4},
                                   {"blocks.0.ff.ffn.2", 4, 16},
                                   {"final_layer", 7, 4}}) {
    put(name + std::string(".weight"), {N, K}, 1);
    put(name + std::string(".bias"), {N}, 1);
  }
  for (const char* name : {"blocks.0.ln1", "blocks.0.ln2", "lnorm"}) {
    put(name + std::string(".weight"), {4}, 1);
    put(name + std::string(".bias"), {4}, 1);
  }
  file.pickle().end();
  file.save(folder / "x.pt");
  const Checkpoint checkpoint = find_checkpoint(folder / "x.pt").checkpoint;
  GPTConfig expected = preset("postnorm");
  expected.vocab_size = 7, expected.block_size = 5, expected.n_layer = 1, expected.n_head = 2,
  expected.n_embd = 4;
  EXPECT_THAT(differences(expected, config_of(checkpoint, "x")), ElementsAre());
  const StoredTensor* rows = checkpoint.find("transformer.h.0.attn.c_attn.weight");
  ASSERT_NE(rows, nullptr);
  EXPECT_THAT(rows->shape, ElementsAre(12, 4));
  std::vector<float> first_of_row(12);
  for (std::size_t i = 0; i < 12; ++i)
    std::memcpy(&first_of_row[i], rows->bytes.data() + i * 16, sizeof(float));
  const float next = 4.0f / 64;   // a row further on
  EXPECT_THAT(first_of_row, ElementsAre(11, 11 + next, 21, 21 + next, 10, 10 + next, 20, 20 + next,
                                        12, 12 + next, 22, 22 + next));
  EXPECT_NO_THROW(
      open_model(folder / "x.pt", std::shared_ptr<Backend>(make_reference_backend()), DType::f32));
}

}   // namespace
}   // namespace glass::test
