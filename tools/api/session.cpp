#include "tools/api/session.h"

#include <filesystem>

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

OpenModel::OpenModel(Opened opened, std::string said, std::vector<std::string> warned)
    : Opened(std::move(opened)),
      ckpt(std::move(said)),
      warnings(std::move(warned)),
      read_(stamp()),
      newest_then_(newest()) {}

OpenModel::Stamp OpenModel::stamp() const {
  std::error_code fault;
  const auto time = std::filesystem::last_write_time(saved.path, fault);
  if (fault) return {};   // also what was written by hand, which is in no file
  const bool whole = std::filesystem::is_regular_file(saved.path, fault);
  const auto size = whole ? std::filesystem::file_size(saved.path, fault) : 0;
  return {true, static_cast<std::int64_t>(size),
          static_cast<std::int64_t>(time.time_since_epoch().count())};
}

OpenModel::File OpenModel::file() const {
  const Stamp now = stamp();
  if (now == read_) return File::same;
  return now.there ? File::changed : File::gone;
}

std::int64_t OpenModel::newest() const {
  const std::vector<std::int64_t> steps = steps_of({-1, "", ckpt});
  return steps.empty() ? -1 : steps.back();
}

std::int64_t OpenModel::newer() const {
  const std::int64_t now = newest();
  return now > newest_then_ ? now : -1;
}

void Session::open(const std::string& ckpt) {
  Arguments asked = args_;
  asked.offer(kCkptOption, ckpt, Source::command_line, "--ckpt");
  std::vector<std::string> warnings;
  Opened found = open_saved(asked, [&](const std::string& sentence) {
    warnings.push_back(sentence);
    warn(sentence);
  });
  auto opened = std::make_shared<const OpenModel>(std::move(found), ckpt, std::move(warnings));
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
