// glass inspect: every kind is found by content, described in text and in JSON, and refused with
// one sentence where it is damaged.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <sstream>

#include "engine/base/hash.h"
#include "model/checkpoint.h"
#include "model/formats/npy.h"
#include "model/run_folder.h"
#include "model/tokenizer/tokenizer.h"
#include "tests/tools/inspected.h"

namespace glass::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

StoredTensor zeros(const std::string& name, StoredType type, std::vector<std::int64_t> shape) {
  std::int64_t count = 1;
  for (const std::int64_t n : shape) count *= n;
  const OwnedBytes bytes = allocate_bytes(static_cast<std::size_t>(count) * bytes_of(type));
  std::fill_n(bytes.data.get(), bytes.size, std::byte{0});
  return {name, type, std::move(shape), bytes.span(), bytes.data};
}

Checkpoint small_state() {
  Checkpoint state;
  for (const int i : {0, 2, 10}) {
    const std::string name = "transformer.h." + std::to_string(i) + ".mlp.c_fc.weight";
    state.tensors.push_back(zeros(name, StoredType::f32, {8, 4}));
    state.tensors.push_back(zeros("optim.m." + name, StoredType::f32, {8, 4}));
  }
  state.tensors.push_back(zeros("transformer.wte.weight", StoredType::bf16, {5, 4}));
  state.notes = {{"format", "glass"},
                 {"glass.config", R"({"n_layer": 11, "n_embd": 4, "tie": true, "dropout": 0.5})"},
                 {"glass.tokenizer", make_tokenizer("char", "hello", "a test")->to_json()},
                 {"glass.version", "0.1.0"}};
  return state;
}

std::string refused(const std::string& path, int code) {
  const Outcome outcome = glass({"inspect", path});
  EXPECT_EQ(outcome.code, code) << outcome.text();
  EXPECT_EQ(outcome.out, "") << outcome.text();
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.text();
  return outcome.err;
}

TEST(Inspect, ACheckpointSaysEverythingAboutItsModel) {
  const Scratch folder;
  std::string digest;
  {
    RunFolder run(folder / "run");
    run.save(10, small_state());
    digest = run.save(20, small_state(), {.best = true}).digest;
  }
  const JsonValue file = inspected(folder / ("run/" + checkpoint_name(20)));
  EXPECT_EQ(text_of(file, "kind"), "checkpoint");
  EXPECT_EQ(file.at("params", "json").integer("params", 0, 1000), 3 * 32 + 20);
  EXPECT_EQ(file.at("tensors", "json").items.size(), 7u);
  EXPECT_EQ(file.at("step", "json").integer("step", 0, 100), 20);
  EXPECT_EQ(text_of(file, "digest"), digest);
  EXPECT_EQ(file.at("config", "json").at("n_layer", "config").integer("n_layer", 0, 99), 11);
  EXPECT_EQ(text_of(file.at("tokenizer", "json"), "spec"), "char");
  EXPECT_EQ(file.at("tokenizer", "json").at("vocab_size", "t").integer("vocab", 0, 99), 4);

  const JsonValue run = inspected(folder / "run");
  EXPECT_EQ(text_of(run, "kind"), "run folder");
  EXPECT_EQ(text_of(run, "digest"), digest);
  const Outcome text = glass({"inspect", folder / "run"});
  EXPECT_THAT(text.out, HasSubstr("10  20")) << "the steps that are saved";
  EXPECT_THAT(text.out, HasSubstr("n_layer 11  n_embd 4  tie yes  dropout 0.5"));
}

TEST(Inspect, TensorsAreListedAsAPersonCounts) {
  const Scratch folder;
  save_checkpoint(folder / "a", small_state());
  const std::string text = glass({"inspect", folder / "a"}).out;
  const std::size_t second = text.find("transformer.h.2."), tenth = text.find("transformer.h.10.");
  ASSERT_NE(second, std::string::npos) << text;
  EXPECT_LT(second, tenth) << text;
  EXPECT_THAT(text, HasSubstr("8 x 4"));
  EXPECT_THAT(text, Not(HasSubstr("optim.m.")));
  EXPECT_THAT(text, HasSubstr("and 3 tensors of the optimizer"));
  EXPECT_THAT(glass({"inspect", folder / "a", "--all"}).out, HasSubstr("optim.m.transformer.h.10"));
}

