#include "model/run.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <fstream>

#include "engine/base/error.h"
#include "engine/base/json.h"
#include "engine/base/text.h"
#include "model/saved_model.h"

namespace glass {

RunWatcher::~RunWatcher() = default;

// ---- files that grow ----------------------------------------------------------------------------

GrowingFile::GrowingFile(const std::string& path)
    : path_(path), fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) {
  if (fd_ < 0) fail(SystemError("cannot write " + in_quotes(path) + ": " + reason_of(errno) + "."));
  size_ = static_cast<std::int64_t>(::lseek(fd_, 0, SEEK_END));
}

GrowingFile::~GrowingFile() { ::close(fd_); }

void GrowingFile::append(const std::string& text) {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = ::write(fd_, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      fail(SystemError("cannot write " + in_quotes(path_) + ": " + reason_of(errno) + "."));
    done += static_cast<std::size_t>(n);
  }
  size_ += static_cast<std::int64_t>(text.size());
}

void GrowingFile::sync() {
  if (::fsync(fd_) != 0 && errno != EINVAL)
    fail(SystemError("cannot save " + in_quotes(path_) + ": " + reason_of(errno) + "."));
}

bool GrowingFile::cut(std::int64_t bytes) {
  if (size_ < bytes) return false;
  if (::ftruncate(fd_, bytes) != 0)
    fail(SystemError("cannot shorten " + in_quotes(path_) + ": " + reason_of(errno) + "."));
  size_ = bytes;
  return true;
}

// ---- what a checkpoint of a run says ------------------------------------------------------------

namespace {

constexpr std::int64_t kMostSteps = std::int64_t{1} << 53;
constexpr int kMostSkipped = 5;   // in a row, under --on-nonfinite skip

// The state that changes, beside weights and moments.
struct RunState {
  double best_val_loss = std::numeric_limits<double>::infinity();
  std::int64_t best_step = -1, metrics_bytes = 0, samples_bytes = 0;
  std::optional<MetricsRow> pending = {};
};

std::string to_json(const RunState& state, const TrainConfig& config) {
  Json json;
  json.object();
  if (std::isfinite(state.best_val_loss))
    json.field("best_val_loss", state.best_val_loss).field("best_step", state.best_step);
  json.field("metrics_bytes", state.metrics_bytes).field("samples_bytes", state.samples_bytes);
  if (state.pending) {
    json.key("pending").object();
    if (!std::isnan(state.pending->loss)) {
      json.field("loss", state.pending->loss).field("lr", state.pending->lr);
      json.field("grad_norm", state.pending->grad_norm);
    }
    json.end();
  }
  std::string text = json.end().text();
  text.back() = ',';
  return text + "\"config\":" + fields_to_json(config) + "}";
}

RunState state_of(const FoundCheckpoint& from) {
  const std::string what = from.path + ": glass.trainer";
  const JsonValue json = parse_json(from.checkpoint.note("glass.trainer"), what);
  RunState state;
  if (const JsonValue* best = json.find("best_val_loss")) {
    state.best_val_loss = best->number(what + ": best_val_loss");
    state.best_step = json.at("best_step", what).integer(what + ": best_step", 0, kMostSteps);
  }
  if (const JsonValue* row = json.find("pending")) {
    state.pending.emplace().step = from.step;
    const auto read = [&](const char* name, double& to) {
      if (const JsonValue* value = row->find(name)) to = value->number(what + ": " + name);
    };
    read("loss", state.pending->loss);
    read("lr", state.pending->lr);
    read("grad_norm", state.pending->grad_norm);
  }
  state.metrics_bytes =
      json.at("metrics_bytes", what).integer(what + ": metrics_bytes", 0, kMostSteps);
  state.samples_bytes =
      json.at("samples_bytes", what).integer(what + ": samples_bytes", 0, kMostSteps);
  return state;
}

}   // namespace

std::string trainer_note(const TrainConfig& config, double best_val_loss, std::int64_t best_step) {
  return to_json({.best_val_loss = best_val_loss, .best_step = best_step}, config);
}

namespace {

// How many bytes of a file of JSON lines are about steps up to this one.
std::int64_t bytes_until(const std::string& path, std::int64_t step) {
  std::ifstream file(path);
  std::int64_t bytes = 0;
  for (std::string line; std::getline(file, line) && !file.eof();) {
    const JsonValue row = parse_json(line, path);
    if (row.at("step", path).integer(path + ": step", 0, kMostSteps) > step) break;
    bytes += static_cast<std::int64_t>(line.size()) + 1;
  }
  return bytes;
}

double ms_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

}   // namespace

