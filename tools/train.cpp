// glass train: from a text to a model that writes like it. The story is told by run() at the end of
// this file; what can be asked for is in train_options.h, what is shown in train_view.h.
#include <cstdlib>
#include <memory>

#include "engine/base/text.h"
#include "kernels/cpu/peak.h"
#include "model/run.h"
#include "model/saved_model.h"
#include "tools/build_info.h"
#include "tools/data_note.h"
#include "tools/machine.h"
#include "tools/saved.h"
#include "tools/terminal.h"
#include "tools/train_config_file.h"
#include "tools/train_result.h"
#include "tools/train_samples.h"
#include "tools/train_start.h"
#include "tools/train_view.h"

namespace glass {
namespace {

// ---- what is said -------------------------------------------------------------------------------

std::string amount(std::int64_t n, const char* one, const char* many) {
  return with_commas(n) + " " + (n == 1 ? one : many);
}

void introduce(TrainView& view, const TrainRequest& request, const Dataset& data, Trainer& trainer,
               const Machine& machine, const CorpusEntropy& lines, const std::string& folder) {
  const GPTConfig& c = trainer.model().config();
  std::string text = data.name + ": ";
  if (data.train_documents > 0)
    text += amount(data.train_documents + data.val_documents, "document", "documents") + ", ";
  text += "vocabulary " + with_commas(data.vocab_size) + " (" +
          (data.tokenizer ? data.tokenizer->spec() : "no tokenizer") + "), ";
  if (data.made)
    text += "new sequences as long as it learns, and some that repeat at a distance held out";
  else
    text += with_commas(data.train.size()) + " tokens to learn, " + with_commas(data.val.size()) +
            " held out";
  view.say("data     " + text);
  if (c.arch == Arch::bigram) {
    view.say("model    bigram: a table of " + amount(trainer.model().count(), "weight", "weights"));
  } else {
    view.say("model    " + amount(c.n_layer, "layer", "layers") + ", " +
             amount(c.n_head, "head", "heads") + ", width " + std::to_string(c.n_embd) +
             ", context " + std::to_string(c.block_size) + ": number of parameters: " +
             format("%.2fM", static_cast<double>(
                                 trainer.model().count(LanguageModel::Count::without_positions)) /
                                 1e6) +
             " (" + with_commas(trainer.model().count()) + " with positions)");
  }
  view.say("train    " + with_commas(request.train.max_iters) + " steps of " +
           with_commas(trainer.tokens_per_step()) + " tokens on " + machine.backend->name() + ", " +
           name_of(machine.dtype) +
           (request.train.recompute ? ", blocks run again in backward" : ""));
  view.say(
      format("compare  nats a token: knows nothing %.3f (ln %d), how often each occurs %.3f, the "
             "one before %.3f",
             lines.uniform, data.vocab_size, lines.unigram, lines.bigram));
  view.say("out      " + folder);
}

void mention_ignored(TrainView& view, const Arguments& args) {
  std::vector<std::string> ignored;
  for (const char* name : {"compile", "backend", "wandb-log", "wandb-project", "wandb-run-name"}) {
    if (args.has(name)) ignored.push_back(std::string("--") + name);
  }
  if (!ignored.empty())
    view.say("note     " + join(ignored, ", ") + (ignored.size() == 1 ? " has" : " have") +
             " no effect here.");
}

// What whoever chose the device, or did not, should know of it.
void mention_device(TrainView& view, const Arguments& args, const Machine& machine) {
  if (machine.device == "emulator")
    view.say(
        "note     the emulator shows what GPU kernels do, thread by thread, hundreds of times "
        "slower than --device cpu.");
  if (args.text("device") != "auto") return;
  for (const DeviceInfo& device : list_devices())
    if (device.name == "cuda" || device.name == "metal")
      view.say("note     --device " + device.name + " trains on the GPU: " + device.description +
               ".");
}

double peak_of(const Machine& machine) {
  return machine.device == "cpu" ? peak_gflops(machine.isa, machine.threads) : 0;
}

TrainView::Style style_of(const Arguments& args) {
  if (is_terminal(stderr) && std::getenv("TERM") != nullptr &&
      std::string(std::getenv("TERM")) != "dumb")
    return TrainView::Style::rewritten;
  return args.flag("json") ? TrainView::Style::quiet : TrainView::Style::lines;
}

Notes fixed_notes(const TrainRequest& request, const GPTConfig& model, const Dataset& data,
                  const Machine& machine) {
  Notes notes = {{"format", "glass"},
                 {"glass.version", build_version()},
                 {"glass.config", fields_to_json(model)},
                 {kDataNote, data_note(request.data, data)},
                 {"glass.isa", machine.isa}};
  if (data.tokenizer) notes["glass.tokenizer"] = data.tokenizer->to_json();
  return notes;
}

// How often a line is printed: as often as the user said, and else about thirty times in a run.
std::int64_t steps_between_lines(const TrainConfig& c, const Arguments& args) {
  if (chosen(args, "log-interval")) return c.log_interval;
  for (std::int64_t ten = 1;; ten *= 10) {
    for (const std::int64_t nice : {1, 2, 5}) {
      if (nice * ten * c.log_interval * 30 >= c.max_iters) return nice * ten * c.log_interval;
    }
  }
}

TrainView::Plan plan_of(Trainer& trainer, const Arguments& args, double peak) {
  const TrainConfig& c = trainer.config();
  return {trainer.steps(),          c.max_iters, steps_between_lines(c, args),
          trainer.flops_per_step(), peak,        trainer.tokens_per_step()};
}

// What a resumed run should know about its end.
void mention_schedule(TrainView& view, const TrainConfig& c, std::int64_t step) {
  if (c.max_iters < step)
    view.say("note     the run is at step " + with_commas(step) + " already, behind --max-iters " +
             with_commas(c.max_iters) + ".");
  else if (c.max_iters > c.decay_steps())
    view.say("note     the learning rate was planned for " + with_commas(c.decay_steps()) +
             " steps; behind them it stays at " + shortest(c.min_lr) + ".");
}

void mention_isa(const FoundCheckpoint& found, const Machine& machine) {
  const auto before = found.checkpoint.notes.find("glass.isa");
  if (before == found.checkpoint.notes.end() || before->second == machine.isa) return;
  warn("The run computed with " + (before->second.empty() ? "no instruction set" : before->second) +
       " so far and goes on with " + (machine.isa.empty() ? "none" : machine.isa) +
       "; the last digits differ between them.");
}

ExitCode run(const Arguments& said) {
  leave_on_interrupt();
  TrainRequest request = train_request(said);
  const Arguments& args = request.args;
  TrainPlace place = place_of(request);
  Start start = start_of(request, place);
  const Machine machine = open_machine(args);
  const Dataset data = data_of(request, start, place);

  const auto model = make_model(request.model, machine.backend, machine.dtype,
                                static_cast<std::uint64_t>(request.train.seed));
  Trainer trainer(*model, data, request.train);
  trainer.debug_nonfinite = args.flag("debug-nan");
  const char* fault = std::getenv("GLASS_FAULT");
  trainer.fault = parse_fault(fault ? fault : "");

  if (start.found && !place.resume && place.branch.empty())
    load_weights(*model, start.found->checkpoint, start.found->path);
  const std::unique_ptr<RunFolder> folder = take_folder(place, request);
  const TrainView::Style style = style_of(args);
  TrainView view(style,
                 plan_of(trainer, args, style == TrainView::Style::quiet ? 0 : peak_of(machine)));
  Run run(trainer, *folder, fixed_notes(request, model->config(), data, machine), view);
  run.make_samples = [&](std::int64_t step) {
    return running_sample(*model, data, request.train, step);
  };
  if (place.resume) {
    run.resume(*start.found);
    mention_isa(*start.found, machine);
  } else if (!place.branch.empty()) {
    run.branch_off(*start.found);
  }
  start.found.reset();   // as large as the model and its moments, and no longer needed
  if (place.resume) update_config(place.folder, request);
  else write_config(place.folder, request);

  const CorpusEntropy lines = corpus_entropy(data);
  if (!place.said.empty()) view.say("note     " + place.said);
  for (const std::string& note : request.notes) view.say("note     " + note);
  mention_ignored(view, args);
  mention_device(view, args, machine);
  introduce(view, request, data, trainer, machine, lines, place.folder);
  if (!place.branch.empty())
    view.say("note     goes on from " + place.branch + " at step " + with_commas(trainer.steps()));
  if (trainer.steps() > 0) mention_schedule(view, request.train, trainer.steps());
  stop_on_interrupt();
  const TrainStory story{run, trainer, machine, data, lines, view, place.folder};
  const bool stopped = run.go() == Run::End::stopped;
  const TrainResult result = stopped ? stopped_result(story) : finished_result(story);
  if (stopped)
    view.say("Stopped after step " + std::to_string(trainer.steps()) + ", saved in " +
             run.last_saved() + ". Go on with: glass train --resume " + place.folder);
  end_quietly_on_closed_pipe();
  if (args.flag("json")) print_json(result);
  else if (!stopped) print_text(result, story);
  return stopped ? ExitCode::interrupted : ExitCode::ok;
}

// clang-format off
const Example kExamples[] = {
    {"glass train", "learn to make up names, in less than a minute"},
    {"glass train book.txt", "learn to write like a book, letter by letter, with nanoGPT's small model"},
    {"glass train book.txt --preset char-base --recompute", "a larger model, in less memory"},
    {"glass train book.txt --n_layer=4 --n_embd=128 --max_iters=2000 --dropout=0.0", "nanoGPT's command lines work"},
    {"glass train --resume out/book", "go on with a run, as if it had never stopped"},
};
// clang-format on

}   // namespace

extern const Command kTrain = {.name = "train",
                               .summary = "train a GPT on a text",
                               .about =
                                   "Reads a text, holds a tenth of it back, and trains a model to "
                                   "guess the next token. The run's folder "
                                   "gets checkpoints, metrics.jsonl, loss.png and samples. Ctrl-C "
                                   "saves and stops; --resume goes on exactly "
                                   "where it stopped. SIGUSR1 saves without stopping.",
                               .examples = kExamples,
                               .operands = train_operands(),
                               .options = train_options(),
                               .run = run};

}   // namespace glass
