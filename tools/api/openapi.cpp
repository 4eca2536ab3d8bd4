// The table of endpoints in the words of OpenAPI 3.0.
#include "engine/base/json.h"
#include "engine/base/text.h"
#include "tools/api/endpoints.h"
#include "tools/build_info.h"

namespace glass {
namespace {

void put_method(Json& json, const Endpoint& endpoint) {
  std::string method(endpoint.method);
  for (char& c : method) c = static_cast<char>(c - 'A' + 'a');
  json.key(method).object().field("summary", endpoint.summary);
  json.key("parameters").array();
  for (const std::string& piece : split(endpoint.path, '/')) {
    if (piece.empty() || piece.front() != '{') continue;
    json.object().field("name", piece.substr(1, piece.size() - 2)).field("in", "path");
    json.field("required", true).key("schema").object().field("type", "string").end().end();
  }
  json.end();
  json.key("responses").object().key("200").object();
  json.field("description", endpoint.stream != nullptr ? "a stream of events" : "the answer");
  json.end().end();
  json.end();
}

}   // namespace

Answer api_openapi(Session&, const Call&) {
  Json json;
  json.object().field("openapi", "3.0.3");
  json.key("info").object().field("title", "Glassbox").field("version", build_version()).end();
  json.key("paths").object();
  const auto all = endpoints();
  for (std::size_t i = 0; i < all.size(); ++i) {
    bool first = true;   // of its path: the methods of one path stand together
    for (std::size_t j = 0; j < i; ++j) first = first && all[j].path != all[i].path;
    if (!first) continue;
    json.key(all[i].path).object();
    for (const Endpoint& endpoint : all)
      if (endpoint.path == all[i].path) put_method(json, endpoint);
    json.end();
  }
  json.end().end();
  return {json.text()};
}

}   // namespace glass
