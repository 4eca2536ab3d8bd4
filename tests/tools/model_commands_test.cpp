// The commands that use a trained model, driven from outside: what they print, and how they refuse
// everything that is wrong with a command line or a file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "engine/base/json_value.h"
#include "engine/base/text.h"
#include "kernels/backends.h"
#include "model/evaluate.h"
#include "model/formats/llmc.h"
#include "model/formats/npy.h"
#include "model/generate.h"
#include "model/saved_model.h"
#include "tests/tools/process.h"
#include "tools/new_lines.h"

namespace glass::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

GPTConfig tiny_config() {
  GPTConfig c = preset("char-small");
  c.vocab_size = 27, c.block_size = 8, c.n_layer = 1, c.n_head = 2, c.n_embd = 8;
  c.init_std = 0.5;   // so that the model has opinions
  return c;
}

std::unique_ptr<LanguageModel> tiny_model() {
  return make_model(tiny_config(), make_reference_backend(), DType::f32, 5);
}

// A folder with a small untrained model in it, model.safetensors, and a text to try it on.
class Place {
 public:
  Place() : text("anna\nbert\nclara\n") {
    names = folder.write("names.txt", text);
    const std::string_view documents[] = {"\nabcdefghijklmnopqrstuvwxyz"};
    tokenizer = make_tokenizer("char", documents[0], "the alphabet");
    ckpt = folder / "model.safetensors";
    save(ckpt, tiny_config());
  }
  void save(const std::string& path, const GPTConfig& written) const {
    const auto model = tiny_model();
    Checkpoint checkpoint;
    for (const Parameter* p : model->parameters())
      checkpoint.tensors.push_back(stored(p->name, p->value));
    checkpoint.notes = {{"format", "glass"},
                        {"glass.config", fields_to_json(written)},
                        {"glass.step", "7"},
                        {"glass.tokenizer", tokenizer->to_json()}};
    save_checkpoint(path, checkpoint);
  }
  std::string array(const std::string& name, const std::vector<std::int64_t>& shape,
                    const std::vector<std::int32_t>& values) const {
    save_npy(folder / name,
             {"", StoredType::i32, shape, std::as_bytes(std::span(values.data(), values.size()))});
    return folder / name;
  }

  Scratch folder;
  std::string text, names, ckpt;
  TokenizerPtr tokenizer;
};

const Place& place() {
  static const Place one;
  return one;
}

Outcome on_model(std::vector<std::string> words, const Launch& launch = {}) {
  words.insert(words.begin() + 1, {"--ckpt", place().ckpt});
  return glass(words, launch);
}

JsonValue json_of(const Outcome& outcome) {
  EXPECT_EQ(outcome.code, 0) << outcome.text();
  return parse_json(outcome.out, "stdout");
}

std::vector<std::int32_t> tokens_in(const JsonValue& value) {
  std::vector<std::int32_t> out;
  for (const JsonValue& item : value.items)
    out.push_back(static_cast<std::int32_t>(item.integer("token", 0, 1 << 20)));
  return out;
}

// ---- refusals
// --------------------------------------------------------------------------------------

struct Refusal {
  std::vector<std::string> words;
  ExitCode code;
  std::string part;   // of the one line on stderr
};

void expect_refusal(const Refusal& row, const Outcome& outcome) {
  SCOPED_TRACE("glass " + in_quotes(join(row.words, " "), 200));
  EXPECT_EQ(outcome.code, static_cast<int>(row.code)) << outcome.text();
  EXPECT_EQ(outcome.out, "") << "a refused command must not print results";
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.text();
  EXPECT_EQ(outcome.err.substr(0, 7), "error: ") << outcome.text();
  EXPECT_THAT(outcome.err, HasSubstr(row.part));
  EXPECT_LT(outcome.err.size(), 600u) << "one short line";
}

constexpr ExitCode kUsage = ExitCode::usage, kContent = ExitCode::content,
                   kSystem = ExitCode::system;

