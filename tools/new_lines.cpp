#include "tools/new_lines.h"

#include <unordered_set>

#include "engine/base/text.h"

namespace glass {
namespace {

std::string without_return(std::string line) {
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return line;
}

}   // namespace

std::vector<std::string> lines_of(std::string_view text, LastLine last) {
  std::vector<std::string> lines = split(text, '\n');
  if (last == LastLine::cut) lines.pop_back();
  std::vector<std::string> out;
  for (std::string& line : lines) {
    line = without_return(std::move(line));
    if (!line.empty()) out.push_back(std::move(line));
  }
  return out;
}

NewLines new_lines(const std::vector<std::string>& lines, std::string_view known) {
  std::unordered_set<std::string> all;
  for (std::string& line : lines_of(known, LastLine::complete)) all.insert(std::move(line));
  NewLines result;
  result.lines = static_cast<std::int64_t>(lines.size());
  for (const std::string& line : lines)
    if (all.count(line) == 0) result.fresh.push_back(line);
  return result;
}

}   // namespace glass
