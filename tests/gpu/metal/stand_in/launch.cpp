// Running a kernel where each wrong access to memory is caught.
#include <sys/mman.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstring>
#include <deque>
#include <map>
#include <sstream>
#include <stdexcept>

#include "tests/gpu/metal/stand_in/gpu.h"

// What kernels/gpu/kernel_list.h wants beside the kernels; here they are those of the programs.
const glass::gpu::Kernel* glass::gpu::kernels() { return Kernel::first; }

namespace glass::stand_in {
namespace {

std::size_t page() {
  static const std::size_t size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

struct Remembered {
  const Buffer* buffer;
  const std::byte* begin;
  std::size_t bytes;
};
std::deque<Remembered>& remembered() {
  static std::deque<Remembered> all;
  return all;
}

std::string place_of(const void* address) {
  const std::byte* at = static_cast<const std::byte*>(address);
  std::ostringstream text;
  text << "address " << address << ", which is ";
  for (auto r = remembered().rbegin(); r != remembered().rend(); ++r) {
    if (at < r->begin || at >= r->begin + r->bytes) continue;
    text << (at - r->begin) << " bytes into a buffer of " << r->bytes << ", which "
         << (r->buffer->references > 0 ? "useResource did not name for this" : "was released");
    return text.str();
  }
  text << "in no buffer";
  return text.str();
}

// The arguments of a launch end where pages end that nobody may touch.
class Arguments {
 public:
  Arguments() {
    void* all =
        mmap(nullptr, 2 * page(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) throw std::bad_alloc();
    begin_ = static_cast<std::byte*>(all);
    mprotect(begin_ + page(), page(), PROT_NONE);
  }
  const std::byte* put(const std::vector<std::byte>& args) {
    std::byte* const at = begin_ + page() - (args.size() + 15) / 16 * 16;
    mprotect(begin_, page(), PROT_READ | PROT_WRITE);
    std::memset(begin_, 0xff, page());
    std::memcpy(at, args.data(), args.size());
    mprotect(begin_, page(), PROT_READ);   // kernels write no arguments
    return at;
  }

 private:
  std::byte* begin_;
};

void on_wrong_access(int signal, siginfo_t* what, void*) {
  emulator::Standing here;
  if (emulator::standing(here, 0)) emulator::leave_with(place_of(what->si_addr));
  std::signal(signal, SIG_DFL);   // not a kernel's: the access is tried again, and ends us
}

// While kernels run, a wrong access is theirs.
class Watch {
 public:
  Watch() {
    struct sigaction action = {};
    action.sa_sigaction = on_wrong_access;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;   // the handler does not return
    sigaction(SIGSEGV, &action, &segv_);
    sigaction(SIGBUS, &action, &bus_);
  }
  ~Watch() {
    sigaction(SIGSEGV, &segv_, nullptr);
    sigaction(SIGBUS, &bus_, nullptr);
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  struct sigaction segv_ = {}, bus_ = {};
};

// The kernel as the emulator starts it, with as many threads as somebody asked for.
const gpu::Kernel& kernel_of(const Entry& entry, unsigned threads) {
  static std::deque<gpu::Kernel> made;
  static std::map<std::pair<const Entry*, unsigned>, const gpu::Kernel*> known;
  const gpu::Kernel*& found = known[{&entry, threads}];
  if (!found) found = &made.emplace_back(entry.name, entry.args_bytes, threads, entry.run);
  return *found;
}

}   // namespace

Pages::Pages(std::size_t bytes) : bytes_((bytes + page() - 1) / page() * page()) {
  const int file = memfd_create("buffer", 0);
  if (file < 0 || ftruncate(file, static_cast<off_t>(bytes_)) != 0) throw std::bad_alloc();
  void* const first = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  void* const second = mmap(nullptr, bytes_, PROT_NONE, MAP_SHARED, file, 0);
  close(file);
  if (first == MAP_FAILED || second == MAP_FAILED) throw std::bad_alloc();
  processor_ = static_cast<std::byte*>(first);
  kernels_ = static_cast<std::byte*>(second);
}
Pages::~Pages() {
  munmap(processor_, bytes_);
  munmap(kernels_, bytes_);
}
void Pages::allow(bool reading, bool writing) {
  mprotect(kernels_, bytes_,
           (reading ? PROT_READ : PROT_NONE) | (writing ? PROT_WRITE : PROT_NONE));
}

void remember(const Buffer* buffer, const std::byte* begin, std::size_t bytes) {
  remembered().push_back({buffer, begin, bytes});
}

void run_launch(const Command& launch) {
  static Arguments arguments;
  const Entry& entry = *launch.pipeline->function->entry;
  const Size threads = launch.threads, grid = launch.grid;
  if (threads.height != 1 || threads.depth != 1)
    throw std::logic_error("the emulator runs groups of one dimension");
  const Watch watch;
  emulator::run(kernel_of(entry, static_cast<unsigned>(threads.width)), arguments.put(launch.args),
                {static_cast<unsigned>(grid.width), static_cast<unsigned>(grid.height),
                 static_cast<unsigned>(grid.depth)},
                {});
  ++books().launches;
}

}   // namespace glass::stand_in
