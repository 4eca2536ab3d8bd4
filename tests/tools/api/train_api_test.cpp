// Trainings that a page starts: processes of their own, which are found, spoken to and watched.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "tests/scratch.h"
#include "tests/tools/api/asked.h"
#include "tests/tools/process.h"
#include "tools/priority.h"

namespace glass::test {
namespace {

// A model so small that a step takes a fraction of a millisecond, for as long as one likes.
constexpr const char* kOptions =
    R"("dataset": "names", "n-layer": 1, "n-head": 1, "n-embd": 8, "batch-size": 2,
       "eval-iters": 1, "log-interval": 1)";
constexpr const char* kEndless =
    R"("block-size": 8, "eval-interval": 1000000, "max-iters": 100000000)";

struct TrainApi : ::testing::Test {
  Scratch folder;
  std::unique_ptr<Session> session = new_session("", folder / "runs");
  std::vector<std::string> started;

  std::string start(const std::string& more = kEndless, const std::string& name = "tiny") {
    const JsonValue said = told(*session, "POST", "/api/train",
                                R"({"action": "start", "name": ")" + name + R"(", "options": {)" +
                                    kOptions + ", " + more + "}}");
    started.push_back(text(said, {"id"}));
    return started.back();
  }
  JsonValue act(const std::string& action, const std::string& run, int status = 200) {
    return told(*session, "POST", "/api/train",
                R"({"action": ")" + action + R"(", "run": )" + run + "}", status);
  }
  JsonValue run(const std::string& id) { return told(*session, "GET", "/api/runs/" + id); }
  // Asks until it is so; half a minute is for ever.
  bool becomes(const std::string& id, const std::function<bool(const JsonValue&)>& so) {
    for (int i = 0; i < 3000; ++i) {
      if (so(run(id))) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ADD_FAILURE() << asked(*session, "GET", "/api/runs/" + id).body;
    return false;
  }
  bool reaches(const std::string& id, double step) {
    return becomes(id, [&](const JsonValue& r) { return number(r, {"step"}) >= step; });
  }
  bool is(const std::string& id, const std::string& state) {
    return becomes(id, [&](const JsonValue& r) { return text(r, {"state"}) == state; });
  }
  void TearDown() override {
    for (const std::string& id : started) {
      const JsonValue r = run(id);
      if (r.find("process") != nullptr) ::kill(static_cast<pid_t>(number(r, {"process"})), SIGKILL);
      is(id, "idle");
    }
  }
};

TEST_F(TrainApi, ARunIsStartedPausedSavedAndStopped) {
  const std::string id = start();
  ASSERT_TRUE(reaches(id, 5));
  EXPECT_EQ(text(run(id), {"state"}), "running");
  EXPECT_NE(::getsid(static_cast<pid_t>(number(run(id), {"process"}))), ::getsid(0))
      << "a session of its own";

  act("pause", id);
  ASSERT_TRUE(is(id, "paused"));
  const double step = number(run(id), {"step"});
  EXPECT_EQ(code_of(act("save", id, 409)), "paused");
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  EXPECT_EQ(number(run(id), {"step"}), step) << "a run that is paused does nothing";
  act("resume", id);
  ASSERT_TRUE(reaches(id, step + 1));

  EXPECT_TRUE(at(run(id), {"checkpoints"}).items.empty());
  act("save", id);
  ASSERT_TRUE(
      becomes(id, [](const JsonValue& r) { return !at(r, {"checkpoints"}).items.empty(); }));
  ASSERT_TRUE(reaches(id, number(run(id), {"checkpoints", "0"}) + 1)) << "and it goes on";

  act("pause", id);
  act("stop", id);   // also of one that is paused
  ASSERT_TRUE(is(id, "idle"));
  EXPECT_EQ(number(run(id), {"code"}), 130);
  EXPECT_EQ(at(run(id), {"checkpoints"}).items.size(), 2u) << "it saved where it stopped";
  EXPECT_EQ(code_of(act("pause", id, 409)), "not_running");

  const double stopped_at = number(run(id), {"checkpoints", "1"});
  act("resume", id);   // from its checkpoint, by a new process
  EXPECT_TRUE(reaches(id, stopped_at + 5));
}

TEST_F(TrainApi, ARunMayBeStoppedBeforeItsFirstStep) {
  const std::string id = start();
  act("stop", id);
  ASSERT_TRUE(is(id, "idle"));
  EXPECT_EQ(number(run(id), {"code"}), 130);
}

TEST_F(TrainApi, ATrainingDoesNotGiveWayAsWhoeverAskedForItDoes) {
  std::string id;
  std::thread([&] {
    give_way();
    id = start();
  }).join();
  ASSERT_TRUE(reaches(id, 1));
  const auto process = static_cast<id_t>(number(run(id), {"process"}));
  EXPECT_EQ(::getpriority(PRIO_PROCESS, process), ::getpriority(PRIO_PROCESS, 0));
}

TEST_F(TrainApi, APlanSaysWhatThePresetOfTheDataSays) {
  const auto value = [&](const std::string& options, const std::string& name) {
    const JsonValue said = told(*session, "POST", "/api/train",
                                R"({"action": "plan", "options": {)" + options + "}}");
    return text(said, {"values", name});
  };
  EXPECT_EQ(value(R"("dataset": "names")", "n-layer"), "2");
  EXPECT_EQ(value(R"("dataset": "names", "n-layer": 4)", "n-layer"), "4");
  EXPECT_EQ(value(R"("dataset": "names", "preset": "induction")", "act"), "none");
  EXPECT_TRUE(at(told(*session, "GET", "/api/train"), {"runs"}).items.empty()) << "it started";
}

TEST_F(TrainApi, AServerThatStartsAgainFindsIt) {
  const std::string id = start();
  ASSERT_TRUE(reaches(id, 3));
  session = new_session("", folder / "runs");
  const JsonValue list = told(*session, "GET", "/api/train");
  ASSERT_EQ(at(list, {"runs"}).items.size(), 1u);
  EXPECT_EQ(text(list, {"runs", "0", "state"}), "running");
  const std::string again = text(list, {"runs", "0", "id"});
  act("stop", again);
  EXPECT_TRUE(is(again, "idle"));
}

TEST_F(TrainApi, TheStreamTellsWhatHappensUntilTheEnd) {
  const std::string id =
      start(R"("block-size": 8, "max-iters": 30, "eval-interval": 10, "sample-every": 15)");
  Listener listener;
  EXPECT_EQ(listened(*session, "GET", "/api/train/stream?run=" + id, "", listener).body, "");
  ASSERT_FALSE(listener.events.empty());
  EXPECT_EQ(listener.events.back().name, "end");
  EXPECT_EQ(number(listener.events.back().data, {"code"}), 0)
      << asked(*session, "GET", "/api/runs/" + id).body;
  std::vector<double> evaluations, samples;
  for (const Listener::Event& event : listener.events) {
    if (event.name == "evaluation") evaluations.push_back(number(event.data, {"step"}));
    if (event.name == "sample") samples.push_back(number(event.data, {"step"}));
  }
  EXPECT_EQ(evaluations, (std::vector<double>{0, 10, 20, 30}));
  EXPECT_EQ(samples, (std::vector<double>{15, 30}));
  Listener later;
  listened(*session, "GET", "/api/train/stream?since=29&run=" + id, "", later);
  EXPECT_EQ(later.names(), (std::vector<std::string>{"evaluation", "sample", "end"}));
}

TEST_F(TrainApi, TheStreamTellsOfACheckpointThatSomebodyAskedFor) {
  const std::string id = start();
  Listener listener;
  bool asked_for_it = false;
  listener.enough = [&](const Listener::Event& event) {
    if (event.name == "step" && !asked_for_it) act("save", id), asked_for_it = true;
    return event.name == "checkpoint";
  };
  listened(*session, "GET", "/api/train/stream", "", listener);   // of the one that trains
  ASSERT_EQ(listener.events.back().name, "checkpoint");
  EXPECT_EQ(number(listener.events.back().data, {"step"}), number(run(id), {"checkpoints", "0"}));
}

TEST_F(TrainApi, MoreThanAFewAtOnceAreRefused) {
  for (int i = 0; i < 4; ++i) start();
  const JsonValue refused = told(*session, "POST", "/api/train",
                                 R"({"action": "start", "options": {"dataset": "names"}})", 409);
  EXPECT_EQ(code_of(refused), "busy");
  EXPECT_EQ(at(told(*session, "GET", "/api/runs"), {"runs"}).items.size(), 4u)
      << "what is refused leaves nothing behind";
}

TEST_F(TrainApi, TheStreamEndsWhenNobodyListens) {
  const std::string id = start();
  Listener listener;
  listener.enough = [&](const Listener::Event& event) { return event.name == "step"; };
  listened(*session, "GET", "/api/train/stream?run=" + id, "", listener);
  EXPECT_EQ(listener.events.back().name, "step");
  EXPECT_EQ(text(run(id), {"state"}), "running") << "the training does not care";
}

TEST_F(TrainApi, WhatATrainerRefusesIsInItsLog) {
  const std::string id = start(R"("max-iters": 2, "val": 0.9, "block-size": 900000)");
  ASSERT_TRUE(is(id, "idle"));
  EXPECT_NE(number(run(id), {"code"}), 0);
  std::string log;
  const JsonValue said = run(id);
  for (const JsonValue& line : at(said, {"log"}).items) log += line.text + "\n";
  EXPECT_NE(log.find("error: "), std::string::npos) << log;
}

TEST_F(TrainApi, TwoOfOneNameAreTwoRuns) {
  const std::string one = start(R"("max-iters": 1)"), other = start(R"("max-iters": 1)");
  EXPECT_EQ(text(run(one), {"name"}), "tiny");
  EXPECT_EQ(text(run(other), {"name"}), "tiny-2");
}

TEST_F(TrainApi, APageNamesNoFilesAndNoPlaces) {
  for (const char* options :
       {R"("out": "/tmp/x")", R"("DATA": "/etc/passwd")", R"("CONFIG": "/etc/passwd")",
        R"("config": "x.py")", R"("resume": "/tmp")", R"("init-from": "gpt2")",
        R"("ranks": "/tmp")", R"("overwrite": true)", R"("threads": 64)", R"("nothing": 1)"})
    EXPECT_EQ(
        code_of(told(*session, "POST", "/api/train",
                     std::string(R"({"action": "start", "options": {)") + options + "}}", 400)),
        "unknown_option")
        << options;
  for (const char* body :
       {R"({"action": "start", "options": {"dataset": "/etc/passwd"}})",
        R"({"action": "start", "options": {"dataset": "nothing"}})",
        R"({"action": "start", "options": {"tokenizer": "/etc/passwd"}})",
        R"({"action": "start", "options": {"n-head": 3, "n-embd": 16}})",
        R"({"action": "start", "options": {"n-layer": "x"}})",
        R"({"action": "start", "options": {"preset": "nothing"}})",
        R"({"action": "start", "name": "../x"})", R"({"action": "start", "name": "a/b"})",
        R"({"action": "start", "name": ".x"})", R"({"action": "dance"})", R"({"action": "stop"})",
        "{}"})
    EXPECT_EQ(code_of(told(*session, "POST", "/api/train", body, 400)), "bad_value") << body;
  EXPECT_EQ(code_of(act("stop", "77", 404)), "not_found");
  EXPECT_TRUE(at(told(*session, "GET", "/api/runs"), {"runs"}).items.empty())
      << "what is refused leaves nothing behind";
  const JsonValue told_options = told(*session, "GET", "/api/train");
  for (const JsonValue& option : at(told_options, {"options"}).items)
    for (const char* not_for_it : {"out", "resume", "config", "init-from", "threads", "ranks"})
      EXPECT_NE(text(option, {"name"}), not_for_it);
}

// Somebody else who has the number of a trainer that ended: nobody may send him signals.
TEST_F(TrainApi, ANumberInALockIsNoTrainerUnlessItHoldsTheLock) {
  folder.write("runs/old/.lock", std::to_string(::getppid()) + "\n");
  const JsonValue list = told(*session, "GET", "/api/runs");
  EXPECT_EQ(text(list, {"runs", "0", "state"}), "idle");
  for (const char* action : {"stop", "pause", "save"})
    EXPECT_EQ(code_of(act(action, text(list, {"runs", "0", "id"}), 409)), "not_running") << action;
}

}   // namespace
}   // namespace glass::test
