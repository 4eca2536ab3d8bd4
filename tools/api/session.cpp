#include "tools/api/session.h"

#include "tools/api/api.h"
#include "tools/api/micro_lab.h"

namespace glass {

void Turnstile::lock() {
  std::unique_lock held(guard_);
  const std::uint64_t mine = next_++;
  moved_.wait(held, [&] { return serving_ == mine; });
}

void Turnstile::unlock() {
  {
    const std::lock_guard held(guard_);
    ++serving_;
  }
  moved_.notify_all();
}

std::uint64_t Turnstile::waiting() {
  const std::lock_guard held(guard_);
  return next_ > serving_ ? next_ - serving_ - 1 : 0;   // one of them has it
}

Session::Session(const Arguments& args, SessionOptions options)
    : args_(args),
      options_(std::move(options)),
      runs_(options_.folder),
      training_(options_.program, options_.folder),
      micro_(std::make_shared<MicroPlace>()) {
  if (!options_.ckpt.empty()) open(options_.ckpt);
}

void Session::open(const std::string& ckpt) {
  Arguments asked = args_;
  asked.offer(kCkptOption, ckpt, Source::command_line, "--ckpt");
  auto opened = std::make_shared<const OpenModel>(open_saved(asked), ckpt);
  const std::lock_guard lock(guard_);
  opened_ = std::move(opened);
}

bool Session::has_model() const {
  const std::lock_guard lock(guard_);
  return opened_ != nullptr;
}

std::shared_ptr<const OpenModel> Session::model() const {
  const std::lock_guard lock(guard_);
  if (!opened_)
    throw ApiError(409, "no_model", "no model is open",
                   "open one of GET /api/models, or start with glass serve --ckpt PATH");
  return opened_;
}

}   // namespace glass