TEST(ModelCommands, WrongOptionsOfSampleAreRefused) {
  std::vector<Refusal> table;
  const auto add = [&](const char* option, std::initializer_list<const char*> values,
                       const char* part) {
    for (const char* value : values)
      table.push_back({{"sample", std::string(option) + "=" + value}, kUsage, part});
  };
  add("--temperature", {"nan", "inf", "-1", "1e999", "0,5", "abc", "", "0.5x"}, "--temperature");
  add("--temp", {"-1", "nan"}, "--temp");
  add("--top-k", {"0", "-1", "1.5", "12abc", "28", ""}, "--top-k");
  add("--top-p", {"0", "1.1", "-0.1", "nan", ""}, "top-p");
  add("--min-p", {"-0.1", "1.1", "nan"}, "--min-p");
  add("--repeat-penalty", {"0", "-1", "nan", "inf"}, "repeat-penalty");
  add("--max-new-tokens", {"0", "-1", "1.5", "9223372036854775808", ""}, "--max-new-tokens");
  add("--num-samples", {"0", "-1", "many"}, "--num-samples");
  add("--seed", {"-1", "18446744073709551616", "1.5"}, "--seed");
  add("--threads", {"-1", "100000"}, "--threads");
  add("--stop", {""}, "--stop");
  add("--type", {"int5", "", "q8_0", "INT8"}, "--type");
  table.push_back({{"sample", "--type", "int8", "--dtype", "bf16"}, kUsage, "not both"});
  table.push_back({{"sample", "--prompt", "a\xFF z"}, kUsage, "not UTF-8: byte 1"});
  table.push_back({{"sample", "--prompt", "Anna"}, kContent, "A"});
  table.push_back({{"sample", "--prompt", "abcdefghi"},
                   kUsage,
                   "the prompt has 9 tokens, and this model reads 8"});
  table.push_back(
      {{"sample", "--prompt", std::string(120000, 'a')}, kUsage, "the prompt has 120,000 tokens"});
  table.push_back({{"sample", "--promt", "a"}, kUsage, "did you mean --prompt?"});
  table.push_back({{"sample", "--prompt"}, kUsage, "--prompt needs a value"});
  table.push_back({{"sample", "-n", "3", "-n", "4"}, kUsage, "given twice"});
  table.push_back({{"sample", "extra"}, kUsage, "unexpected argument 'extra'"});
  table.push_back({{"sample", "--new-against", place().folder / "gone"}, kSystem, "no such file"});
  for (const Refusal& row : table) expect_refusal(row, on_model(row.words));
}

TEST(ModelCommands, AModelThatIsNoneIsRefusedByWhatItIs) {
  const Place& p = place();
  std::string bytes;
  {
    std::ifstream file(p.ckpt, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(file), {});
  }
  std::string flipped = bytes;
  flipped[bytes.size() - 5] = static_cast<char>(flipped[bytes.size() - 5] ^ 1);
  GPTConfig larger = tiny_config(), smaller = tiny_config();
  larger.n_embd = 16, smaller.vocab_size = 20;
  p.save(p.folder / "larger.safetensors", larger);
  p.save(p.folder / "smaller.safetensors", smaller);
  std::filesystem::create_directories(p.folder / "empty_run");

  const std::vector<std::pair<std::string, Refusal>> table = {
      {p.folder / "gone.safetensors", {{}, kSystem, "gone.safetensors"}},
      {p.folder / "empty_run", {{}, kSystem, "no checkpoint"}},
      {p.names, {{}, kContent, "names.txt"}},
      {p.folder.write("empty.safetensors", ""), {{}, kContent, "empty.safetensors"}},
      {p.folder.write("cut.safetensors", bytes.substr(0, bytes.size() / 2)),
       {{}, kContent, "cut.safetensors"}},
      {p.folder.write("flipped.safetensors", flipped), {{}, kContent, "flipped.safetensors"}},
      {p.folder / "larger.safetensors", {{}, kContent, "shape"}},
      {p.folder / "smaller.safetensors",
       {{}, kContent, "the tokenizer knows 27 tokens, the model only 20"}},
  };
  for (const auto& [path, row] : table) {
    for (const std::vector<std::string>& command :
         std::vector<std::vector<std::string>>{{"sample"},
                                               {"eval", p.names},
                                               {"logits", "--prompt", "a"},
                                               {"grads", "--tokens-file", p.names}}) {
      Refusal one = row;
      one.words = command;
      one.words.insert(one.words.begin() + 1, {"--ckpt", path});
      expect_refusal(one, glass(one.words));
    }
  }
  expect_refusal({{"sample"}, kUsage, "--ckpt"}, glass({"sample"}));
}

