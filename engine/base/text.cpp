// Text helpers. The numbers go through <charconv>, which knows no locale; where a standard library
// lacks the floating half of it, a stream with the classic locale does the same work.
#include "engine/base/text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <locale>
#include <sstream>

#include "engine/base/utf8.h"

namespace glass {
namespace {

bool digit(char c) { return c >= '0' && c <= '9'; }

bool says_not_finite(std::string_view text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  std::string lower(text.substr(0, 9));
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return lower == "nan" || lower == "inf" || lower == "infinity";
}

// [-] digits [. digits] [e [+-] digits], with at least one digit before the exponent.
bool looks_like_number(std::string_view s) {
  std::size_t i = 0, digits = 0;
  if (i < s.size() && s[i] == '-') ++i;
  while (i < s.size() && digit(s[i])) ++i, ++digits;
  if (i < s.size() && s[i] == '.') {
    ++i;
    while (i < s.size() && digit(s[i])) ++i, ++digits;
  }
  if (digits == 0) return false;
  if (i < s.size() && (s[i] == 'e' || s[i] == 'E')) {
    ++i;
    if (i < s.size() && (s[i] == '-' || s[i] == '+')) ++i;
    if (i == s.size() || !digit(s[i])) return false;
    while (i < s.size() && digit(s[i])) ++i;
  }
  return i == s.size();
}

bool read_double(std::string_view text, double& out) {
#ifdef __cpp_lib_to_chars
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), out);
  return fault == std::errc() && end == text.data() + text.size();
#else
  std::istringstream in{std::string(text)};
  in.imbue(std::locale::classic());
  return static_cast<bool>(in >> out) && in.peek() == std::char_traits<char>::eof();
#endif
}

template <class Real>
std::string shortest_digits(Real value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char buffer[64];
#ifdef __cpp_lib_to_chars
  const auto [end, fault] = std::to_chars(buffer, buffer + sizeof buffer, value);
  return fault == std::errc() ? std::string(buffer, end) : std::string("0");
#else
  for (int digits = 1; digits <= std::numeric_limits<Real>::max_digits10; ++digits) {
    std::snprintf(buffer, sizeof buffer, "%.*g", digits, static_cast<double>(value));
    if (static_cast<Real>(std::strtod(buffer, nullptr)) == value) break;
  }
  return buffer;
#endif
}

}   // namespace

NumberFault parse_integer(std::string_view text, std::int64_t& out) {
  if (text.empty()) return NumberFault::empty;
  std::int64_t value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault == std::errc::invalid_argument || end != text.data() + text.size()) {
    return says_not_finite(text) ? NumberFault::not_finite : NumberFault::malformed;
  }
  if (fault == std::errc::result_out_of_range) return NumberFault::out_of_range;
  out = value;
  return NumberFault::none;
}

NumberFault parse_number(std::string_view text, double& out) {
  if (text.empty()) return NumberFault::empty;
  if (says_not_finite(text)) return NumberFault::not_finite;
  if (!looks_like_number(text)) return NumberFault::malformed;
  double value = 0;
  if (!read_double(text, value) || !std::isfinite(value)) return NumberFault::out_of_range;
  out = value;
  return NumberFault::none;
}

std::string shortest(double value) { return shortest_digits(value); }
std::string shortest(float value) { return shortest_digits(value); }

std::string format(const char* pattern, ...) {
  va_list once, twice;
  va_start(once, pattern);
  va_copy(twice, once);
  const int size = std::vsnprintf(nullptr, 0, pattern, once);
  va_end(once);
  std::string text(size > 0 ? static_cast<std::size_t>(size) : 0, '\0');
  std::vsnprintf(text.data(), text.size() + 1, pattern, twice);
  va_end(twice);
  return text;
}

std::string with_commas(std::int64_t n) {
  std::string digits = std::to_string(n);
  const std::size_t first = n < 0 ? 1 : 0;
  for (std::size_t i = digits.size(); i > first + 3; i -= 3) digits.insert(i - 3, ",");
  return digits;
}

