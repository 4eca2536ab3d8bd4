// Long analyses and those who wait: one ends where nobody wants it any more, lets others compute
// between its steps, and says how far it is.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <thread>

#include "tests/scratch.h"
#include "tests/tools/api/asked.h"
#include "tests/tools/process.h"

namespace glass::test {
namespace {

// Minutes of work, in steps of less than a millisecond.
Call long_call(std::function<bool()> wanted) {
  Call call{"POST", "/api/interp/heads"};
  call.body = parse_json(R"({"sequences": 20000, "random-models": 1000})", "the body");
  call.wanted = std::move(wanted);
  return call;
}

void expect_interrupted(const Answer& answer) {
  EXPECT_EQ(answer.status, 503) << answer.body.substr(0, 300);
  EXPECT_EQ(code_of(parse_json(answer.body, "the answer")), "interrupted");
}

TEST(ApiWaiting, AnAnalysisEndsWhereNobodyWantsItAnyMore) {
  const auto session = new_session("handmade:soft", "");
  expect_interrupted(answer(*session, long_call([] { return false; })));
  int looks = 0;
  expect_interrupted(answer(*session, long_call([&] { return ++looks < 5; })));
  EXPECT_EQ(looks, 5) << "it asks again and again, and not once more than it is wanted";
  told(*session, "POST", "/attention", R"({"prompt": "0A7"})");   // the machine is free
}

TEST(ApiWaiting, AnAnalysisThatIsWantedIsTheSame) {
  const auto session = new_session("handmade:soft", "");
  Call call{"POST", "/api/interp/lens"};
  call.body = parse_json(R"({"prompt": "0A7b0A"})", "the body");
  call.wanted = [] { return true; };
  EXPECT_EQ(answer(*session, std::move(call)).body,
            asked(*session, "POST", "/api/interp/lens", R"({"prompt": "0A7b0A"})").body);
}

TEST(ApiWaiting, OthersComputeBetweenTheStepsOfALongAnalysis) {
  const auto session = new_session("handmade:soft", "");
  std::atomic<int> answered{0};
  std::thread others;
  const Answer said = answer(*session, long_call([&] {
    // It computes now. Until they have their answers it is wanted, so only they can end it.
    if (!others.joinable())
      others = std::thread([&] {
        for (int i = 0; i < 5; ++i) {
          told(*session, "POST", "/api/interp/lens", R"({"prompt": "0A7b0A"})");
          ++answered;
        }
      });
    return answered < 5;
  }));
  others.join();
  expect_interrupted(said);
}

TEST(ApiWaiting, AStreamSaysHowFarItIsAndThenWhatTheAnswerSays) {
  const auto session = new_session("handmade:induction", "");
  const std::string body = R"({"random": 0})";
  Listener listener;
  const Answer refused = listened(*session, "POST", "/api/interp/circuit/stream", body, listener);
  EXPECT_EQ(refused.body, "");
  ASSERT_GE(listener.events.size(), 2u);
  EXPECT_EQ(listener.events.back().name, "done");
  EXPECT_EQ(text(listener.events.back().data, {"page", "title"}),
            text(told(*session, "POST", "/api/interp/circuit", body), {"page", "title"}));
  double before = 0;
  for (std::size_t i = 0; i + 1 < listener.events.size(); ++i) {
    EXPECT_EQ(listener.events[i].name, "progress");
    const double done = number(listener.events[i].data, {"done"});
    EXPECT_GT(done, before);
    EXPECT_LE(done, number(listener.events[i].data, {"all"}));
    before = done;
  }
}

TEST(ApiWaiting, AStreamIsRefusedLikeAnAnswer) {
  const auto session = new_session("handmade:soft", "");
  Listener listener;
  const Answer refused =
      listened(*session, "POST", "/api/interp/lens/stream", R"({"layer": 99})", listener);
  EXPECT_EQ(refused.status, 400);
  EXPECT_TRUE(listener.events.empty());
  EXPECT_EQ(listened(*session, "POST", "/api/interp/lense/stream", "{}", listener).status, 404);
}

TEST(ApiWaiting, AnAutoencoderIsTrainedFromAPageWhileOthersAsk) {
  const Scratch folder;
  const Outcome trained =
      glass({"train", "names", "--out", folder / "runs/tiny", "--max-iters=4", "--n_layer=1",
             "--n_head=2", "--n_embd=16", "--block_size=16", "--eval_iters=1", "--threads=1"});
  ASSERT_EQ(trained.code, 0) << trained.text();
  const auto session = new_session(folder / "runs/tiny", folder / "runs");
  EXPECT_NE(text(told(*session, "POST", "/api/interp/sae-show", "{}", 503), {"error", "message"})
                .find("train one"),
            std::string::npos);

  Listener leaves;   // nothing is kept of one that nobody waited for
  leaves.enough = [](const Listener::Event&) { return true; };
  listened(*session, "POST", "/api/interp/sae-train/stream",
           R"({"features": 24, "k": 4, "steps": 100000000, "most": 2000})", leaves);
  EXPECT_EQ(leaves.names(), (std::vector<std::string>{"progress", "error"}));
  told(*session, "POST", "/api/interp/sae-show", "{}", 503);

  Listener listener;
  int asked_meanwhile = 0;
  listener.enough = [&](const Listener::Event& event) {
    if (event.name == "progress") {   // from another thread: this one waits for its events
      std::thread([&] { told(*session, "POST", "/attention", R"({"prompt": "anna"})"); }).join();
      ++asked_meanwhile;
    }
    return false;
  };
  const std::string body = R"({"features": 24, "k": 4, "steps": 60, "most": 2000})";
  listened(*session, "POST", "/api/interp/sae-train/stream", body, listener);
  ASSERT_EQ(listener.events.back().name, "done") << listener.events.back().data.text;
  EXPECT_GT(asked_meanwhile, 0);
  const JsonValue& data = at(listener.events.back().data, {"data"});
  for (const char* metric : {"l0", "explained_variance", "ce_recovered", "dead"})
    EXPECT_NE(data.find(metric), nullptr) << metric;
  const JsonValue shown = told(*session, "POST", "/api/interp/sae-show", "{}");
  EXPECT_EQ(number(shown, {"data", "explained_variance"}), number(data, {"explained_variance"}));
  told(*session, "POST", "/api/interp/sae-show", R"({"F": 3})");
}

}   // namespace
}   // namespace glass::test