Run::Run(Trainer& trainer, RunFolder& folder, Notes notes, RunWatcher& watcher)
    : trainer_(trainer),
      folder_(folder),
      notes_(std::move(notes)),
      watcher_(watcher),
      metrics_(folder.path() + "/metrics.jsonl"),
      samples_(folder.path() + "/samples.txt"),
      timing_(folder.path() + "/timing.jsonl") {
  trainer_.interrupted = [this] { return watcher_.wants_to_stop(); };
}

Checkpoint Run::snapshot() const {
  Checkpoint all;
  const auto& moments = trainer_.optimizer().moments();
  std::size_t i = 0;
  for (const Parameter* p : trainer_.optimizer().parameters()) {
    all.tensors.push_back(stored(p->name, p->value));
    all.tensors.push_back(stored("optim.m." + p->name, moments[i].m));
    all.tensors.push_back(stored("optim.v." + p->name, moments[i].v));
    ++i;
  }
  all.notes = notes_;
  const TrainConfig& config = trainer_.config();
  Json rng;
  all.notes["glass.step"] = std::to_string(trainer_.steps());
  all.notes["glass.rng"] =
      rng.object().field("generator", "philox4x32-10").field("seed", config.seed).end().text();
  all.notes["glass.trainer"] =
      to_json({best_val_, best_step_, metrics_.size(), samples_.size(), pending_}, config);
  return all;
}

void Run::branch_off(const FoundCheckpoint& from) {
  load_weights(trainer_.model(), from.checkpoint, from.path);
  auto& moments = trainer_.optimizer().moments();
  std::size_t i = 0;
  for (const Parameter* p : trainer_.optimizer().parameters()) {
    for (const auto& [kind, tensor] :
         {std::pair{"m", &moments[i].m}, std::pair{"v", &moments[i].v}}) {
      const std::string name = std::string("optim.") + kind + "." + p->name;
      const StoredTensor* stored = from.checkpoint.find(name);
      if (!stored)
        fail(ContentError(
            from.path + " has no tensor " + name +
            ": one can use it, but not go on training from it. Start from it with --init-from."));
      fill_from(*tensor, *stored, from.path);
    }
    ++i;
  }
  trainer_.set_steps(from.step);
  const RunState state = state_of(from);
  best_val_ = state.best_val_loss, best_step_ = state.best_step, pending_ = state.pending;
}

void Run::resume(const FoundCheckpoint& from) {
  branch_off(from);
  const RunState state = state_of(from);
  saved_step_ = from.step, last_saved_ = from.path;
  for (const auto& [file, bytes] :
       {std::pair{&metrics_, state.metrics_bytes}, std::pair{&samples_, state.samples_bytes}}) {
    if (!file->cut(bytes))
      watcher_.on_warning("A log in " + folder_.path() + " is shorter than when step " +
                          std::to_string(from.step) + " was saved; some lines are lost.");
  }
  timing_.cut(bytes_until(folder_.path() + "/timing.jsonl", from.step));
}

// ---- the loop -----------------------------------------------------------------------------------

Run::End Run::go() {
  try {
    if (pending_) after_step(*pending_);
    first_look();
    while (trainer_.steps() < trainer_.config().max_iters) {
      if (watcher_.wants_to_stop() || !one_step()) {
        save();
        return End::stopped;
      }
    }
    finish();
    return End::finished;
  } catch (const Interrupted&) {   // in the middle of looking
    save();
    return End::stopped;
  }
}

void Run::first_look() {
  // Not again in a run that was stopped before its first step.
  if (trainer_.steps() > 0 || metrics_.size() > 0) return;
  MetricsRow row;
  look(row);
  write(row);
}

// One step and what is due after it; false if it was abandoned because somebody wants to stop.
bool Run::one_step() {
  const auto began = std::chrono::steady_clock::now();
  MetricsRow row;
  try {
    const StepResult result = trainer_.step();
    if (trainer_.abandoned()) return false;
    row.loss = result.loss, row.lr = result.lr, row.grad_norm = result.grad_norm;
    skipped_in_a_row_ = 0;
    const double ms = ms_since(began);
    watcher_.on_step(result, ms);
    if (due(trainer_.config().log_interval)) write_time(ms);
  } catch (const NonFiniteError& error) { skip_or_stop(error); }
  row.step = trainer_.steps();
  after_step(row);
  return true;
}

