// Which model is open, and what it is made of.
#include "engine/base/json.h"
#include "tools/api/endpoints.h"
#include "tools/build_info.h"

namespace glass {

Answer api_status(Session& session, const Call&) {
  Json json;
  json.object().field("status", "ok").field("version", build_version());
  json.field("model", session.has_model());
  if (session.has_model()) {
    const auto opened = session.model();
    json.field("checkpoint", opened->saved.path).field("digest", opened->saved.digest);
    json.field("step", opened->saved.step).field("device", opened->machine.backend->name());
  }
  json.end();
  return {json.text()};
}

Answer api_model(Session& session, const Call&) {
  const auto opened = session.model();
  const GPTConfig& c = opened->config();
  Json json;
  json.object().field("checkpoint", opened->saved.path).field("digest", opened->saved.digest);
  json.field("layers", c.n_layer).field("heads", c.n_head).field("channels", c.n_embd);
  json.field("vocab_size", c.vocab_size).field("context_length", c.block_size);
  json.field("tokenizer", opened->saved.tokenizer ? opened->saved.tokenizer->spec() : "");
  json.key("tensors").array();
  for (const Parameter* p : opened->model().parameters()) {
    json.object().field("name", p->name).key("shape").array();
    for (int d = 0; d < p->value.rank(); ++d) json.value(p->value.dim(d));
    json.end().end();
  }
  json.end().end();
  return {json.text()};
}

Answer api_tokenize(Session& session, const Call& call) {
  const auto opened = session.model();
  const std::vector<std::int32_t> ids = opened->tokenizer().encode(call.text("text"));
  Json json;
  json.object().field("ids", ids).key("strings").array();
  for (const std::int32_t id : ids) json.value(opened->tokenizer().decode(std::vector{id}));
  json.end().end();
  return {json.text()};
}

}   // namespace glass