namespace {

// Three significant digits or so: 4.2K, 124M. 999.7 would round to "1000", so it moves up a unit
// first.
std::string scaled(double n, double base, const char* const* units, int count) {
  int unit = 0;
  while (unit + 1 < count && std::fabs(n) >= base - 0.5) n /= base, ++unit;
  const bool whole = unit == 0 || std::fabs(n) >= 99.95;
  return format("%.*f%s", whole ? 0 : 1, n, units[unit]);
}

}   // namespace

std::string human_count(double n) {
  static const char* const kUnits[] = {"", "K", "M", "B", "T"};
  return scaled(n, 1000, kUnits, 5);
}

std::string human_bytes(double bytes) {
  static const char* const kUnits[] = {" B", " KiB", " MiB", " GiB", " TiB"};
  return scaled(bytes, 1024, kUnits, 5);
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0;;) {
    const std::size_t end = text.find(separator, begin);
    parts.emplace_back(text.substr(begin, end - begin));
    if (end == std::string_view::npos) return parts;
    begin = end + 1;
  }
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) text += separator;
    text += parts[i];
  }
  return text;
}

std::string list_of(const std::vector<std::string>& parts, std::string_view last) {
  if (parts.size() < 2) return parts.empty() ? "" : parts[0];
  const std::vector<std::string> head(parts.begin(), parts.end() - 1);
  return join(head, ", ") + " " + std::string(last) + " " + parts.back();
}

namespace {

// Bytes that nobody can see, or that are no letter, as \xNN.
std::string visible(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    std::u32string letters;
    const std::size_t good = decode_utf8(text, letters);
    for (const char c : text.substr(0, good)) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x20 || byte == 0x7f) out += format("\\x%02x", byte);
      else out += c;
    }
    if (good == text.size()) break;
    out += format("\\x%02x", static_cast<unsigned char>(text[good]));
    text.remove_prefix(good + 1);
  }
  return out;
}

}   // namespace

std::string in_quotes(std::string_view text, std::size_t longest) {
  if (text.size() <= longest) return "'" + visible(text) + "'";
  // Do not cut a UTF-8 character in two: step back over continuation bytes.
  const auto continues = [&](std::size_t i) {
    return (static_cast<unsigned char>(text[i]) & 0xc0) == 0x80;
  };
  std::size_t head = longest / 2, tail = text.size() - longest / 4;
  while (head > 0 && continues(head)) --head;
  while (tail < text.size() && continues(tail)) ++tail;
  return "'" + visible(text.substr(0, head)) + "..." + visible(text.substr(tail)) + "'";
}

bool has_control_bytes(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

bool is_plain_file_name(std::string_view name) {
  return !name.empty() && name.size() <= 255 && name[0] != '.' && !has_control_bytes(name) &&
         name.find_first_of("/\\:") == std::string_view::npos;
}

int edit_distance(std::string_view a, std::string_view b) {
  // before, row, next: the last three rows of the table whose entry (i, j) is the distance of
  // a[0,i) and b[0,j).
  std::vector<int> before(b.size() + 1), row(b.size() + 1), next(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = static_cast<int>(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    next[0] = static_cast<int>(i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      next[j] = std::min({row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] != b[j - 1])});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) next[j] = std::min(next[j], before[j - 2] + 1);
    }
    std::swap(before, row);
    std::swap(row, next);
  }
  return row[b.size()];
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  if (word.empty() || word.size() > 64) return "";
  // A typo in three letters is a guess; one in eight is clear. "stpes" -> "steps" is one swap.
  int best = 1 + static_cast<int>(word.size()) / 4;
  std::string found;
  for (const std::string& candidate : candidates) {
    if (word.size() >= 3 && candidate.size() > word.size() &&
        candidate.compare(0, word.size(), word) == 0) {
      if (found.empty())
        found = candidate;   // an unfinished word, unless something nearer turns up
      continue;
    }
    const int distance = edit_distance(word, candidate);
    if (distance < best || (distance == best && found.empty())) {
      best = distance;
      found = candidate;
    }
  }
  return found.size() > 1 ? found : "";
}

}   // namespace glass
