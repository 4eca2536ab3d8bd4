// All that can be asked, in one place. A new endpoint is a function in endpoints.h and a row here;
// GET /api/openapi.json is written from this table.
#include "tools/api/endpoints.h"

namespace glass {
namespace {

// clang-format off
const Endpoint kEndpoints[] = {
    {"GET",  "/api/status",         "which model is open, and what computes", api_status},
    {"GET",  "/api/model",          "its sizes, tensors and tokenizer", api_model},
    {"POST", "/api/tokenize",       "a text as tokens", api_tokenize},
    {"GET",  "/api/analyses",       "what can be asked of a model, with all options", api_analyses},
    {"POST", "/api/interp/{name}",  "one analysis: its options in, its page and numbers out", api_interp},
    {"POST", "/api/micro/{action}", "the guide's own small GPT: state, reset, tokens, value, ...", api_micro},
    {"GET",  "/api/source/{file}",  "a file of this program that the guide shows", api_source},
    {"GET",  "/api/openapi.json",   "this table", api_openapi},
};
// clang-format on

}   // namespace

std::span<const Endpoint> endpoints() { return kEndpoints; }

}   // namespace glass
