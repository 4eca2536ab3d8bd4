// Runs as a page follows them: what was appended is read, what is half written waits.
#include <gtest/gtest.h>

#include <fstream>

#include "tests/scratch.h"
#include "tests/tools/api/asked.h"
#include "tests/tools/process.h"
#include "tools/api/followed_file.h"

namespace glass::test {
namespace {

void append(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::app | std::ios::binary) << text;
}

TEST(FollowedFile, GivesEachLineOnceAndOnlyWhenItIsWhole) {
  const Scratch folder;
  const std::string path = folder / "log";
  FollowedFile file(path);
  EXPECT_TRUE(file.read().lines.empty()) << "it is not there yet";
  append(path, "one\ntw");
  EXPECT_EQ(file.read().lines, std::vector<std::string>{"one"});
  EXPECT_TRUE(file.read().lines.empty());
  append(path, "o\n\nfour");
  EXPECT_EQ(file.read().lines, (std::vector<std::string>{"two", ""}));
  append(path, "\n");
  const FollowedFile::News news = file.read();
  EXPECT_EQ(news.lines, std::vector<std::string>{"four"});
  EXPECT_FALSE(news.anew);
}

TEST(FollowedFile, NoticesThatItWasCutBackAlsoWhereItHasGrownAgain) {
  const Scratch folder;
  const std::string path = folder.write("log", "one\ntwo\nthree\n");
  FollowedFile file(path);
  file.read();
  folder.write("log", "one\n");
  FollowedFile::News news = file.read();
  EXPECT_TRUE(news.anew);
  EXPECT_EQ(news.lines, std::vector<std::string>{"one"});
  folder.write("log", "one\nTWO\nthree\nfour\n");
  news = file.read();
  EXPECT_FALSE(news.anew) << "all that was read is still there";
  EXPECT_EQ(news.lines.size(), 3u);
  folder.write("log", "one\ntwo\nthree\nfour\nfive\n");
  news = file.read();
  EXPECT_TRUE(news.anew) << "what was read is another text now";
  EXPECT_EQ(news.lines.size(), 5u);
}

TEST(FollowedFile, LinesLongerThanWhatIsReadAtOnceStayWhole) {
  const Scratch folder;
  const std::string one(std::size_t{3} << 20, 'x');
  FollowedFile file(folder.write("log", one + "\nend\n"));
  const FollowedFile::News news = file.read();
  ASSERT_EQ(news.lines.size(), 2u);
  EXPECT_EQ(news.lines[0], one);
}

struct RunsInAFolder : ::testing::Test {
  Scratch folder;
  std::string run = folder / "run";
  std::unique_ptr<Session> session;
  RunsInAFolder() {
    folder.write("run/.lock", "");
    folder.write("run/metrics.jsonl",
                 "{\"step\":0,\"train_loss\":3.5,\"val_loss\":3.25}\n"
                 "{\"step\":1,\"loss\":3.125,\"lr\":0.5,\"grad_norm\":2}\n");
    folder.write("run/timing.jsonl", "{\"step\":1,\"ms\":4,\"tokens_per_second\":100}\n");
    folder.write("other/notes.txt", "no run");
    session = new_session("", folder.path());
  }
  JsonValue metrics(const std::string& query = "") {
    return told(*session, "GET", "/api/runs/0/metrics" + query);
  }
};

TEST_F(RunsInAFolder, AreListedByNumber) {
  const JsonValue list = told(*session, "GET", "/api/runs");
  ASSERT_EQ(at(list, {"runs"}).items.size(), 1u) << "a folder with other things is none";
  EXPECT_EQ(text(list, {"runs", "0", "name"}), "run");
  EXPECT_EQ(number(list, {"runs", "0", "step"}), 1);
  EXPECT_EQ(text(list, {"runs", "0", "state"}), "idle");
  EXPECT_EQ(number(list, {"runs", "0", "best", "val_loss"}), 3.25);
  for (const char* path : {"/api/runs/1", "/api/runs/-1", "/api/runs/x", "/api/runs/1/metrics",
                           "/api/runs/..%2f", "/api/runs/99999999999999999999/samples"})
    EXPECT_EQ(code_of(told(*session, "GET", path, "", 404)), "not_found") << path;
  folder.write("a_new_one/metrics.jsonl", "");
  EXPECT_EQ(text(told(*session, "GET", "/api/runs"), {"runs", "1", "id"}), "0")
      << "a number stays with its run";
}

TEST_F(RunsInAFolder, SayWhichEvaluationWasBest) {
  const auto best = [&](const char* of) {
    return number(told(*session, "GET", "/api/runs"), {"runs", "0", "best", of});
  };
  append(run + "/metrics.jsonl", "{\"step\":4,\"train_loss\":2,\"val_loss\":2.5}\n");
  append(run + "/metrics.jsonl", "{\"step\":8,\"train_loss\":1,\"val_loss\":2.75}\n");
  EXPECT_EQ(best("step"), 4);
  EXPECT_EQ(best("val_loss"), 2.5);
  folder.write("run/metrics.jsonl", "{\"step\":0,\"train_loss\":3.5,\"val_loss\":3.5}\n");
  EXPECT_EQ(best("val_loss"), 3.5) << "it began anew";
}

TEST_F(RunsInAFolder, TellWhatWasAppendedAndTimesBesideIt) {
  JsonValue said = metrics();
  ASSERT_EQ(at(said, {"rows"}).items.size(), 2u);
  EXPECT_EQ(number(said, {"rows", "0", "val_loss"}), 3.25);
  EXPECT_EQ(number(said, {"rows", "1", "loss"}), 3.125);
  EXPECT_EQ(number(said, {"rows", "1", "tokens_per_second"}), 100);
  append(run + "/metrics.jsonl", "{\"step\":2,\"loss\":3}\n{\"step\":3,\"lo");
  said = metrics("?since=1");
  ASSERT_EQ(at(said, {"rows"}).items.size(), 1u) << "half a line is left for later";
  EXPECT_EQ(number(said, {"rows", "0", "step"}), 2);
  append(run + "/metrics.jsonl", "ss\":2.5}\nnot json\n{\"step\":4,\"loss\":2}\n");
  said = metrics("?since=2");
  EXPECT_EQ(at(said, {"rows"}).items.size(), 2u) << "damage is passed over";
  EXPECT_EQ(number(said, {"last"}), 4);
  for (const char* query : {"?since=x", "?since=-2", "?most=0", "?since=1.5"})
    told(*session, "GET", "/api/runs/0/metrics" + std::string(query), "", 400);
}

TEST_F(RunsInAFolder, OfManyRowsSomeAreLeftOutButNoEvaluationAndNotTheNewest) {
  std::string rows;
  for (int step = 2; step <= 1000; ++step)
    rows += step % 100 == 0
                ? "{\"step\":" + std::to_string(step) + ",\"loss\":2,\"train_loss\":2}\n"
                : "{\"step\":" + std::to_string(step) + ",\"loss\":2}\n";
  append(run + "/metrics.jsonl", rows + "{\"step\":1001,\"loss\":2}\n");
  const JsonValue said = metrics("?most=50");
  const auto& told_rows = at(said, {"rows"}).items;
  EXPECT_LE(told_rows.size(), 50u + 11u);
  EXPECT_GE(told_rows.size(), 40u);
  EXPECT_EQ(number(said, {"left_out"}), 1002 - static_cast<double>(told_rows.size()));
  EXPECT_EQ(number(told_rows.back(), {"step"}), 1001);
  int evaluations = 0;
  for (const JsonValue& row : told_rows) evaluations += row.find("train_loss") != nullptr;
  EXPECT_EQ(evaluations, 11);
}

TEST_F(RunsInAFolder, ALogThatBeginsAnewSaysSo) {
  const double before = number(metrics(), {"beginnings"});
  folder.write("run/metrics.jsonl", "{\"step\":0,\"train_loss\":9}\n");
  const JsonValue said = metrics();
  EXPECT_EQ(number(said, {"beginnings"}), before + 1);
  ASSERT_EQ(at(said, {"rows"}).items.size(), 1u);
  EXPECT_EQ(number(said, {"last"}), 0);
}

TEST_F(RunsInAFolder, SamplesKeepTheirStepAndTheirLines) {
  append(run + "/samples.txt", "--- step 10 ---\nanna\notto\n--- step 20 ---\nbob\n");
  JsonValue said = told(*session, "GET", "/api/runs/0/samples");
  ASSERT_EQ(at(said, {"samples"}).items.size(), 2u);
  EXPECT_EQ(text(said, {"samples", "0", "text"}), "anna\notto");
  said = told(*session, "GET", "/api/runs/0/samples?since=10");
  ASSERT_EQ(at(said, {"samples"}).items.size(), 1u);
  EXPECT_EQ(number(said, {"samples", "0", "step"}), 20);
}

TEST_F(RunsInAFolder, SettingsAreThoseOfConfigToml) {
  folder.write("run/config.toml", "# words\nn_layer = 2\ndata = \"names\"\n");
  const JsonValue said = told(*session, "GET", "/api/runs/0");
  EXPECT_EQ(text(said, {"config", "n_layer"}), "2");
  EXPECT_EQ(text(said, {"config", "data"}), "\"names\"");
}

TEST(Runs, NoFolderMeansNone) {
  const auto session = new_session("", "");
  EXPECT_TRUE(at(told(*session, "GET", "/api/runs"), {"runs"}).items.empty());
  const auto gone = new_session("", "/nothing/here");
  EXPECT_TRUE(at(told(*gone, "GET", "/api/runs"), {"runs"}).items.empty());
}

}   // namespace
}   // namespace glass::test
