// The threads that answer. As many answers are made at a time as HttpOptions::workers says; one
// that turns out to be a stream does not count among them any more, and there are threads enough
// for all streams that may be open: so a page that watches a training for hours holds up nobody.
#pragma once
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "tools/http/connection.h"

namespace glass {

class Workers {
 public:
  // They ring `back` when a connection is answered, and end their streams when `stop` rings.
  Workers(const HttpOptions& options, const HttpHandler& handler, const Bell& back,
          const Bell& stop);
  ~Workers();   // returns when the last handler has

  void give(std::unique_ptr<Connection> connection);          // one that was asked
  std::vector<std::unique_ptr<Connection>> take_answered();   // since the last call

  // For the reply that becomes a stream; false: there are enough.
  bool begin_stream();
  void end_stream();
  bool stopping() const;

 private:
  void work();

  const HttpOptions& options_;
  const HttpHandler& handler_;
  const Bell &back_, &stop_;
  mutable std::mutex mutex_;
  std::condition_variable something_to_do_;
  std::deque<std::unique_ptr<Connection>> asked_;
  std::vector<std::unique_ptr<Connection>> answered_;
  int answering_ = 0;
  std::size_t streams_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}   // namespace glass
