// GET /api/source/{file}: the lines that the page shows, as they were compiled.
#include "engine/base/json.h"
#include "engine/base/text.h"
#include "tools/api/endpoints.h"
#include "tools/sources.h"

namespace glass {

Answer api_source(Session&, const Call& call) {
  const SourceFile* file = find_source(call.parts.at(0));
  if (file == nullptr) {
    std::vector<std::string> names;
    for (const SourceFile& known : source_files()) names.emplace_back(known.name);
    throw ApiError(404, "not_found", "there is no source " + in_quotes(call.parts.at(0)) + " here",
                   "there are " + join(names, ", "));
  }
  Json json;
  json.object().field("name", file->name).field("path", file->path).field("text", file->text);
  return {json.end().text()};
}

}   // namespace glass
