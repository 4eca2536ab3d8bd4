// glass serve, from outside: what it prints, which files it gives away, and whom it answers.
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "engine/base/json_value.h"
#include "tests/tools/http_client.h"
#include "tests/tools/process.h"

extern char** environ;

namespace glass::test {
namespace {

// A server of its own, and what it said first.
class Served {
 public:
  explicit Served(const std::vector<std::string>& options = {"--ckpt", "handmade:induction"}) {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::pipe(ends), 0);
    posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_adddup2(&files, ends[1], 1);
    ::posix_spawn_file_actions_addclose(&files, ends[0]);
    ::posix_spawn_file_actions_addclose(&files, ends[1]);
    std::vector<std::string> words = {glass_program(), "serve", "--json", "--threads", "1"};
    words.insert(words.end(), options.begin(), options.end());
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    EXPECT_EQ(::posix_spawn(&process_, pointers[0], &files, nullptr, pointers.data(), environ), 0);
    ::posix_spawn_file_actions_destroy(&files);
    ::close(ends[1]);
    std::FILE* out = ::fdopen(ends[0], "r");
    for (int c = std::fgetc(out); c != EOF && c != '\n'; c = std::fgetc(out))
      said += static_cast<char>(c);
    std::fclose(out);
    const JsonValue told = parse_json(said, "what glass serve said");
    port = static_cast<int>(told.at("port", "said").integer("port", 1, 65535));
    const std::string& url = told.at("url", "said").text;
    token = url.substr(url.find("#t=") + 3);
  }
  ~Served() { end(SIGKILL); }
  Served(const Served&) = delete;
  Served& operator=(const Served&) = delete;

  // As a shell says it; -1 where it is gone already.
  int end(int signal) {
    if (process_ <= 0) return -1;
    ::kill(process_, signal);
    int status = 0;
    ::waitpid(std::exchange(process_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  // One request on a connection of its own.
  Heard ask(const std::string& first_line, const std::string& headers = "",
            const std::string& body = "") const {
    Client client(port);
    client.say(first_line + " HTTP/1.1\r\nHost: localhost:" + std::to_string(port) + "\r\n" +
               headers +
               (body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n") +
               "\r\n" + body);
    return client.hear();
  }
  std::string key() const { return "X-Glass-Token: " + token + "\r\n"; }

  std::string said, token;
  int port = 0;

 private:
  pid_t process_ = -1;
};

const std::string kJson = "Content-Type: application/json\r\n";

TEST(Serve, SaysWhereItIsAndLeavesAtCtrlC) {
  Served server;
  const JsonValue told = parse_json(server.said, "stdout");
  EXPECT_EQ(told.at("url", "said").text,
            "http://127.0.0.1:" + std::to_string(server.port) + "/#t=" + server.token);
  EXPECT_EQ(server.token.size(), 32u) << "128 bits";
  EXPECT_EQ(server.end(SIGINT), 130);
}

TEST(Serve, GivesAwayTheFilesOfThePageAndNoOthers) {
  const Served server;
  const std::string folder = std::string(GLASS_SOURCE_DIR) + "/tools/web";
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (!entry.is_regular_file() || name.ends_with(".md")) continue;
    std::stringstream bytes;
    bytes << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    const Heard heard = server.ask("GET /" + name);
    EXPECT_EQ(heard.status, 200) << name;
    EXPECT_TRUE(heard.body == bytes.str()) << name << " is not what lies in the folder";
    EXPECT_NE(heard.head.find("script-src 'self'"), std::string::npos) << heard.head;
    ++files;
  }
  EXPECT_GT(files, 20);
  EXPECT_NE(server.ask("GET /").body.find("<title>Glassbox</title>"), std::string::npos);
  for (const char* path : {"/README.md", "/serve.cpp", "/web/app.js", "/..%2fserve.cpp", "/app.js/",
                           "/%2e%2e/%2e%2e/etc/passwd", "//app.js", "/App.js"})
    EXPECT_EQ(server.ask(std::string("GET ") + path).status, 404) << path;
  const Heard put = server.ask("PUT /app.js", kJson, "{}");
  EXPECT_EQ(put.status, 405) << put.body;
  EXPECT_NE(put.head.find("Allow: GET"), std::string::npos) << put.head;
}

TEST(Serve, AnswersOnlyWhoHasTheKey) {
  const Served server;
  EXPECT_EQ(server.ask("GET /api/status").status, 401);
  EXPECT_EQ(server.ask("GET /api/status", "X-Glass-Token: 0123\r\n").status, 401);
  EXPECT_EQ(server.ask("GET /api/status", server.key()).status, 200);
  EXPECT_EQ(server.ask("GET /api/nothing").status, 401) << "a stranger learns nothing";
  EXPECT_EQ(server.ask("GET /api/nothing", server.key()).status, 404);
  EXPECT_EQ(server.ask("GET /health").status, 200) << "the reference dashboard's need none";
  EXPECT_EQ(server.ask("POST /api/status", server.key() + kJson, "{}").status, 405);
}

TEST(Serve, AnswersNoPageOfAnotherSite) {
  const Served server;
  EXPECT_EQ(server.ask("GET /api/status", server.key() + "Origin: http://evil.com\r\n").status,
            403);
  EXPECT_EQ(server.ask("GET /", "Sec-Fetch-Site: cross-site\r\n").status, 403);
  Client client(server.port);
  client.say("GET / HTTP/1.1\r\nHost: evil.com\r\n\r\n");
  EXPECT_EQ(client.hear().status, 403);
}

TEST(Serve, RefusesABodyThatIsNoObject) {
  const Served server;
  const std::string path = "POST /api/interp/attention";
  for (const char* body : {"{", "[]", "7", "{\"a\": NaN}", "{\"a\": 1, \"a\": 2}", "\xff"}) {
    const Heard heard = server.ask(path, server.key() + kJson, body);
    EXPECT_EQ(heard.status, 400) << body << ": " << heard.body;
    EXPECT_NE(heard.body.find("\"message\""), std::string::npos) << heard.body;
  }
  EXPECT_EQ(server.ask(path, server.key() + "Content-Type: text/plain\r\n", "{}").status, 415);
  EXPECT_EQ(server.ask(path, server.key() + kJson, R"({"tokens": "1,2"})").status, 200);
}

TEST(Serve, StreamsEvents) {
  const Served server;
  Client client(server.port);
  const std::string body = R"({"prompt": "x7kq2x7k", "n": 3})";
  client.say("POST /api/generate HTTP/1.1\r\nHost: localhost:" + std::to_string(server.port) +
             "\r\n" + server.key() + kJson + "Content-Length: " + std::to_string(body.size()) +
             "\r\n\r\n" + body);
  const std::string heard = client.hear_all();
  EXPECT_NE(heard.find("text/event-stream"), std::string::npos) << heard;
  EXPECT_NE(heard.find("event: token\n"), std::string::npos) << heard;
  EXPECT_NE(heard.find("event: done\n"), std::string::npos) << heard;
}

TEST(Serve, RefusesWhatCannotBeServed) {
  EXPECT_NE(error_of(glass({"serve", "--web-dir", "/nowhere"}), 4).find("index.html"),
            std::string::npos);
  EXPECT_NE(error_of(glass({"serve", "--host", "0.0.0.0"}), 2).find("every address"),
            std::string::npos);
  const Served other;
  EXPECT_NE(error_of(glass({"serve", "--port", std::to_string(other.port)}), 4)
                .find(std::to_string(other.port)),
            std::string::npos);
}

}   // namespace
}   // namespace glass::test
