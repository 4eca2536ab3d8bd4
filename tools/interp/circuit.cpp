// glass interp circuit: the few connections that give an answer.
#include "interp/circuit/circuit.h"

#include "tools/interp/task.h"

namespace glass {
namespace {

CircuitMethod method_of(const std::string& name) {
  if (name == "path_patching") return CircuitMethod::path_patching;
  if (name == "eap") return CircuitMethod::eap;
  return name == "eap-ig" ? CircuitMethod::eap_ig : CircuitMethod::acdc;
}

Findings find(const Arguments& args, const Microscope& microscope) {
  CircuitOptions options;
  options.method = method_of(args.text("method"));
  options.threshold = args.number("threshold");
  options.measure = args.text("measure") == "answer" ? AcdcOptions::Measure::answer
                                                     : AcdcOptions::Measure::kl;
  options.steps = static_cast<int>(args.integer("steps"));
  options.random = static_cast<int>(args.integer("random"));
  options.seed = static_cast<std::uint64_t>(args.integer("seed"));
  const Task task = task_asked(args, microscope.specimen);
  LongWay way("connections", "--method eap-ig estimates all of them at once.");
  return findings(circuit_of(microscope.specimen, task, options, std::ref(way)));
}

// clang-format off
constexpr Option kOwn[] = {
    {.name = "method", .type = Type::choice, .fallback = "acdc", .choices = "acdc|path_patching|eap|eap-ig",
     .help = "acdc: cut one connection after the other; path_patching: what each alone brings back; eap, eap-ig: first order, quick", .group = "What"},
    {.name = "threshold", .type = Type::number, .value = "X", .fallback = "0.02",
     .help = "acdc: a connection goes where the measure rises by less than this; the others: it stays where it makes this share of the answer"},
    {.name = "measure", .type = Type::choice, .fallback = "kl", .choices = "kl|answer",
     .help = "of acdc: how far the guess about the next token is from the whole model's, in nats; or the share of the answer that is gone"},
    {.name = "steps", .type = Type::integer, .value = "N", .fallback = "30", .min = 1, .max = 1e4, .help = "of eap-ig, from the corrupt text to the clean one"},
    {.name = "random", .type = Type::integer, .value = "N", .fallback = "100", .min = 0, .max = 1e5, .help = "random circuits of the same size to compare with"},
};
constexpr auto kOptions = joined(kTaskOptions, kOwn, kPictureOptions);
const Example kExamples[] = {
    {"glass interp circuit --ckpt handmade:induction", "the three connections of an induction circuit"},
    {"glass interp circuit --ckpt out/induction --method eap-ig --pairs 8 --png circuit.png", "of a trained model, as a picture"},
    {"glass interp circuit --ckpt gpt2 --task pairs.tsv --method eap-ig", "a task of your own: a line for each pair of texts"},
};
// clang-format on

}   // namespace

extern const Command kInterpCircuit = {
    .name = "circuit",
    .summary = "find the few connections that give an answer, and put them to the test",
    .about = "The model is taken as a graph of parts that write into one stream and read from it. A "
             "file for --task has a line for each pair: the clean text, the corrupt one, the target "
             "and the foil, with tabs between them; lines that begin with # say nothing.",
    .examples = kExamples,
    .options = kOptions,
    .run = run_analysis, .find = find};

}   // namespace glass
