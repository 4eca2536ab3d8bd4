// A small HTTP/1.1 server: what a browser on this machine needs, and nothing else. A request is
// read whole before anybody sees it, an answer is written whole or piece by piece, and both have
// deadlines that no client can move.
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
  std::string method;   // "GET", "HEAD", "POST", "OPTIONS": others are refused by the reader
  std::string path;     // "/api/param/wte", percent signs resolved
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
  std::vector<std::pair<std::string, std::string>> headers = {};   // beside those of the server
};

// Where an answer goes: all at once, or as events of a stream (text/event-stream).
class HttpReply {
 public:
  virtual ~HttpReply() = default;
  virtual void send(HttpResponse response) = 0;
  // One event; the first one begins the stream. false: the client went away, reads too slowly, or
  // the server stops; whoever writes should end then.
  virtual bool event(std::string_view name, std::string_view data) = 0;
  // The same question without an event, for work between events.
  virtual bool alive() = 0;
};

struct HttpOptions {
  std::string address = "127.0.0.1";
  int port = 0;   // 0: any that is free
  // What a client may ask for; each limit is tested from outside.
  std::size_t most_connections = 64, most_streams = 8;
  std::size_t longest_target = 8192, longest_header_line = 8192, longest_header = 16384;
  std::size_t most_headers = 64, largest_body = std::size_t{1} << 20;
  double header_seconds = 5, body_seconds = 10, idle_seconds = 5, write_seconds = 5;
  int requests_per_connection = 100;
  int workers = 4;   // threads that answer
};

using HttpHandler = std::function<void(const HttpRequest&, HttpReply&)>;

class HttpServer {
 public:
  // SystemError where the port is in use; UsageError where the address is none.
  HttpServer(const HttpOptions& options, HttpHandler handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  int port() const;
  void run();
  void stop();   // from any thread, or from a signal handler

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}   // namespace glass
