#include "tools/api/session.h"

#include "tools/api/api.h"
#include "tools/api/micro_lab.h"

namespace glass {

Session::Session(const Arguments& args, SessionOptions options)
    : args_(args), options_(std::move(options)), micro_(std::make_shared<MicroPlace>()) {
  if (!options_.ckpt.empty()) open(options_.ckpt);
}

void Session::open(const std::string& ckpt) {
  Arguments asked = args_;
  asked.offer(kCkptOption, ckpt, Source::command_line, "--ckpt");
  auto opened = std::make_shared<const Opened>(open_saved(asked));
  const std::lock_guard lock(guard_);
  opened_ = std::move(opened);
  options_.ckpt = ckpt;
}

bool Session::has_model() const {
  const std::lock_guard lock(guard_);
  return opened_ != nullptr;
}

std::shared_ptr<const Opened> Session::model() const {
  const std::lock_guard lock(guard_);
  if (!opened_)
    throw ApiError(409, "no_model", "no model is open",
                   "open one of the list of runs, or start with glass serve --ckpt PATH");
  return opened_;
}

}   // namespace glass
