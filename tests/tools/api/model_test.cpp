// What a page is told about a model is what the commands say about it.
#include <gtest/gtest.h>

#include <cmath>

#include "engine/base/text.h"
#include "tests/tools/api/asked.h"
#include "tests/tools/process.h"

namespace glass::test {
namespace {

constexpr const char* kModel = "handmade:induction";
Session& induction() { return session_of(kModel); }

// What a command prints with --json.
JsonValue command(std::vector<std::string> words) {
  words.insert(words.end(), {"--ckpt", kModel, "--threads", "1", "--json"});
  const Outcome outcome = glass(words);
  EXPECT_EQ(outcome.code, 0) << outcome.text();
  return parse_json(outcome.out, "stdout");
}

TEST(ApiModel, SaysEveryTensorInNumbersThatItsValuesHave) {
  const JsonValue model = told(induction(), "GET", "/api/model?histogram=8");
  EXPECT_EQ(number(model, {"layers"}), 2);
  EXPECT_EQ(text(model, {"config", "norm"}), "none");
  for (const JsonValue& tensor : at(model, {"tensors"}).items) {
    const std::string name = text(tensor, {"name"});
    const std::vector<float> values =
        floats(at(told(induction(), "GET", "/api/param/" + name), {"values"}));
    ASSERT_EQ(values.size(), number(tensor, {"count"})) << name;
    double sum = 0, squares = 0, most = -1e30;
    for (const double v : values) sum += v, squares += v * v, most = std::max(most, v);
    EXPECT_NEAR(number(tensor, {"norm"}), std::sqrt(squares), 1e-9 * std::sqrt(squares)) << name;
    EXPECT_NEAR(number(tensor, {"mean"}), sum / static_cast<double>(values.size()), 1e-9) << name;
    EXPECT_EQ(number(tensor, {"max"}), most) << name;
    double counted = 0;
    for (const JsonValue& count : at(tensor, {"histogram"}).items) counted += count.number("count");
    EXPECT_EQ(counted, values.size()) << name << ": every value is in one bin";
  }
}

TEST(ApiModel, APartOfATensorIsThatPartOfTheWhole) {
  const JsonValue whole = told(induction(), "GET", "/api/param/transformer.wte.weight");
  const std::vector<float> all = floats(at(whole, {"values"}));
  const auto C = static_cast<std::size_t>(number(whole, {"shape", "1"}));
  const std::vector<float> part = floats(at(
      told(induction(), "GET", "/api/param/transformer.wte.weight?rows=2:4&cols=3:6"), {"values"}));
  ASSERT_EQ(part.size(), 6u);
  for (std::size_t r = 0; r < 2; ++r)
    for (std::size_t c = 0; c < 3; ++c)
      EXPECT_EQ(part[r * 3 + c], all[(r + 2) * C + c + 3]) << r << " " << c;
  EXPECT_EQ(
      floats(at(told(induction(), "GET", "/api/param/transformer.wte.weight?rows=5"), {"values"}))
          .size(),
      C);
}

TEST(ApiModel, AWrongNameIsRefusedWithTheNearestOne) {
  const JsonValue refused = told(induction(), "GET", "/api/param/transformer.wte.wieght", "", 404);
  EXPECT_EQ(text(refused, {"error", "hint"}), "did you mean transformer.wte.weight?");
  for (const char* query : {"rows=9:2", "rows=0:100000", "rows=x", "cols=-1:2", "rows=:0"})
    EXPECT_EQ(code_of(told(induction(), "GET",
                           "/api/param/transformer.wte.weight?" + std::string(query), "", 400)),
              "bad_value")
        << query;
  told(induction(), "GET", "/api/model?histogram=-1", "", 400);
}

TEST(ApiModel, TokensHaveTheirPlacesInTheText) {
  const JsonValue said = told(induction(), "POST", "/api/tokenize", R"({"text": "0A1"})");
  ASSERT_EQ(at(said, {"ids"}).items.size(), 3u);
  EXPECT_EQ(text(said, {"strings", "1"}), "A");
  EXPECT_EQ(number(said, {"offsets", "2", "0"}), 2);
  EXPECT_EQ(number(said, {"offsets", "2", "1"}), 3);
  const JsonValue refused =
      told(induction(), "POST", "/api/tokenize", "{\"text\": \"\xc3\xa9\"}", 400);
  EXPECT_EQ(code_of(refused), "bad_value") << "what the tokenizer cannot say is a wrong value";
}

TEST(ApiModel, ForwardExpectsWhatGlassLogitsExpects) {
  const JsonValue said =
      told(induction(), "POST", "/api/forward", R"({"tokens": [0, 5, 9, 17, 5], "top_k": 3})");
  const JsonValue logits = command({"logits", "--tokens", "0,5,9,17,5", "--top-k", "3"});
  for (const std::string t : {"0", "2", "4"})
    for (const std::string k : {"0", "2"})
      for (const char* field : {"id", "prob", "text"})
        EXPECT_EQ(text(said, {"top", t, k, field}), text(logits, {"top", t, k, field}))
            << "position " << t << ", guess " << k << ": " << field;
  const JsonValue full = told(induction(), "POST", "/api/forward",
                              R"({"tokens": [0, 5, 9, 17, 5], "positions": [4], "full": true})");
  const std::vector<float> row = floats(at(full, {"logits"}));
  EXPECT_EQ(row.size(), number(full, {"shape", "1"}));
  EXPECT_EQ(std::max_element(row.begin(), row.end()) - row.begin(),
            number(said, {"top", "4", "0", "id"}));
}

TEST(ApiModel, ForwardRefusesWhatCannotBeRead) {
  std::string long_list = "[0";
  for (int i = 0; i < 500; ++i) long_list += ",1";
  for (const std::string& body :
       {std::string(R"({"tokens": []})"), std::string(R"({"tokens": [99999]})"),
        std::string(R"({"tokens": [1.5]})"), std::string(R"({"tokens": "1"})"),
        std::string(R"({"tokens": [1], "positions": [1]})"),
        std::string(R"({"tokens": [1], "top_k": 0})"),
        std::string(R"({"tokens": [1], "prompt": "A"})"), "{\"tokens\": " + long_list + "]}"})
    EXPECT_EQ(code_of(told(induction(), "POST", "/api/forward", body, 400)), "bad_value")
        << body.substr(0, 60);
}

// ---- writing ------------------------------------------------------------------------------------

constexpr const char* kAsked = R"({"prompt": "3A7bK3A7", "n": 12, "temperature": 0.7, "top_k": 20,
                                  "seed": 4})";

