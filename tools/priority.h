// Who may wait when everybody wants the processor: the dashboard, not the training beside it.
//
// Linux shares a processor among threads by their "nice" values; but first, on most machines that
// are not desktops, among sessions (each terminal is one, and so is a training that the page
// started), whatever the threads in them say. So both are lowered. Elsewhere nothing is.
#pragma once
#include <functional>
#include <memory>

namespace glass {

// Lowers the calling thread for good, and with it the threads and processes that it starts.
void give_way();

// Lowers the session of this process against other sessions, as long as the object lives.
class SessionGivesWay {
 public:
  SessionGivesWay();
  ~SessionGivesWay();
  SessionGivesWay(const SessionGivesWay&) = delete;
  SessionGivesWay& operator=(const SessionGivesWay&) = delete;

 private:
  [[maybe_unused]] int before_ = -1;   // -1: nothing to put back
};

// What a thread that gave way asks somebody else to do, because what is started there must not
// inherit that: a thread that keeps the priority of whoever made the object.
class Errands {
 public:
  Errands();
  ~Errands();
  Errands(const Errands&) = delete;
  Errands& operator=(const Errands&) = delete;

  void run(
      const std::function<void()>& errand);   // returns when it is done; may throw what it does

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}   // namespace glass
