// Trainings that were started here, and those that run already: each a process of its own
// (trainer_process.h), known by the folder of its run.
#pragma once
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "tools/api/runs.h"
#include "tools/api/trainer_process.h"
#include "tools/priority.h"

namespace glass {

class Training {
 public:
  Training(std::string program, std::string folder)
      : program_(std::move(program)), folder_(std::move(folder)) {}

  // Starts `glass train words --out FOLDER` in the first free folder of this name. Returns the name
  // of the run: "names", "names-2".
  std::string begin(const std::string& name, const std::vector<std::string>& words);
  // Goes on with a run in which nobody trains.
  void resume(const RunPlace& run);

  enum class State : std::uint8_t { idle, starting, running, paused };
  struct Now {
    State state = State::idle;
    TrainerProcess trainer;
    bool ended = false;   // started here, and over
    int code = 0;         // then: what it ended with
    bool mine = false;    // started by this program
  };
  Now now(const RunPlace& run);

 private:
  // Both with guard_ in hand.
  void refuse_too_many();   // 409
  void start(const std::string& path, std::vector<std::string> words);

  std::string program_, folder_;
  std::mutex guard_;
  struct Child {
    int process = 0, code = 0;
    bool ended = false;
  };
  std::map<std::string, Child> children_;   // by the path of the run
  Errands errands_;                         // who asks may have given way; what he starts does not
};

// "idle", "starting", "running", "paused"
const char* name_of(Training::State state);

}   // namespace glass
