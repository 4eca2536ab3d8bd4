// The reader of requests against everything that a client may send: each row whole, byte by byte,
// and cut in two at every place, with the same result.
#include <gtest/gtest.h>

#include <vector>

#include "tools/http/request_reader.h"

namespace glass {
namespace {

using State = RequestReader::State;

constexpr const char* kHost = "Host: localhost:1\r\n";

std::string get(const std::string& target, const std::string& headers = "") {
  return "GET " + target + " HTTP/1.1\r\n" + kHost + headers + "\r\n";
}

std::string post(const std::string& headers, const std::string& body = "") {
  return std::string("POST /x HTTP/1.1\r\n") + kHost + headers + "\r\n" + body;
}

// The status of the refusal; 200 for a whole request, 0 for one that is not whole yet.
int verdict(const RequestReader& reader) {
  if (reader.state() == State::refused) return reader.refusal().status;
  return reader.state() == State::whole ? 200 : 0;
}

int verdict(std::string_view bytes, std::size_t piece) {
  RequestReader reader{HttpOptions{}};
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size())))
    reader.take(bytes.substr(0, piece));
  return verdict(reader);
}

struct Row {
  std::string name, bytes;
  int status;
};

std::string repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

std::vector<Row> rows() {
  const std::string nul(1, '\0'), body = "Content-Length: 2\r\n";
  return {
      // What a browser sends.
      {"a GET", get("/"), 200},
      {"a HEAD", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", 200},
      {"HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\n\r\n", 200},
      {"a POST", post(body, "{}"), 200},
      {"an empty POST", post("Content-Length: 0\r\n"), 200},
      {"a GET with a body", get("/", body) + "{}", 200},
      {"PUT, for the router to refuse", "PUT / HTTP/1.1\r\nHost: a\r\n\r\n", 200},
      {"OPTIONS, for the guard to refuse", "OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n", 200},
      {"a header without a value", get("/", "X-Empty:\r\n"), 200},
      {"letters beyond ASCII in a value", get("/", "X-Name: \xc3\xa9\xff\r\n"), 200},
      {"a thousand ranges", get("/", "Range: bytes=" + repeated("0-0,", 1000) + "1-1\r\n"), 200},
      {"paths for the router to refuse", get("/../etc/%2e%2e/..%2f%5c..//etc/./%c0%ae"), 200},
      // What is no HTTP/1.1.
      {"garbage", "\x01\x02\x03\x04", 400},
      {"garbage with lines", "hello\r\n\r\n", 400},
      {"a TLS hello", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11), 400},
      {"nothing but a method", "GET\r\n", 400},
      {"an empty line first", "\r\n" + get("/"), 400},
      {"no version", "GET /\r\n", 400},
      {"two spaces", "GET  / HTTP/1.1\r\n", 400},
      {"a tab", "GET\t/ HTTP/1.1\r\n", 400},
      {"a space behind", "GET / HTTP/1.1 \r\n", 400},
      {"small letters", "GET / http/1.1\r\n", 400},
      {"a bare line feed", "GET / HTTP/1.1\nHost: a\n\n", 400},
      {"a bare line feed in the header", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400},
      {"a bare line feed in a line nobody needs", get("/", "X: abc\n"), 400},
      {"a bare return", "GET / HTTP/1.1\rHost: a\r\n\r\n", 400},
      {"a return in a value", get("/", "X: a\rY: b\r\n"), 400},
      {"a NUL in the first line", "GET /" + nul + " HTTP/1.1\r\n", 400},
      {"a NUL in the header", get("/", "X: a" + nul + "\r\n"), 400},
      {"a letter beyond ASCII in the address", "GET /\xc3\xa9 HTTP/1.1\r\n", 400},
      {"HTTP/2.0", "GET / HTTP/2.0\r\n", 505},
      {"HTTP/9.9", "GET / HTTP/9.9\r\n", 505},
      {"HTTP/0.9", "GET / HTTP/0.9\r\n", 505},
      {"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"BREW", "BREW /pot HTTP/1.1\r\n", 501},
      {"TRACE", "TRACE / HTTP/1.1\r\n", 501},
      {"CONNECT", "CONNECT evil:443 HTTP/1.1\r\n", 501},
      {"a method in small letters", "get / HTTP/1.1\r\n", 400},
      // Addresses.
      {"an address that names a server", "GET http://evil/ HTTP/1.1\r\n", 400},
      {"an asterisk", "OPTIONS * HTTP/1.1\r\n", 400},
      {"a fragment", "GET /#t=1 HTTP/1.1\r\n", 400},
      {"%00", "GET /a%00b HTTP/1.1\r\n", 400},
      {"%00 in the query", "GET /a?b=%00 HTTP/1.1\r\n", 400},
      {"% and nothing", "GET /a% HTTP/1.1\r\n", 400},
      {"% and one digit", "GET /a%4 HTTP/1.1\r\n", 400},
      {"% and no digits", "GET /a%zz HTTP/1.1\r\n", 400},
      {"% and no digits in the query", "GET /a?%zz HTTP/1.1\r\n", 400},
      // The header.
      {"a space before the colon", get("/", "X : a\r\n"), 400},
      {"a folded line", get("/", "X: a\r\n b\r\n"), 400},
      {"a line folded with a tab", get("/", "X: a\r\n\tb\r\n"), 400},
      {"no colon", get("/", "X\r\n"), 400},
      {"no name", get("/", ": a\r\n"), 400},
      {"a name in quotes", get("/", "\"X\": a\r\n"), 400},
      {"no Host", "GET / HTTP/1.1\r\n\r\n", 400},
      {"no Host in HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", 400},
      {"an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
      {"two Hosts", get("/", kHost), 400},
      {"two Origins", get("/", "Origin: a\r\nOrigin: b\r\n"), 400},
      {"two tokens", get("/", "X-Glass-Token: a\r\nX-Glass-Token: a\r\n"), 400},
      // The length of the body.
      {"a POST without a length", post(""), 411},
      {"-1", post("Content-Length: -1\r\n"), 400},
      {"+5", post("Content-Length: +5\r\n"), 400},
      {"0x10", post("Content-Length: 0x10\r\n"), 400},
      {"1e3", post("Content-Length: 1e3\r\n"), 400},
      {"2^64", post("Content-Length: 18446744073709551616\r\n"), 400},
      {"2^64 + 2", post("Content-Length: 18446744073709551618\r\n", "{}"), 400},
      {"no digits", post("Content-Length:\r\n"), 400},
      {"two lengths", post(body + "Content-Length: 3\r\n"), 400},
      {"the same length twice", post(body + body, "{}"), 400},
      {"a list of lengths", post("Content-Length: 2, 2\r\n", "{}"), 400},
      {"a body of 2^62", post("Content-Length: 4611686018427387904\r\n"), 413},
      {"chunks", post("Transfer-Encoding: chunked\r\n", "-2\r\n{}\r\n0\r\n\r\n"), 501},
      {"chunks in a GET", get("/", "Transfer-Encoding: identity\r\n"), 501},
      {"chunks and a length", post(body + "Transfer-Encoding: chunked\r\n"), 501},
      {"chunks with a tab", post(body + "Transfer-Encoding:\tchunked\r\n"), 501},
      {"an Expect that nobody knows", post(body + "Expect: tea\r\n"), 417},
      // What is not whole yet is not refused either.
      {"nothing", "", 0},
      {"half a line", "GET / HT", 0},
      {"half a header", get("/").substr(0, 20), 0},
      {"half a body", post(body, "{"), 0},
  };
}

TEST(RequestReader, SaysTheSameHoweverTheBytesAreCut) {
  for (const Row& row : rows()) {
    EXPECT_EQ(verdict(row.bytes, std::string::npos), row.status) << row.name;
    EXPECT_EQ(verdict(row.bytes, 1), row.status) << row.name << ", byte by byte";
    for (std::size_t cut = 1; cut < std::min<std::size_t>(row.bytes.size(), 200); ++cut) {
      RequestReader reader{HttpOptions{}};
      reader.take(std::string_view(row.bytes).substr(0, cut));
      reader.take(std::string_view(row.bytes).substr(cut));
      EXPECT_EQ(verdict(reader), row.status) << row.name << ", cut at " << cut;
    }
  }
}

// {a request that just fits, one that is a byte or a line longer, what it is refused with}
TEST(RequestReader, LimitsAreWhatTheySay) {
  const HttpOptions limits;
  const auto line = [](std::size_t size) { return "X: " + std::string(size - 3, 'a') + "\r\n"; };
  const auto address = [](std::size_t size) { return get("/" + std::string(size - 1, 'a')); };
  const auto lines = [](int n) { return get("/", repeated("X: a\r\n", n - 1)); };
  const std::size_t host = std::string(kHost).size();
  const auto header = [&](std::size_t size) {
    return get("/", line(6000) + line(6000) + line(size - host - 2 * 6002 - 2));
  };
  const auto length = [](std::size_t size) {
    return post("Content-Length: " + std::to_string(size) + "\r\n");
  };
  EXPECT_EQ(verdict(address(limits.longest_target), 1000), 200);
  EXPECT_EQ(verdict(address(limits.longest_target + 1), 1000), 414);
  EXPECT_EQ(verdict(get("/", line(limits.longest_header_line - 1)), 1000), 200);
  EXPECT_EQ(verdict(get("/", line(limits.longest_header_line + 1)), 1000), 431);
  EXPECT_EQ(verdict(lines(static_cast<int>(limits.most_headers)), 1000), 200);
  EXPECT_EQ(verdict(lines(static_cast<int>(limits.most_headers) + 1), 1000), 431);
  EXPECT_EQ(verdict(header(limits.longest_header), 1000), 200);
  EXPECT_EQ(verdict(header(limits.longest_header + 1), 1000), 431);
  EXPECT_EQ(verdict(length(limits.largest_body), 1000), 0);
  EXPECT_EQ(verdict(length(limits.largest_body + 1), 1000), 413);
}

TEST(RequestReader, RefusesALineThatNeverEndsBeforeItFillsTheMemory) {
  RequestReader address{HttpOptions{}}, header{HttpOptions{}};
  header.take("GET / HTTP/1.1\r\nX: ");
  std::size_t taken = 0;
  for (const std::string some(1000, 'a'); taken < 100'000; taken += some.size())
    if (address.take(some) == State::refused && header.take(some) == State::refused) break;
  EXPECT_LT(taken, 20'000u);
  EXPECT_EQ(address.refusal().status, 414);
  EXPECT_EQ(header.refusal().status, 431);
}

TEST(RequestReader, HandsOutWhatWasSaid) {
  RequestReader reader{HttpOptions{}};
  reader.take(
      "POST /api/param/a%20b%2Bc+d?rows=1%2C2&empty&q=a+b%26c&q=2&=x HTTP/1.1\r\n"
      "HOST: localhost:1\r\nX-Some-Thing: \t two words \t\r\nContent-Length: 5\r\n\r\nhello");
  ASSERT_EQ(reader.state(), State::whole);
  const HttpRequest request = reader.request();
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.path, "/api/param/a b+c+d");
  const std::vector<std::pair<std::string, std::string>> query = {
      {"rows", "1,2"}, {"empty", ""}, {"q", "a b&c"}, {"q", "2"}, {"", "x"}};
  EXPECT_EQ(request.query, query);
  EXPECT_EQ(request.header("host"), "localhost:1");
  EXPECT_EQ(request.header("x-some-thing"), "two words");
  EXPECT_EQ(request.header("x-other"), "");
  EXPECT_EQ(request.body, "hello");
  EXPECT_TRUE(request.keep_alive);
  EXPECT_EQ(reader.state(), State::waiting);
}

TEST(RequestReader, KnowsWhenTheConnectionEnds) {
  const auto keeps = [](const std::string& version, const std::string& header) {
    RequestReader reader{HttpOptions{}};
    reader.take("GET / " + version + "\r\n" + kHost + header + "\r\n");
    return reader.request().keep_alive;
  };
  EXPECT_TRUE(keeps("HTTP/1.1", ""));
  EXPECT_TRUE(keeps("HTTP/1.1", "Connection: keep-alive, Upgrade\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.1", "Connection: Close\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.1", "Connection: keep-alive\r\nConnection: x, close\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.0", ""));
}

TEST(RequestReader, FindsOneRequestBehindTheOther) {
  const std::string three = get("/1") + post("Content-Length: 3\r\n", "GET") + get("/3");
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, three.size()}) {
    RequestReader reader{HttpOptions{}};
    std::string found;
    for (std::size_t at = 0; at < three.size(); at += piece) {
      reader.take(std::string_view(three).substr(at, piece));
      while (reader.state() == State::whole) {
        const HttpRequest request = reader.request();
        found += request.path + request.body + " ";
      }
    }
    EXPECT_EQ(found, "/1 /xGET /3 ") << "in pieces of " << piece;
  }
}

TEST(RequestReader, RefusesGarbageBehindABodyAfterTheRequestInFrontOfIt) {
  RequestReader reader{HttpOptions{}};
  reader.take(post("Content-Length: 2\r\n", "{}garbage\r\n"));
  ASSERT_EQ(reader.state(), State::whole);
  EXPECT_EQ(reader.request().body, "{}");
  EXPECT_EQ(verdict(reader), 400);
  EXPECT_EQ(reader.take(get("/")), State::refused) << "nothing behind it can be understood";
}

TEST(RequestReader, RefusesARequestThatEndsInTheMiddleButNotASilentClient) {
  for (const Row& row : rows()) {
    RequestReader reader{HttpOptions{}};
    reader.take(row.bytes);
    reader.end();
    const bool silent = row.bytes.empty();
    EXPECT_EQ(verdict(reader), row.status != 0 || silent ? row.status : 400) << row.name;
  }
}

TEST(RequestReader, SaysWhenTheClientWaitsToBeAskedForTheBody) {
  const std::string head = post("Content-Length: 2\r\nExpect: 100-Continue\r\n");
  RequestReader reader{HttpOptions{}};
  reader.take(head);
  EXPECT_TRUE(reader.wants_continue());
  reader.take("{");
  EXPECT_FALSE(reader.wants_continue()) << "it did not wait";
  reader.take("}");
  EXPECT_EQ(reader.request().body, "{}");
  reader.take(post("Content-Length: 2\r\n"));
  EXPECT_FALSE(reader.wants_continue());
}

}   // namespace
}   // namespace glass
