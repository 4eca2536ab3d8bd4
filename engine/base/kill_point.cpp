#include "engine/base/kill_point.h"

#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <mutex>

#include "engine/base/error.h"
#include "engine/base/text.h"

namespace glass {
namespace {

struct Wish {
  std::string name;         // "": nowhere
  std::int64_t times = 0;   // how often to pass until then
};

Wish read_wish(const std::string& text) {
  if (text.empty()) return {};
  const std::size_t colon = text.rfind(':');
  Wish wish{text.substr(0, colon), 0};
  if (colon == std::string::npos ||
      parse_integer(text.substr(colon + 1), wish.times) != NumberFault::none || wish.times < 1)
    fail(UsageError("GLASS_KILL_AT must be a place and a number, as in before-rename:2, not " +
                    in_quotes(text) + "."));
  return wish;
}

Wish& current_wish() {
  static Wish wish = [] {
    const char* asked = std::getenv("GLASS_KILL_AT");
    return read_wish(asked != nullptr ? asked : "");
  }();
  return wish;
}

std::mutex& guard() {
  static std::mutex mutex;
  return mutex;
}

}   // namespace

void kill_point(const char* name) {
  const std::lock_guard lock(guard());
  Wish& wish = current_wish();
  if (wish.name == name && --wish.times == 0) ::kill(::getpid(), SIGKILL);
}

void set_kill_point(const std::string& wish) {
  const std::lock_guard lock(guard());
  current_wish() = read_wish(wish);
}

}   // namespace glass
