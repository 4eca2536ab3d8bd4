#include "tools/train_result.h"

#include <cmath>

#include "engine/base/files.h"
#include "engine/base/json.h"
#include "engine/base/text.h"
#include "interp/draw/loss_chart.h"
#include "model/evaluate.h"
#include "tools/saved.h"
#include "tools/terminal.h"
#include "tools/text_options.h"

namespace glass {
namespace {

// The rows of metrics.jsonl, and behind them what was seen at the end.
std::vector<MetricsRow> all_rows(const TrainStory& s) {
  const std::string path = s.folder + "/metrics.jsonl";
  std::vector<MetricsRow> rows = read_metrics(read_text_file(path, "the metrics"), path);
  if (rows.empty() || rows.back().step < s.trainer.steps() || std::isnan(rows.back().val_loss)) {
    MetricsRow last;
    last.step = s.trainer.steps();
    last.train_loss = s.run.last_losses().train, last.val_loss = s.run.last_losses().val;
    rows.push_back(last);
  }
  return rows;
}

// loss.png, and the same curve in letters for whoever sits at a terminal. The path.
std::string draw_loss(const TrainStory& s) {
  LossChartOptions options;
  options.title = "Loss of " + s.data.name;
  options.subtitle = with_commas(s.trainer.model().count()) + " weights, nats a token";
  options.references = {
      {"ln V", s.lines.uniform}, {"unigram", s.lines.unigram}, {"bigram", s.lines.bigram}};
  const Chart chart = loss_chart(all_rows(s), options);
  const std::string path = s.folder + "/loss.png";
  write_whole_file(path, png(chart));
  s.view.show(chart);
  return path;
}

// All that is held out is read at the end where that takes seconds; else the estimate stands.
bool worth_reading_whole(Trainer& trainer, const Dataset& data) {
  const double flops =
      2 * static_cast<double>(trainer.model().count()) * static_cast<double>(data.val.size());
  return !data.made && data.val.size() > 1 && flops <= 5e12;
}

double in_mib(std::int64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

// Tensors on a processor lie among all else that the program holds.
bool has_own_memory(const Machine& machine) {
  return machine.device != "cpu" && machine.device != "reference";
}

// What is told at the end must be told even if a picture or a sample cannot be had.
template <class Act>
void try_to(const Act& act) {
  try {
    act();
  } catch (const Error& error) { warn(error.what()); }
}

// Where the run stands, without looking any further.
TrainResult stand_of(const TrainStory& s) {
  TrainResult r;
  r.step = s.trainer.steps(), r.params = s.trainer.model().count();
  r.losses = s.run.last_losses();
  r.best_val_loss = s.run.best_val_loss();
  r.tokens_per_second = s.view.tokens_per_second(), r.seconds = s.view.seconds();
  r.checkpoint = s.run.last_saved();
  r.memory = s.machine.backend->memory_use();
  return r;
}

}   // namespace

TrainResult stopped_result(const TrainStory& s) {
  TrainResult r = stand_of(s);
  r.stopped = true;
  try_to([&] { r.loss_png = draw_loss(s); });
  return r;
}

TrainResult finished_result(const TrainStory& s) {
  TrainResult r = stand_of(s);
  if (worth_reading_whole(s.trainer, s.data)) {
    const std::int64_t B = s.trainer.config().batch_size;
    const Evaluation whole = evaluate(s.trainer.model(), s.data.val, {.B = B, .stop = interrupted});
    if (!interrupted()) r.losses.val = whole.loss, r.val_tokens = whole.tokens;
  }
  if (!std::isfinite(r.best_val_loss)) r.best_val_loss = r.losses.val;
  try_to([&] { r.loss_png = draw_loss(s); });
  try_to([&] { r.samples = sample_report(s.trainer.model(), s.data, s.trainer.config()); });
  return r;
}

void print_json(const TrainResult& r) {
  Json json;
  json.object()
      .field("step", r.step)
      .field("train_loss", r.losses.train)
      .field("val_loss", r.losses.val);
  if (!std::isnan(r.losses.val_accuracy)) json.field("val_accuracy", r.losses.val_accuracy);
  json.field("best_val_loss", r.best_val_loss)
      .field("tokens_per_second", r.tokens_per_second)
      .field("params", r.params);
  json.field("checkpoint", r.checkpoint).field("seconds", r.seconds).field("loss_png", r.loss_png);
  json.field("device_memory_mb", in_mib(r.memory.most_used_bytes));
  json.field("stopped", r.stopped)
      .field("val_tokens", r.val_tokens)
      .field("samples", r.samples.lines);
  if (r.samples.known >= 0)
    json.field("new_samples", static_cast<std::int64_t>(r.samples.lines.size()) - r.samples.known);
  print(json.end().text() + "\n");
}

void print_text(const TrainResult& r, const TrainStory& story) {
  const Dataset& data = story.data;
  if (!r.samples.lines.empty()) print("\n" + r.samples.text() + "\n\n");
  if (r.samples.known >= 0) {
    print(format("%d of these %zu are new: they are not in the text that it learned from.\n",
                 static_cast<int>(r.samples.lines.size()) - static_cast<int>(r.samples.known),
                 r.samples.lines.size()));
  }
  if (r.val_tokens > 0) {
    print(format("validation loss %.4f nats a token over all %s held-out tokens", r.losses.val,
                 with_commas(r.val_tokens).c_str()));
    if (data.val_letters > 0) {
      print(format(", %.3f bits a letter", r.losses.val * static_cast<double>(r.val_tokens) /
                                               static_cast<double>(data.val_letters) /
                                               std::log(2.0)));
    }
    print("\n");
  }
  if (!std::isnan(r.losses.val_accuracy))
    print(
        format("of what comes again in held-out sequences it knows %.1f %%, at %.4f nats a token\n",
               100 * r.losses.val_accuracy, r.losses.val));
  if (has_own_memory(story.machine))
    print(format("memory of the device %.1f MiB at most, %.1f MiB held for it\n",
                 in_mib(r.memory.most_used_bytes), in_mib(r.memory.most_held_bytes)));
  print("checkpoint " + r.checkpoint + "\nloss curve " + r.loss_png + "\n");
}

}   // namespace glass
