// What stays between two calls: the model that is open, and who may compute with it.
#pragma once
#include <memory>
#include <mutex>
#include <string>

#include "tools/saved.h"

namespace glass {

struct MicroPlace;

struct SessionOptions {
  std::string ckpt;     // the model to begin with, or ""
  std::string folder;   // where runs lie: out/
};

class Session {
 public:
  // `args` say where to compute; they are of a command that takes kCkptOption.
  Session(const Arguments& args, SessionOptions options);

  // The model that is open, for as long as somebody holds it. ApiError 409 where there is none.
  std::shared_ptr<const Opened> model() const;
  bool has_model() const;
  void open(const std::string& ckpt);   // from now on; calls that are under way keep theirs

  // One computation at a time: a model has one backend, and a backend one team of threads.
  std::unique_lock<std::mutex> computing() { return std::unique_lock(computing_); }

  MicroPlace& micro() { return *micro_; }   // the guide's model

  const SessionOptions& options() const { return options_; }

 private:
  Arguments args_;
  SessionOptions options_;
  mutable std::mutex guard_;   // of opened_
  std::mutex computing_;
  std::shared_ptr<const Opened> opened_;
  std::shared_ptr<MicroPlace> micro_;
};

}   // namespace glass
