// The code behind a number is really where the page says it is.
#include <gtest/gtest.h>

#include <set>

#include "engine/base/json.h"
#include "engine/base/text.h"
#include "kernels/backends.h"
#include "model/gpt.h"
#include "tests/tools/api/asked.h"
#include "tools/api/endpoints.h"
#include "tools/sources.h"

namespace glass::test {
namespace {

Session& induction() { return session_of("handmade:induction"); }

// The line that a place {name, path, words, line} speaks of; "" behind the end of the file.
std::string line_at(const JsonValue& place) {
  const JsonValue file = told(induction(), "GET", "/api/source/" + text(place, {"name"}));
  EXPECT_EQ(text(file, {"path"}), text(place, {"path"}));
  const std::vector<std::string> lines = split(text(file, {"text"}), '\n');
  const auto number = static_cast<std::size_t>(test::number(place, {"line"}));
  return number >= 1 && number <= lines.size() ? lines[number - 1] : "";
}

TEST(Source, IsFoundByNamesThatNoTwoFilesHave) {
  std::set<std::string_view> names;
  for (const SourceFile& file : source_files()) {
    EXPECT_TRUE(names.insert(file.name).second) << file.path;
    EXPECT_EQ(find_source(file.name), find_source(file.path)) << file.path;
    EXPECT_GT(file.text.size(), 500u) << file.path;
  }
}

TEST(Source, EveryAnalysisShowsTheFunctionsThatComputeIt) {
  const JsonValue all = told(induction(), "GET", "/api/analyses");
  for (const JsonValue& analysis : all.at("analyses", "all").items) {
    const std::string& name = text(analysis, {"name"});
    const std::vector<JsonValue>& places = analysis.at("code", "analysis").items;
    ASSERT_FALSE(places.empty()) << name << " has no row in tools/api/source.cpp";
    EXPECT_EQ(text(places[0], {"path"}).find("interp/"), 0u) << name << " begins elsewhere";
    for (const JsonValue& place : places) {
      const std::string line = line_at(place), function = text(place, {"words"});
      EXPECT_NE(line.find(function + "("), std::string::npos) << name << ", " << function;
      EXPECT_NE(line.find_first_not_of(" /"), std::string::npos) << name << ", " << function;
      EXPECT_EQ(line.find_first_not_of(' '), 0u)
          << name << ": " << function << " is called here, not defined: " << line;
    }
  }
}

TEST(Source, EveryTensorShowsTheLineThatMakesIt) {
  for (const char* ckpt : {"handmade:induction", "handmade:positional-fake"}) {
    const JsonValue model = told(session_of(ckpt), "GET", "/api/model");
    for (const JsonValue& tensor : model.at("tensors", "model").items) {
      const std::string& name = text(tensor, {"name"});
      const std::vector<JsonValue>& places = tensor.at("code", "tensor").items;
      ASSERT_EQ(places.size(), 1u) << name;
      const std::string words = text(places[0], {"words"});
      EXPECT_NE(name.find(words), std::string::npos) << name << " is not " << words;
      EXPECT_NE(line_at(places[0]).find("\"" + words + "\""), std::string::npos) << name;
    }
  }
}

TEST(Source, KnowsTheTensorsOfModelsThatHaveAllOfThem) {
  GPTConfig c = preset("gpt2");
  c.n_layer = 1, c.n_embd = 8, c.n_head = 2, c.vocab_size = 5, c.block_size = 4;
  c.tie = false, c.norm_embed = true, c.bias_head = true, c.act = Activation::swiglu;
  GPT gpt(c, make_backend("cpu", "auto", 1), DType::f32, 3);
  ASSERT_GE(gpt.parameters().size(), 20u);
  for (const Parameter* p : gpt.parameters()) {
    Json json;
    json.object();
    put_code_of_tensor(json, p->name);
    json.end();
    const JsonValue said = parse_json(json.text(), "code");
    EXPECT_EQ(said.at("code", "said").items.size(), 1u) << p->name;
  }
}

TEST(Source, LinesAreFoundByWhatStandsInThem) {
  const std::string_view text =
      "// twice(2) is 4\nint twice(int x) {\n  return twice_of(x);\n}\n\n";
  EXPECT_EQ(line_of_function(text, "twice"), 2) << "neither a remark nor a part of a name";
  EXPECT_EQ(line_of_function(text, "twice_of"), 0) << "a call is no definition";
  EXPECT_EQ(line_of_function(text, "wice"), 0);
  EXPECT_EQ(line_with(text, "return"), 3);
  EXPECT_EQ(line_with(text, "\n"), 0);
}

}   // namespace
}   // namespace glass::test
