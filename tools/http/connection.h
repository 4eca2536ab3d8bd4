// One client, from accept to close. A connection is a small machine that somebody steps: the server
// when poll() says that bytes came or may go, a worker when it has an answer. It belongs to one
// thread at a time (a unique_ptr says to which), so nothing in it is locked; and every stage in
// which the client has to do something ends at a deadline that was set when the stage began.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "tools/http/answers.h"
#include "tools/http/request_reader.h"
#include "tools/http/sockets.h"

namespace glass {

using Clock = std::chrono::steady_clock;

class Connection {
 public:
  enum class Stage : std::uint8_t {
    reading,   // until a request is whole
    asked,     // a worker's turn
    writing,   // an answer goes out
    leaving,   // everything is said: what still comes is thrown away until the client hangs up
    gone,      // to be closed
  };
  Connection(Descriptor socket, const HttpOptions& options, Clock::time_point now);

  Stage stage() const { return stage_; }
  int descriptor() const { return socket_.get(); }
  short waits_for() const;   // what poll() should wake us for
  Clock::time_point deadline() const { return deadline_; }
  Clock::time_point since() const { return since_; }   // when this stage began

  // Does what can be done without waiting; `ready` is what poll() said.
  void step(short ready, Clock::time_point now);

  // For the worker whose turn it is.
  HttpRequest request();
  Then then() const { return last_ ? Then::hang_up : Then::keep_open; }
  void answer(std::string bytes, Clock::time_point now);
  // Pieces of a stream. Waits for a client that does not read until the deadline of a write or
  // until the bell rings; false: the client is gone.
  bool write_now(std::string_view bytes, const Bell& stop);
  bool hung_up() const { return stage_ == Stage::gone || glass::hung_up(socket_); }
  void leave(Clock::time_point now);   // the stream is over

 private:
  void read(Clock::time_point now);
  void write(Clock::time_point now);
  void discard();
  void look(Clock::time_point now);
  void expire(Clock::time_point now);
  void refuse(const Refusal& refusal, Clock::time_point now);
  void enter(Stage stage, double seconds, Clock::time_point now);

  Descriptor socket_;
  HttpOptions options_;
  RequestReader reader_;
  Stage stage_ = Stage::reading;
  RequestReader::State read_so_far_ = RequestReader::State::header;
  Clock::time_point since_, deadline_;
  std::string out_;        // of an answer, what is still to be sent
  std::size_t sent_ = 0;   // of out_
  int requests_ = 0;
  bool last_ = false;   // after this answer the connection ends
};

}   // namespace glass
