// A process that trains in the folder of a run: found, spoken to, and started.
//
// It is a `glass train` of its own, in a session of its own: it never waits for the one who started
// it, and goes on when that one ends. Whoever holds the lock of a folder (model/run_folder.h) wrote
// its number into it; so a server that starts again finds the trainers of the one before.
#pragma once
#include <string>
#include <vector>

namespace glass {

struct TrainerProcess {
  int id = 0;   // of the process; 0: nobody trains here
  bool paused = false;
  bool saves_when_asked = false;   // SIGUSR1 would not end it

  explicit operator bool() const { return id > 0; }
};
TrainerProcess trainer_in(const std::string& folder);
TrainerProcess known_process(int id);   // one that we started, and that has not ended

// SystemError where the system does not allow it; nothing where the process has ended meanwhile.
void pause(const TrainerProcess& trainer);
void go_on(const TrainerProcess& trainer);
void stop(const TrainerProcess& trainer);   // it saves and ends, also if it was paused
void save(const TrainerProcess& trainer);   // at the end of this step

// Starts `program` with these words, what it says into the file `log` in its folder. Returns the
// number of the process. SystemError.
int start_process(const std::string& program, const std::vector<std::string>& words,
                  const std::string& log);
// Has a process that we started ended? Then `code` is what a shell calls $?.
bool has_ended(int process, int& code);

}   // namespace glass
