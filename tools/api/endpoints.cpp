// All that can be asked, in one place. A new endpoint is a function in endpoints.h and a row here;
// GET /api/openapi.json is written from this table.
#include "tools/api/endpoints.h"

namespace glass {
namespace {

// clang-format off
const Endpoint kEndpoints[] = {
    {"GET",  "/api/status",            "which model is open, and what computes", api_status},
    {"GET",  "/api/models",            "what can be opened: models by hand, runs, checkpoints", api_models},
    {"POST", "/api/open",              "open one of them: {ckpt}, or the same once more, as it is now: {again: true}", api_open},
    {"GET",  "/api/model",             "its config, tokenizer and tensors in numbers; ?histogram=BINS", api_model},
    {"GET",  "/api/param/{name}",      "a part of a tensor; ?rows=0:8&cols=0:8", api_param},
    {"POST", "/api/tokenize",          "a text as tokens: {text}", api_tokenize},
    {"POST", "/api/forward",           "what may come next: {prompt | tokens, top_k, positions, full}; of a prompt alone, all logits", api_forward, nullptr, true},
    {"POST", "/api/tape",              "every op of one training step, with what it cost: {prompt | tokens}", api_tape},
    {"POST", "/api/generate",          "write: {prompt | tokens, n, temperature, top_k, top_p, min_p, seed, stop, steering: {towards, away, at, feature, strength}}; events token, done", nullptr, api_generate},
    {"GET",  "/api/analyses",          "what can be asked of a model, with all options", api_analyses},
    {"POST", "/api/interp/{name}",     "one analysis: its options in, its page and numbers out", api_interp},
    {"POST", "/api/interp/{name}/stream", "the same, and how far it is; events progress, done", nullptr, api_interp_stream},
    {"POST", "/api/micro/{action}",    "the guide's own small GPT: state, reset, tokens, value, ...", api_micro},
    {"GET",  "/api/source/{file}",     "a file of this program that a page shows", api_source},

    {"GET",  "/api/runs",              "the runs in the folder", api_runs},
    {"GET",  "/api/runs/{id}",         "one of them: its settings, the end of its log", api_run},
    {"GET",  "/api/runs/{id}/metrics", "its numbers; ?since=STEP&most=ROWS", api_metrics},
    {"GET",  "/api/runs/{id}/samples", "what it wrote on the way; ?since=STEP&most=TEXTS", api_samples},
    {"GET",  "/api/train",             "who trains now, and what a training can be told", api_training},
    {"POST", "/api/train",             "{action: plan, options}, {action: start, options, name}, or {action: pause | resume | stop | save, run}", api_train},
    {"GET",  "/api/train/stream",      "events state, step, evaluation, sample, checkpoint, end; ?run=ID&since=STEP", nullptr, api_train_stream},

    // The reference dashboard's, which its pages ask without a token.
    {"GET",  "/health",                "whether a model answers", api_health, nullptr, true},
    {"POST", "/forward",               "all logits of a prompt", reference_forward, nullptr, true},
    {"POST", "/attention",             "where every head looks", api_attention, nullptr, true},
    {"POST", "/logit_lens",            "what each layer would say", api_logit_lens, nullptr, true},
    {"GET",  "/neurons/{layer}",       "the neurons of a layer and their strongest tokens", api_neurons, nullptr, true},
    {"GET",  "/neuron/{layer}/{idx}",  "one neuron in its contexts", api_neuron, nullptr, true},
    {"POST", "/ablate",                "what comes next without some heads and neurons", api_ablate, nullptr, true},
    {"POST", "/induction_scan",        "induction scores of all heads, over new random sequences; {seed}", api_induction_scan, nullptr, true},
    {"GET",  "/api/health",                "the same", api_health, nullptr, true},
    {"POST", "/api/attention",             "the same", api_attention, nullptr, true},
    {"POST", "/api/logit_lens",            "the same", api_logit_lens, nullptr, true},
    {"GET",  "/api/neurons/{layer}",       "the same", api_neurons, nullptr, true},
    {"GET",  "/api/neuron/{layer}/{idx}",  "the same", api_neuron, nullptr, true},
    {"POST", "/api/ablate",                "the same", api_ablate, nullptr, true},
    {"POST", "/api/induction_scan",        "the same", api_induction_scan, nullptr, true},

    {"GET",  "/api/openapi.json",      "this table", api_openapi},
};
// clang-format on

}   // namespace

std::span<const Endpoint> endpoints() { return kEndpoints; }

}   // namespace glass
