// One way through the model: what it expects at every position.
//
// POST /api/forward has two forms. With a prompt alone it answers as the reference dashboard's
// endpoint of this name does, with all logits as numbers; as soon as one of our own fields is there
// (tokens, top_k, positions, full) it names the likeliest tokens, and logits travel as base64.
#include "engine/base/text.h"
#include "engine/ops.h"
#include "interp/page/page_json.h"
#include "tools/api/endpoints.h"
#include "tools/api/prompt.h"

namespace glass {
namespace {

// "positions": [0, 3], or all of them.
std::vector<std::int64_t> positions_asked(const Call& call, std::int64_t T) {
  std::vector<std::int64_t> positions = call.integers("positions", 0, T - 1);
  if (!call.has("positions"))
    for (std::int64_t t = 0; t < T; ++t) positions.push_back(t);
  return positions;
}

}   // namespace

Answer api_forward(Session& session, const Call& call) {
  if (!call.has("tokens") && !call.has("top_k") && !call.has("positions") && !call.has("full"))
    return reference_forward(session, call);
  const auto opened = session.model();
  const std::vector<std::int32_t> ids = tokens_asked(call, *opened);
  const std::int64_t T = static_cast<std::int64_t>(ids.size()), V = opened->config().vocab_size;
  const auto k = static_cast<std::size_t>(call.integer("top_k", 1, 1000, 5));
  const bool full = call.flag("full", false);
  const std::vector<std::int64_t> positions = positions_asked(call, T);
  if (full && static_cast<std::int64_t>(positions.size()) * V > kMostLogits)
    throw ApiError(413, "too_much",
                   "all logits of " + std::to_string(positions.size()) + " positions are " +
                       with_commas(static_cast<std::int64_t>(positions.size()) * V) +
                       " numbers; an answer takes " + with_commas(kMostLogits),
                   "ask for some \"positions\"");

  const auto computing = session.computing();
  const Tensor logits = logits_of(*opened, ids);
  Json json;
  json.object().field("tokens", ids).field("strings", texts_of(*opened, ids));
  json.key("shape").array().value(T).value(V).end().field("positions", positions);
  std::vector<double> kept;
  json.key("top").array();
  for (const std::int64_t t : positions) {
    const std::vector<double> row = slice(logits, 0, t, t + 1).to_host();
    put(json, *opened, likeliest(row, k));
    if (full) kept.insert(kept.end(), row.begin(), row.end());
  }
  json.end();
  if (full) put_f32(json, "logits", kept);   // (positions, V)
  json.end();
  return {json.text()};
}

}   // namespace glass
