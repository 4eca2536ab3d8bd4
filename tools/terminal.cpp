// Nothing here is remembered between calls: tests change the environment under our feet.
#include "tools/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "engine/base/error.h"
#include "engine/base/text.h"

namespace glass {
namespace {

bool is_set(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

}   // namespace

bool is_terminal(std::FILE* stream) { return ::isatty(::fileno(stream)) == 1; }

bool wants_colour(std::FILE* stream) {
  if (is_set("NO_COLOR")) return false;
  if (is_set("CLICOLOR_FORCE") && std::strcmp(std::getenv("CLICOLOR_FORCE"), "0") != 0) return true;
  const char* term = std::getenv("TERM");
  return is_terminal(stream) && term != nullptr && *term != '\0' && std::strcmp(term, "dumb") != 0;
}

int terminal_width(std::FILE* stream) {
  std::int64_t columns = 80;
  winsize size{};
  if (const char* said = std::getenv("COLUMNS");
      said == nullptr || parse_integer(said, columns) != NumberFault::none) {
    if (is_terminal(stream) && ::ioctl(::fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
      columns = size.ws_col;
  }
  return static_cast<int>(std::clamp<std::int64_t>(columns, 40, 120));
}

std::string ink(Ink colour, std::string_view text, std::FILE* stream) {
  static const char* const kCodes[] = {"",         "\033[1m",  "\033[2m", "\033[31m",
                                       "\033[32m", "\033[33m", "\033[36m"};
  if (colour == Ink::plain || !wants_colour(stream)) return std::string(text);
  return kCodes[static_cast<int>(colour)] + std::string(text) + "\033[0m";
}

std::string duration(double seconds) {
  const std::int64_t s = static_cast<std::int64_t>(seconds + 0.5);
  if (s < 3600) return format("%d:%02d", static_cast<int>(s / 60), static_cast<int>(s % 60));
  return format("%d:%02d:%02d", static_cast<int>(s / 3600), static_cast<int>(s / 60 % 60),
                static_cast<int>(s % 60));
}

void print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void flush_stdout() {
  errno = 0;
  const bool failed = std::fflush(stdout) != 0 || std::ferror(stdout) != 0;
  if (!failed) return;
  const std::string reason = errno == 0 ? "" : std::string(" (") + std::strerror(errno) + ")";
  fail(SystemError("standard output does not take what is written to it" + reason +
                   "; is the disk full?"));
}

}   // namespace glass