TEST(ApiGenerate, WritesWhatGlassSampleWrites) {
  Listener listener;
  EXPECT_EQ(listened(induction(), "POST", "/api/generate", kAsked, listener).body, "");
  const JsonValue sample = command({"sample", "--prompt", "3A7bK3A7", "-n", "12", "--temperature",
                                    "0.7", "--top-k", "20", "--seed", "4"});
  ASSERT_EQ(listener.events.size(), 13u);
  EXPECT_EQ(listener.events.back().name, "done");
  std::string written;
  for (const Listener::Event& event : listener.events) written += text(event.data, {"text"});
  EXPECT_EQ(written, text(sample, {"samples", "0", "text"}));
  for (std::size_t i = 0; i < 12; ++i)
    EXPECT_EQ(text(listener.events[i].data, {"id"}),
              text(sample, {"samples", "0", "tokens", std::to_string(i)}));
}

TEST(ApiGenerate, ATokenSaysHowLikelyItWas) {
  Listener listener;
  listened(induction(), "POST", "/api/generate",
           R"({"tokens": [0, 5, 9, 17, 5], "n": 1, "temperature": 0})", listener);
  const JsonValue& token = listener.events.at(0).data;
  const JsonValue logits = command({"logits", "--tokens", "0,5,9,17,5"});
  EXPECT_EQ(text(token, {"id"}), text(logits, {"top", "4", "0", "id"}));
  EXPECT_NEAR(number(token, {"prob"}), number(logits, {"top", "4", "0", "prob"}), 1e-12);
  EXPECT_EQ(number(token, {"chance"}), 1) << "at temperature 0 nothing else can come";
  EXPECT_EQ(at(token, {"top5"}).items.size(), 5u);
  EXPECT_EQ(number(token, {"top5", "1", "chance"}), 0);
}

