// `glass serve` as a process, against clients that are up to no good: after every one of them it
// answers a good request, and has no more descriptors open than before.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>
#include <vector>

#include "tests/tools/http_client.h"
#include "tests/tools/process.h"

namespace glass::test {
namespace {

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
    text.replace(at, what.size(), by);
  return text;
}

class ServeProcess {
 public:
  ServeProcess() {
    std::array<int, 2> out{};
    if (::pipe(out.data()) != 0) throw std::runtime_error("pipe failed");
    process_ = ::fork();
    if (process_ == 0) {
      ::setsid();   // it lowers its session, and ours stays as it is
      ::dup2(out[1], 1);
      ::dup2(::open("/dev/null", O_RDWR), 2);
      for (int fd = 3; fd < 256; ++fd) ::close(fd);
      const std::string program = glass_program();
      ::execl(program.c_str(), "glass", "serve", "--ckpt", "handmade:induction", "--runs",
              runs_.path().c_str(), static_cast<char*>(nullptr));
      ::_exit(127);
    }
    ::close(out[1]);
    for (char byte = 0; ::read(out[0], &byte, 1) == 1 && byte != '\n';) address_ += byte;
    ::close(out[0]);
    host_ = address_.substr(7, address_.find("/#t=") - 7);
    token_ = address_.substr(address_.find("#t=") + 3);
  }
  ~ServeProcess() { end(SIGKILL); }

