#include "tools/http/connection.h"

#include <poll.h>

#include <algorithm>
#include <array>

namespace glass {
namespace {

Clock::time_point after(Clock::time_point now, double seconds) {
  return now + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

}   // namespace

// A new client has the time of a header to send one: it came to ask something.
Connection::Connection(Descriptor socket, const HttpOptions& options, Clock::time_point now)
    : socket_(std::move(socket)), options_(options), reader_(options), since_(now) {
  enter(Stage::reading, options_.header_seconds, now);
}

void Connection::enter(Stage stage, double seconds, Clock::time_point now) {
  if (stage != stage_) since_ = now;
  stage_ = stage;
  deadline_ = after(now, seconds);
}

short Connection::waits_for() const { return stage_ == Stage::writing ? POLLOUT : POLLIN; }

void Connection::step(short ready, Clock::time_point now) {
  if (ready != 0 && stage_ == Stage::reading) read(now);
  else if (ready != 0 && stage_ == Stage::writing) write(now);
  else if (ready != 0 && stage_ == Stage::leaving) discard();
  if (now >= deadline_ && stage_ != Stage::asked) expire(now);
}

void Connection::read(Clock::time_point now) {
  std::array<char, 16384> bytes;
  const Moved moved = receive(socket_, bytes.data(), bytes.size());
  if (moved.how == Moved::How::later) return;
  if (moved.how == Moved::How::gone) reader_.end();
  else reader_.take({bytes.data(), moved.bytes});
  if (moved.how == Moved::How::gone && reader_.state() == RequestReader::State::waiting)
    stage_ = Stage::gone;
  else look(now);
}

// Where the reader got to, and by when it must have got further. A deadline is set once for each
// part of a request, so a byte now and then gains no time.
void Connection::look(Clock::time_point now) {
  using State = RequestReader::State;
  const State state = reader_.state();
  if (state == State::refused) return refuse(reader_.refusal(), now);
  if (state == State::whole) {
    stage_ = Stage::asked;
  } else if (state != read_so_far_ || stage_ != Stage::reading) {
    enter(Stage::reading,
          state == State::waiting  ? options_.idle_seconds
          : state == State::header ? options_.header_seconds
                                   : options_.body_seconds,
          now);
    if (reader_.wants_continue()) send(socket_, "HTTP/1.1 100 Continue\r\n\r\n");
  }
  read_so_far_ = state;
}

void Connection::expire(Clock::time_point now) {
  const bool asking = stage_ == Stage::reading && reader_.state() != RequestReader::State::waiting;
  if (asking) refuse({408, "the request did not arrive in time"}, now);
  else stage_ = Stage::gone;
}

void Connection::refuse(const Refusal& refusal, Clock::time_point now) {
  last_ = true;
  answer(answer_bytes(error_answer(refusal.status, refusal.why), Then::hang_up), now);
}

HttpRequest Connection::request() {
  HttpRequest request = reader_.request();
  last_ = !request.keep_alive || ++requests_ >= options_.requests_per_connection;
  return request;
}

void Connection::answer(std::string bytes, Clock::time_point now) {
  out_ = std::move(bytes);
  sent_ = 0;
  enter(Stage::writing, options_.write_seconds, now);
  write(now);
}

void Connection::write(Clock::time_point now) {
  while (sent_ < out_.size()) {
    const Moved moved = send(socket_, std::string_view(out_).substr(sent_));
    if (moved.how == Moved::How::later) return;
    if (moved.how == Moved::How::gone) {
      stage_ = Stage::gone;
      return;
    }
    sent_ += moved.bytes;
  }
  out_ = {};
  if (last_) leave(now);
  else look(now);
}

bool Connection::write_now(std::string_view bytes, const Bell& stop) {
  const Clock::time_point deadline = after(Clock::now(), options_.write_seconds);
  while (!bytes.empty() && stage_ != Stage::gone) {
    const Moved moved = send(socket_, bytes);
    bytes.remove_prefix(moved.bytes);
    if (moved.how == Moved::How::gone) stage_ = Stage::gone;
    if (moved.how != Moved::How::later) continue;
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    std::array<pollfd, 2> waits{pollfd{socket_.get(), POLLOUT, 0},
                                pollfd{stop.descriptor(), POLLIN, 0}};
    if (left > 0) ::poll(waits.data(), waits.size(), static_cast<int>(left));
    if (left <= 0 || waits[1].revents != 0) stage_ = Stage::gone;
  }
  return stage_ != Stage::gone;
}

// Closing while bytes of the client are unread would make the system tell it that the connection
// broke, and throw away the end of our answer: so first only our side is closed.
void Connection::leave(Clock::time_point now) {
  if (stage_ == Stage::gone) return;
  send_no_more(socket_);
  enter(Stage::leaving, options_.idle_seconds, now);
}

void Connection::discard() {
  std::array<char, 16384> bytes;
  if (receive(socket_, bytes.data(), bytes.size()).how == Moved::How::gone) stage_ = Stage::gone;
}

}   // namespace glass