std::string steered(const std::string& steering, JsonValue* done = nullptr) {
  Listener listener;
  std::string body = kAsked, written;
  body.insert(body.size() - 1, ", \"steering\": " + steering);
  EXPECT_EQ(listened(induction(), "POST", "/api/generate", body, listener).body, "");
  for (const Listener::Event& event : listener.events) written += text(event.data, {"text"});
  if (done) *done = listener.events.back().data;
  return written;
}

TEST(ApiGenerate, SteersAsGlassInterpSteerDoes) {
  const JsonValue told =
      command({"interp",      "steer",   "--prompt", "3A7bK3A7", "--towards",
               "3A7bK3A",     "--away",  "bK",       "--at",     "blocks.1.hook_resid_post",
               "--strengths", "0,-2,3",  "-n",       "12",       "--temperature",
               "0.7",         "--top-k", "20",       "--seed",   "4"});
  const std::string where =
      R"({"towards": "3A7bK3A", "away": "bK", "at": "blocks.1.hook_resid_post", "strength": )";
  JsonValue done;
  const std::string there = steered(where + "3}", &done), back = steered(where + "-2}");
  EXPECT_EQ(there, text(told, {"samples", "2", "text"}));
  EXPECT_EQ(back, text(told, {"samples", "1", "text"}));
  EXPECT_NE(there, back) << "the direction does something";
  EXPECT_EQ(text(done, {"steering", "direction"}), text(told, {"direction"}));
  EXPECT_EQ(text(done, {"steering", "place"}), "blocks.1.hook_resid_post");
  Listener plain;
  listened(induction(), "POST", "/api/generate", kAsked, plain);
  std::string as_it_is;
  for (const Listener::Event& event : plain.events) as_it_is += text(event.data, {"text"});
  EXPECT_EQ(steered(where + "0}"), as_it_is);
}

TEST(ApiGenerate, RefusesADirectionThatIsNone) {
  for (const char* steering :
       {R"({})", R"("x")", R"({"towards": "3A"})", R"({"towards": "3A", "away": "3A"})",
        R"({"towards": "3A", "away": "7b", "strength": "much"})",
        R"({"towards": "3A", "away": "7b", "at": "blocks.9.hook_resid_pre"})",
        R"({"towards": "3A", "away": "7b", "prompt": "x"})",
        R"({"towards": "3A", "away": "7b", "sae": "/etc/passwd"})"}) {
    Listener listener;
    const std::string body = R"({"prompt": "3A", "steering": )" + std::string(steering) + "}";
    const Answer refused = listened(induction(), "POST", "/api/generate", body, listener);
    EXPECT_EQ(refused.status, 400) << steering << ": " << refused.body;
    EXPECT_TRUE(listener.events.empty()) << steering;
  }
}

TEST(ApiGenerate, EndsWhenNobodyListens) {
  Listener listener;
  listener.enough = [&](const auto&) { return listener.events.size() == 3; };
  EXPECT_EQ(listened(induction(), "POST", "/api/generate", R"({"n": 100000})", listener).status,
            200);
  EXPECT_EQ(listener.events.size(), 3u);
}