  // What a shell calls $?; 0 where it has ended before.
  int end(int signal) {
    if (process_ == 0) return 0;
    int status = 0;
    ::kill(process_, signal);
    ::waitpid(std::exchange(process_, 0), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  const std::string& address() const { return address_; }
  int port() const { return std::stoi(host_.substr(host_.rfind(':') + 1)); }
  // HOST and TOKEN stand for those of the address.
  std::string bytes(const std::string& text) const {
    return replaced(replaced(text, "HOST", host_), "TOKEN", token_);
  }
  Heard ask(const std::string& text) const {
    Client client(port());
    client.say(bytes(text));
    return client.hear();
  }
  long descriptors() const {   // 0 where the system does not tell
    std::error_code untold;
    const std::filesystem::directory_iterator all("/proc/" + std::to_string(process_) + "/fd",
                                                  untold);
    return std::distance(all, std::filesystem::directory_iterator());
  }

 private:
  Scratch runs_;
  pid_t process_ = 0;
  std::string address_, host_, token_;
};

std::string asks(const std::string& first, const std::string& headers = "") {
  return first + " HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n" + headers + "\r\n";
}

std::string posts(const std::string& path, const std::string& body,
                  const std::string& type = "application/json") {
  return "POST " + path +
         " HTTP/1.1\r\nHost: HOST\r\nX-Glass-Token: TOKEN\r\nConnection: close\r\n"
         "Content-Type: " +
         type + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

constexpr const char* kToken = "X-Glass-Token: TOKEN\r\n";

struct Row {
  std::string name, bytes;
  int status;
};

std::vector<Row> rows() {
  const std::string evil = " HTTP/1.1\r\nHost: evil.com\r\n", deep(100'000, '[');
  return {
      {"the page", asks("GET /"), 200},
      {"a HEAD of it", asks("HEAD /"), 200},
      {"the state", asks("GET /api/status", kToken), 200},
      // Bytes that are no request.
      {"garbage", "\x01\x02\x03", 400},
      {"a TLS hello", std::string("\x16\x03\x01\x02\x00\x01", 6), 400},
      {"bare line feeds", "GET / HTTP/1.1\nHost: HOST\n\n", 400},
      {"HTTP/2.0", "GET / HTTP/2.0\r\n", 505},
      {"BREW", "BREW /pot HTTP/1.1\r\n", 501},
      {"TRACE", asks("TRACE /"), 501},
      {"a long address", asks("GET /" + std::string(9000, 'a')), 414},
      {"a long header", asks("GET /", "X: " + std::string(9000, 'a') + "\r\n"), 431},
      {"no length", "POST /api/forward HTTP/1.1\r\nHost: HOST\r\n\r\n", 411},
      {"chunks", asks("POST /api/forward", "Transfer-Encoding: chunked\r\n"), 501},
      {"a body of 2 MB", asks("POST /api/forward", "Content-Length: 2000000\r\n"), 413},
      {"another server's address", asks("GET http://evil/"), 400},
      {"two Hosts", asks("GET /", "Host: HOST\r\n"), 400},
      {"many ranges",
       asks("GET /", "Range: bytes=" + replaced(std::string(1000, 'x'), "x", "0-0,") + "1-1\r\n"),
       200},
      // Pages of others.
      {"a name of theirs", "GET /" + evil + "\r\n", 403},
      {"a name that begins like ours", "GET / HTTP/1.1\r\nHost: 127.0.0.1.evil.com\r\n\r\n", 403},
      {"another port", "GET / HTTP/1.1\r\nHost: localhost:1\r\n\r\n", 403},
      {"their Origin", asks("GET /api/status", std::string(kToken) + "Origin: http://evil.com\r\n"),
       403},
      {"no Origin to speak of", asks("GET /api/status", std::string(kToken) + "Origin: null\r\n"),
       403},
      {"from another site",
       asks("GET /api/status", std::string(kToken) + "Sec-Fetch-Site: cross-site\r\n"), 403},
      {"a form", posts("/api/forward", "a=b", "application/x-www-form-urlencoded"), 415},
      {"plain text", posts("/api/forward", "{}", "text/plain"), 415},
      {"asking for permission", asks("OPTIONS /api/status"), 403},
      {"no token", asks("GET /api/status"), 401},
      {"a wrong token", asks("GET /api/status", "X-Glass-Token: 0\r\n"), 401},
      // Paths.
      {"up", asks("GET /../etc/passwd"), 404},
      {"up in disguise", asks("GET /%2e%2e/etc/passwd"), 404},
      {"up, half in disguise", asks("GET /..%2fetc/passwd"), 404},
      {"up with a backslash", asks("GET /%5c..%5cetc"), 404},
      {"the root", asks("GET //etc/passwd"), 404},
      {"here", asks("GET /./index.html"), 404},
      {"dots that are too long", asks("GET /%c0%ae%c0%ae/etc"), 404},
      {"NUL", asks("GET /%00"), 400},
      {"a layer that is not there", asks("GET /neurons/999"), 404},
      {"a method that the path does not have", asks("PUT /api/status", kToken), 405},
      // Bodies.
      {"JSON without end", posts("/api/forward", deep), 400},
      {"a number of a megabyte",
       posts("/api/forward", "{\"prompt\":" + std::string(1'000'000, '1') + "}"), 400},
      {"a name twice", posts("/api/forward", R"({"prompt":"a","prompt":"b"})"), 400},
      {"NaN", posts("/api/generate", R"({"prompt":"a","temp":NaN})"), 400},
      {"no UTF-8", posts("/api/forward", "{\"prompt\":\"\xff\xfe\"}"), 400},
      {"less than nothing", posts("/api/generate", R"({"prompt":"a","n":-1})"), 400},
      {"too much", posts("/api/generate", R"({"prompt":"a","n":2147483648})"), 400},
      {"a part of a token", posts("/api/generate", R"({"prompt":"a","n":1.5})"), 400},
      {"a word for a number", posts("/api/generate", R"({"prompt":"a","n":"x"})"), 400},
      {"a token that is not there", posts("/api/interp/attention", R"({"tokens":"1,2,999"})"), 400},
  };
}

// It is started directly here, and cannot be where programs run under an emulator.
bool emulated() { return std::getenv("GLASS_TEST_EMULATOR") != nullptr; }

TEST(Serve, AnswersEverybodyAsHeDeservesAndIsWellAfterwards) {
  if (emulated()) GTEST_SKIP() << "programs run under an emulator";
  ServeProcess server;
  ASSERT_EQ(server.ask(asks("GET /api/status", kToken)).status, 200) << server.address();
  const long before = server.descriptors();
  for (const Row& row : rows()) {
    const Heard heard = server.ask(row.bytes);
    EXPECT_EQ(heard.status, row.status) << row.name << "\n"
                                        << heard.head << heard.body.substr(0, 500);
    EXPECT_EQ(heard.head.find("Access-Control"), std::string::npos) << row.name;
    EXPECT_NE(heard.head.find("Content-Security-Policy: default-src 'none'"), std::string::npos)
        << row.name;
    if (heard.status == 405) {
      EXPECT_NE(heard.head.find("\r\nAllow: GET"), std::string::npos) << heard.head;
    }
    EXPECT_EQ(server.ask(asks("GET /api/status", kToken)).status, 200) << "after " << row.name;
  }
  for (int i = 0; i < 60'000 && server.descriptors() > before; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_LE(server.descriptors(), before);
  EXPECT_EQ(server.end(SIGINT), 130);
}

// Four answer at a time: if they went on with minutes of work for nobody, a fifth would wait.
TEST(Serve, AnAnalysisEndsWithTheConnectionThatAskedForIt) {
  if (emulated()) GTEST_SKIP() << "programs run under an emulator";
  ServeProcess server;
  std::vector<Client> askers;
  for (int i = 0; i < 4; ++i) {
    askers.emplace_back(server.port());
    askers.back().say(server.bytes(
        posts("/api/interp/heads", R"({"sequences": 500, "random-models": 1000})")));
  }
  askers[0].vanish();
  askers.clear();
  EXPECT_EQ(server.ask(asks("GET /api/status", kToken)).status, 200);
  EXPECT_EQ(server.end(SIGINT), 130);
}

TEST(Serve, PrintsAnAddressThatNobodyCanGuess) {
  if (emulated()) GTEST_SKIP() << "programs run under an emulator";
  ServeProcess first, second;
  const auto token = [](const ServeProcess& server) {
    return server.address().substr(server.address().find("#t="));
  };
  EXPECT_EQ(first.address().rfind("http://127.0.0.1:", 0), 0u);
  EXPECT_EQ(token(first).size(), 3u + 32u);
  EXPECT_NE(token(first), token(second));
}

}   // namespace
}   // namespace glass::test
