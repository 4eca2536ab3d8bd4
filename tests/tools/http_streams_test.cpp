// Clients that go away in the middle, that do not read, and that watch a stream for long.
#include "tests/tools/http_served.h"

namespace glass::test {
namespace {

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
  std::vector<Client> deaf = crowd(served, 8, get("/big"));   // more than there are workers
  for (Client& client : deaf) client.hear_bytes(1);
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

// A browser that gives up an answer closes the connection: so does one that says it will say no
// more.
TEST(HttpServer, TellsAHandlerThatLooksThatItsClientIsGone) {
  Served served;
  using Leave = void (*)(Client&);
  for (const Leave leave : {Leave([](Client& client) { client.close(); }),
                            Leave([](Client& client) { client.vanish(); }),
                            Leave([](Client& client) { client.say_no_more(); })}) {
    Client client(served.port());
    client.say(get("/wait"));
    ASSERT_TRUE(in_the_end([&] { return served.waiting == 1; }));
    leave(client);
    EXPECT_TRUE(in_the_end([&] { return served.waiting == 0; }));
  }
  served.expect_well("clients that left before their answer");
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
  std::vector<Client> watching = crowd(served, 8, get("/stream"));
  for (Client& client : watching)
    EXPECT_NE(client.hear_until("tick").find("tick"), std::string::npos);
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
  std::vector<Client> deaf = crowd(served, 8, get("/flood"));
  ASSERT_TRUE(in_the_end([&] { return served.streams == 8; }));
  Client client(served.port());
  client.say(get("/number?n=1"));
  EXPECT_EQ(client.hear().body, "1");
  EXPECT_TRUE(in_the_end([&] { return served.streams == 0; })) << "a handler still writes";
  deaf.clear();
  client.close();
  served.expect_well("streams that nobody read");
}

}   // namespace
}   // namespace glass::test