TEST(ApiGenerate, OthersMayAskBetweenTwoTokens) {
  Listener listener;
  int answered = 0;
  listener.enough = [&](const Listener::Event&) {
    answered += asked(induction(), "GET", "/api/model").status == 200;   // waits for the machine
    return false;
  };
  listened(induction(), "POST", "/api/generate", R"({"n": 3})", listener);
  EXPECT_EQ(answered, 4);
}

TEST(ApiGenerate, StopsBeforeItsStopText) {
  Listener whole, cut;
  listened(induction(), "POST", "/api/generate", kAsked, whole);
  std::string all;
  for (const auto& event : whole.events) all += text(event.data, {"text"});
  const std::string stop = all.substr(5, 2);
  std::string body = kAsked;
  body.insert(body.size() - 1, R"(, "stop": [")" + stop + R"(", "~~~~"])");
  listened(induction(), "POST", "/api/generate", body, cut);
  std::string written;
  for (const auto& event : cut.events) written += text(event.data, {"text"});
  EXPECT_EQ(written, all.substr(0, all.find(stop)));
  EXPECT_TRUE(at(cut.events.back().data, {"stopped"}).boolean);
}

TEST(ApiGenerate, RefusesBeforeItBegins) {
  for (const char* body : {R"({"n": -1})", R"({"n": 2147483648})", R"({"n": 1.5})", R"({"n": "x"})",
                           R"({"temperature": -1})", R"({"top_p": 0})", R"({"stop": 7})",
                           R"({"stop": [7]})", R"({"seed": -3})"}) {
    Listener listener;
    const Answer refused = listened(induction(), "POST", "/api/generate", body, listener);
    EXPECT_EQ(refused.status, 400) << body << ": " << refused.body;
    EXPECT_TRUE(listener.events.empty()) << body;
  }
  EXPECT_EQ(code_of(told(induction(), "POST", "/api/generate", "{}", 400)), "stream");
}

// ---- opening another one ------------------------------------------------------------------------

TEST(ApiModels, OpensWhatIsInTheListAndNothingElse) {
  const auto session = new_session(kModel, "");
  const JsonValue list = told(*session, "GET", "/api/models");
  std::string id;
  for (const JsonValue& one : at(list, {"models"}).items) {
    if (text(one, {"name"}) == "handmade:uniform") id = text(one, {"id"});
    EXPECT_EQ(at(one, {"open"}).boolean, text(one, {"name"}) == kModel);
  }
  ASSERT_NE(id, "");
  const auto before = session->model();
  EXPECT_EQ(text(told(*session, "POST", "/api/open", "{\"ckpt\": " + id + "}"), {"checkpoint"}),
            "handmade:uniform");
  EXPECT_EQ(before->config().n_layer, 2) << "who began with the old one keeps it";
  EXPECT_EQ(number(told(*session, "GET", "/api/model"), {"layers"}), 1);
  told(*session, "POST", "/api/open", R"({"ckpt": "handmade:twins"})");
  EXPECT_EQ(text(told(*session, "GET", "/api/status"), {"checkpoint"}), "handmade:twins");
  for (const char* body : {R"({"ckpt": "/etc/passwd"})", R"({"ckpt": "handmade:../twins"})",
                           R"({"ckpt": 99999})", R"({"ckpt": "handmade:twin"})"})
    EXPECT_EQ(code_of(told(*session, "POST", "/api/open", body, 404)), "not_found") << body;
  told(*session, "POST", "/api/open", R"({"ckpt": [1]})", 400);
}

TEST(ApiModels, WithoutAModelOneIsToldSo) {
  const auto session = new_session("", "");
  EXPECT_FALSE(at(told(*session, "GET", "/api/status"), {"model"}).boolean);
  for (const char* path : {"/api/model", "/health", "/api/param/x"})
    EXPECT_EQ(code_of(told(*session, "GET", path, "", 409)), "no_model") << path;
}

}   // namespace
}   // namespace glass::test
