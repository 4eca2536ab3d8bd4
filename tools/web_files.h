// The files of the page (tools/web): compiled into the program, or read from a folder while
// somebody works on them. A request names one of a list; no path is ever made from what it says.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace glass {

struct WebFile {
  std::string type;   // "text/javascript; charset=utf-8"
  std::string bytes;
};

// "/app.js", or "/" for index.html. folder: "" for what is compiled in.
std::optional<WebFile> web_file(std::string_view path, const std::string& folder = "");

}   // namespace glass
