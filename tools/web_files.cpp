#include "tools/web_files.h"

#include <filesystem>
#include <utility>

#include "engine/base/files.h"

namespace glass {
namespace {

struct EmbeddedFile {
  std::string_view name, bytes;
};
#include "tools/web.inc"

constexpr std::pair<std::string_view, const char*> kTypes[] = {
    {".html", "text/html; charset=utf-8"}, {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},   {".svg", "image/svg+xml"},
    {".wasm", "application/wasm"},
};

// "": a kind of file that belongs to no page.
std::string type_of(std::string_view name) {
  for (const auto& [ending, type] : kTypes)
    if (name.size() > ending.size() && name.substr(name.size() - ending.size()) == ending)
      return type;
  return "";
}

std::optional<WebFile> file_in(const std::string& folder, std::string_view name) {
  std::error_code fault;
  for (std::filesystem::directory_iterator it(folder, fault), end; !fault && it != end;
       it.increment(fault)) {
    if (it->path().filename().string() == name && it->is_regular_file(fault))
      return WebFile{type_of(name), read_text_file(it->path().string(), "a file of the page")};
  }
  return std::nullopt;
}

}   // namespace

std::optional<WebFile> web_file(std::string_view path, const std::string& folder) {
  if (path.empty() || path.front() != '/') return std::nullopt;
  const std::string_view name = path == "/" ? "index.html" : path.substr(1);
  if (type_of(name).empty()) return std::nullopt;
  if (!folder.empty()) return file_in(folder, name);
  for (const EmbeddedFile& file : kFiles)
    if (file.name == name) return WebFile{type_of(name), std::string(file.bytes)};
  return std::nullopt;
}

}   // namespace glass
