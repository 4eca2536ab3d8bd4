#include "tools/sources.h"

#include <algorithm>
#include <string>
#include <vector>

namespace glass {
namespace {

struct EmbeddedFile {
  std::string_view path, bytes;
};
#include "tools/sources.inc"   // kFiles: tools/CMakeLists.txt says which

std::vector<SourceFile> all_files() {
  std::vector<SourceFile> all;
  for (const EmbeddedFile& file : kFiles)
    all.push_back({file.path.substr(file.path.rfind('/') + 1), file.path, file.bytes});
  return all;
}

// Whether the line defines the function: it begins at the margin, and its ( stands behind the name.
bool defines(std::string_view line, std::string_view function) {
  const std::size_t at = line.find(std::string(function) + "(");
  if (at == line.npos || line.front() == ' ' || line.front() == '/') return false;
  return at == 0 || line[at - 1] == ' ';
}

// The number of the first line of which `fits` is true, from 1 on; 0: of none.
template <class Fits>
int first_line(std::string_view text, const Fits& fits) {
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (fits(text.substr(0, end))) return number;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return 0;
}

}   // namespace

std::span<const SourceFile> source_files() {
  static const std::vector<SourceFile> all = all_files();
  return all;
}

const SourceFile* find_source(std::string_view name) {
  for (const SourceFile& file : source_files())
    if (file.name == name || file.path == name) return &file;
  return nullptr;
}

int line_with(std::string_view text, std::string_view words) {
  return first_line(text, [&](std::string_view line) { return line.find(words) != line.npos; });
}

int line_of_function(std::string_view text, std::string_view function) {
  return first_line(text, [&](std::string_view line) { return defines(line, function); });
}

std::string_view line_of(std::string_view text, int number) {
  for (int i = 1; i < number && !text.empty(); ++i)
    text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  text = text.substr(0, text.find('\n'));
  return text.substr(std::min(text.find_first_not_of(' '), text.size()));
}

}   // namespace glass