TEST(Inspect, ATerminalGetsNoCommandsFromAFile) {
  const Scratch folder;
  save_safetensors(folder / "a", {zeros("x", StoredType::f16, {3})}, {{"title", "\x1b[2Jgone"}});
  const std::string text = glass({"inspect", folder / "a"}).out;
  EXPECT_THAT(text, HasSubstr("gone"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

TEST(Inspect, TheContentDecidesAndNotTheName) {
  const Scratch folder;
  save_safetensors(folder / "a.npy", {zeros("x", StoredType::f16, {3})}, {{"format", "pt"}});
  save_npy(folder / "b.safetensors", zeros("", StoredType::i32, {2, 5}));
  const JsonValue a = inspected(folder / "a.npy"), b = inspected(folder / "b.safetensors");
  EXPECT_EQ(text_of(a, "kind"), "safetensors");
  EXPECT_EQ(text_of(a.at("notes", "json"), "format"), "pt");
  const std::string bytes = bytes_of(folder / "a.npy");
  EXPECT_EQ(text_of(a, "digest"), hex16(xxh64(std::as_bytes(std::span(bytes)))));
  EXPECT_EQ(text_of(b, "kind"), "npy");
  const JsonValue& array = b.at("tensors", "json").items.at(0);
  EXPECT_EQ(text_of(array, "dtype"), "I32");
  EXPECT_EQ(array.at("elements", "array").integer("elements", 0, 99), 10);
}

TEST(Inspect, TokensAreCounted) {
  const Scratch folder;
  ASSERT_EQ(::mkdir((folder / "data").c_str(), 0755), 0);
  const std::vector<std::uint16_t> ids = {3, 1, 4, 1, 5, 9, 2, 6};
  const std::string bytes(reinterpret_cast<const char*>(ids.data()), ids.size() * 2);
  std::int32_t head[256] = {20240520, 1, static_cast<std::int32_t>(ids.size())};
  folder.write("shard", std::string(reinterpret_cast<const char*>(head), sizeof head) + bytes);
  const JsonValue shard = inspected(folder / "shard");
  EXPECT_EQ(text_of(shard, "kind"), "llm.c token shard");
  EXPECT_EQ(shard.at("tensors", "json").items.at(0).at("elements", "t").integer("n", 0, 99), 8);
  EXPECT_THAT(glass({"inspect", folder / "shard"}).out, HasSubstr("1 to 9"));

  folder.write("data/train.bin", bytes);
  folder.write("data/val.bin", bytes.substr(0, 6));
  const JsonValue tokens = inspected(folder / "data");
  EXPECT_EQ(text_of(tokens, "kind"), "token folder");
  EXPECT_EQ(tokens.at("tensors", "json").items.at(1).at("elements", "t").integer("n", 0, 99), 3);
}

TEST(Inspect, DamageIsOneSentenceAndExitCode3) {
  const Scratch folder;
  save_checkpoint(folder / "a", small_state());
  std::ostringstream text;
  text << std::ifstream(folder / "a", std::ios::binary).rdbuf();
  std::string bytes = text.str();
  EXPECT_THAT(refused(folder.write("cut", bytes.substr(0, bytes.size() - 1)), 3),
              HasSubstr("behind the header"));
  EXPECT_THAT(refused(folder.write("more", bytes + "x"), 3), HasSubstr("and the file at"));
  bytes[bytes.size() - 5] ^= 1;
  EXPECT_THAT(refused(folder.write("bit", bytes), 3), HasSubstr("'transformer.wte.weight'"));
  {
    RunFolder run(folder / "run");
    run.save(1, small_state());
  }
  std::ofstream(folder / ("run/" + checkpoint_name(1)), std::ios::binary) << bytes;
  EXPECT_THAT(refused(folder / "run", 3), HasSubstr("the only checkpoint in"));
}

TEST(Inspect, WhatIsOfNoKnownKindIsSaidToBeSo) {
  const Scratch folder;
  EXPECT_THAT(refused(folder.write("text", "just some words"), 3), HasSubstr("no kind"));
  EXPECT_THAT(refused(folder.write("empty", ""), 3), HasSubstr("is empty"));
  EXPECT_THAT(refused(folder / "", 3), HasSubstr("no kind"));
  EXPECT_THAT(refused("/dev/zero", 3), HasSubstr("a device or a pipe"));
  EXPECT_THAT(refused(folder / "gone", 4), HasSubstr("no such file"));
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(refused(folder / "pipe", 3), HasSubstr("a device or a pipe"));
}

}   // namespace
}   // namespace glass::test
