// Bytes of a client in, requests out. The reader never waits and knows no sockets: it takes what
// has come, one byte or a hundred requests, and says how far it is. It accepts one spelling of
// HTTP/1.1 and refuses the rest (bare line feeds, folded headers, chunks, two lengths): wherever
// two programs could read the same bytes differently, an attacker can hide a request in another.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tools/http/http.h"

namespace glass {

struct Refusal {
  int status = 0;
  std::string why;   // a sentence for whoever wrote the client
};

class RequestReader {
 public:
  enum class State : std::uint8_t {
    waiting,   // for the first byte of a request
    header,    // the request line or the header is incomplete
    body,      // the header is whole
    whole,     // request() has it
    refused,   // refusal() says why; whatever comes now cannot be understood
  };
  explicit RequestReader(const HttpOptions& limits) : limits_(limits) {}

  State take(std::string_view bytes);
  State end();   // nothing more comes: what is half said is refused
  State state() const { return state_; }

  HttpRequest request();   // hands out the request that is whole, and reads on behind it
  const Refusal& refusal() const { return refusal_; }
  // Whether the client waits for a "100 Continue" before it sends the body.
  bool wants_continue() const { return state_ == State::body && wants_continue_; }

 private:
  void read_on();
  std::optional<std::string_view> next_line();
  bool may_stand(unsigned char byte) const;
  void read_first_line(std::string_view line);
  void read_target(std::string_view target);
  void read_header(std::string_view line);
  void finish_header();
  void read_what_decides_the_body();
  void read_body();
  void refuse(int status, std::string why);

  HttpOptions limits_;
  State state_ = State::waiting;
  Refusal refusal_;
  std::string buffer_;              // what came and was not used up
  std::size_t at_ = 0, seen_ = 0;   // the line begins at at_; no line ends before seen_
  HttpRequest request_;
  bool first_line_ = true, wants_continue_ = false;
  std::size_t header_bytes_ = 0, body_bytes_ = 0;
};

}   // namespace glass
