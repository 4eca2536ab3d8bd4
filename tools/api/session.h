// What stays between two calls: the model that is open, who may compute with it, and the runs that
// are known.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tools/api/measured.h"
#include "tools/api/runs.h"
#include "tools/api/training.h"
#include "tools/saved.h"

namespace glass {

struct MicroPlace;

struct SessionOptions {
  std::string ckpt;                         // the model to begin with, or ""
  std::string folder;                       // where runs lie: out/; "": nowhere
  std::string program = "/proc/self/exe";   // what trains
};

// A model with the name that opened it, as --ckpt says it, and what has become of it since.
struct OpenModel : Opened {
  OpenModel(Opened opened, std::string said, std::vector<std::string> warned);
  std::string ckpt;
  std::vector<std::string> warnings;   // what was odd when it was opened

  enum class File : std::uint8_t { same, changed, gone };
  File file() const;            // the file that it was read from, now
  std::int64_t newer() const;   // the step of a checkpoint that its run has saved since; or -1

 private:
  struct Stamp {
    bool there = false;
    std::int64_t size = -1, time = 0;
    bool operator==(const Stamp&) const = default;
  };
  Stamp stamp() const;
  std::int64_t newest() const;
  Stamp read_;
  std::int64_t newest_then_;

 public:
  Measurements measurements;   // of its weights; made when somebody asks
};

// A lock that is given in the order of asking. A mutex goes back to whoever let go of it last and
// asks again at once, as a model that writes does between two tokens; here the others come first.
class Turnstile {
 public:
  void lock();
  void unlock();
  std::uint64_t waiting();   // how many want it and do not have it

 private:
  std::mutex guard_;
  std::condition_variable moved_;
  std::uint64_t next_ = 0, serving_ = 0;
};

class Session {
 public:
  // `args` say where to compute; they are of a command that takes kCkptOption.
  Session(const Arguments& args, SessionOptions options);

  // The model that is open, for as long as somebody holds it. ApiError 409 where there is none.
  std::shared_ptr<const OpenModel> model() const;
  bool has_model() const;
  void open(const std::string& ckpt);   // from now on; calls that are under way keep theirs

  // One computation at a time: a model has one backend, and a backend one team of threads.
  std::unique_lock<Turnstile> computing() { return std::unique_lock(computing_); }

  int model_number(const std::string& name) { return model_numbers_.of(name); }
  Runs& runs() { return runs_; }
  Training& training() { return training_; }
  MicroPlace& micro() { return *micro_; }   // the guide's model
  const SessionOptions& options() const { return options_; }
  const Arguments& args() const { return args_; }

 private:
  const Arguments args_;
  const SessionOptions options_;
  Runs runs_;
  Training training_;
  SmallNumbers model_numbers_;
  mutable std::mutex guard_;   // of opened_
  Turnstile computing_;
  std::shared_ptr<const OpenModel> opened_;
  std::shared_ptr<MicroPlace> micro_;
};

}   // namespace glass
