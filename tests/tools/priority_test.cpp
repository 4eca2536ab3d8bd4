// That the server gives way to a training, and a training that it starts does not.
#include <gtest/gtest.h>

#ifdef __linux__
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <future>
#include <stdexcept>
#include <string>

#include "tests/tools/http_client.h"
#include "tests/tools/process.h"
#include "tools/http/http.h"
#include "tools/priority.h"

namespace glass {
namespace {

int nice_of_this_thread() { return ::getpriority(PRIO_PROCESS, 0); }

template <class Ask>
int in_a_thread(const Ask& ask) {
  return std::async(std::launch::async, ask).get();
}

TEST(Priority, AThreadThatGivesWayTakesNobodyWithIt) {
  const int before = nice_of_this_thread();
  const int lowered = in_a_thread([] {
    give_way();
    return nice_of_this_thread();
  });
  EXPECT_GE(lowered, 10);
  EXPECT_EQ(nice_of_this_thread(), before);
}

TEST(Priority, AnErrandIsRunAtThePriorityOfWhoeverMadeTheObject) {
  const int before = nice_of_this_thread();
  Errands errands;
  int found = -1;
  std::string inherited;
  in_a_thread([&] {
    give_way();
    errands.run([&] { found = nice_of_this_thread(); });
    errands.run([&] { inherited = test::run({"nice"}).out; });   // says what it runs at
    return 0;
  });
  EXPECT_EQ(found, before);
  EXPECT_EQ(inherited, std::to_string(before) + "\n") << "of a process that was started";
  EXPECT_THROW(errands.run([] { throw std::runtime_error("no"); }), std::runtime_error);
}

TEST(Priority, TheServerAnswersInThreadsThatGiveWay) {
  HttpServer server({}, [](const HttpRequest&, HttpReply& reply) {
    reply.send({.body = std::to_string(nice_of_this_thread())});
  });
  std::future<int> over = std::async(std::launch::async, [&] {
    server.run();
    return nice_of_this_thread();
  });
  test::Client client(server.port());
  client.say(test::get("/"));
  EXPECT_GE(std::stoi(client.hear().body), 10);
  server.stop();
  EXPECT_EQ(over.get(), nice_of_this_thread()) << "whoever calls run() keeps his own";
}

int nice_of_this_session() {
  std::string name, word;
  int nice = -1;
  std::ifstream("/proc/self/autogroup") >> name >> word >> nice;
  return nice;
}

TEST(Priority, ASessionGivesWayAsLongAsTheObjectLives) {
  if (nice_of_this_session() < 0) GTEST_SKIP() << "this system does not share by sessions";
  const pid_t child = ::fork();   // a session of its own, so that ours stays as it is
  if (child == 0) {
    ::setsid();
    int within = -1;
    {
      const SessionGivesWay way;
      within = nice_of_this_session();
      ::usleep(200'000);   // the system allows one change in a tenth of a second
    }
    ::_exit(within != 10 ? 1 : nice_of_this_session() == 10 ? 2 : 0);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0) << "1: not lowered, 2: not put back";
}

}   // namespace
}   // namespace glass
#endif
