// The thread that listens: one poll() over the listening socket, every connection that waits for
// its client, and two bells. What it hears it hands on, and it never waits anywhere else.
#include <poll.h>

#include <algorithm>
#include <cerrno>

#include "tools/http/workers.h"
#include "tools/priority.h"

namespace glass {

using Connections = std::vector<std::unique_ptr<Connection>>;

struct HttpServer::State {
  State(const HttpOptions& wanted, HttpHandler made)
      : options(wanted),
        handler(std::move(made)),
        listener(listen_on(wanted.address, wanted.port)) {}

  HttpOptions options;
  HttpHandler handler;
  Descriptor listener;
  Bell stop, back;   // "end it all"; "a worker has answered somebody"

  Connections connections;   // those that no worker has
  std::size_t away = 0;      // with the workers
  Clock::time_point rest_until{};

  bool wait_and_step(Workers& workers);
  int patience(Clock::time_point now) const;
  void let_in(Clock::time_point now);
  bool make_room();
  void turn_away(Descriptor client) const;
  void hand_over(Workers& workers);
  void take_back(Workers& workers);
};

HttpServer::HttpServer(const HttpOptions& options, HttpHandler handler)
    : state_(std::make_unique<State>(options, std::move(handler))) {}
HttpServer::~HttpServer() = default;

int HttpServer::port() const { return port_of(state_->listener); }
void HttpServer::stop() { state_->stop.ring(); }

void HttpServer::run() {
  std::thread([this] {
    give_way();
    Workers workers(state_->options, state_->handler, state_->back, state_->stop);
    while (state_->wait_and_step(workers)) {}
  }).join();
  state_->connections.clear();
}

// One turn; false once somebody said stop.
bool HttpServer::State::wait_and_step(Workers& workers) {
  Clock::time_point now = Clock::now();
  std::vector<pollfd> waits = {{stop.descriptor(), POLLIN, 0}, {back.descriptor(), POLLIN, 0}};
  waits.push_back({now < rest_until ? -1 : listener.get(), POLLIN, 0});
  const std::size_t fixed = waits.size();
  for (const auto& one : connections) waits.push_back({one->descriptor(), one->waits_for(), 0});
  ::poll(waits.data(), static_cast<nfds_t>(waits.size()), patience(now));

  if (waits[0].revents != 0) return false;
  now = Clock::now();
  for (std::size_t i = 0; i < connections.size(); ++i)
    connections[i]->step(waits[fixed + i].revents, now);
  if (waits[1].revents != 0) take_back(workers);
  hand_over(workers);   // before anybody is turned away: those that are gone take no room
  if (waits[2].revents != 0) let_in(now);
  return true;
}

// Milliseconds until something is late; -1: nothing can be.
int HttpServer::State::patience(Clock::time_point now) const {
  Clock::time_point next = now < rest_until ? rest_until : Clock::time_point::max();
  for (const auto& one : connections) next = std::min(next, one->deadline());
  if (next == Clock::time_point::max()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - now).count();
  return static_cast<int>(std::clamp<decltype(left)>(left, 0, 60'000));
}

void HttpServer::State::let_in(Clock::time_point now) {
  for (std::size_t n = 0; n < options.most_connections; ++n) {
    const int fd = accept_from(listener);
    if (fd < 0 && errno == ECONNABORTED) continue;
    if (fd < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (fd < 0) {   // no descriptors left: without a rest, poll() would wake us without end
      if (!make_room()) rest_until = now + std::chrono::milliseconds(100);
      return;
    }
    Descriptor client(system_files(), fd);
    if (connections.size() + away >= options.most_connections && !make_room())
      turn_away(std::move(client));
    else connections.push_back(std::make_unique<Connection>(std::move(client), options, now));
  }
}

// Closes the connection that has waited longest for its client; false where none waits.
bool HttpServer::State::make_room() {
  const auto waits = [](const Connection& one) {
    return one.stage() == Connection::Stage::reading || one.stage() == Connection::Stage::leaving;
  };
  auto oldest = connections.end();
  for (auto it = connections.begin(); it != connections.end(); ++it)
    if (waits(**it) && (oldest == connections.end() || (*it)->since() < (*oldest)->since()))
      oldest = it;
  if (oldest == connections.end()) return false;
  connections.erase(oldest);
  return true;
}

void HttpServer::State::turn_away(Descriptor client) const {
  send(client,
       answer_bytes(error_answer(503, "too many connections are being answered"), Then::hang_up));
  send_no_more(client);
  char unread[4096];   // as Connection::leave says, but there is no room to wait in
  for (int n = 0; n < 16 && receive(client, unread, sizeof unread).how == Moved::How::some; ++n) {}
}

void HttpServer::State::take_back(Workers& workers) {
  back.quiet();   // first: who answers from here on rings again
  for (std::unique_ptr<Connection>& one : workers.take_answered()) {
    --away;
    connections.push_back(std::move(one));
  }
}

// Those that were asked go to the workers, those that are gone go.
void HttpServer::State::hand_over(Workers& workers) {
  for (std::unique_ptr<Connection>& one : connections) {
    if (one->stage() == Connection::Stage::asked) {
      ++away;
      workers.give(std::move(one));
    } else if (one->stage() == Connection::Stage::gone) {
      one.reset();
    }
  }
  std::erase(connections, nullptr);
}

}   // namespace glass
