// The threads behind run_chunks: a pool of our own.
//
// The idea to hold: nobody waits for a thread that may not be running. A job is cut into one share
// a thread, and every thread first takes chunks of its own share, so that the same thread meets the
// same rows in the next kernel while they are still in its cache; then it helps with what is left
// of the others'. So the caller, which works too, waits only for chunks that somebody has begun:
// where another process holds a core, its thread simply takes less, or nothing.
//
// A chunk is claimed by one compare-and-exchange on a word that also names the job. A thread that
// comes late, perhaps two jobs late, therefore fails to claim and touches nothing.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>
#include <vector>

#include "kernels/cpu/placement.h"
#include "kernels/cpu/team_threads.h"

#if __has_include(<pthread.h>)
#include <pthread.h>
#endif

namespace glass {
namespace {

// How long a thread waits awake. The next kernel usually follows within microseconds, and waking a
// sleeper takes tens of them. But who waits awake holds a processor that somebody else may need,
// perhaps the very thread it waits for. kernels/README.md has the measurement.
constexpr std::chrono::microseconds kAwake{200};

// A caller that has waited so long, and twice as long as its own part took, waits for a thread that
// another process keeps from running. The next jobs then run on the caller alone, for a while that
// grows when it happens again: a neighbour that stays costs a try now and then.
constexpr std::chrono::microseconds kLate{1000}, kAloneAtFirst{4000}, kAloneAtMost{512000};
constexpr int kLonger = 4;

constexpr int kMostThreads = 1024;

// So many claims for each thread at most: chunks that are tiny and many are claimed several at
// once.
constexpr std::int64_t kClaims = 256;

void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");   // some ten nanoseconds; `yield` is no pause at all on most
#endif
}

using Clock = std::chrono::steady_clock;

// Waits awake for a short while. Returns whether `ready` came true meanwhile.
template <class Ready>
bool wait_awake(const Ready& ready) {
  const auto start = Clock::now();
  do {
    for (int i = 0; i < 16; ++i) {
      if (ready()) return true;
      pause();
    }
  } while (Clock::now() - start < kAwake);
  return false;
}

// One thread's part of a job. The upper half of `left` names the job, the lower one counts what
// nobody has claimed yet. `end` belongs to whoever holds a claim.
struct alignas(128) Share {
  std::atomic<std::uint64_t> left{0};
  std::int64_t end = 0;
};

class Pool {
 public:
  // Chunks [0, chunks) on `threads` threads. False, and nothing done, where another caller uses the
  // pool at the moment.
  bool run(int threads, std::int64_t chunks, Chunk body, const void* context);
  void stop();

 private:
  void start_workers(int count);
  void idle(int me);
  void work(std::uint32_t job, int me);
  std::int64_t claim(Share& share, std::uint32_t job);
  void run_claim(std::int64_t claimed);
  void remember(Clock::time_point began, Clock::time_point done, Clock::time_point joined);

  std::mutex in_use_;
  std::vector<std::thread> workers_;
  Placement placement_;
  bool stopped_ = false;
  Clock::time_point alone_until_{};         // the caller works alone until then,
  Clock::duration alone_ = kAloneAtFirst;   // which was so long after the last late thread

