// Where the numbers of a page are made: GET /api/source/{file} are the lines as they were compiled,
// and one table says which function of them computes what an analysis finds. Numbers of lines are
// nowhere written down: they are looked for in the very text that is shown.
#include <string_view>

#include "engine/base/json.h"
#include "engine/base/text.h"
#include "tools/api/endpoints.h"
#include "tools/sources.h"

namespace glass {
namespace {

struct ComputedBy {
  std::string_view analysis, file, function;
};

// clang-format off
constexpr ComputedBy kComputedBy[] = {
    {"cache",        "cache.cpp",       "cache_of"},
    {"cache",        "cache.cpp",       "summary_of"},
    {"attention",    "attention.cpp",   "attention_of"},
    {"attention",    "layers.cpp",      "SelfAttention::readable_listen"},
    {"attention",    "softmax.cpp",     "softmax"},
    {"heads",        "detectors.cpp",   "heads_of"},
    {"heads",        "detectors.cpp",   "detect"},
    {"heads",        "patterns.cpp",    "each_pattern"},
    {"induction",    "induction.cpp",   "induction_of"},
    {"induction",    "patterns.cpp",    "MatchShare::add"},
    {"induction",    "induction.cpp",   "judge"},
    {"induction",    "copy_score.cpp",  "copy_scores"},
    {"lens",         "lens.cpp",        "lens_of"},
    {"lens",         "lens.cpp",        "cell_of"},
    {"lens",         "gpt.cpp",         "GPT::head"},
    {"attribute",    "attribution.cpp", "attribution_of"},
    {"attribute",    "readout.cpp",     "Readout::Readout"},
    {"attribute",    "readout.cpp",     "Readout::share"},
    {"patch",        "patching.cpp",    "patching_of"},
    {"patch",        "patching.cpp",    "answers_of_layer"},
    {"patch",        "cells.cpp",       "answers_of_cells"},
    {"path",         "path.cpp",        "paths_of"},
    {"ablate",       "ablation.cpp",    "ablation_of"},
    {"ablate",       "ablation.cpp",    "change_of"},
    {"circuit",      "circuit.cpp",     "circuit_of"},
    {"circuit",      "eap.cpp",         "edge_attributions"},
    {"circuit",      "acdc.cpp",        "acdc"},
    {"composition",  "composition.cpp", "composition_of"},
    {"composition",  "composition.cpp", "scores_of"},
    {"composition",  "composition.cpp", "copying"},
    {"neurons-scan", "neuron_scan.cpp", "scan_neurons"},
    {"neurons-show", "neurons.cpp",     "neuron_of"},
    {"neurons-show", "neurons.cpp",     "overview_of"},
    {"neurons-show", "neuron_scan.cpp", "scan_neurons"},
    {"sae-train",    "sae_train.cpp",   "train_sae"},
    {"sae-train",    "sae_train.cpp",   "learn"},
    {"sae-show",     "sae_show.cpp",    "feature_of"},
    {"sae-show",     "sae_show.cpp",    "overview_of"},
    {"steer",        "steering.cpp",    "steer"},
    {"steer",        "steering.cpp",    "contrast_direction"},
    {"dynamics",     "dynamics.cpp",    "dynamics_of"},
    {"dynamics",     "dynamics.cpp",    "transition_in"},
};
// clang-format on

void put_place(Json& json, const SourceFile& file, std::string_view words, int line) {
  json.object().field("name", file.name).field("path", file.path);
  json.field("words", words).field("line", line).end();
}

// What the files that make tensors call one: its whole name, or what Block (transformer.h.3.) and
// Linear (.weight) put around it; the longest that somebody writes down.
std::vector<std::string> spellings(const std::string& tensor) {
  const std::string stem = tensor.substr(0, tensor.rfind('.'));
  const std::vector<std::string> pieces = split(stem, '.');
  std::vector<std::string> all = {tensor, stem};
  if (pieces.size() > 3)
    all.push_back(join(std::vector<std::string>(pieces.begin() + 3, pieces.end()), "."));
  return all;
}

}   // namespace

void put_code_of_analysis(Json& json, std::string_view analysis) {
  json.key("code").array();
  for (const ComputedBy& row : kComputedBy) {
    if (row.analysis != analysis) continue;
    const SourceFile& file = *find_source(row.file);
    put_place(json, file, row.function, line_of_function(file.text, row.function));
  }
  json.end();
}

void put_code_of_tensor(Json& json, const std::string& name) {
  json.key("code").array();
  for (const std::string& spelling : spellings(name)) {
    const std::string quoted = "\"" + spelling + "\"";
    for (const char* path : {"model/gpt.cpp", "model/layers.cpp", "model/bigram.cpp"}) {
      const SourceFile& file = *find_source(path);
      const int line = line_with(file.text, quoted);
      if (line == 0) continue;
      put_place(json, file, spelling, line);
      json.end();
      return;
    }
  }
  json.end();
}

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
