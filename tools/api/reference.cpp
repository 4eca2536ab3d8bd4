// The endpoints of the reference dashboard, with its names and its JSON, so that its own pages work
// on this server: /health /forward /attention /logit_lens /neurons/{l} /neuron/{l}/{i} /ablate
// /induction_scan, and the same under /api. Its rules: a prompt that is too long is cut behind what
// the model can read, an empty one is token 0, tokens are shown as their text alone.
//
// The numbers are those of `glass interp`; what is told beside them (a seed, "tokens_scanned") is
// ours.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <random>

#include "engine/base/error.h"
#include "engine/base/json.h"
#include "engine/base/text.h"
#include "engine/ops.h"
#include "interp/activations.h"
#include "interp/features/neuron_scan.h"
#include "interp/heads/induction.h"
#include "interp/heads/patterns.h"
#include "interp/kept_file.h"
#include "interp/read/attention.h"
#include "interp/read/lens.h"
#include "tools/api/endpoints.h"
#include "tools/api/prompt.h"
#include "tools/interp/interp.h"
#include "tools/shell_word.h"

namespace glass {
namespace {

constexpr int kTop = 5;                  // guesses of lens and ablation
constexpr int kSequences = 25;           // of the induction scan
constexpr int kBefore = 8, kAfter = 8;   // tokens around a neuron's moment
constexpr std::size_t kContexts = 20;

Specimen specimen_of(const Opened& opened, const std::string& command) {
  return {gpt_of(opened.model()),
          opened.saved.tokenizer,
          {command, opened.saved.path, opened.saved.digest, opened.saved.step, 0,
           std::string(opened.machine.backend->name())}};
}

struct Prompt {
  std::string text;
  std::vector<std::int32_t> ids;
};

Prompt prompt_of(const Call& call, const Opened& opened) {
  Prompt prompt{call.text("prompt"), {}};
  prompt.ids = encoded(opened, prompt.text);
  if (prompt.ids.empty()) prompt.ids = {0};
  const auto most = static_cast<std::size_t>(opened.config().block_size);
  if (prompt.ids.size() > most) prompt.ids.resize(most);
  return prompt;
}

void put(Json& json, const Prompt& prompt, const Opened& opened) {
  json.field("prompt", prompt.text).field("tokens", prompt.ids);
  json.field("token_strings", texts_of(opened, prompt.ids));
}

// [layer][head][query][key] of one text; 0 where a query may not look.
void put_attention(Json& json, const AttentionResult& result) {
  const std::size_t T = result.tokens.size();
  json.key("attention").array();
  for (const auto& layer : result.attention) {
    json.array();
    for (const std::vector<double>& pattern : layer) {
      json.array();
      for (std::size_t q = 0; q < T; ++q) {
        json.array();
        for (std::size_t k = 0; k < T; ++k) {
          const double a = pattern[q * T + k];
          json.value(std::isnan(a) ? 0.0 : a);
        }
        json.end();
      }
      json.end();
    }
    json.end();
  }
  json.end();
}

void put_guess(Json& json, const Opened& opened, std::int32_t id, double probability) {
  json.object().field("token_id", id).field("token_string", text_of(opened, id));
  json.field("prob", probability).end();
}

std::string scan_command(const OpenModel& opened) {
  return "glass interp neurons scan --ckpt " + shell_word(opened.ckpt) + " --top " +
         std::to_string(kContexts);
}

// What the command of the message made. 409 where there is none, or where it is of other weights or
// of a text that has changed.
UnitScan scan_of(const OpenModel& opened, const Specimen& specimen) {
  const std::string renew = scan_command(opened);
  const std::string path = path_beside(opened.saved.path, "neurons");
  std::error_code ignored;
  if (!opened.config().has_mlp())
    throw ApiError(409, "no_neurons", "this model has no mlps, and so no neurons to look at");
  if (!std::filesystem::exists(path, ignored))
    throw ApiError(409, "no_scan", "nobody has scanned the neurons of this model yet", renew);
  UnitScan scan = load_neurons(path, specimen, renew);
  refuse_changed_text(opened, {}, scan, renew);
  return scan;
}

void put_metadata(Json& json, const UnitScan& scan) {
  json.key("metadata").object().field("num_layers", scan.layers);
  std::size_t kept = 0;   // moments of a neuron
  for (const UnitRecord& record : scan.records) kept = std::max(kept, record.top.size());
  json.field("neurons_per_layer", scan.units).field("top_k", std::min(kept, kContexts));
  json.field("context_before", kBefore).field("context_after", kAfter);
  json.field("num_tokens_scanned", scan.text.size()).end();
}

std::int32_t token_at(const UnitScan& scan, const Moment& moment) {
  return scan.text[static_cast<std::size_t>(moment.position)];
}

// The largest value and its token; of a neuron that is never above 0 there is no moment.
void put_strongest(Json& json, const Opened& opened, const UnitScan& scan, const UnitRecord& r) {
  const bool awake = !r.top.empty() && r.top[0].value > 0;
  json.field("max_value", awake ? r.top[0].value : 0.0);
  json.field("top_token", awake ? text_of(opened, token_at(scan, r.top[0])) : "");
}

// The text of [first, last) of what was scanned, within the window of the moment.
std::string text_around(const Opened& opened, const UnitScan& scan, const Moment& moment,
                        std::int64_t first, std::int64_t last) {
  const std::int64_t window = moment.position / scan.T * scan.T;
  std::string text;
  for (std::int64_t i = std::max(first, window); i < std::min(last, window + scan.T); ++i)
    text += text_of(opened, scan.text[static_cast<std::size_t>(i)]);
  return text;
}

// ---- ablation -----------------------------------------------------------------------------------

using Pairs = std::vector<std::vector<std::int64_t>>;   // [layer, head or neuron]

Pairs parts_asked(const Call& call, const char* name, const GPTConfig& c, std::int64_t each) {
  Pairs parts = call.tuples(name, 2);
  for (const auto& part : parts) {
    if (part[0] >= c.n_layer)
      throw bad_value("\"" + std::string(name) + "\": there is no layer " +
                      std::to_string(part[0]));
    if (part[1] >= each)
      throw bad_value("\"" + std::string(name) + "\": there is no " + std::to_string(part[1]) +
                      " in a layer; it has " + std::to_string(each));
  }
  return parts;
}

// What comes next (V), with these heads and neurons saying nothing: a head's mix of values before
// it is projected, a neuron's activation.
std::vector<double> next_without(GPT& gpt, const Tensor& ids, const Pairs& heads,
                                 const Pairs& neurons) {
  Hooks hooks(gpt);
  std::vector<Hooks::Scope> scopes;
  // The intact run takes the same way through the model, so that no other rounding is compared.
  for (int l = 0; l < gpt.config().n_layer; ++l)
    scopes.push_back(hooks.read({in_block(l, "attn.hook_z")}, [](const Tensor&) {}));
  for (const auto& head : heads)
    scopes.push_back(hooks.replace(
        {in_block(static_cast<int>(head[0]), "attn.hook_z"), static_cast<int>(head[1])},
        [](const Tensor& z) { return z * 0; }));
  for (const auto& neuron : neurons)
    scopes.push_back(
        hooks.replace({in_block(static_cast<int>(neuron[0]), "mlp.hook_post")},
                      [n = static_cast<std::size_t>(neuron[1])](const Tensor& x) {
                        std::vector<double> keep(static_cast<std::size_t>(x.dim(2)), 1.0);
                        keep[n] = 0;
                        return x * Tensor::from(x.device(), keep, {x.dim(2)}, x.dtype());
                      }));
  const Tensor logits = hooks.logits(ids);
  const std::int64_t T = ids.dim(1);
  return slice(logits, 1, T - 1, T).to_host();
}

void put_top(Json& json, const char* name, const Opened& opened,
             const std::vector<Guess>& guesses) {
  json.key(name).array();
  for (const Guess& guess : guesses) put_guess(json, opened, guess.id, guess.probability);
  json.end();
}

}   // namespace

Answer api_health(Session& session, const Call&) {
  const auto opened = session.model();
  Json json;
  json.object().field("status", "ok").field("device", opened->machine.backend->name());
  json.field("vocab_size", opened->config().vocab_size);
  json.field("context_length", opened->config().block_size).end();
  return {json.text()};
}

Answer reference_forward(Session& session, const Call& call) {
  const auto opened = session.model();
  const Prompt prompt = prompt_of(call, *opened);
  const std::int64_t T = static_cast<std::int64_t>(prompt.ids.size()),
                     V = opened->config().vocab_size;
  if (T * V > kMostLogits)
    throw ApiError(413, "too_much", with_commas(T * V) + " logits are more than one answer takes",
                   "add \"top_k\": 5 for the likeliest tokens only");
  const auto computing = session.computing();
  const std::vector<double> logits = logits_of(*opened, prompt.ids).to_host();
  Json json;
  json.object();
  put(json, prompt, *opened);
  json.field("vocab_size", V).field("context_length", opened->config().block_size);
  json.key("logits_shape").array().value(T).value(V).end().key("logits").array();
  const auto width = static_cast<std::size_t>(V);
  for (std::size_t t = 0; t < prompt.ids.size(); ++t) {
    json.array();
    for (std::size_t v = 0; v < width; ++v) json.value(static_cast<float>(logits[t * width + v]));
    json.end();
  }
  json.end().end();
  return {json.text()};
}

Answer api_attention(Session& session, const Call& call) {
  const auto opened = session.model();
  const Prompt prompt = prompt_of(call, *opened);
  const auto computing = session.computing();
  const AttentionResult result = attention_of(specimen_of(*opened, "POST /attention"), prompt.ids);
  Json json;
  json.object();
  put(json, prompt, *opened);
  json.field("num_layers", opened->config().n_layer).field("num_heads", opened->config().n_head);
  json.field("seq_len", prompt.ids.size());
  put_attention(json, result);
  json.end();
  return {json.text()};
}

Answer api_logit_lens(Session& session, const Call& call) {
  const auto opened = session.model();
  const Prompt prompt = prompt_of(call, *opened);
  const auto computing = session.computing();
  const LensResult result = lens_of(specimen_of(*opened, "POST /logit_lens"), prompt.ids,
                                    {.at = LensAt::post, .top_k = kTop});
  Json json;
  json.object();
  put(json, prompt, *opened);
  json.field("num_layers", opened->config().n_layer).field("seq_len", prompt.ids.size());
  json.field("top_k", kTop).key("layers").array();
  for (const LensRow& row : result.reading.rows) {
    json.array();
    for (const LensCell& cell : row.cells) {
      json.array();
      for (const LensGuess& guess : cell.top) put_guess(json, *opened, guess.id, guess.probability);
      json.end();
    }
    json.end();
  }
  json.end().end();
  return {json.text()};
}

Answer api_neurons(Session& session, const Call& call) {
  const auto opened = session.model();
  const std::int64_t layer = call.index(0, opened->config().n_layer, "layer");
  const UnitScan scan = scan_of(*opened, specimen_of(*opened, "GET /neurons"));
  Json json;
  json.object().field("layer", layer);
  put_metadata(json, scan);
  json.key("neurons").array();
  for (int n = 0; n < scan.units; ++n) {
    json.object().field("idx", n);
    put_strongest(json, *opened, scan, scan.at(static_cast<int>(layer), n));
    json.end();
  }
  json.end().end();
  return {json.text()};
}

Answer api_neuron(Session& session, const Call& call) {
  const auto opened = session.model();
  const GPTConfig& c = opened->config();
  const std::int64_t layer = call.index(0, c.n_layer, "layer");
  const std::int64_t neuron = call.index(1, c.has_mlp() ? c.inner() : 0, "neuron");
  const UnitScan scan = scan_of(*opened, specimen_of(*opened, "GET /neuron"));
  const UnitRecord& record = scan.at(static_cast<int>(layer), static_cast<int>(neuron));
  Json json;
  json.object().field("layer", layer).field("idx", neuron);
  put_metadata(json, scan);
  put_strongest(json, *opened, scan, record);
  json.key("contexts").array();
  for (std::size_t i = 0; i < std::min(kContexts, record.top.size()); ++i) {
    const Moment& moment = record.top[i];
    if (moment.value <= 0) break;   // the strongest come first
    const std::int64_t at = moment.position;
    const std::int32_t id = token_at(scan, moment);
    json.object().field("value", moment.value).field("global_pos", at).field("token_id", id);
    json.field("token_string", text_of(*opened, id));
    json.field("before_text", text_around(*opened, scan, moment, at - kBefore, at));
    json.field("after_text", text_around(*opened, scan, moment, at + 1, at + 1 + kAfter)).end();
  }
  json.end().end();
  return {json.text()};
}

Answer api_ablate(Session& session, const Call& call) {
  const auto opened = session.model();
  const GPTConfig& c = opened->config();
  const Prompt prompt = prompt_of(call, *opened);
  const Pairs heads = parts_asked(call, "ablate_heads", c, c.n_head);
  const Pairs neurons = parts_asked(call, "ablate_neurons", c, c.has_mlp() ? c.inner() : 0);
  const auto computing = session.computing();
  GPT& gpt = gpt_of(opened->model());
  const Tensor ids =
      Tensor::ids(gpt.device(), prompt.ids, {1, static_cast<std::int64_t>(prompt.ids.size())});
  const std::vector<double> intact = next_without(gpt, ids, {}, {}),
                            ablated = next_without(gpt, ids, heads, neurons);
  const std::vector<Guess> baseline = likeliest(intact, kTop);
  std::vector<Guess> under = baseline;
  for (Guess& guess : under) guess.probability = probability_of(guess.id, ablated);
  Json json;
  json.object();
  put(json, prompt, *opened);
  json.field("ablated_heads", heads).field("ablated_neurons", neurons);
  put_top(json, "baseline_top_k", *opened, baseline);
  put_top(json, "ablated_top_k", *opened, likeliest(ablated, kTop));
  put_top(json, "baseline_top_under_ablation", *opened, under);
  json.end();
  return {json.text()};
}

// With the "seed" of the body, or new sequences each time.
Answer api_induction_scan(Session& session, const Call& call) {
  const std::int64_t fresh = std::random_device{}() & 0x7fffffff;
  const std::int64_t seed = call.integer("seed", 0, std::int64_t{1} << 53, fresh);
  const auto opened = session.model();
  const Specimen specimen = specimen_of(*opened, "POST /induction_scan");
  const SequenceSource source(specimen, Bos::no, static_cast<std::uint64_t>(seed));
  const std::int64_t N = chosen_length(source, 0);
  const std::vector<Sequence> sequences = many_repeated(source, N, kSequences);
  const auto computing = session.computing();
  const PerHead score = match_score(specimen.gpt, sequences);
  std::vector<std::int64_t> order;
  for (std::int64_t i = 0; i < score.L * score.H; ++i) order.push_back(i);
  const auto value = [&](std::int64_t i) { return score.values[static_cast<std::size_t>(i)]; };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::int64_t a, std::int64_t b) { return value(a) > value(b); });
  Json json;
  json.object().field("num_seqs", kSequences).field("seq_len", N).field("total_len", 2 * N);
  json.field("num_layers", score.L).field("num_heads", score.H);
  json.field("candidate_threshold", kInductionThreshold).field("seed", seed);
  json.key("scores").array();
  for (const std::int64_t i : order) {
    json.object().field("layer", i / score.H).field("head", i % score.H);
    json.field("score", value(i)).end();
  }
  json.end().key("sample").object().field("tokens", sequences.front().ids);
  put_attention(json, attention_of(specimen, sequences.front().ids));
  json.end().end();
  return {json.text()};
}

}   // namespace glass
