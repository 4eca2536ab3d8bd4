// Many who ask at once: each gets what he would get alone.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/tools/api/asked.h"

namespace glass::test {
namespace {

struct Question {
  const char *method, *path, *body;
};

const Question kQuestions[] = {
    {"GET", "/api/model?histogram=4", ""},
    {"GET", "/api/param/transformer.wpe.weight?rows=3:5", ""},
    {"POST", "/api/tokenize", R"({"text": "0A7b0A"})"},
    {"POST", "/api/forward", R"({"prompt": "0A7b0A", "top_k": 3})"},
    {"POST", "/attention", R"({"prompt": "0A7b0A"})"},
    {"POST", "/ablate", R"({"prompt": "0A7b0A", "ablate_heads": [[1, 0]]})"},
    {"POST", "/induction_scan", R"({"seed": 5})"},
    {"POST", "/api/interp/lens", R"({"prompt": "0A7b0A"})"},
    {"POST", "/api/forward", R"({"tokens": [-1]})"},
};

std::string written(Session& session) {
  Listener listener;
  listened(session, "POST", "/api/generate", R"({"prompt": "0A7b0A", "n": 8, "seed": 2})",
           listener);
  std::string all;
  for (const Listener::Event& event : listener.events) all += text(event.data, {"text"});
  return all;
}

TEST(ApiTogether, AnswersAreThoseThatOneAloneGets) {
  const auto session = new_session("handmade:soft", "");
  std::vector<std::string> alone;
  for (const Question& q : kQuestions)
    alone.push_back(asked(*session, q.method, q.path, q.body).body);
  const std::string text = written(*session);
  std::atomic<int> wrong{0}, right{0};
  std::vector<std::thread> readers;
  for (std::size_t r = 0; r < 4; ++r) {
    readers.emplace_back([&, r] {
      for (std::size_t i = 0; i < std::size(kQuestions); ++i) {
        const std::size_t which = (i * 2 + r * 3) % std::size(kQuestions);
        const Question& q = kQuestions[which];
        const bool same = asked(*session, q.method, q.path, q.body).body == alone[which];
        ++(same ? right : wrong);
        if (i % 4 == 0) ++(written(*session) == text ? right : wrong);
      }
    });
  }
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(right, 4 * (9 + 3));
}

TEST(ApiTogether, WhoLetsGoAndAsksAgainComesLast) {
  Turnstile turnstile;
  std::vector<int> order;   // guarded by the turnstile
  turnstile.lock();
  std::vector<std::thread> others;
  for (int i = 0; i < 3; ++i) {
    others.emplace_back([&, i] {
      turnstile.lock();
      order.push_back(i);
      turnstile.unlock();
    });
    while (turnstile.waiting() < static_cast<std::uint64_t>(i) + 1) std::this_thread::yield();
  }
  turnstile.unlock();
  turnstile.lock();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
  turnstile.unlock();
  for (std::thread& other : others) other.join();
  EXPECT_EQ(turnstile.waiting(), 0u);
}

TEST(ApiTogether, WhoeverAsksKeepsHisModelWhileAnotherIsOpened) {
  const auto session = new_session("handmade:soft", "");
  std::atomic<bool> over{false};
  std::atomic<int> odd{0};
  std::thread opener([&] {
    for (int i = 0; i < 6; ++i)
      asked(*session, "POST", "/api/open",
            i % 2 == 0 ? R"({"ckpt": "handmade:uniform"})" : R"({"ckpt": "handmade:soft"})");
    over = true;
  });
  int asked_for = 0;
  while (!over || asked_for < 6) {
    const JsonValue lens = told(*session, "POST", "/logit_lens", R"({"prompt": "0A7"})");
    ++asked_for;
    odd += at(lens, {"layers"}).items.size() != number(lens, {"num_layers"});
  }
  opener.join();
  EXPECT_EQ(odd, 0) << "an answer is of one model";
}

}   // namespace
}   // namespace glass::test
