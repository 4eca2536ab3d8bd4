#include "model/text_stream.h"

#include <algorithm>

#include "engine/base/utf8.h"

namespace glass {
namespace {

constexpr const char* kReplacement = "\xEF\xBF\xBD";   // U+FFFD

// How many bytes at the end of the text are the beginning of a stop text.
std::size_t begun(std::string_view text, const std::vector<std::string>& stops) {
  std::size_t most = 0;
  for (const std::string& stop : stops) {
    for (std::size_t n = std::min(text.size(), stop.size()); n > most; --n) {
      if (text.substr(text.size() - n) == std::string_view(stop).substr(0, n)) most = n;
    }
  }
  return most;
}

// Could these bytes become one letter if more came? Then the smallest or the largest ending fits.
bool may_become_letter(std::string_view bytes) {
  std::u32string letters;
  for (const char fill : {'\x80', '\xBF', '\x90', '\x8F'}) {
    for (std::size_t more = 1; more <= 3; ++more) {
      std::string whole(bytes);
      whole.append(1, fill).append(more - 1, '\x80');
      if (decode_utf8(whole, letters) == whole.size()) return true;
    }
  }
  return false;
}

// Moves whole letters from `bytes` to the result; leaves what may become one.
std::string take_letters(std::string& bytes) {
  std::string out;
  std::string_view rest = bytes;
  while (!rest.empty()) {
    std::u32string letters;
    const std::size_t good = decode_utf8(rest, letters);
    out += rest.substr(0, good);
    rest.remove_prefix(good);
    if (rest.empty() || (rest.size() < 4 && may_become_letter(rest))) break;
    // As much as begins a letter is one mistake: "\xE2\x82" and then "A" is one sign and an A.
    std::size_t wrong = 1;
    while (wrong < rest.size() && may_become_letter(rest.substr(0, wrong + 1))) ++wrong;
    out += kReplacement;
    rest.remove_prefix(wrong);
  }
  bytes = rest;
  return out;
}

}   // namespace

std::string TextStream::push(std::string_view bytes) {
  if (stopped_) return "";
  waiting_ += bytes;
  std::size_t end = std::string::npos;
  for (const std::string& stop : stops_)
    if (!stop.empty()) end = std::min(end, waiting_.find(stop));
  if (end != std::string::npos) {
    waiting_.resize(end);
    const std::string last = finish();
    stopped_ = true;
    return last;
  }
  const std::size_t held = begun(waiting_, stops_);
  std::string clear = waiting_.substr(0, waiting_.size() - held);
  const std::string tail = waiting_.substr(waiting_.size() - held);
  std::string out = take_letters(clear);
  waiting_ = clear + tail;
  return out;
}

std::string TextStream::finish() {
  if (stopped_) return "";
  std::string out = take_letters(waiting_);
  if (!waiting_.empty()) out += kReplacement;
  waiting_.clear();
  return out;
}

}   // namespace glass
