// glass sample: what it writes, and what it refuses.
#include <filesystem>
#include <fstream>

#include "model/generate.h"
#include "tests/tools/on_model.h"
#include "tools/new_lines.h"

namespace glass::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(ModelCommands, WrongOptionsOfSampleAreRefused) {
  std::vector<RefusedLine> table;
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
  for (const RefusedLine& row : table) expect_refusal(row, on_model(row.words));
}

TEST(ModelCommands, AModelThatIsNoneIsRefusedByWhatItIs) {
  const SmallPlace& p = place();
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

  const std::vector<std::pair<std::string, RefusedLine>> table = {
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
      RefusedLine one = row;
      one.words = command;
      one.words.insert(one.words.begin() + 1, {"--ckpt", path});
      expect_refusal(one, glass(one.words));
    }
  }
  expect_refusal({{"sample"}, kUsage, "--ckpt"}, glass({"sample"}));
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

TEST(ModelCommands, ATokenizerFromOutsideMustFitTheModel) {
  const SmallPlace& p = place();
  EXPECT_EQ(on_model({"sample", "-n", "5", "--tokenizer", p.ckpt}).out,
            on_model({"sample", "-n", "5"}).out);
  expect_refusal({{"256 tokens"}, kContent, "knows 256 tokens"},
                 on_model({"sample", "--tokenizer", "bytes"}));
  expect_refusal({{"to be learned"}, kUsage, "in a file"},
                 on_model({"sample", "--tokenizer", "char"}));
  expect_refusal({{"no tokenizer"}, kContent, "names.txt"},
                 on_model({"eval", p.names, "--tokenizer", p.names}));
}

}   // namespace
}   // namespace glass::test