  // The job. What is not atomic is written before its shares are, and read by holders of a claim.
  Chunk body_ = nullptr;
  const void* context_ = nullptr;
  std::int64_t chunks_ = 0, chunks_per_claim_ = 1;
  std::atomic<bool> stopping_{false};
  std::atomic<int> threads_{1};   // how many may take part, and have a share
  alignas(128) std::atomic<std::uint32_t> job_{0};
  alignas(128) std::atomic<std::int32_t> unfinished_{0};
  Share shares_[kMostThreads];
};

bool Pool::run(int threads, std::int64_t chunks, Chunk body, const void* context) {
  const std::unique_lock<std::mutex> lock(in_use_, std::try_to_lock);
  if (!lock.owns_lock() || stopped_) return false;
  const Clock::time_point began = Clock::now();
  if (began < alone_until_) return false;
  start_workers(threads - 1);
  placement_.keep_apart(workers_);

  body_ = body, context_ = context, chunks_ = chunks;
  chunks_per_claim_ = 1 + (chunks - 1) / (kClaims * threads);
  const std::int64_t claims = 1 + (chunks - 1) / chunks_per_claim_;
  const std::uint32_t job = job_.load(std::memory_order_relaxed) + 1;
  threads_.store(threads, std::memory_order_relaxed);
  unfinished_.store(static_cast<std::int32_t>(claims), std::memory_order_relaxed);
  for (int i = 0; i < threads; ++i) {
    const std::int64_t begin = claims * i / threads, end = claims * (i + 1) / threads;
    shares_[i].end = end;
    shares_[i].left.store(std::uint64_t{job} << 32 | static_cast<std::uint64_t>(end - begin),
                          std::memory_order_release);
  }
  job_.store(job, std::memory_order_release);
  job_.notify_all();

  work(job, 0);
  if (unfinished_.load(std::memory_order_acquire) == 0) return true;
  const Clock::time_point done = Clock::now();
  wait_awake([&] { return unfinished_.load(std::memory_order_acquire) == 0; });
  for (std::int32_t left; (left = unfinished_.load(std::memory_order_acquire)) != 0;) {
    unfinished_.wait(left, std::memory_order_acquire);
  }
  remember(began, done, Clock::now());
  return true;
}

// The caller's own part lasted from `began` to `done`, and it waited for the others until `joined`.
void Pool::remember(Clock::time_point began, Clock::time_point done, Clock::time_point joined) {
  if (joined - done < std::max<Clock::duration>(kLate, 2 * (done - began))) return;
  const bool again = joined - alone_until_ < 2 * alone_;
  alone_ = again ? std::min<Clock::duration>(kLonger * alone_, kAloneAtMost) : kAloneAtFirst;
  alone_until_ = joined + alone_;
}

void Pool::start_workers(int count) {
  while (static_cast<int>(workers_.size()) < count) {
    const int me = static_cast<int>(workers_.size()) + 1;
    workers_.emplace_back([this, me] { idle(me); });
  }
}

void Pool::stop() {
  const std::lock_guard<std::mutex> lock(in_use_);
  stopped_ = true;
  stopping_.store(true, std::memory_order_relaxed);
  job_.fetch_add(1, std::memory_order_release);
  job_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void Pool::idle(int me) {
  for (std::uint32_t seen = 0;;) {
    const auto news = [&] { return job_.load(std::memory_order_acquire) != seen; };
    if (!wait_awake(news)) job_.wait(seen, std::memory_order_acquire);
    seen = job_.load(std::memory_order_acquire);
    if (stopping_.load(std::memory_order_relaxed)) return;
    if (me < threads_.load(std::memory_order_relaxed)) work(seen, me);
  }
}

// Whatever can be claimed of `job`, my own share first.
void Pool::work(std::uint32_t job, int me) {
  const int threads = threads_.load(std::memory_order_relaxed);
  std::int32_t done = 0;
  for (int i = 0; i < threads; ++i) {
    Share& share = shares_[(me + i) % threads];
    for (std::int64_t claimed; (claimed = claim(share, job)) >= 0; ++done) run_claim(claimed);
  }
  if (done > 0 && unfinished_.fetch_sub(done, std::memory_order_acq_rel) == done && me != 0) {
    unfinished_.notify_one();
  }
}

// The number of a claim that is now the calling thread's, or -1.
std::int64_t Pool::claim(Share& share, std::uint32_t job) {
  std::uint64_t left = share.left.load(std::memory_order_acquire);
  while (left >> 32 == job && static_cast<std::uint32_t>(left) != 0) {
    if (share.left.compare_exchange_weak(left, left - 1, std::memory_order_acquire))
      return share.end - static_cast<std::uint32_t>(left);
  }
  return -1;
}

void Pool::run_claim(std::int64_t claimed) {
  const std::int64_t first = claimed * chunks_per_claim_;
  const std::int64_t last = std::min(first + chunks_per_claim_, chunks_);
  for (std::int64_t chunk = first; chunk < last; ++chunk) body_(context_, chunk);
}

// One pool for the process, started when it is first needed and never freed: a thread that outlives
// main may still ask for it, and is then told to work alone. A child of fork has none of its
// parent's threads; it forgets the pool and starts its own.
std::atomic<Pool*> current{nullptr}, abandoned{nullptr};

Pool& pool() {
#if __has_include(<pthread.h>)
  [[maybe_unused]] static const int registered =
      pthread_atfork(nullptr, nullptr, [] { abandoned = current.exchange(nullptr); });
#endif
  Pool* now = current.load();
  if (now != nullptr) return *now;
  Pool* fresh = new Pool;
  if (current.compare_exchange_strong(now, fresh)) return *fresh;
  delete fresh;
  return *now;
}

struct StopAtExit {
  ~StopAtExit() {
    if (Pool* now = current.load()) now->stop();
  }
} stop_at_exit;

}   // namespace

int most_threads() { return kMostThreads; }

bool share_chunks(int threads, std::int64_t chunks, Chunk body, const void* context) {
  return pool().run(threads, chunks, body, context);
}

}   // namespace glass
