#include "engine/base/kill_point.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>

#include "engine/base/error.h"
#include "engine/base/text.h"

namespace glass {
namespace {

struct KillAt {
  std::string name;   // "": nowhere
  std::int64_t times = 0;
};

KillAt kill_at() {
  const char* asked = std::getenv("GLASS_KILL_AT");
  if (asked == nullptr || *asked == '\0') return {};
  const std::string text = asked;
  const std::size_t colon = text.rfind(':');
  KillAt at{text.substr(0, colon), 1};
  const bool counted = colon != std::string::npos;
  if (counted &&
      (parse_integer(text.substr(colon + 1), at.times) != NumberFault::none || at.times < 1))
    fail(UsageError("GLASS_KILL_AT must be a place and a number, as in before-rename:2, not " +
                    in_quotes(text) + "."));
  return at;
}

}   // namespace

void kill_point(const char* name) {
  static const KillAt at = kill_at();
  static std::atomic<std::int64_t> passed{0};
  if (at.name == name && ++passed == at.times) ::kill(::getpid(), SIGKILL);
}

}   // namespace glass
