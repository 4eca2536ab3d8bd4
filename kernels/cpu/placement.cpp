#include "kernels/cpu/placement.h"

#ifdef __linux__
#include <pthread.h>
#endif

namespace glass {

#ifdef __linux__
void Placement::keep_apart(std::vector<std::thread>& workers) {
  const int caller = sched_getcpu();
  if (caller != caller_) caller_ = caller, placed_ = 0;
  if (placed_ == workers.size()) return;
  places_.resize(workers.size());
  for (; placed_ < workers.size(); ++placed_) place(workers[placed_], places_[placed_], caller);
}

void Placement::place(std::thread& worker, Place& at, int caller) {
  cpu_set_t now;
  if (pthread_getaffinity_np(worker.native_handle(), sizeof now, &now) != 0) return;
  if (!CPU_EQUAL(&now, &at.given))
    at.allowed = now;   // a new worker, or one that was told by taskset
  cpu_set_t wanted = at.allowed;
  CPU_CLR(caller, &wanted);
  if (CPU_COUNT(&wanted) == 0) return;
  if (pthread_setaffinity_np(worker.native_handle(), sizeof wanted, &wanted) == 0)
    at.given = wanted;
}
#else
void Placement::keep_apart(std::vector<std::thread>&) {}
#endif

}   // namespace glass
