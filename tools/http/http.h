// A small HTTP/1.1 server: what a browser on this machine needs, and nothing else. A request is
// read whole before anybody sees it, an answer is written whole or event by event, and both have
// deadlines that no client can move. README.md tells how a request travels through the files.
//
//   HttpServer server({.port = 0}, [](const HttpRequest& request, HttpReply& reply) {
//     reply.send({.body = "you asked for " + request.path});
//   });
//   say("http://127.0.0.1:" + std::to_string(server.port()));
//   server.run();   // until somebody calls stop()
#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace glass {

struct HttpRequest {
  std::string method;   // "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"; the server turns a
                        // HEAD into a GET and leaves out the body of the answer
  std::string path;     // "/api/param/wte": percent signs resolved, no NUL, perhaps not UTF-8
  std::vector<std::pair<std::string, std::string>> query = {};     // the same, in the order written
  std::vector<std::pair<std::string, std::string>> headers = {};   // names in small letters
  std::string body = {};
  bool keep_alive = true;

  std::string_view header(std::string_view name) const;   // "" where there is none
};

struct HttpResponse {
  int status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body = {};
  // Beside those of answers.h, or in the place of one of them.
  std::vector<std::pair<std::string, std::string>> headers = {};
};

// Where an answer goes: all at once, or as events of a stream (text/event-stream).
class HttpReply {
 public:
  virtual ~HttpReply() = default;
  virtual void send(HttpResponse response) = 0;   // once, and not after an event
  // One event; the first one begins the stream. false: the client went away, did not read for
  // write_seconds, or the server stops, or there are most_streams already (it was told so); whoever
  // writes should end then. It may wait for a slow client, so hold no lock meanwhile.
  virtual bool event(std::string_view name, std::string_view data) = 0;
  // The same question without an event, for work between events or before an answer; never waits.
  // A client that said it will say no more is gone too: a browser that gave up looks no other.
  virtual bool alive() = 0;
};

struct HttpOptions {
  std::string address = "127.0.0.1";   // in digits, or "localhost"
  int port = 0;                        // 0: any that is free
  // What a client may ask for; each limit is tested from outside.
  std::size_t most_connections = 64, most_streams = 8;
  std::size_t longest_target = 8192, longest_header_line = 8192, longest_header = 16384;
  std::size_t most_headers = 64, largest_body = std::size_t{1} << 20;
  // From the first byte to the last, however slowly they drip. idle: between two requests.
  double header_seconds = 5, body_seconds = 10, idle_seconds = 5, write_seconds = 5;
  int requests_per_connection = 1000;
  int workers = 4;   // answers being made at the same time; streams have threads of their own
};

// Called by several threads at once. An exception that leaves it becomes a 500.
using HttpHandler = std::function<void(const HttpRequest&, HttpReply&)>;

class HttpServer {
 public:
  // SystemError where the port is in use; UsageError where the address is none.
  HttpServer(const HttpOptions& options, HttpHandler handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  int port() const;
  // Serves until somebody calls stop(), then waits for the handlers that still run. Its threads
  // give way to others of the machine (tools/priority.h), and so do the threads and processes that
  // handlers start; Errands are for what must not.
  void run();
  void stop();   // from any thread, or from a signal handler

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}   // namespace glass
