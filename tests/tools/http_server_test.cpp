// The server over raw sockets, against clients that are rude, slow, gone or too many. After every
// one of them a good request is answered, and in the end no connection is left open. No test looks
// at a clock: deadlines are short where one must pass and a minute where none may.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <thread>
#include <vector>

#include "engine/base/error.h"
#include "tests/tools/http_client.h"
#include "tools/http/answers.h"
#include "tools/http/guard.h"
#include "tools/process_memory.h"

namespace glass {
namespace {

using test::Client;
using test::get;
using test::Heard;

constexpr double kNever = 120;                        // seconds; no test waits that long
constexpr std::size_t kBig = std::size_t{24} << 20;   // more than the system keeps for a socket

HttpOptions patient() {
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

long open_descriptors() {
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

// --- What it answers -----------------------------------------------------------------------------

TEST(HttpServer, AnswersOneRequestBehindTheOtherOnAConnection) {
  Served served;
  Client client(served.port());
  for (const char* body : {"hello", "", "again"}) {
    client.say("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: " +
               std::to_string(std::string(body).size()) + "\r\n\r\n" + body);
    const Heard heard = client.hear();
    EXPECT_EQ(heard.status, 200);
    EXPECT_EQ(heard.body, body);
    EXPECT_NE(heard.head.find("Connection: keep-alive"), std::string::npos);
  }
}

TEST(HttpServer, AnswersAThousandPipelinedRequestsInOrder) {
  Served served;
  Client client(served.port());
  std::thread asks([&] {
    for (int i = 0; i < 1000; ++i) client.say(get("/number?n=" + std::to_string(i)));
  });
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(client.hear().body, std::to_string(i));
  asks.join();
  EXPECT_TRUE(client.ended()) << "a thousand requests are enough for one connection";
  client.close();
  served.expect_well("a thousand pipelined requests");
}

TEST(HttpServer, AnswersAHeadWithoutTheBody) {
  Served served;
  Client client(served.port());
  client.say("HEAD /api/status HTTP/1.1\r\nHost: a\r\n\r\n");
  const Heard heard = client.hear(false);
  EXPECT_EQ(heard.status, 200);
  EXPECT_NE(heard.head.find("Content-Length: 12\r\n"), std::string::npos);
  client.say(get("/number?n=next"));
  EXPECT_EQ(client.hear().body, "next") << "nothing stands between the two answers";
  client.say("HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_NE(client.hear_all().find("text/event-stream"), std::string::npos);
}

TEST(HttpServer, ClosesWhereTheClientSaysSo) {
  Served served;
  for (const std::string& request : {get("/api/status", "Connection: close\r\n"),
                                     std::string("GET /api/status HTTP/1.0\r\nHost: a\r\n\r\n")}) {
    Client client(served.port());
    client.say(request);
    const Heard heard = client.hear();
    EXPECT_EQ(heard.status, 200);
    EXPECT_NE(heard.head.find("Connection: close"), std::string::npos);
    EXPECT_TRUE(client.ended());
  }
}

TEST(HttpServer, AnswersAClientThatOnlyListensAnyMore) {
  Served served;
  Client client(served.port());
  client.say(get("/number?n=1") + get("/number?n=2"));
  client.say_no_more();
  EXPECT_EQ(client.hear().body, "1");
  EXPECT_EQ(client.hear().body, "2");
  EXPECT_TRUE(client.ended());
}

TEST(HttpServer, AsksForTheBodyWhereTheClientWaitsForThat) {
  Served served;
  Client client(served.port());
  client.say("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.hear_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.say("{}");
  EXPECT_EQ(client.hear().body, "{}");
}

TEST(HttpServer, AHandlerThatFailsIsAnAnswerToo) {
  Served served;
  Client client(served.port());
  client.say(get("/throw") + get("/nothing") + get("/number?n=on"));
  const Heard thrown = client.hear();
  EXPECT_EQ(thrown.status, 500);
  EXPECT_NE(thrown.body.find("layer 999 is not there"), std::string::npos);
  EXPECT_EQ(client.hear().status, 500);
  EXPECT_EQ(client.hear().body, "on");
}

TEST(HttpServer, SendsABigAnswerWhole) {
  Served served;
  Client client(served.port());
  client.say(get("/big"));
  EXPECT_EQ(client.hear().body, std::string(kBig, 'x'));
}

// --- Rude clients --------------------------------------------------------------------------------

// The status of the first answer to some bytes, and that the connection ended behind it.
void expect_refused(Served& served, const std::string& name, const std::string& bytes, int status) {
  Client client(served.port());
  client.say(bytes);
  const Heard heard = client.hear();
  EXPECT_EQ(heard.status, status) << name;
  EXPECT_NE(heard.head.find("Connection: close\r\n"), std::string::npos) << name;
  EXPECT_EQ(heard.head.find("Access-Control"), std::string::npos) << name;
  EXPECT_NE(heard.body.find("{\"error\": {\"code\": \""), std::string::npos) << name;
  EXPECT_TRUE(client.ended()) << name;
  EXPECT_FALSE(client.broken()) << name
                                << ": not every system keeps an answer that a break follows";
  client.close();
  served.expect_well(name);
}

TEST(HttpServer, RefusesWhatTheReaderRefusesAndHangsUp) {
  Served served;
  const std::string host = "Host: localhost\r\n", post = "POST /echo HTTP/1.1\r\n" + host;
  expect_refused(served, "garbage", "\x01\x02\x03", 400);
  expect_refused(served, "a TLS hello", std::string("\x16\x03\x01\x02\x00\x01", 6), 400);
  expect_refused(served, "GET only", "GET\r\n", 400);
  expect_refused(served, "bare line feeds", "GET / HTTP/1.1\nHost: a\n\n", 400);
  expect_refused(served, "HTTP/2.0", "GET / HTTP/2.0\r\n", 505);
  expect_refused(served, "BREW", "BREW / HTTP/1.1\r\n", 501);
  expect_refused(served, "TRACE", "TRACE / HTTP/1.1\r\n" + host + "\r\n", 501);
  expect_refused(served, "a long address", get("/" + std::string(9000, 'a')), 414);
  expect_refused(served, "a long header", get("/", "X: " + std::string(9000, 'a') + "\r\n"), 431);
  expect_refused(served, "two Hosts", get("/", host), 400);
  expect_refused(served, "no length", post + "\r\n", 411);
  expect_refused(served, "chunks", post + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501);
  expect_refused(served, "an absolute address", "GET http://evil/ HTTP/1.1\r\n" + host + "\r\n",
                 400);
  // The refusal arrives although nobody reads what the client goes on sending.
  expect_refused(served, "a body of 2 MB",
                 post + "Content-Length: 2000000\r\n\r\n" + std::string(2'000'000, 'x'), 413);
}

TEST(HttpServer, RefusesARequestThatEndsInTheMiddle) {
  Served served;
  for (const std::string& half :
       {std::string("GET"), get("/").substr(0, 30),
        std::string("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe")}) {
    Client client(served.port());
    client.say(half);
    client.say_no_more();
    EXPECT_EQ(client.hear().status, 400) << half;
    EXPECT_TRUE(client.ended());
  }
  served.expect_well("halves of requests");
}

TEST(HttpServer, AnswersWhatStandsInFrontOfGarbage) {
  Served served;
  Client client(served.port());
  client.say("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}garbage\r\n" + get("/"));
  EXPECT_EQ(client.hear().body, "{}");
  EXPECT_EQ(client.hear().status, 400);
  EXPECT_TRUE(client.ended()) << "nothing behind the garbage is answered";
}

TEST(HttpServer, AnswersPathsThatLeadOutOfItWithNotFound) {
  Served served;
  for (const char* path : {"/../etc/passwd", "/%2e%2e/etc/passwd", "/..%2fetc", "/%5c..%5c",
                           "//etc", "/./", "/%c0%ae%c0%ae/"}) {
    Client client(served.port());
    client.say(get(path));
    EXPECT_EQ(client.hear().status, 404) << path;
  }
  served.expect_well("paths that lead out");
}

TEST(HttpServer, TheGuardStandsInFrontOfAPage) {
  Served served;
  const std::string own = "localhost:" + std::to_string(served.port());
  const auto status = [&](const std::string& host, const std::string& headers) {
    Client client(served.port());
    client.say("GET /guarded HTTP/1.1\r\nHost: " + host + "\r\n" + headers + "\r\n");
    const Heard heard = client.hear();
    EXPECT_EQ(heard.head.find("Access-Control"), std::string::npos);
    return heard.status;
  };
  const std::string token = "X-Glass-Token: secret\r\n";
  EXPECT_EQ(status(own, token), 200);
  EXPECT_EQ(status(own, token + "Origin: http://" + own + "\r\n"), 200);
  EXPECT_EQ(status(own, ""), 401);
  EXPECT_EQ(status(own, "X-Glass-Token: Secret\r\n"), 401);
  EXPECT_EQ(status("evil.com", token), 403);
  EXPECT_EQ(status(own, token + "Origin: null\r\n"), 403);
  EXPECT_EQ(status(own, token + "Sec-Fetch-Site: cross-site\r\n"), 403);
}

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
  std::vector<Client> slow;
  for (int i = 0; i < 200; ++i) {
    slow.emplace_back(served.port());
    slow.back().say("G");
  }
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
  std::vector<Client> busy;
  for (int i = 0; i < 3; ++i) {
    busy.emplace_back(served.port());
    busy.back().say(get("/wait"));
  }
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
  std::vector<Client> busy;
  for (int i = 0; i < 5; ++i) {
    busy.emplace_back(served.port());
    busy.back().say(get("/wait"));
  }
  ASSERT_TRUE(in_the_end([&] { return served.waiting == 2; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));   // a third one would come by now
  EXPECT_EQ(served.waiting, 2);
  served.go_on = true;
  for (Client& client : busy) EXPECT_EQ(client.hear().body, "waited");
}

TEST(HttpServer, SurvivesThatNoDescriptorsAreLeft) {
  Served served;
  const long before = open_descriptors();
  std::vector<Client> clients;
  for (int i = 0; i < 10; ++i) clients.emplace_back(served.port());
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

// --- Clients that go away, or do not read --------------------------------------------------------

TEST(HttpServer, DoesNotMindAClientThatGoesInTheMiddleOfAnAnswer) {
  Served served;
  for (int i = 0; i < 5; ++i) {
    Client rude(served.port()), polite(served.port());
    for (Client* client : {&rude, &polite}) {
      client->say(get("/big"));
      client->hear_bytes(1);
    }
    rude.vanish();
    polite.close();
  }
  served.expect_well("clients that went away");
}

TEST(HttpServer, AClientThatDoesNotReadItsAnswerHoldsUpNobody) {
  Served served;
  std::vector<Client> deaf;   // more of them than there are workers
  for (int i = 0; i < 8; ++i) {
    deaf.emplace_back(served.port());
    deaf.back().say(get("/big"));
    deaf.back().hear_bytes(1);
  }
  Client client(served.port());
  client.say(get("/number?n=1"));
  EXPECT_EQ(client.hear().body, "1");
  deaf.clear();
  client.close();
  served.expect_well("clients that do not read");
}

TEST(HttpServer, DropsAClientThatDoesNotReadItsAnswer) {
  HttpOptions options = patient();
  options.write_seconds = 0.2;
  Served served(options);
  const long before = open_descriptors();
  Client deaf(served.port());
  deaf.say(get("/big"));
  deaf.hear_bytes(1);
  EXPECT_TRUE(in_the_end([&] { return open_descriptors() == before + 1; }))
      << "the server still has a descriptor for it";
  EXPECT_LT(deaf.hear_all().size(), kBig);
}

// --- Streams -------------------------------------------------------------------------------------

TEST(HttpServer, StreamsEventsUntilTheClientGoes) {
  Served served;
  Client client(served.port());
  client.say(get("/stream"));
  EXPECT_NE(client.hear_until("\r\n\r\n").find("Content-Type: text/event-stream"),
            std::string::npos);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.hear_until("\n\n"), "event: event\ndata: tick\n\n");
  EXPECT_EQ(served.streams, 1);
  client.close();
  EXPECT_TRUE(in_the_end([&] { return served.streams == 0; })) << "nobody told the handler";
  served.expect_well("a stream");
}

TEST(HttpServer, KnowsThatAClientWentWithoutWritingToIt) {
  Served served;
  Client client(served.port());
  client.say(get("/wait"));
  ASSERT_TRUE(in_the_end([&] { return served.waiting == 1; }));
  client.close();
  EXPECT_TRUE(in_the_end([&] { return served.waiting == 0; }));
}

TEST(HttpServer, TakesNothingFromAClientByLookingWhetherItIsThere) {
  Served served;
  Client client(served.port());
  client.say(get("/wait"));
  ASSERT_TRUE(in_the_end([&] { return served.waiting == 1; }));
  client.say(get("/number?n=1"));
  std::this_thread::sleep_for(std::chrono::milliseconds(10));   // the handler looks all the time
  served.go_on = true;
  EXPECT_EQ(client.hear().body, "waited");
  EXPECT_EQ(client.hear().body, "1");
}

TEST(HttpServer, TheNinthStreamIsRefusedUntilOneOfTheEightEnds) {
  Served served;
  std::vector<Client> watching;
  for (int i = 0; i < 8; ++i) {
    watching.emplace_back(served.port());
    watching.back().say(get("/stream"));
    EXPECT_NE(watching.back().hear_until("tick").find("tick"), std::string::npos);
  }
  Client ninth(served.port());
  ninth.say(get("/stream"));
  EXPECT_EQ(ninth.hear().status, 503);
  ninth.say(get("/number?n=1"));
  EXPECT_EQ(ninth.hear().body, "1") << "eight streams take no worker from anybody";
  watching.pop_back();
  EXPECT_TRUE(in_the_end([&] {
    Client again(served.port());
    again.say(get("/stream", "Connection: close\r\n"));
    return again.hear_until("tick").find("tick") != std::string::npos;
  }));
  watching.clear();
  ninth.close();
  served.expect_well("nine streams");
}

TEST(HttpServer, DropsAClientThatNeverReadsItsStreamWhileOthersAreServed) {
  HttpOptions options = patient();
  options.write_seconds = 0.2;
  Served served(options);
  std::vector<Client> deaf;
  for (int i = 0; i < 8; ++i) {
    deaf.emplace_back(served.port());
    deaf.back().say(get("/flood"));
  }
  ASSERT_TRUE(in_the_end([&] { return served.streams == 8; }));
  Client client(served.port());
  client.say(get("/number?n=1"));
  EXPECT_EQ(client.hear().body, "1");
  EXPECT_TRUE(in_the_end([&] { return served.streams == 0; })) << "a handler still writes";
  deaf.clear();
  client.close();
  served.expect_well("streams that nobody read");
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
            "cannot listen on port " + std::to_string(first.port()) +
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
  EXPECT_NE(refusal_of(foreign, ExitCode::system).find("cannot listen on port 0: "),
            std::string::npos);
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
}   // namespace glass
