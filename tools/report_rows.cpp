// The analyses of a report, one row each.
#include "engine/base/error.h"
#include "interp/change/ablation.h"
#include "interp/change/patching.h"
#include "interp/change/path.h"
#include "interp/circuit/circuit.h"
#include "interp/features/neurons.h"
#include "interp/features/sae_show.h"
#include "interp/heads/composition.h"
#include "interp/heads/detectors.h"
#include "interp/heads/dynamics.h"
#include "interp/heads/induction.h"
#include "interp/read/attention.h"
#include "interp/read/attribution.h"
#include "interp/read/lens.h"
#include "tools/report.h"
#include "tools/shell_word.h"

namespace glass {
namespace {

Task usual_task(const ReportSubject& s) { return induction_task(s.specimen, 1, 1337); }

Findings attention(const ReportSubject& s) { return findings(attention_of(s.specimen, s.ids)); }
Findings lens(const ReportSubject& s) { return findings(lens_of(s.specimen, s.ids)); }
Findings attribution(const ReportSubject& s) { return findings(attribution_of(s.specimen, s.ids)); }
// Fewer random models than the commands ask for alone: --random-models below says the same.
constexpr int kRandomModels = 8;
Findings heads(const ReportSubject& s) {
  HeadsOptions options;
  options.random_models = kRandomModels;
  return findings(heads_of(s.specimen, options));
}
Findings induction(const ReportSubject& s) {
  InductionOptions options;
  options.random_models = kRandomModels;
  return findings(induction_of(s.specimen, options));
}
Findings composition(const ReportSubject& s) { return findings(composition_of(s.specimen)); }
Findings ablation(const ReportSubject& s) { return findings(ablation_of(s.specimen, {})); }
Findings patch(const ReportSubject& s) { return findings(patching_of(s.specimen, usual_task(s))); }
Findings patch_heads(const ReportSubject& s) {
  PatchOptions options;
  options.site = "z";
  return findings(patching_of(s.specimen, usual_task(s), options));
}
Findings path(const ReportSubject& s) { return findings(paths_of(s.specimen, usual_task(s))); }
Findings circuit(const ReportSubject& s) {
  CircuitOptions options;
  options.method = CircuitMethod::eap_ig;
  return findings(circuit_of(s.specimen, usual_task(s), options));
}
std::string scanning(const ReportSubject& s) {
  return "glass interp neurons scan" + s.model_options;
}
std::string sae_training(const ReportSubject& s) {
  return "glass interp sae train" + s.model_options;
}
Findings neurons(const ReportSubject& s) {
  return findings(overview_of(s.specimen, load_neurons(s.neurons, s.specimen, scanning(s))));
}
Findings sae(const ReportSubject& s) {
  return findings(overview_of(s.specimen, *load_sae(s.sae, s.specimen, sae_training(s))));
}
Findings dynamics(const ReportSubject& s) { return findings(dynamics_of(s.specimen, s.folder)); }

std::string nothing(const ReportSubject&) { return ""; }
std::string one_layer(const ReportSubject& s) {
  return s.specimen.config().n_layer > 1 ? ""
                                         : "this model has one layer, and heads of one layer do "
                                           "not hear each other.";
}
std::string no_neurons(const ReportSubject& s) {
  if (!s.specimen.config().has_mlp()) return "this model has no mlps, and so no neurons.";
  return s.neurons.empty() ? "nobody has scanned its neurons yet; " + scanning(s) +
                                 " does, and the next report shows them."
                           : "";
}
std::string no_autoencoder(const ReportSubject& s) {
  return s.sae.empty() ? "nobody has trained a sparse autoencoder for it yet; " + sae_training(s) +
                             " does, and the next report shows its features."
                       : "";
}
std::string no_run(const ReportSubject& s) {
  return s.folder.empty()
             ? "this checkpoint is not in the folder of a run, whose other checkpoints "
               "would tell."
             : "";
}

// clang-format off
const ReportRow kRows[] = {
    {"attention",   "TEXT",                attention,   nothing},
    {"lens",        "TEXT",                lens,        nothing},
    {"attribute",   "TEXT",                attribution, nothing},
    {"induction",   "--random-models 8",   induction,   nothing},
    {"heads",       "--random-models 8",   heads,       nothing},
    {"composition", "",                    composition, one_layer},
    {"ablate",      "",                    ablation,    nothing},
    {"patch",       "",                    patch,       nothing},
    {"patch",       "--site z",            patch_heads, nothing},
    {"path",        "",                    path,        nothing},
    {"circuit",     "--method eap-ig",     circuit,     nothing},
    {"neurons",     "",                    neurons,     no_neurons},
    {"sae",         "",                    sae,         no_autoencoder},
    {"dynamics",    "",                    dynamics,    no_run},
};
// clang-format on

std::string command_of(const ReportRow& row, const ReportSubject& subject) {
  const std::string name(row.name), options(row.options);
  std::string line =
      "glass interp " + name + (name == "neurons" || name == "sae" ? " show" : "") +
      (name == "dynamics" && !subject.folder.empty() ? " --ckpt " + shell_word(subject.folder)
                                                      : subject.model_options);
  if (options.empty()) return line;
  return line + " " + (options == "TEXT" ? subject.text_options : options);
}

Findings without(const ReportRow& row, const Provenance& from, const std::string& reason) {
  Page page{row.name, "Not here: " + std::string(row.name), from};
  page.add(Paragraph{reason});
  Json json;
  begin(json, from);
  json.field("reason", reason).end();
  return {std::move(page), json.text()};
}

}   // namespace

std::span<const ReportRow> report_rows() { return kRows; }

Findings report_page(const ReportRow& row, const ReportSubject& subject) {
  Provenance from = subject.specimen.from;
  from.command = command_of(row, subject);
  if (const std::string reason = row.missing(subject); !reason.empty())
    return without(row, from, reason);
  const ReportSubject named{{subject.specimen.gpt, subject.specimen.tokenizer, from},
                            subject.ids,
                            subject.model_options,
                            subject.text_options,
                            subject.folder,
                            subject.neurons,
                            subject.sae};
  try {
    return row.run(named);
  } catch (const UsageError& error) {
    return without(row, from, error.what());
  } catch (const ContentError& error) { return without(row, from, error.what()); }
}

}   // namespace glass
