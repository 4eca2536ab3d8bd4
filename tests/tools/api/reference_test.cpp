// The endpoints of the reference dashboard: its fields, and the numbers of our own analyses in
// them.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "tests/tools/api/asked.h"
#include "tests/tools/process.h"

namespace glass::test {
namespace {

constexpr const char* kModel = "handmade:soft";   // its attention is not all 0 and 1
Session& soft() { return session_of(kModel); }

JsonValue interp(const std::string& ckpt, std::vector<std::string> words) {
  words.insert(words.begin(), "interp");
  words.insert(words.end(), {"--ckpt", ckpt, "--threads", "1", "--json"});
  const Outcome outcome = glass(words);
  EXPECT_EQ(outcome.code, 0) << outcome.text();
  return parse_json(outcome.out, "stdout");
}

void expect_fields(const JsonValue& json, const std::vector<std::string>& names) {
  std::vector<std::string> found;
  for (const auto& [name, value] : json.fields) found.push_back(name);
  EXPECT_EQ(found, names);
}

TEST(ApiReference, EveryPathStandsAlsoUnderApiAndIsOpen) {
  int checked = 0;
  for (const Endpoint& endpoint : endpoints()) {
    const std::string path(endpoint.path);
    if (path.compare(0, 5, "/api/") == 0) continue;
    ++checked;
    EXPECT_TRUE(endpoint.open) << path;
    bool twin = false;
    for (const Endpoint& other : endpoints())
      twin = twin || (other.path == "/api" + path && other.method == endpoint.method && other.open);
    EXPECT_TRUE(twin) << path;
  }
  EXPECT_EQ(checked, 8);
}

TEST(ApiReference, Health) {
  const JsonValue health = told(soft(), "GET", "/health");
  expect_fields(health, {"status", "device", "vocab_size", "context_length"});
  EXPECT_EQ(text(health, {"status"}), "ok");
  EXPECT_EQ(number(health, {"context_length"}), 128);
}

TEST(ApiReference, ForwardIsAllLogits) {
  for (const char* path : {"/forward", "/api/forward"}) {
    const JsonValue said = told(soft(), "POST", path, R"({"prompt": "3A7b3"})");
    expect_fields(said, {"prompt", "tokens", "token_strings", "vocab_size", "context_length",
                         "logits_shape", "logits"});
    ASSERT_EQ(at(said, {"logits"}).items.size(), 5u);
    // The softmax of a row is what glass logits says.
    const Outcome outcome =
        glass({"logits", "--ckpt", kModel, "--prompt", "3A7b3", "--threads", "1", "--json"});
    const JsonValue logits = parse_json(outcome.out, "stdout");
    const auto& row = at(said, {"logits", "4"}).items;
    EXPECT_EQ(row.size(), number(said, {"vocab_size"}));
    double sum = 0;
    for (const JsonValue& x : row) sum += std::exp(x.number("logit"));
    const auto id = static_cast<std::size_t>(number(logits, {"top", "4", "0", "id"}));
    EXPECT_NEAR(std::exp(row[id].number("logit")) / sum, number(logits, {"top", "4", "0", "prob"}),
                1e-5)
        << "logits are told in f32";
  }
}

TEST(ApiReference, AttentionIsThatOfInterpAttention) {
  const JsonValue said = told(soft(), "POST", "/attention", R"({"prompt": "3A7b3A"})");
  expect_fields(said, {"prompt", "tokens", "token_strings", "num_layers", "num_heads", "seq_len",
                       "attention"});
  const JsonValue own = interp(kModel, {"attention", "--prompt", "3A7b3A"});
  for (const std::string l : {"0", "1"})
    for (const std::string q : {"0", "3", "5"})
      for (const std::string k : {"0", "1", "3"})
        if (std::stoi(k) <= std::stoi(q)) {
          EXPECT_EQ(text(said, {"attention", l, "0", q, k}), text(own, {"attention", l, "0", q, k}))
              << l << ".0, " << q << " to " << k;
        }
  EXPECT_EQ(number(said, {"attention", "0", "0", "1", "5"}), 0) << "nobody looks ahead";
}

TEST(ApiReference, TheLensEndsAtTheRealPrediction) {
  const JsonValue said = told(soft(), "POST", "/logit_lens", R"({"prompt": "3A7b3"})");
  expect_fields(said,
                {"prompt", "tokens", "token_strings", "num_layers", "seq_len", "top_k", "layers"});
  ASSERT_EQ(at(said, {"layers"}).items.size(), 2u);
  const JsonValue own = interp(kModel, {"lens", "--prompt", "3A7b3"});
  const JsonValue& rows = at(own, {"layers"});
  for (const std::string layer : {"0", "1"})
    EXPECT_EQ(text(said, {"layers", layer, "4", "0", "prob"}),
              text(rows, {layer, "4", "top", "0", "prob"}));
  const JsonValue next =
      told(soft(), "POST", "/api/forward", R"({"prompt": "3A7b3", "positions": [4]})");
  EXPECT_EQ(text(said, {"layers", "1", "4", "0", "token_id"}), text(next, {"top", "0", "0", "id"}));
}

TEST(ApiReference, AblateSaysWhatInterpAblateSays) {
  const JsonValue said =
      told(soft(), "POST", "/ablate", R"({"prompt": "3A7b3A", "ablate_heads": [[1, 0]]})");
  expect_fields(said, {"prompt", "tokens", "token_strings", "ablated_heads", "ablated_neurons",
                       "baseline_top_k", "ablated_top_k", "baseline_top_under_ablation"});
  const JsonValue own =
      interp(kModel, {"ablate", "--heads", "1.0", "--prompt", "3A7b3A", "--windows", "2"});
  for (const auto& [theirs, ours] :
       {std::pair<std::string, std::string>{"baseline_top_k", "baseline_top"},
        {"ablated_top_k", "ablated_top"}})
    for (const std::string k : {"0", "4"}) {
      EXPECT_EQ(text(said, {theirs, k, "token_id"}), text(own, {ours, k, "id"})) << theirs << k;
      EXPECT_NEAR(number(said, {theirs, k, "prob"}), number(own, {ours, k, "prob"}), 1e-6)
          << theirs << k;
    }
  EXPECT_EQ(text(said, {"baseline_top_under_ablation", "0", "token_id"}),
            text(said, {"baseline_top_k", "0", "token_id"}));
  EXPECT_LT(number(said, {"baseline_top_under_ablation", "0", "prob"}),
            number(said, {"baseline_top_k", "0", "prob"}))
      << "without its induction head the model no longer knows";
  const JsonValue intact = told(soft(), "POST", "/ablate", R"({"prompt": "3A7b3A"})");
  EXPECT_EQ(text(intact, {"ablated_top_k", "0", "prob"}),
            text(intact, {"baseline_top_k", "0", "prob"}));
}

TEST(ApiReference, TheInductionScanIsThatOfInterpInduction) {
  const JsonValue said = told(soft(), "POST", "/induction_scan", R"({"seed": 1337})");
  expect_fields(said, {"num_seqs", "seq_len", "total_len", "num_layers", "num_heads",
                       "candidate_threshold", "seed", "scores", "sample"});
  const JsonValue own =
      interp(kModel, {"induction", "--seed", "1337", "--bos", "no", "--random-models", "0"});
  for (const std::string place : {"0", "1", "3"})
    for (const char* field : {"layer", "head", "score"})
      EXPECT_EQ(text(said, {"scores", place, field}), text(own, {"scores", place, field}))
          << place << " " << field;
  EXPECT_EQ(number(said, {"scores", "0", "layer"}), 1);
  EXPECT_EQ(at(said, {"sample", "tokens"}).items.size(), number(said, {"total_len"}));
}

TEST(ApiReference, NewRandomSequencesAreNew) {
  const JsonValue one = told(soft(), "POST", "/induction_scan", "{}"),
                  other = told(soft(), "POST", "/induction_scan");
  EXPECT_NE(text(one, {"seed"}), text(other, {"seed"}));
  const JsonValue again =
      told(soft(), "POST", "/api/induction_scan", "{\"seed\": " + text(one, {"seed"}) + "}");
  const auto tokens = [](const JsonValue& scan) {
    std::string all;
    for (const JsonValue& id : at(scan, {"sample", "tokens"}).items) all += id.text + " ";
    return all;
  };
  EXPECT_NE(tokens(one), tokens(other));
  EXPECT_EQ(tokens(one), tokens(again)) << "and a seed that was said gives them again";
}

TEST(ApiReference, AnEmptyPromptIsTokenZeroAndALongOneIsCut) {
  const JsonValue empty = told(soft(), "POST", "/attention", R"({"prompt": ""})");
  ASSERT_EQ(at(empty, {"tokens"}).items.size(), 1u);
  EXPECT_EQ(number(empty, {"tokens", "0"}), 0);
  const std::string letters(300, 'A');
  const JsonValue cut = told(soft(), "POST", "/logit_lens", "{\"prompt\": \"7" + letters + "\"}");
  EXPECT_EQ(number(cut, {"seq_len"}), 128);
  EXPECT_EQ(text(cut, {"token_strings", "0"}), "7") << "the first tokens stay";
}

TEST(ApiReference, WhatIsNotThereIsRefused) {
  for (const char* path :
       {"/neurons/2", "/neurons/-1", "/neurons/x", "/neuron/9/0", "/api/neurons/999"})
    EXPECT_EQ(code_of(told(soft(), "GET", path, "", 404)), "not_found") << path;
  for (const char* body :
       {R"({"prompt": "A", "ablate_heads": [[2, 0]]})",
        R"({"prompt": "A", "ablate_heads": [[0, 99]]})",
        R"({"prompt": "A", "ablate_heads": [[0]]})", R"({"prompt": "A", "ablate_heads": "0.1"})",
        R"({"prompt": "A", "ablate_neurons": [[0, 999999]]})",
        R"({"prompt": "A", "ablate_neurons": [[-1, 0]]})", "{}", R"({"prompt": 3})"})
    EXPECT_EQ(code_of(told(soft(), "POST", "/ablate", body, 400)), "bad_value") << body;
}

// A model with an mlp, trained for some steps; its scan; and the same model a step later.
TEST(ApiReference, NeuronsAreThoseOfTheScanAndStaleOnesAreRefused) {
  const Scratch folder;
  const std::string run = folder / "tiny";
  const auto train = [&](std::vector<std::string> words) {
    const Outcome outcome = glass(words);
    ASSERT_EQ(outcome.code, 0) << outcome.text();
  };
  train({"train", "names", "--n-layer", "1", "--n-head", "1", "--n-embd", "8", "--block-size", "16",
         "--max-iters", "3", "--eval-iters", "1", "--threads", "1", "--out", run});
  const std::string newest = run + "/ckpt-00000003.safetensors";
  const auto session = new_session(newest, "");
  EXPECT_EQ(code_of(told(*session, "GET", "/neurons/0", "", 409)), "no_scan");
  const JsonValue scan = interp(newest, {"neurons", "scan", "--most", "2000", "--top", "20"});
  const JsonValue all = told(*session, "GET", "/neurons/0");
  expect_fields(all, {"layer", "metadata", "neurons"});
  expect_fields(at(all, {"metadata"}), {"num_layers", "neurons_per_layer", "top_k",
                                        "context_before", "context_after", "num_tokens_scanned"});
  EXPECT_EQ(text(all, {"metadata", "num_tokens_scanned"}), text(scan, {"tokens_scanned"}));
  ASSERT_EQ(at(all, {"neurons"}).items.size(), 32u);

  const JsonValue own = interp(newest, {"neurons", "show", "0", "5", "--contexts", "20"});
  const JsonValue one = told(*session, "GET", "/api/neuron/0/5");
  expect_fields(one, {"layer", "idx", "metadata", "max_value", "top_token", "contexts"});
  std::size_t awake = 0;
  for (const JsonValue& context : at(own, {"contexts"}).items)
    awake += number(context, {"value"}) > 0;
  ASSERT_EQ(at(one, {"contexts"}).items.size(), awake);
  for (std::size_t i = 0; i < awake; ++i) {
    const std::string k = std::to_string(i);
    EXPECT_EQ(text(one, {"contexts", k, "value"}), text(own, {"contexts", k, "value"}));
    EXPECT_EQ(text(one, {"contexts", k, "global_pos"}), text(own, {"contexts", k, "position"}));
  }
  if (awake > 0) {
    EXPECT_EQ(text(one, {"max_value"}), text(own, {"contexts", "0", "value"}));
    EXPECT_EQ(text(all, {"neurons", "5", "max_value"}), text(one, {"max_value"}));
  }
  told(*session, "GET", "/neuron/0/32", "", 404);

  // Other weights under the same name: what was scanned is of others.
  train({"train", "--resume", run, "--max-iters", "4", "--force-config", "--threads", "1"});
  std::filesystem::rename(run + "/ckpt-00000004.safetensors", folder / "other.safetensors");
  std::filesystem::copy_file(newest + ".neurons", folder / "other.safetensors.neurons");
  const auto stale = new_session(folder / "other.safetensors", "");
  const JsonValue refused = told(*stale, "GET", "/neurons/0", "", 409);
  EXPECT_NE(text(refused, {"error", "message"}).find("glass interp neurons scan --ckpt"),
            std::string::npos)
      << text(refused, {"error", "message"});
}

TEST(ApiReference, NeuronsOfATextThatHasChangedAreRefusedWithTheCommandThatRenewsThem) {
  const Scratch folder;
  std::string words;
  for (int i = 0; i < 40; ++i) words += "one two three four five\n";
  const std::string run = folder / "tiny", file = folder.write("rhyme.txt", words);
  const Outcome trained =
      glass({"train", file, "--n-layer", "1", "--n-head", "1", "--n-embd", "8", "--block-size", "8",
             "--max-iters", "2", "--eval-iters", "1", "--threads", "1", "--out", run});
  ASSERT_EQ(trained.code, 0) << trained.text();
  const std::string newest = run + "/ckpt-00000002.safetensors";
  interp(newest, {"neurons", "scan", "--most", "200"});
  const auto session = new_session(newest, "");
  told(*session, "GET", "/neurons/0");
  folder.write("rhyme.txt", words + "six seven eight nine ten\n");
  for (const char* path : {"/neurons/0", "/api/neuron/0/3"}) {
    const std::string refused = text(told(*session, "GET", path, "", 409), {"error", "message"});
    EXPECT_NE(refused.find("is stale"), std::string::npos) << refused;
    EXPECT_NE(refused.find("glass interp neurons scan --ckpt " + newest), std::string::npos)
        << refused;
  }
  std::filesystem::remove(file);
  told(*session, "GET", "/neurons/0");   // of a text that is gone the scan has a copy
}

// Known by its size and time: somebody who looks at many neurons waits for the tokens once.
TEST(ApiReference, ATextThatNobodyTouchedIsNotReadAgain) {
  const Scratch folder;
  std::string words;
  for (int i = 0; i < 40; ++i) words += "one two three four five\n";
  const std::string run = folder / "tiny", file = folder.write("rhyme.txt", words);
  const Outcome trained =
      glass({"train", file, "--n-layer", "1", "--n-head", "1", "--n-embd", "8", "--block-size", "8",
             "--max-iters", "2", "--eval-iters", "1", "--threads", "1", "--out", run});
  ASSERT_EQ(trained.code, 0) << trained.text();
  const std::string newest = run + "/ckpt-00000002.safetensors";
  interp(newest, {"neurons", "scan", "--most", "200"});
  const auto session = new_session(newest, "");
  told(*session, "GET", "/neurons/0");
  const auto time = std::filesystem::last_write_time(file);
  folder.write("rhyme.txt", std::string(words.rbegin(), words.rend()));
  std::filesystem::last_write_time(file, time);   // as if nobody had written
  told(*session, "GET", "/neurons/0");
  std::filesystem::last_write_time(file, time + std::chrono::seconds(1));
  told(*session, "GET", "/neurons/0", "", 409);
}

}   // namespace
}   // namespace glass::test
