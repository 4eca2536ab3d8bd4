// A server with a few pages, for tests that are rude, slow, gone or too many: after every one of
// them a good request is answered, and in the end no connection is left open. No test looks at a
// clock: deadlines are short where one must pass and a minute where none may.
#pragma once
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "engine/base/error.h"
#include "tests/tools/http_client.h"
#include "tools/http/answers.h"
#include "tools/http/guard.h"

namespace glass::test {

inline constexpr double kNever = 120;   // seconds; no test waits that long
inline constexpr std::size_t kBig = std::size_t{24}
                                    << 20;   // more than the system keeps for a socket

inline HttpOptions patient() {
  HttpOptions options;
  options.header_seconds = options.body_seconds = kNever;
  options.idle_seconds = options.write_seconds = kNever;
  return options;
}

// Waits for what happens in another thread; false if it does not.
template <class Happens>
bool in_the_end(const Happens& happens) {
  for (int i = 0; i < 60'000; ++i) {
    if (happens()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

inline long open_descriptors() {
  const std::filesystem::directory_iterator all("/dev/fd"), none;
  return std::distance(all, none);
}

// A server with a few pages, in a thread.
class Served {
 public:
  explicit Served(const HttpOptions& options = patient())
      : server_(options,
                [this](const HttpRequest& request, HttpReply& reply) { handle(request, reply); }) {
    baseline_ = open_descriptors();
    thread_ = std::thread([this] { server_.run(); });
    expect_well("at the beginning");
  }
  ~Served() {
    go_on = true;
    server_.stop();
    thread_.join();
  }

  int port() const { return server_.port(); }
  HttpServer& server() { return server_; }

  // It answers somebody new, and has closed everything else.
  void expect_well(const std::string& after) {
    Client client(port());
    client.say(get("/api/status", "Connection: close\r\n"));
    EXPECT_EQ(client.hear().status, 200) << "the server is not well after: " << after;
    client.close();
    EXPECT_TRUE(in_the_end([&] { return open_descriptors() <= baseline_; }))
        << open_descriptors() << " descriptors, not " << baseline_ << ", after: " << after;
  }

  std::atomic<bool> go_on{false};   // what /wait waits for
  std::atomic<int> waiting{0}, streams{0};

 private:
  void handle(const HttpRequest& request, HttpReply& reply) {
    if (request.path == "/guarded") {
      const Guard guard(own_hosts(port()), "secret");
      if (auto refusal = guard.stranger(request)) return reply.send(*refusal);
      if (auto refusal = guard.without_token(request)) return reply.send(*refusal);
      return reply.send({.body = "in"});
    }
    if (request.path == "/api/status") return reply.send({.body = "{\"ok\": true}"});
    if (request.path == "/echo") return reply.send({.body = request.body});
    if (request.path == "/number") return reply.send({.body = request.query.at(0).second});
    if (request.path == "/big") return reply.send({.body = std::string(kBig, 'x')});
    if (request.path == "/throw") throw UsageError("layer 999 is not there");
    if (request.path == "/nothing") return;
    if (request.path == "/stream") return stream(reply, "tick");
    if (request.path == "/flood") return stream(reply, std::string(1 << 20, 'x'));
    if (request.path == "/ocean") return stream(reply, std::string(kBig, 'x'));
    if (request.path == "/wait") return wait(reply);
    reply.send(error_answer(404, "there is no such page"));
  }

  void stream(HttpReply& reply, const std::string& what) {
    ++streams;
    while (reply.event("event", what)) {
      if (what == "tick") std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    --streams;
  }

  void wait(HttpReply& reply) {
    ++waiting;
    while (!go_on && reply.alive()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    --waiting;
    reply.send({.body = "waited"});
  }

  HttpServer server_;
  std::thread thread_;
  long baseline_ = 0;
};

// So many clients who have all said the same.
inline std::vector<Client> crowd(const Served& served, int n, const std::string& bytes) {
  std::vector<Client> clients;
  for (int i = 0; i < n; ++i) {
    clients.emplace_back(served.port());
    clients.back().say(bytes);
  }
  return clients;
}

}   // namespace glass::test
