// Whatever a page says, it is answered or refused with a sentence: never with a 500, never with
// something that is not JSON.
#include <gtest/gtest.h>

#include "tests/scratch.h"
#include "tests/tools/api/asked.h"

namespace glass::test {
namespace {

std::vector<std::string> odd_values() {
  return {"null",
          "true",
          "-1",
          "0",
          "1.5",
          "1e308",
          "-0",
          "9223372036854775808",
          "1000000000",
          "\"\"",
          "\"x\"",
          "\"-\"",
          "\"--out=/tmp/x\"",
          "\"../../etc/passwd\"",
          R"("\u0000")",
          R"("<img src=x onerror=alert(1)>")",
          "\"\xf0\x9f\x90\xa2\"",
          "\"" + std::string(5000, 'A') + "\"",
          "[]",
          "[[]]",
          "[-1]",
          "[1e9]",
          "[[0,0],[9,9]]",
          "[[0,0,0]]",
          "[\"x\"]",
          "{}",
          R"({"n-layer": "x"})",
          R"({"dataset": ""})"};
}

struct Asked {
  const char* path;
  std::vector<const char*> fields;
  std::string rest = "";   // what else must be there
};

const std::vector<Asked>& all_asked() {
  static const std::vector<Asked> all = {
      {"/api/open", {"ckpt"}},
      {"/api/tokenize", {"text"}},
      {"/api/forward", {"prompt", "tokens"}},
      {"/api/forward", {"top_k", "positions", "full"}, R"("prompt": "A")"},
      {"/api/interp/attention", {"prompt", "tokens"}},
      {"/api/interp/attention", {"layer", "head", "view", "json", ""}, R"("tokens": "1,2")"},
      {"/api/interp/lens", {"top-k", "target", "compare", "tuned"}, R"("tokens": "1,2")"},
      {"/api/interp/neurons-show", {"L", "N", "contexts"}},
      {"/api/train", {"action"}},
      {"/api/train", {"options", "name"}, R"("action": "start")"},
      {"/api/train", {"run"}, R"("action": "stop")"},
      {"/forward", {"prompt"}},
      {"/attention", {"prompt"}},
      {"/logit_lens", {"prompt"}},
      {"/ablate", {"ablate_heads", "ablate_neurons"}, R"("prompt": "A")"},
      {"/induction_scan", {"seed"}},
      {"/api/micro/reset", {"seed", "steps"}},
      {"/api/micro/tokens", {"text"}},
      {"/api/micro/value", {"program"}},
      {"/api/micro/forward", {"text"}},
      {"/api/micro/step", {"n"}},
      {"/api/micro/next", {"text", "temperature"}},
      {"/api/micro/sample", {"n", "temperature"}},
      {"/api/micro/race", {"steps"}},
  };
  return all;
}

void expect_no_accident(const Answer& answer, const std::string& question) {
  EXPECT_TRUE(answer.status == 200 || (answer.status >= 400 && answer.status < 500))
      << question.substr(0, 200) << ": " << answer.status << " " << answer.body.substr(0, 300);
  if (answer.body.empty()) return;   // of a stream
  const JsonValue json = parse_json(answer.body, question.substr(0, 200));
  if (answer.status != 200) { EXPECT_GT(text(json, {"error", "message"}).size(), 8u) << question; }
}

TEST(ApiHostile, NoBodyIsAnAccident) {
  const auto session = new_session("handmade:soft", "");   // and no folder: nothing is started
  for (const Asked& one : all_asked()) {
    for (const char* field : one.fields) {
      for (const std::string& value : odd_values()) {
        const std::string body =
            "{" + one.rest + (one.rest.empty() ? "" : ", ") + "\"" + field + "\": " + value + "}";
        expect_no_accident(asked(*session, "POST", one.path, body),
                           std::string(one.path) + " " + body);
      }
    }
    expect_no_accident(asked(*session, "POST", one.path), one.path);
  }
}

TEST(ApiHostile, NoStreamIsAnAccident) {
  const auto session = new_session("handmade:soft", "");
  for (const char* field : {"prompt", "tokens", "n", "temperature", "top_k", "top_p", "min_p",
                            "repeat_penalty", "seed", "sample", "stop"}) {
    for (const std::string& value : odd_values()) {
      const std::string body = "{\"" + std::string(field) + "\": " + value + "}";
      Listener leaves_at_once;
      leaves_at_once.enough = [](const Listener::Event&) { return true; };
      const Answer said = listened(*session, "POST", "/api/generate", body, leaves_at_once);
      expect_no_accident(said, body);
      if (said.status == 200) {
        EXPECT_EQ(leaves_at_once.names(), std::vector<std::string>{"token"});
      }
    }
  }
}

TEST(ApiHostile, NoAddressIsAnAccident) {
  const Scratch folder;
  folder.write("run/metrics.jsonl",
               "{\"step\": 1}\n[]\n{}\n{\"step\": \"x\"}\n\xff\n{\"step\":-1}\n");
  folder.write("run/samples.txt", "nothing\n--- step x ---\n--- step 1 ---\n\xff\xfe\n");
  folder.write("run/timing.jsonl", "{\"step\": 1, \"ms\": null}\n");
  folder.write("run/config.toml", "=\n a\n#\n" + std::string("\0", 1));
  folder.write("run/.lock", "99999999999999999999\n");
  const auto session = new_session("handmade:soft", folder.path());
  for (const std::string& said :
       {std::string("0"), std::string("1"), std::string("-1"), std::string("x"), std::string("0x0"),
        std::string("1e3"), std::string("9223372036854775808"), std::string("../.."),
        std::string(3000, '9'), std::string("%00"), std::string("0:"), std::string(":"),
        std::string("0:1:2"), std::string("-1:1"), std::string("")}) {
    for (const char* path :
         {"/api/runs/", "/neurons/", "/neuron/0/", "/api/param/", "/api/model?histogram=",
          "/api/param/transformer.wte.weight?rows=", "/api/param/transformer.wte.weight?cols=",
          "/api/runs/0/metrics?since=", "/api/runs/0/metrics?most=", "/api/runs/0/samples?since=",
          "/api/runs/0/samples?most=", "/api/source/"})
      expect_no_accident(asked(*session, "GET", path + said), path + said);
    Listener listener;
    listener.gone = true;
    expect_no_accident(listened(*session, "GET", "/api/train/stream?run=" + said, "", listener),
                       "/api/train/stream?run=" + said);
  }
}

}   // namespace
}   // namespace glass::test
