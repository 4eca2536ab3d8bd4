#include "tools/web_modules.h"

#include <algorithm>
#include <vector>

#include "engine/base/base64.h"
#include "engine/base/error.h"
#include "engine/base/json.h"
#include "tools/web_files.h"

namespace glass {
namespace {

// Renames what the module imports, and adds to `names` what is not there yet.
std::string renamed(const std::string& module, std::vector<std::string>& names) {
  constexpr std::string_view kFrom = "from './", kTo = "from 'glass/";
  std::string out;
  std::size_t done = 0;
  for (std::size_t at; (at = module.find(kFrom, done)) != std::string::npos;) {
    const std::size_t begin = at + kFrom.size(), end = module.find('\'', begin);
    const std::string name = module.substr(begin, end - begin);
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    out += module.substr(done, at - done) + std::string(kTo);
    done = begin;
  }
  return out + module.substr(done);
}

}   // namespace

std::string import_map(const std::string& module) {
  Json json;
  json.object().key("imports").object();
  std::vector<std::string> names = {module};
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string name = names[i];
    const auto file = web_file("/" + name);
    if (!file) fail(UsageError("the page has no module " + name + "."));
    json.field("glass/" + name,
               "data:text/javascript;base64," + base64(renamed(file->bytes, names)));
  }
  json.end().end();
  return json.text();
}

}   // namespace glass