TEST(ModelCommands, WrongTextsForEvalAreRefused) {
  const Place& p = place();
  for (const Refusal& row : std::vector<Refusal>{
           {{"eval", p.folder / "gone.txt"}, kSystem, "no such file"},
           {{"eval", p.folder / ""}, kSystem, "it is a directory"},
           {{"eval", p.folder.write("empty.txt", "")}, kContent, "the file is empty"},
           {{"eval", p.folder.write("nul.txt", std::string("a\0b", 3))}, kContent, "byte 1 is NUL"},
           {{"eval", p.folder.write("foreign.txt", "anna\nZoe\n")}, kContent, "Z"},
           {{"eval", p.folder.write("latin.txt", "ann\xE9\n")}, kContent, "UTF-8"},
           {{"eval", p.folder.write("one.txt", "a")}, kContent, "only one token"},
           {{"eval", p.names, "--split", "val"}, kUsage, "leave --split"},
           {{"eval", "--split", "test"}, kUsage, "val or train"},
           {{"eval", p.names, "--batch-size", "0"}, kUsage, "--batch-size"},
           {{"eval"}, kContent, "what it learned from"}})
    expect_refusal(row, on_model(row.words));
}

TEST(ModelCommands, WrongTokensAreRefusedAndNoFileIsLeftBehind) {
  const Place& p = place();
  const std::string out = p.folder / "out.file";
  std::vector<Refusal> table = {
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
  for (Refusal& row : table) {
    row.words.insert(row.words.end(), {"-o", out});
    expect_refusal(row, on_model(row.words));
    EXPECT_FALSE(std::filesystem::exists(out)) << join(row.words, " ");
  }
  const std::string nowhere = p.folder / "no/such/folder/x.npy";
  expect_refusal({{}, kSystem, "no/such/folder"},
                 on_model({"logits", "--prompt", "a", "-o", nowhere}));
}

TEST(ModelCommands, APromptFromStdinIsCheckedToo) {
  const std::string sample = "$GLASS sample --ckpt '" + place().ckpt + "' -n 1 --prompt -";
  expect_refusal({{"empty"}, kContent, "empty"}, shell(sample + " </dev/null"));
  expect_refusal({{"NUL"}, kContent, "NUL"}, shell("printf 'a\\0b' | " + sample));
  expect_refusal({{"not UTF-8"}, kContent, "not UTF-8"}, shell("printf 'a\\377' | " + sample));
  expect_refusal({{"closed"}, kContent, "the prompt"}, shell(sample + " <&-"));
}

TEST(ModelCommands, AStdoutThatTakesNothingIsASystemError) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"sample", "-n", "3"},
                                             {"sample", "-n", "3", "--json"},
                                             {"eval", place().names},
                                             {"logits", "--prompt", "a"}}) {
    const Outcome outcome = on_model(words, {.out = Stdout::full});
    EXPECT_EQ(outcome.code, static_cast<int>(kSystem)) << words[0] << "\n" << outcome.text();
    EXPECT_THAT(outcome.err, HasSubstr("standard output"));
  }
}

TEST(ModelCommands, AReaderThatLeavesEndsALongSampleQuietlyWithZero) {
  const Outcome outcome = shell("timeout 20 $GLASS sample --ckpt '" + place().ckpt +
                                "' -n 1000000000 | head -c 5 >/dev/null; echo ${PIPESTATUS[0]}");
  EXPECT_EQ(outcome.out, "0\n") << outcome.text();
  EXPECT_EQ(outcome.err, "");
}

TEST(ModelCommands, CtrlCEndsASampleAtOnceWith130) {
  const Outcome outcome = shell("timeout --preserve-status -s INT 0.5 $GLASS sample --ckpt '" +
                                place().ckpt + "' -n 1000000000 >/dev/null; echo $?");
  EXPECT_EQ(outcome.out, "130\n") << outcome.text();
}

// ---- results
// ---------------------------------------------------------------------------------------

TEST(Sample, WritesWhatTheLibraryWrites) {
  const JsonValue json =
      json_of(on_model({"sample", "--prompt", "anna", "-n", "20", "--num-samples", "2", "--seed",
                        "3", "--device", "reference", "--json"}));
  const auto model = tiny_model();
  const std::vector<std::int32_t> prompt = place().tokenizer->encode("anna");
  Generator generator(*model, prompt);
  const std::vector<JsonValue>& samples = json.at("samples", "json").items;
  ASSERT_EQ(samples.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    const std::vector<std::int32_t> expected =
        generator.sample(static_cast<std::int64_t>(i), 20, {.seed = 3});
    EXPECT_EQ(tokens_in(samples[i].at("tokens", "json")), expected);
    EXPECT_EQ(samples[i].at("text", "json").string("text"), place().tokenizer->decode(expected));
  }
  for (const char* key : {"tokens_per_second", "prefill_tokens_per_second"})
    EXPECT_GT(json.at(key, "json").number(key), 0);
}

