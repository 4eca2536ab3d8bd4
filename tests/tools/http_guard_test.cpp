// Who may ask the server, and what every answer says.
#include <gtest/gtest.h>

#include <set>

#include "engine/base/error.h"
#include "engine/base/json_value.h"
#include "tools/http/answers.h"
#include "tools/http/guard.h"

namespace glass {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

constexpr const char* kToken = "0123456789abcdef0123456789abcdef";

HttpRequest asked(const std::string& method, Headers headers) {
  HttpRequest request;
  request.method = method, request.path = "/", request.headers = std::move(headers);
  return request;
}

int status(const std::optional<HttpResponse>& refusal) { return refusal ? refusal->status : 200; }

TEST(Guard, KnowsItsOwnPageFromThoseOfOthers) {
  const Guard guard(own_hosts(8080), kToken);
  struct Row {
    std::string host;
    Headers more;
    int status;
  };
  const std::string own = "localhost:8080";
  const std::vector<Row> rows = {
      {"127.0.0.1:8080", {}, 200},
      {"localhost:8080", {}, 200},
      {"[::1]:8080", {}, 200},
      {"evil.com", {}, 403},
      {"evil.com:8080", {}, 403},
      {"127.0.0.1.evil.com:8080", {}, 403},
      {"localhost.evil.com:8080", {}, 403},
      {"evil.com.localhost:8080", {}, 403},
      {"localhost:1", {}, 403},
      {"localhost", {}, 403},
      {"localhost:80800", {}, 403},
      {"127.0.0.2:8080", {}, 403},
      {"user@localhost:8080", {}, 403},
      {"", {}, 403},
      {own, {{"origin", "http://localhost:8080"}}, 200},
      {own, {{"origin", "null"}}, 403},
      {own, {{"origin", "http://localhost:1"}}, 403},
      {own, {{"origin", "https://localhost:8080"}}, 403},
      {own, {{"origin", "http://evil.com"}}, 403},
      {own, {{"origin", "http://127.0.0.1:8080"}}, 403},   // another site, to a browser
      {own, {{"sec-fetch-site", "same-origin"}}, 200},
      {own, {{"sec-fetch-site", "none"}}, 200},
      {own, {{"sec-fetch-site", "cross-site"}}, 403},
      {own, {{"sec-fetch-site", "same-site"}}, 403},
      {own, {{"sec-fetch-site", "anything"}}, 403},
  };
  for (const Row& row : rows) {
    Headers headers = row.more;
    headers.emplace_back("host", row.host);
    EXPECT_EQ(status(guard.stranger(asked("GET", headers))), row.status)
        << row.host
        << (row.more.empty() ? "" : ", " + row.more[0].first + ": " + row.more[0].second);
  }
}

TEST(Guard, TakesJsonOnly) {
  const Guard guard(own_hosts(8080), kToken);
  const auto posted = [&](const std::string& type) {
    return status(
        guard.stranger(asked("POST", {{"host", "localhost:8080"}, {"content-type", type}})));
  };
  EXPECT_EQ(posted("application/json"), 200);
  EXPECT_EQ(posted("application/json; charset=utf-8"), 200);
  for (const char* type : {"", "text/plain", "application/x-www-form-urlencoded",
                           "multipart/form-data; boundary=application/json", "application/jsonp",
                           "text/plain;application/json"})
    EXPECT_EQ(posted(type), 415) << type;
}

TEST(Guard, GivesNoSitePermission) {
  const Guard guard(own_hosts(8080), kToken);
  const auto refusal = guard.stranger(
      asked("OPTIONS", {{"host", "localhost:8080"}, {"access-control-request-method", "POST"}}));
  ASSERT_EQ(status(refusal), 403);
  EXPECT_EQ(answer_bytes(*refusal, Then::keep_open).find("Access-Control"), std::string::npos);
}

TEST(Guard, WantsTheWholeToken) {
  const Guard guard(own_hosts(8080), kToken);
  const auto with = [&](const std::string& token) {
    return status(guard.without_token(asked("GET", {{"x-glass-token", token}})));
  };
  EXPECT_EQ(with(kToken), 200);
  EXPECT_EQ(status(guard.without_token(asked("GET", {}))), 401);
  for (const std::string& wrong :
       {std::string(), std::string(kToken).substr(1), std::string(kToken) + "0",
        std::string(32, '0'), "1" + std::string(kToken).substr(1),
        std::string(kToken).substr(0, 31) + "0"})
    EXPECT_EQ(with(wrong), 401) << wrong;
}

TEST(Guard, MakesTokensThatNobodyHasSeen) {
  std::set<std::string> tokens;
  for (int i = 0; i < 1000; ++i) {
    const std::string token = make_token();
    EXPECT_EQ(token.size(), 32u);
    EXPECT_EQ(token.find_first_not_of("0123456789abcdef"), std::string::npos) << token;
    tokens.insert(token);
  }
  EXPECT_EQ(tokens.size(), 1000u);
}

TEST(Guard, LeavesOutThePortThatBrowsersLeaveOut) {
  const Guard guard(own_hosts(80), kToken);
  for (const char* host : {"localhost", "localhost:80", "127.0.0.1", "[::1]"})
    EXPECT_EQ(status(guard.stranger(asked("GET", {{"host", host}}))), 200) << host;
}

// --- Answers -------------------------------------------------------------------------------------

TEST(Answers, SayWhatAPageMayDo) {
  const std::string plain = answer_bytes({.body = "hi"}, Then::keep_open), stream = stream_head();
  for (const std::string& bytes : {plain, stream}) {
    for (const char* line : {"HTTP/1.1 200 OK\r\n", "X-Content-Type-Options: nosniff\r\n",
                             "Referrer-Policy: no-referrer\r\n", "Cache-Control: no-store\r\n",
                             "Cross-Origin-Resource-Policy: same-origin\r\n",
                             "Content-Security-Policy: default-src 'none'; script-src 'self'; "})
      EXPECT_NE(bytes.find(line), std::string::npos) << line << "is not in\n" << bytes;
    EXPECT_EQ(bytes.find("Access-Control"), std::string::npos);
  }
  EXPECT_NE(plain.find("Connection: keep-alive\r\nContent-Length: 2\r\n\r\nhi"), std::string::npos);
  EXPECT_EQ(stream.find("Content-Length"), std::string::npos);
  EXPECT_NE(stream.find("Connection: close\r\n"), std::string::npos);
}

TEST(Answers, AHeaderOfThePageReplacesThatOfTheHouse) {
  const std::string bytes =
      answer_bytes({.headers = {{"Content-Security-Policy", "default-src 'self'"}}}, Then::hang_up);
  EXPECT_NE(bytes.find("Content-Security-Policy: default-src 'self'\r\n"), std::string::npos);
  EXPECT_EQ(bytes.find("default-src 'none'"), std::string::npos);
}

TEST(Answers, LeaveOutTheBodyButNotItsLength) {
  const std::string bytes = answer_bytes({.body = "hello"}, Then::keep_open, Body::left_out);
  EXPECT_NE(bytes.find("Content-Length: 5\r\n\r\n"), std::string::npos);
  EXPECT_EQ(bytes.find("hello"), std::string::npos);
}

TEST(Answers, RefuseAHeaderThatSomebodyElseWrote) {
  EXPECT_THROW(answer_bytes({.headers = {{"X", "a\r\nSet-Cookie: b"}}}, Then::hang_up), Error);
  EXPECT_THROW(answer_bytes({.type = "text/html\n"}, Then::hang_up), Error);
  EXPECT_THROW(answer_bytes({.status = 299}, Then::hang_up), Error);
}

TEST(Answers, TellAnErrorInWordsAProgramCanRead) {
  const HttpResponse response = error_answer(404, "no \"layer\" 999", "there are 6");
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.type, "application/json");
  EXPECT_EQ(response.body, R"({"error": {"code": "not_found", "message": "no \"layer\" 999", )"
                           R"("hint": "there are 6"}})");
}

TEST(Answers, AnEventKeepsTheLinesOfItsData) {
  EXPECT_EQ(event_bytes("token", "{}"), "event: token\ndata: {}\n\n");
  EXPECT_EQ(event_bytes("x", "a\nb\r\nc\rd\n"),
            "event: x\ndata: a\ndata: b\ndata: c\ndata: d\ndata: \n\n");
  EXPECT_EQ(event_bytes("x", ""), "event: x\ndata: \n\n");
}

}   // namespace
}   // namespace glass
