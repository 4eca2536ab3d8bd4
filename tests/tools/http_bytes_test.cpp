// What the server answers to bytes, well said and rude, over raw sockets.
#include "tests/tools/http_served.h"

namespace glass::test {
namespace {

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

}   // namespace
}   // namespace glass::test