TEST(Sample, TheTextIsThePromptAndWhatFollows) {
  const std::vector<std::string> words = {"sample", "--prompt", "anna", "-n", "30"};
  const Outcome text = on_model(words);
  std::vector<std::string> with_json = words;
  with_json.emplace_back("--json");
  const std::string written =
      json_of(on_model(with_json)).at("samples", "json").items[0].at("text", "json").string("text");
  const std::string whole = "anna" + written;
  EXPECT_EQ(text.out, whole.back() == '\n' ? whole : whole + "\n");
  EXPECT_THAT(text.err, HasSubstr("tokens/s"));
}

TEST(Sample, TheCacheChangesNothingButTheTime) {
  EXPECT_EQ(
      on_model({"sample", "-n", "40", "--device", "reference", "--dtype", "f64"}).out,
      on_model({"sample", "-n", "40", "--device", "reference", "--dtype", "f64", "--no-cache"})
          .out);
}

TEST(Sample, PackedInF32ItWritesTheSameText) {
  const std::vector<std::string> words = {"sample", "-n", "40", "--temperature", "0"};
  std::vector<std::string> packed = words;
  packed.insert(packed.end(), {"--type", "f32"});
  EXPECT_EQ(on_model(packed).out, on_model(words).out);
}

TEST(ModelCommands, PackedWeightsChangeResultsAsLittleAsTheirBitsSay) {
  const auto loss = [](const char* type) {
    std::vector<std::string> words = {"eval", place().names, "--json"};
    if (*type) words.insert(words.end(), {"--type", type});
    return json_of(on_model(words)).at("loss", "json").number("loss");
  };
  const double exact = loss("");
  EXPECT_NEAR(loss("f32"), exact, 1e-5);
  EXPECT_NEAR(loss("bf16"), exact, 0.02);
  EXPECT_NEAR(loss("int8"), exact, 0.02);
  EXPECT_NEAR(loss("int4"), exact, 0.3);   // 2^-4 of the largest weight, for eight of them in a sum
  EXPECT_NE(loss("int8"), exact);
  EXPECT_NE(loss("int4"), loss("int8"));
}

TEST(Sample, ItEndsInFrontOfAStopText) {
  const JsonValue json =
      json_of(on_model({"sample", "--stop", "\\n", "--num-samples", "5", "--json"}));
  for (const JsonValue& sample : json.at("samples", "json").items) {
    const std::string& text = sample.at("text", "json").string("text");
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
    EXPECT_TRUE(sample.at("stopped", "json").flag("stopped"));
    EXPECT_EQ(sample.at("tokens", "json").items.size(), text.size() + 1) << "and no token later";
  }
}

TEST(Sample, APromptMayComeFromStdinAndBeCropped) {
  const std::string sample = "$GLASS sample --ckpt '" + place().ckpt + "' -n 5 --temperature 0 ";
  const std::string piped = shell("printf anna | " + sample + "--prompt -").out;
  EXPECT_EQ(piped, shell(sample + "--prompt anna").out);
  const std::string cropped = shell(sample + "--crop --prompt zzzzabcdefgh").out;
  EXPECT_EQ(cropped.substr(4), shell(sample + "--prompt abcdefgh").out) << "only the end is read";
}

TEST(Sample, NanoGptsNamesOfOptionsWork) {
  EXPECT_EQ(glass({"sample", "--out_dir=" + place().ckpt, "--start=anna", "--num_samples=2",
                   "--max_new_tokens=9", "--top_k=5", "--temperature=0.7"})
                .out,
            on_model({"sample", "--prompt", "anna", "--num-samples", "2", "-n", "9", "--top-k", "5",
                      "--temp", "0.7"})
                .out);
}

TEST(Sample, LinesThatAreNewAreCounted) {
  const JsonValue json = json_of(on_model(
      {"sample", "--stop", "\\n", "--num-samples", "6", "--json", "--new-against", place().names}));
  std::vector<std::string> lines;
  for (const JsonValue& sample : json.at("samples", "json").items) {
    for (const std::string& line :
         lines_of(sample.at("text", "json").string("text"), LastLine::complete))
      lines.push_back(line);
  }
  EXPECT_EQ(json.at("lines", "json").integer("lines", 0, 100),
            static_cast<std::int64_t>(lines.size()));
  EXPECT_EQ(json.at("new_lines", "json").integer("new_lines", 0, 100),
            static_cast<std::int64_t>(new_lines(lines, place().text).fresh.size()));
}

