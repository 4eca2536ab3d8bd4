// Keeps the threads of the pool off the processor on which their caller works.
//
// A thread that is woken may be put behind the very thread that woke it, and runs only when that
// one has used up its time: 4 ms, in which the other processor has nothing to do. On a machine of
// two processors Linux does so often, and then each time anew, since it remembers where a thread
// ran last. kernels/README.md has the measurement. Other systems leave no choice.
#pragma once
#include <thread>
#include <vector>

#ifdef __linux__
#include <sched.h>
#endif

namespace glass {

class Placement {
 public:
  // To be called by the caller, before it wakes the workers. Costs a few nanoseconds, and two
  // system calls for each worker when the caller has moved since the last time.
  void keep_apart(std::vector<std::thread>& workers);

#ifdef __linux__
 private:
  struct Place {
    cpu_set_t allowed{}, given{};   // the processors that a worker may use, and those we gave it
  };
  static void place(std::thread& worker, Place& at, int caller);

  int caller_ = -1;          // the processor that the workers keep off
  std::size_t placed_ = 0;   // how many of them do
  std::vector<Place> places_;
#endif
};

}   // namespace glass
