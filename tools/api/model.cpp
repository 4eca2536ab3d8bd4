// Which model is open, and what it is made of.
#include <algorithm>

#include "engine/base/json.h"
#include "engine/base/text.h"
#include "engine/ops.h"
#include "interp/page/page_json.h"
#include "tools/api/endpoints.h"
#include "tools/api/prompt.h"
#include "tools/build_info.h"

namespace glass {
namespace {

constexpr std::int64_t kMostNumbers = 1 << 20;   // of one answer: 4 MiB before base64
constexpr int kMostBins = 1024;

// A field of a plain struct as the JSON value that it is.
void put_fields(Json& json, const GPTConfig& config) {
  each_field(config, [&](const char* name, const auto& field) {
    using Field = std::decay_t<decltype(field)>;
    if constexpr (std::is_enum_v<Field>) json.field(name, spelled(field));
    else json.field(name, field);
  });
}

void put_shape(Json& json, const Tensor& x) {
  json.key("shape").array();
  for (int d = 0; d < x.rank(); ++d) json.value(x.dim(d));
  json.end();
}

void put_tensor(Json& json, const Parameter& p, const TensorNumbers& n, int bins) {
  json.object().field("name", p.name);
  put_shape(json, p.value);
  json.field("count", p.value.numel()).field("type", name_of(p.value.dtype()));
  json.field("norm", n.norm).field("mean", n.mean).field("std", n.std);
  json.field("min", n.min).field("max", n.max);
  put_code_of_tensor(json, p.name);
  if (bins > 0) json.field("histogram", histogram_of(p.value, n, bins));
  json.end();
}

const Parameter& parameter_of(LanguageModel& model, const std::string& name) {
  std::vector<std::string> names;
  for (const Parameter* p : model.parameters()) {
    if (p->name == name) return *p;
    names.push_back(p->name);
  }
  const std::string near = nearest(name, names);
  throw ApiError(404, "not_found", "this model has no tensor " + in_quotes(name),
                 near.empty() ? "GET /api/model lists them" : "did you mean " + near + "?");
}

// A text to begin with: the first that the tokenizer has all tokens of. One that says something
// twice, so that there is something to see.
std::string example_for(const Tokenizer& tokenizer) {
  for (const char* text :
       {"Once upon a time there was", "x7kq2x7k", "anna and anna", "annabella"}) {
    try {
      if (!tokenizer.encode(text).empty()) return text;
    } catch (const Error&) { continue; }   // a tokenizer of some letters only
  }
  return "";
}

struct Piece {
  std::int64_t first, last;   // last is not part of it
};

// "2:5", "2:", ":5", "2" or "" (all) of `count`.
Piece piece_asked(const Call& call, const char* name, std::int64_t count) {
  const std::string said = call.asked(name);
  const std::size_t colon = said.find(':');
  Piece piece{0, count};
  const auto read = [&](const std::string& text, std::int64_t& to) {
    if (!text.empty() && parse_integer(text, to) != NumberFault::none) to = -1;
  };
  read(said.substr(0, colon), piece.first);
  if (colon != std::string::npos) read(said.substr(colon + 1), piece.last);
  else if (!said.empty()) piece.last = piece.first + 1;
  if (piece.first < 0 || piece.last > count || piece.first >= piece.last)
    throw bad_value(std::string(name) + "=" + in_quotes(said) +
                    " is no part of 0:" + std::to_string(count));
  return piece;
}

}   // namespace

Answer api_status(Session& session, const Call&) {
  Json json;
  json.object().field("status", "ok").field("version", build_version());
  json.field("model", session.has_model());
  if (session.has_model()) {
    const auto opened = session.model();
    json.field("checkpoint", opened->saved.path).field("digest", opened->saved.digest);
    json.field("step", opened->saved.step).field("device", opened->machine.backend->name());
    constexpr const char* kFile[] = {"same", "changed", "gone"};
    json.field("file", kFile[static_cast<int>(opened->file())]);
    if (opened->newer() >= 0) json.field("newer", opened->newer());
    json.field("warnings", opened->warnings);
  }
  json.end();
  return {json.text()};
}

Answer api_model(Session& session, const Call& call) {
  const int bins = static_cast<int>(call.asked_integer("histogram", 0, kMostBins, 0));
  const auto opened = session.model();
  const auto computing = session.computing();
  const GPTConfig& c = opened->config();
  LanguageModel& model = opened->model();
  Json json;
  json.object().field("ckpt", opened->ckpt).field("checkpoint", opened->saved.path);
  json.field("digest", opened->saved.digest).field("step", opened->saved.step);
  json.field("layers", c.n_layer).field("heads", c.n_head).field("channels", c.n_embd);
  json.field("vocab_size", c.vocab_size).field("context_length", c.block_size);
  json.field("count", model.count());
  json.field("count_without_positions", model.count(LanguageModel::Count::without_positions));
  json.key("config").object();
  put_fields(json, c);
  json.end();
  const TokenizerPtr& tokenizer = opened->saved.tokenizer;
  json.field("tokenizer", tokenizer ? tokenizer->spec() : "");
  json.field("example", tokenizer ? example_for(*tokenizer) : "");
  json.field("tokenizer_size", tokenizer ? tokenizer->vocab_size() : 0);
  json.key("tensors").array();
  const std::vector<TensorNumbers>& numbers = opened->measurements.of(model);
  std::size_t i = 0;
  for (const Parameter* p : model.parameters()) put_tensor(json, *p, numbers[i++], bins);
  json.end().field("taps", model.taps()).end();
  return {json.text()};
}

Answer api_param(Session& session, const Call& call) {
  const auto opened = session.model();
  const Tensor& x = parameter_of(opened->model(), call.parts.at(0)).value;
  const std::int64_t R = x.rank() < 2 ? 1 : x.dim(0), C = x.numel() / R;
  const Piece rows = piece_asked(call, "rows", R), cols = piece_asked(call, "cols", C);
  const std::int64_t count = (rows.last - rows.first) * (cols.last - cols.first);
  if (count > kMostNumbers)
    throw ApiError(413, "too_much",
                   with_commas(count) + " numbers are more than one answer takes, " +
                       with_commas(kMostNumbers),
                   "ask for a part: ?rows=0:256");
  const auto computing = session.computing();
  const Tensor part =
      slice(slice(reshape(x, {R, C}), 0, rows.first, rows.last), 1, cols.first, cols.last);
  Json json;
  json.object().field("name", call.parts[0]);
  put_shape(json, x);
  json.key("rows").array().value(rows.first).value(rows.last).end();
  json.key("cols").array().value(cols.first).value(cols.last).end();
  put_f32(json, "values", part.to_host());
  json.end();
  return {json.text()};
}

Answer api_tokenize(Session& session, const Call& call) {
  const auto opened = session.model();
  const std::string text = call.text("text");
  const std::vector<std::int32_t> ids = encoded(*opened, text);
  std::vector<std::int64_t> ends;   // in bytes
  std::int64_t end = 0;
  for (const std::int32_t id : ids)
    ends.push_back(end += static_cast<std::int64_t>(opened->tokenizer().token(id).size()));
  Json json;
  json.object().field("ids", ids).field("strings", texts_of(*opened, ids));
  // A tokenizer that changes what it reads has no place in the text to point at.
  json.key("offsets");
  if (end != static_cast<std::int64_t>(text.size())) {
    json.null();
  } else {
    json.array();
    for (std::size_t i = 0; i < ends.size(); ++i)
      json.array().value(i == 0 ? 0 : ends[i - 1]).value(ends[i]).end();
    json.end();
  }
  json.end();
  return {json.text()};
}

}   // namespace glass
