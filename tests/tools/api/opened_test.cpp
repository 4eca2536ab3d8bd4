// What becomes of a model while it is open, and what is said of one that was opened with trouble.
#include <chrono>
#include <filesystem>
#include <fstream>

#include "tests/tools/api/asked.h"
#include "tests/tools/on_model.h"

namespace glass::test {
namespace {

namespace fs = std::filesystem;

JsonValue status(Session& session) { return told(session, "GET", "/api/status"); }

// The run "run" with checkpoints of these steps.
void save_run(const Scratch& folder, std::initializer_list<int> steps) {
  fs::create_directories(folder / "run");
  for (const int step : steps)
    place().save(folder / ("run/" + checkpoint_name(step)), tiny_config(),
                 SmallPlace::Meaning::known, step);
}

TEST(ApiOpened, AFileThatChangesIsSaidToHaveChangedUntilItIsOpenedAgain) {
  const Scratch folder;
  const std::string file = folder / "model.safetensors";
  place().save(file, tiny_config());
  const auto session = new_session(file, "");
  EXPECT_EQ(text(status(*session), {"file"}), "same");
  place().save(file, tiny_config());
  fs::last_write_time(file, fs::last_write_time(file) + std::chrono::seconds(2));
  EXPECT_EQ(text(status(*session), {"file"}), "changed");
  EXPECT_EQ(text(told(*session, "POST", "/api/open", R"({"again": true})"), {"file"}), "same");
  fs::remove(file);
  EXPECT_EQ(text(status(*session), {"file"}), "gone");
  told(*session, "POST", "/api/forward", R"({"prompt": "anna", "top_k": 1})");
  EXPECT_NE(told(*session, "POST", "/api/open", R"({"again": true})", 503).find("error"), nullptr);
  EXPECT_EQ(text(status(*session), {"file"}), "gone") << "what was open is open";
}

TEST(ApiOpened, WhatIsInNoFileDoesNotChange) {
  EXPECT_EQ(text(status(session_of("handmade:soft")), {"file"}), "same");
  EXPECT_TRUE(at(status(session_of("handmade:soft")), {"warnings"}).items.empty());
}

TEST(ApiOpened, ARunThatGoesOnIsSaidToHaveANewerCheckpoint) {
  const Scratch folder;
  save_run(folder, {3});
  const auto session = new_session(folder / "run", folder.path());
  EXPECT_EQ(status(*session).find("newer"), nullptr);
  save_run(folder, {8});
  EXPECT_EQ(text(status(*session), {"newer"}), "8");
  EXPECT_EQ(text(status(*session), {"file"}), "same");
  told(*session, "POST", "/api/open", R"({"again": true})");
  EXPECT_EQ(status(*session).find("newer"), nullptr);
  EXPECT_THAT(text(status(*session), {"checkpoint"}), testing::HasSubstr("ckpt-00000008"));
}

TEST(ApiOpened, ADamagedNewestCheckpointIsNamed) {
  const Scratch folder;
  save_run(folder, {3});
  folder.write("run/ckpt-00000009.safetensors", "half of a checkp");
  const auto session = new_session(folder / "run", folder.path());
  const JsonValue now = status(*session);
  EXPECT_THAT(text(now, {"checkpoint"}), testing::HasSubstr("ckpt-00000003"));
  ASSERT_EQ(at(now, {"warnings"}).items.size(), 1u);
  EXPECT_THAT(text(now, {"warnings", "0"}), testing::HasSubstr("ckpt-00000009"));
  EXPECT_EQ(now.find("newer"), nullptr) << "the damaged one is no news";
}

TEST(ApiOpened, AModelWithoutATokenizerWritesNumbers) {
  const Scratch folder;
  place().save(folder / "model.safetensors", tiny_config(), SmallPlace::Meaning::unknown);
  const auto session = new_session(folder / "model.safetensors", "");
  Listener listener;
  listened(*session, "POST", "/api/generate", R"({"tokens": [1, 14], "n": 3})", listener);
  ASSERT_EQ(listener.events.size(), 4u);
  EXPECT_EQ(text(listener.events[0].data, {"token"}),
            "#" + text(listener.events[0].data, {"id"}) + " ");
  Listener alone;
  listened(*session, "POST", "/api/generate", R"({"n": 1})", alone);
  EXPECT_EQ(alone.names(), (std::vector<std::string>{"token", "done"}));
  const Answer refused =
      listened(*session, "POST", "/api/generate", R"({"prompt": "anna"})", alone);
  EXPECT_THAT(refused.body, testing::HasSubstr("does not say what its tokens mean"));
}

TEST(ApiOpened, TheListNamesStepAndSizeOfARun) {
  const Scratch folder;
  save_run(folder, {3, 1200});
  folder.write("run/config.toml", "n_layer = 1\nn_head = 2\nn_embd = 8\narch = \"gpt\"\n");
  const auto session = new_session("", folder.path());
  const JsonValue models = told(*session, "GET", "/api/models");
  const auto about = [&](const std::string& name) -> std::string {
    for (const JsonValue& model : at(models, {"models"}).items)
      if (text(model, {"name"}) == name) return text(model, {"about"});
    return "";
  };
  EXPECT_EQ(about("run"), "after step 1,200; 1 layer of 2 heads, 8 channels");
}

TEST(Serve, ARunAndAFolderOfRunsAreNotMistakenForOneAnother) {
  const Scratch folder;
  save_run(folder, {3});
  const std::string file = folder.write("a.txt", "a");
  expect_refusal({{"runs in a file"}, kSystem, "is no folder"}, glass({"serve", "--runs", file}));
  expect_refusal({{"one run"}, kSystem, "--ckpt"}, glass({"serve", "--runs", folder / "run"}));
  expect_refusal({{"a folder of runs"}, kSystem, "or --runs"},
                 glass({"serve", "--ckpt", folder.path()}));
  expect_refusal({{"for any command"}, kSystem, "did you mean --ckpt"},
                 glass({"sample", "--ckpt", folder.path()}));
  expect_refusal({{"an address"}, kSystem, "cannot listen on 192.0.2.1, port 8000"},
                 glass({"serve", "--host", "192.0.2.1", "--port", "8000", "--runs", folder / ""}));
}

}   // namespace
}   // namespace glass::test
