// Clients that are slow or too many, and how the server begins and ends.
#include <csignal>
#include <cstdlib>
#include <future>

#include "tests/tools/http_served.h"
#include "tools/process_memory.h"

namespace glass::test {
namespace {

// --- Slow clients --------------------------------------------------------------------------------

TEST(HttpServer, GivesAHeaderItsTimeHoweverManyBytesDrip) {
  HttpOptions options = patient();
  options.header_seconds = 0.3;
  Served served(options);
  Client client(served.port());
  std::atomic<bool> over{false};
  std::thread drips([&] {
    for (client.say("GET / HTTP/1.1\r\nX: "); !over && client.say("a");)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
  });
  EXPECT_EQ(client.hear().status, 408);
  EXPECT_TRUE(client.ended());
  over = true;
  drips.join();
  client.close();
  served.expect_well("a header that drips");
}

TEST(HttpServer, GivesABodyItsTime) {
  HttpOptions options = patient();
  options.body_seconds = 0.1;
  Served served(options);
  Client client(served.port());
  client.say("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe");
  EXPECT_EQ(client.hear().status, 408);
  EXPECT_TRUE(client.ended());
  client.close();
  served.expect_well("a body that stalls");
}

TEST(HttpServer, ClosesConnectionsThatAskNothingWithoutAWord) {
  HttpOptions options = patient();
  options.idle_seconds = options.header_seconds = 0.1;
  Served served(options);
  Client silent(served.port()), answered(served.port());
  answered.say(get("/api/status"));
  EXPECT_EQ(answered.hear().status, 200);
  EXPECT_TRUE(answered.ended());
  EXPECT_TRUE(silent.ended());
  silent.close(), answered.close();
  served.expect_well("silence");
}

TEST(HttpServer, ServesSomebodyNewWhileTwoHundredDripTheirHeaders) {
  Served served;
  std::vector<Client> slow = crowd(served, 200, "G");
  Client client(served.port());
  client.say(get("/number?n=1"));
  EXPECT_EQ(client.hear().body, "1");
  int dropped = 0;   // by now: 200 came, 64 may stay, and one of them is somebody else
  for (int i = 0; i < 137; ++i) dropped += slow[static_cast<std::size_t>(i)].ended() ? 1 : 0;
  EXPECT_EQ(dropped, 137) << "those that waited longest are the first to go";
  slow.clear();
  client.close();
  served.expect_well("two hundred slow clients");
}

TEST(HttpServer, DropsWhoeverHasWaitedLongestWhereAThousandConnect) {
  Served served;
  const long before = open_descriptors();
  std::vector<Client> idle;
  for (int i = 0; i < 1000; ++i) {
    idle.emplace_back(served.port());
    if (i < 900) continue;   // so that this process needs no more descriptors than it may have
    idle.erase(idle.begin());
  }
  Client client(served.port());
  client.say(get("/number?n=1"));
  EXPECT_EQ(client.hear().body, "1");
  EXPECT_LE(open_descriptors(), before + static_cast<long>(idle.size()) + 1 + 64);
  idle.clear();
  client.close();
  served.expect_well("a thousand that ask nothing");
}

TEST(HttpServer, TurnsSomebodyAwayWhereEverybodyIsBeingAnswered) {
  HttpOptions options = patient();
  options.most_connections = 3;
  Served served(options);
  std::vector<Client> busy = crowd(served, 3, get("/wait"));
  ASSERT_TRUE(in_the_end([&] { return served.waiting == 3; }));
  Client more(served.port());
  more.say(get("/api/status"));
  EXPECT_EQ(more.hear().status, 503);
  EXPECT_TRUE(more.ended());
  more.close();
  served.go_on = true;
  for (Client& client : busy) EXPECT_EQ(client.hear().body, "waited");
  busy.clear();
  EXPECT_TRUE(in_the_end([&] {   // a worker that has answered still has to say so
    Client again(served.port());
    again.say(get("/api/status"));
    return again.hear().status == 200;
  }));
  served.expect_well("more than it can answer");
}

TEST(HttpServer, MakesNoMoreAnswersAtATimeThanItHasWorkers) {
  HttpOptions options = patient();
  options.workers = 2;
  Served served(options);
  std::vector<Client> busy = crowd(served, 5, get("/wait"));
  ASSERT_TRUE(in_the_end([&] { return served.waiting == 2; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));   // a third one would come by now
  EXPECT_EQ(served.waiting, 2);
  served.go_on = true;
  for (Client& client : busy) EXPECT_EQ(client.hear().body, "waited");
}

TEST(HttpServer, SurvivesThatNoDescriptorsAreLeft) {
  Served served;
  const long before = open_descriptors();
  std::vector<Client> clients = crowd(served, 10, "");
  ASSERT_TRUE(in_the_end([&] { return open_descriptors() == before + 20; }))
      << "ten of ours and ten of the server's";
  // Take all that there are, so that accept() fails.
  std::vector<int> taken;
  for (int fd = 0; taken.size() < 100'000 && (fd = ::dup(0)) >= 0;) taken.push_back(fd);
  if (taken.size() == 100'000) GTEST_SKIP() << "this process may open as many files as it likes";
  ::close(taken.back());
  taken.pop_back();
  Client client(served.port());   // takes the last one; the server has to drop somebody
  client.say(get("/number?n=1"));
  EXPECT_EQ(client.hear().body, "1");
  for (const int fd : taken) ::close(fd);
  clients.clear();
  client.close();
  served.expect_well("no descriptors left");
}

// --- Beginning and end ---------------------------------------------------------------------------

TEST(HttpServer, StopsWithStreamsAndQuestionsOpen) {
  std::vector<Client> clients;
  {
    Served served;
    for (const char* path : {"/stream", "/ocean", "/wait", "/big", "/nowhere"}) {
      clients.emplace_back(served.port());
      clients.back().say(get(path));
    }
    clients[0].hear_until("tick");
    clients[1].hear_until("data: x");   // it has begun, and nobody reads how it goes on
    ASSERT_TRUE(in_the_end([&] { return served.waiting == 1 && served.streams == 2; }));
  }   // joins the thread of the server
  for (Client& client : clients) {
    client.hear_all();
    EXPECT_TRUE(client.ended());
  }
}

HttpServer* to_stop = nullptr;

TEST(HttpServer, StopsFromASignalHandler) {
  HttpServer server(patient(), [](const HttpRequest&, HttpReply& reply) { reply.send({}); });
  to_stop = &server;
  const auto before = std::signal(SIGUSR1, [](int) { to_stop->stop(); });
  std::future<void> over = std::async(std::launch::async, [&] { server.run(); });
  Client client(server.port());
  client.say(get("/"));
  EXPECT_EQ(client.hear().status, 200);
  std::raise(SIGUSR1);
  over.get();
  EXPECT_TRUE(client.ended());
  std::signal(SIGUSR1, before);
}

TEST(HttpServer, DoesNotRunWhereItWasStoppedBefore) {
  HttpServer server(patient(), [](const HttpRequest&, HttpReply&) {});
  server.stop();
  server.run();
}

// --- Where it listens ----------------------------------------------------------------------------

std::string refusal_of(const HttpOptions& options, ExitCode code) {
  try {
    const HttpServer server(options, [](const HttpRequest&, HttpReply&) {});
  } catch (const Error& error) {
    EXPECT_EQ(error.code, code) << error.what();
    return error.what();
  }
  return "nothing was refused";
}

TEST(HttpServer, SaysWhyItCannotListen) {
  const HttpServer first(HttpOptions{}, [](const HttpRequest&, HttpReply&) {});
  HttpOptions same;
  same.port = first.port();
  EXPECT_EQ(refusal_of(same, ExitCode::system),
            "cannot listen on 127.0.0.1, port " + std::to_string(first.port()) +
                ": it is in use; choose another, or 0 for any that is free");
  HttpOptions wrong;
  wrong.port = 70000;
  EXPECT_EQ(refusal_of(wrong, ExitCode::usage),
            "a port is a number from 0 (any that is free) to 65535, not 70000");
  HttpOptions elsewhere;
  elsewhere.address = "example.invalid";
  EXPECT_EQ(refusal_of(elsewhere, ExitCode::usage),
            "'example.invalid' is not an address to listen on; 127.0.0.1 is this machine alone");
  HttpOptions foreign;
  foreign.address = "192.0.2.1";   // of documentation, so never ours
  EXPECT_EQ(
      refusal_of(foreign, ExitCode::system),
      "cannot listen on 192.0.2.1: this machine has no such address; 127.0.0.1 is this machine "
      "alone");
}

TEST(HttpServer, CanBeOpenedAgainAtOnceWhereItWas) {
  int port = 0;
  {
    Served served;
    port = served.port();
    Client client(port);   // the server closes first, which keeps the port busy for a while
    client.say(get("/api/status", "Connection: close\r\n"));
    client.hear_all();
  }
  HttpOptions same = patient();
  same.port = port;
  Served again(same);
}

// --- Many requests -------------------------------------------------------------------------------

void ask(int port, int requests, int on_each_connection) {
  for (int done = 0; done < requests;) {
    Client client(port);
    for (int i = 0; i < on_each_connection && done < requests; ++i, ++done) {
      client.say(get("/number?n=" + std::to_string(done)));
      ASSERT_EQ(client.hear().body, std::to_string(done));
    }
  }
}

TEST(HttpServer, KeepsNothingOfRequestsThatAreOver) {
  const bool deep = std::getenv("GLASS_DEEP") != nullptr;
  Served served;
  ask(served.port(), 2000, 20);   // allocators take their share
  const double before = resident_mib();
  ask(served.port(), deep ? 100'000 : 5000, 20);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)   // they keep what is freed
  EXPECT_LE(resident_mib(), before + 1) << "MiB, which were " << before;
#endif
  served.expect_well("many requests");
}

TEST(HttpServer, AnswersManyAtATimeWithoutAnError) {
  Served served;
  std::vector<std::thread> clients;
  for (int i = 0; i < 16; ++i) clients.emplace_back([&] { ask(served.port(), 200, 7); });
  for (std::thread& client : clients) client.join();
  served.expect_well("sixteen clients at a time");
}

}   // namespace
}   // namespace glass::test
