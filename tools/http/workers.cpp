#include "tools/http/workers.h"

#include <exception>

#include "engine/base/error.h"
#include "tools/priority.h"

namespace glass {
namespace {

class Reply final : public HttpReply {
 public:
  Reply(Workers& workers, Connection& connection, const Bell& stop, Body body)
      : workers_(workers), connection_(connection), stop_(stop), body_(body) {}

  void send(HttpResponse response) override {
    if (said_ != Said::nothing)
      fail(Error(ExitCode::internal, "a request is answered once, with send() or with events"));
    std::string bytes = answer_bytes(response, connection_.then(), body_);
    said_ = Said::all;
    connection_.answer(std::move(bytes), Clock::now());
  }

  bool event(std::string_view name, std::string_view data) override {
    if (said_ == Said::nothing && !begin()) return false;
    if (said_ != Said::head || body_ == Body::left_out || workers_.stopping()) return false;
    return connection_.write_now(event_bytes(name, data), stop_);
  }

  bool alive() override {
    return said_ != Said::all && !workers_.stopping() && !connection_.hung_up();
  }

  // What follows whatever the handler did.
  void end() {
    if (said_ == Said::nothing) send(error_answer(500, "nobody answered this request"));
    if (said_ != Said::head) return;
    workers_.end_stream();
    connection_.leave(Clock::now());
  }

  void end_with(const std::string& reason) {
    if (said_ == Said::nothing) send(error_answer(500, reason));
    end();
  }

 private:
  enum class Said : std::uint8_t { nothing, all, head };

  bool begin() {
    if (!workers_.begin_stream()) {
      send(error_answer(503, "there are as many streams as this server keeps open",
                        "Close another page that shows something live."));
      return false;
    }
    said_ = Said::head;
    return connection_.write_now(stream_head(), stop_);
  }

  Workers& workers_;
  Connection& connection_;
  const Bell& stop_;
  Body body_;
  Said said_ = Said::nothing;
};

void answer(Workers& workers, const HttpHandler& handler, Connection& connection,
            const Bell& stop) {
  HttpRequest request = connection.request();
  const bool head = request.method == "HEAD";
  if (head) request.method = "GET";
  Reply reply(workers, connection, stop, head ? Body::left_out : Body::sent);
  try {
    handler(request, reply);
    reply.end();
  } catch (const std::exception& error) { reply.end_with(error.what()); } catch (...) {
    reply.end_with("the answer to this request failed");
  }
}

}   // namespace

Workers::Workers(const HttpOptions& options, const HttpHandler& handler, const Bell& back,
                 const Bell& stop)
    : options_(options), handler_(handler), back_(back), stop_(stop) {
  const std::size_t all = static_cast<std::size_t>(options.workers) + options.most_streams;
  for (std::size_t i = 0; i < all; ++i) threads_.emplace_back([this] { work(); });
}

Workers::~Workers() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  something_to_do_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Workers::give(std::unique_ptr<Connection> connection) {
  {
    const std::lock_guard lock(mutex_);
    asked_.push_back(std::move(connection));
  }
  something_to_do_.notify_one();
}

std::vector<std::unique_ptr<Connection>> Workers::take_answered() {
  const std::lock_guard lock(mutex_);
  return std::exchange(answered_, {});
}

bool Workers::begin_stream() {
  {
    const std::lock_guard lock(mutex_);
    if (streams_ == options_.most_streams) return false;
    ++streams_;
    --answering_;
  }
  something_to_do_.notify_one();   // somebody else may answer now
  return true;
}

void Workers::end_stream() {
  const std::lock_guard lock(mutex_);
  --streams_;
  ++answering_;   // for the moment until work() counts it off
}

bool Workers::stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

void Workers::work() {
  give_way();
  std::unique_lock lock(mutex_);
  for (;;) {
    something_to_do_.wait(
        lock, [&] { return stopping_ || (!asked_.empty() && answering_ < options_.workers); });
    if (stopping_) return;
    std::unique_ptr<Connection> connection = std::move(asked_.front());
    asked_.pop_front();
    ++answering_;
    lock.unlock();
    answer(*this, handler_, *connection, stop_);
    lock.lock();
    --answering_;
    answered_.push_back(std::move(connection));
    back_.ring();
  }
}

}   // namespace glass