// The next batch may be better, but only where the weights are good.
void Run::skip_or_stop(const NonFiniteError& error) {
  const bool good = trainer_.broken_weight() == nullptr;
  const bool may = trainer_.config().on_nonfinite == OnNonFinite::skip;
  if (!good || !may || ++skipped_in_a_row_ > kMostSkipped) {
    if (good) save();
    throw error;
  }
  watcher_.on_warning(std::string(error.what()) + " Skipped.");
  trainer_.set_steps(trainer_.steps() + 1);
}

void Run::after_step(MetricsRow row) {
  pending_ = row;
  const TrainConfig& c = trainer_.config();
  const bool evaluated = due(c.eval_interval);
  if (evaluated) look(row);
  if (evaluated || due(c.log_interval)) write(row);
  pending_.reset();
  if (due(c.sample_every)) watcher_.on_samples(trainer_.steps(), write_samples());
  const bool best = evaluated && best_step_ == trainer_.steps();
  const bool planned =
      c.save_every > 0 ? due(c.save_every) : evaluated && (c.always_save_checkpoint || best);
  const bool asked = watcher_.wants_to_save();
  if (planned || best || asked) save_as(best);
}

void Run::write_time(double ms) {
  const double tokens_per_second = static_cast<double>(trainer_.tokens_per_step()) / ms * 1000;
  Json json;
  json.object().field("step", trainer_.steps()).field("ms", ms);
  timing_.append(json.field("tokens_per_second", tokens_per_second).end().text() + "\n");
}

void Run::finish() {
  // For whoever watches; not part of the run.
  const bool looks = !due(trainer_.config().eval_interval) || !std::isfinite(losses_.train);
  if (looks) {
    losses_ = trainer_.estimate();
    watcher_.on_evaluation(trainer_.steps(), losses_, false);
  }
  // A run too short for an evaluation has a best state too: its last. The state itself does not
  // know, or a run that goes on from here would remember an evaluation that an unbroken run never
  // made.
  if (best_step_ < 0 && trainer_.steps() > 0) save_as(true);
  else save();
  // Behind the last checkpoint, so that a run that goes on from it cuts them off again.
  if (looks) {
    MetricsRow row;
    note_losses(row);
    append(row);
  }
  if (!due(trainer_.config().sample_every)) write_samples();
}

void Run::note_losses(MetricsRow& row) const {
  row.step = trainer_.steps(), row.train_loss = losses_.train, row.val_loss = losses_.val;
  row.val_accuracy = losses_.val_accuracy;
}

void Run::look(MetricsRow& row) {
  watcher_.on_look(trainer_.steps());
  losses_ = trainer_.estimate();
  note_losses(row);
  const double judged = std::isnan(losses_.val) ? losses_.train : losses_.val;
  const bool best = judged < best_val_ && trainer_.steps() > 0;
  if (best) best_val_ = judged, best_step_ = trainer_.steps();
  watcher_.on_evaluation(trainer_.steps(), losses_, best);
}

void Run::write(const MetricsRow& row) {
  append(row);
  watcher_.on_row(row);
}

void Run::append(const MetricsRow& row) {
  Json json;
  json.object();
  put(json, row);
  metrics_.append(json.end().text() + "\n");
}

std::string Run::write_samples() {
  if (!make_samples) return "";
  const std::string text = make_samples(trainer_.steps());
  samples_.append("--- step " + std::to_string(trainer_.steps()) + " ---\n" + text + "\n");
  return text;
}

void Run::save() {
  if (saved_step_ != trainer_.steps()) save_as(false);
}

void Run::save_as(bool best) {
  if (const Parameter* broken = trainer_.broken_weight()) {
    fail(NonFiniteError(
        "The weight " + broken->name + " holds a value that is not finite after step " +
        std::to_string(trainer_.steps()) + "; it is not saved over a good checkpoint."));
  }
  metrics_.sync();
  samples_.sync();
  const SavedFile saved = folder_.save(trainer_.steps(), snapshot(), {.best = best});
  saved_step_ = trainer_.steps(), last_saved_ = saved.path;
  watcher_.on_saved(saved_step_, saved, best);
}

}   // namespace glass