TEST(NewLines, AreThoseThatTheTextDoesNotHave) {
  const NewLines found = new_lines({"anna", "zoe", "ann", "zoe"}, "anna\r\nbert\n");
  EXPECT_EQ(found.lines, 4);
  EXPECT_THAT(found.fresh, ElementsAre("zoe", "ann", "zoe"));
  EXPECT_THAT(lines_of("\nanna\n\nbert\r\ncla", LastLine::cut), ElementsAre("anna", "bert"));
  EXPECT_THAT(lines_of("anna\ncla", LastLine::complete), ElementsAre("anna", "cla"));
}

// A run of a few steps, on a text of its own.
struct TrainedRun {
  TrainedRun() {
    std::string words;
    for (int i = 0; i < 60; ++i) words += "one two three four five\nonce I caught a fish alive\n";
    text = folder.write("rhyme.txt", words);
    result = json_of(glass({"train", text, "--out", folder / "run", "--json", "--max-iters=5",
                            "--n_layer=1", "--n_head=2", "--n_embd=16", "--block_size=8",
                            "--batch_size=4", "--eval_iters=1", "--threads=1"}));
  }
  Scratch folder;
  std::string text;
  JsonValue result;
};

TEST(Eval, OfASplitIsWhatTrainMeasuredAtTheEnd) {
  const TrainedRun run;
  const JsonValue json =
      json_of(glass({"eval", "--ckpt", run.folder / "run", "--threads=1", "--json"}));
  EXPECT_NEAR(json.at("loss", "json").number("loss"),
              run.result.at("val_loss", "json").number("val_loss"), 1e-6)
      << "f32, summed in another order of windows";
  EXPECT_EQ(json.at("tokens", "json").number("tokens"),
            run.result.at("val_tokens", "json").number("tokens"));
  EXPECT_EQ(json.at("step", "json").number("step"), 5);
}

TEST(Eval, ASplitOfDataThatHaveChangedIsRefusedUnlessNamed) {
  const TrainedRun run;
  run.folder.write("rhyme.txt", "one two three\nonce I caught a fish alive\nfour five\n");
  const std::vector<std::string> eval = {"eval", "--ckpt", run.folder / "run"};
  expect_refusal({eval, kContent, "have changed"}, glass(eval));
  EXPECT_EQ(glass({"eval", "--ckpt", run.folder / "run", "--data", run.text}).code, 0);
  std::filesystem::remove(run.text);
  expect_refusal({eval, kSystem, "rhyme.txt"}, glass(eval));
}

TEST(ModelCommands, ATokenizerFromOutsideMustFitTheModel) {
  const Place& p = place();
  EXPECT_EQ(on_model({"sample", "-n", "5", "--tokenizer", p.ckpt}).out,
            on_model({"sample", "-n", "5"}).out);
  expect_refusal({{"256 tokens"}, kContent, "knows 256 tokens"},
                 on_model({"sample", "--tokenizer", "bytes"}));
  expect_refusal({{"to be learned"}, kUsage, "in a file"},
                 on_model({"sample", "--tokenizer", "char"}));
  expect_refusal({{"no tokenizer"}, kContent, "names.txt"},
                 on_model({"eval", p.names, "--tokenizer", p.names}));
}

TEST(Eval, IsTheMeanOverEveryTokenButTheFirst) {
  const JsonValue json =
      json_of(on_model({"eval", place().names, "--device", "reference", "--json"}));
  const auto model = tiny_model();
  const std::vector<std::int32_t> ids = place().tokenizer->encode(place().text);
  const Evaluation expected = evaluate(*model, Tokens(ids));
  const double loss = json.at("loss", "json").number("loss");
  EXPECT_NEAR(loss, expected.loss, 1e-12);
  EXPECT_EQ(json.at("tokens", "json").integer("tokens", 0, 1000),
            static_cast<std::int64_t>(ids.size()) - 1);
  EXPECT_NEAR(json.at("perplexity", "json").number("perplexity"), std::exp(loss), 1e-9);
  // One byte a letter and one letter a token, so all of these are the same in bits.
  EXPECT_NEAR(json.at("bits_per_byte", "json").number("bits"), loss / std::log(2.0), 1e-9);
  EXPECT_NEAR(json.at("bits_per_character", "json").number("bits"), loss / std::log(2.0), 1e-9);
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
  const Place& p = place();
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
