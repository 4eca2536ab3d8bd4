// The tape of one training step: a forward and a backward of the open model, for one text, with
// what every op took and kept. The rows are those of `glass trace --ckpt --json` (engine/trace.h);
// the scope of a weight is its name.
#include <set>

#include "engine/base/text.h"
#include "tools/api/endpoints.h"
#include "tools/api/prompt.h"
#include "tools/model_step.h"
#include "tools/sources.h"

namespace glass {
namespace {

constexpr std::int64_t kMostWeights = std::int64_t{1} << 28;   // their gradients take 1 GiB

// Those of the files on the tape that GET /api/source can show.
void put_sources(Json& json, const Trace& trace) {
  std::set<std::string> files;
  for (const TraceNode& node : trace.nodes) files.insert(node.file);
  json.key("sources").array();
  for (const std::string& file : files)
    if (const SourceFile* source = find_source(file))
      json.object().field("path", source->path).field("name", source->name).end();
  json.end();
}

}   // namespace

Answer api_tape(Session& session, const Call& call) {
  const auto opened = session.model();
  const std::vector<std::int32_t> ids = tokens_asked(call, *opened);
  LanguageModel& model = opened->model();
  if (model.count() > kMostWeights)
    throw ApiError(413, "too_much",
                   "the gradients of " + with_commas(model.count()) +
                       " weights are more than a page should ask for",
                   "a smaller model has the same tape");

  const auto computing = session.computing();
  const ModelStep step = trace_step(model, ids);
  Json json;
  json.object()
      .field("tokens", ids)
      .field("strings", texts_of(*opened, ids))
      .field("loss", step.loss);
  put_sources(json, step.trace);
  json.key("trace");
  write(json, step.trace);
  json.end();
  return {json.text()};
}

}   // namespace glass
