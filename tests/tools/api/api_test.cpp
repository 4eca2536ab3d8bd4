// One table of endpoints: what is in it is answered, and what is not is refused with a sentence.
#include <gtest/gtest.h>

#include "tests/tools/api/asked.h"
#include "tests/tools/process.h"

namespace glass::test {
namespace {

Session& induction() { return session_of("handmade:induction"); }

TEST(Api, KnowsWhichModelIsOpen) {
  const JsonValue status = told(induction(), "GET", "/api/status");
  EXPECT_EQ(status.at("checkpoint", "status").string("checkpoint"), "handmade:induction");
  const JsonValue model = told(induction(), "GET", "/api/model");
  EXPECT_EQ(model.at("layers", "model").integer("layers", 0, 99), 2);
  EXPECT_GT(model.at("tensors", "model").items.size(), 5u);
  const std::string& example = model.at("example", "model").string("example");
  told(induction(), "POST", "/api/tokenize", R"({"text": ")" + example + R"("})");
  EXPECT_FALSE(example.empty()) << "a page has nothing to begin with";
}

TEST(Api, AnalysesSayWhatTheCommandSays) {
  const JsonValue page = told(induction(), "POST", "/api/interp/attention",
                              R"({"tokens": "0,5,9,17,3,5,9", "layer": 1})");
  const Outcome outcome = glass({"interp", "attention", "--ckpt", "handmade:induction", "--tokens",
                                 "0,5,9,17,3,5,9", "--layer", "1", "--json"});
  ASSERT_EQ(outcome.code, 0) << outcome.text();
  const JsonValue command = parse_json(outcome.out, "stdout");
  const JsonValue& data = page.at("data", "answer");
  EXPECT_EQ(data.at("digest", "data").text, command.at("digest", "command").text);
  const auto cell = [](const JsonValue& said) {
    return said.at("attention", "said").items[0].items[0].items[6].items[3].text;
  };
  EXPECT_EQ(cell(data), cell(command)) << "the digits, not only the numbers";
  EXPECT_EQ(page.at("page", "answer").at("figures", "page").items.size() > 1, true);
}

TEST(Api, ListsTheOptionsOfEveryAnalysisAndNoFiles) {
  const JsonValue all = told(induction(), "GET", "/api/analyses");
  EXPECT_GE(all.at("analyses", "all").items.size(), 15u);
  for (const JsonValue& analysis : all.at("analyses", "all").items)
    for (const JsonValue& option : analysis.at("options", "analysis").items) {
      const std::string& name = option.at("name", "option").text;
      for (const char* file : {"ckpt", "png", "html", "out", "data", "tokenizer", "json", "tuned"})
        EXPECT_NE(name, file) << analysis.at("name", "analysis").text;
    }
}

TEST(Api, RefusesWhatIsNotThere) {
  struct Row {
    const char *method, *path, *body;
    int status;
    const char* code;
  };
  for (const Row& row : {
           Row{"GET", "/api/nothing", "", 404, "not_found"},
           Row{"POST", "/api/status", "{}", 405, "method"},
           Row{"POST", "/api/interp/nothing", "{}", 404, "not_found"},
           Row{"POST", "/api/interp/attention", R"({"tokens": "1,2", "layer": 99})", 400,
               "bad_value"},
           Row{"POST", "/api/interp/attention", R"({"tokens": "1,2", "png": "/tmp/x.png"})", 400,
               "unknown_option"},
           Row{"POST", "/api/interp/attention", R"({"tokens": "1,2", "ckpt": "/etc/passwd"})", 400,
               "unknown_option"},
           Row{"POST", "/api/interp/attention", R"({"tokens": [1, 2]})", 400, "bad_value"},
           Row{"POST", "/api/interp/attention", R"({"prompt": "-"})", 400, "bad_value"},
           Row{"POST", "/api/interp/neurons-show", R"({"L": "--out=/etc/passwd"})", 400,
               "bad_value"},
           Row{"POST", "/api/tokenize", R"({"text": 7})", 400, "bad_value"},
           Row{"POST", "/api/tokenize", "", 400, "bad_value"},
       }) {
    const JsonValue refused = told(induction(), row.method, row.path, row.body, row.status);
    EXPECT_EQ(code_of(refused), row.code) << row.path << " " << row.body;
  }
}

TEST(Api, OpenApiNamesEveryEndpoint) {
  const JsonValue said = told(induction(), "GET", "/api/openapi.json");
  for (const Endpoint& endpoint : endpoints()) {
    const JsonValue& path = said.at("paths", "openapi").at(std::string(endpoint.path), "paths");
    std::string method(endpoint.method);
    for (char& c : method) c = static_cast<char>(std::tolower(c));
    EXPECT_NE(path.find(method), nullptr) << endpoint.method << " " << endpoint.path;
  }
}

}   // namespace
}   // namespace glass::test
