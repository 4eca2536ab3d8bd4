#include "tools/train_view.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>

#include "engine/base/text.h"
#include "interp/draw/chart_text.h"
#include "tools/terminal.h"

namespace glass {
namespace {

using Clock = std::chrono::steady_clock;

std::atomic<int> stops_asked{0};
std::atomic<bool> save_asked{false};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

// Only what a handler may do: count, and leave.
extern "C" void on_interrupt(int) {
  if (stops_asked.fetch_add(1) > 0) ::_exit(static_cast<int>(ExitCode::interrupted));
}

extern "C" void on_save_request(int) { save_asked.store(true); }

}   // namespace

namespace {

void handle_with(void (*handler)(int)) {
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = handler;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGHUP, nullptr, &before);
  if (before.sa_handler != SIG_IGN) ::sigaction(SIGHUP, &action, nullptr);   // nohup stays nohup
}

}   // namespace

void leave_on_interrupt() {
  handle_with([](int) { ::_exit(static_cast<int>(ExitCode::interrupted)); });
  struct sigaction save {};
  save.sa_handler = on_save_request;
  save.sa_flags = SA_RESTART;
  ::sigaction(SIGUSR1, &save, nullptr);
  ::signal(SIGXFSZ, SIG_IGN);   // a file that may not grow is an error like a full disk
  ::signal(SIGPIPE, SIG_IGN);
}

void stop_on_interrupt() { handle_with(on_interrupt); }

void end_quietly_on_closed_pipe() {
  ::signal(SIGPIPE, [](int) { ::_exit(0); });
}

bool interrupted() { return stops_asked.load() > 0; }

TrainView::TrainView(Style style, const Plan& plan)
    : style_(style), plan_(plan), began_(Clock::now()) {}

double TrainView::seconds() const {
  return std::chrono::duration<double>(Clock::now() - began_).count();
}

double TrainView::tokens_per_second() const {
  return step_ms_ > 0 ? static_cast<double>(steps_ * plan_.tokens_per_step) / step_ms_ * 1000 : 0;
}

bool TrainView::wants_to_stop() { return interrupted(); }
bool TrainView::wants_to_save() { return save_asked.exchange(false); }

std::string TrainView::tokens_now() const {
  return human_count(static_cast<double>(plan_.tokens_per_step) / recent_ms_ * 1000) + " tok/s";
}

std::string TrainView::gflops_now() const {
  const double gflops = plan_.flops_per_step / recent_ms_ / 1e6;
  const std::string text = format("%.0f GF/s", gflops);
  return plan_.peak_gflops > 0
             ? text + format(" (%.0f%% of peak)", 100 * gflops / plan_.peak_gflops)
             : text;
}

std::string TrainView::remaining(std::int64_t step) const {
  const double each =
      seconds() / static_cast<double>(std::max<std::int64_t>(step - plan_.first_step, 1));
  return duration(each * static_cast<double>(plan_.max_iters - step));
}

// What does not fit on a narrow terminal is left out, the least important first.
std::string TrainView::progress(const StepResult& s) const {
  struct Part {
    std::string text;
    int importance;
  };
  std::vector<Part> parts = {{format("step %lld/%lld", static_cast<long long>(s.step),
                                     static_cast<long long>(plan_.max_iters)),
                              9},
                             {format("loss %.4f", s.loss), 8}};
  if (!std::isnan(val_)) parts.push_back({format("val %.4f", val_), 7});
  parts.push_back({format("lr %.2g", s.lr), 3});
  parts.push_back({format("|g| %.2f", s.grad_norm), 4});
  parts.push_back({tokens_now(), 5});
  parts.push_back({gflops_now(), 1});
  parts.push_back({format("%.1f ms", recent_ms_), 2});
  parts.push_back({remaining(s.step) + " left", 6});
  const auto line = [&] {
    std::vector<std::string> texts;
    for (const Part& part : parts) texts.push_back(part.text);
    return join(texts, "  ");
  };
  const std::size_t width = static_cast<std::size_t>(terminal_width(stderr)) - 1;
  while (line().size() > width && parts.size() > 1) {
    parts.erase(std::min_element(parts.begin(), parts.end(), [](const Part& a, const Part& b) {
      return a.importance < b.importance;
    }));
  }
  const std::string text = line();
  const std::size_t room = width - std::min(width, text.size());
  return room < 10 ? text
                   : text + "  " +
                         sparkline(losses_, static_cast<int>(std::min<std::size_t>(room - 2, 24)));
}

std::string TrainView::plain(const StepResult& s) const {
  return format("step %6lld / %lld | loss %.4f | lr %.3g | |g| %.3f | ",
                static_cast<long long>(s.step), static_cast<long long>(plan_.max_iters), s.loss,
                s.lr, s.grad_norm) +
         tokens_now() + " | " + gflops_now() + format(" | %.1f ms", recent_ms_);
}

void TrainView::clear_line() {
  if (line_open_) std::fputs("\r\033[K", stderr);
  line_open_ = false;
}

void TrainView::say(const std::string& line) {
  if (style_ == Style::quiet) return;
  clear_line();
  std::fprintf(stderr, "%s\n", line.c_str());
}

void TrainView::show(const Chart& chart) {
  if (style_ != Style::rewritten) return;
  ChartTextOptions options;
  options.columns = terminal_width(stderr);
  options.rows = 12;
  options.colour = wants_colour(stderr) ? TextColour::ansi : TextColour::none;
  say("\n" + chart_text(chart, options));
}

// A line of text shows a few dozen values: a long run is kept in few, each the mean of more steps.
void TrainView::remember(double loss) {
  sum_ += loss;
  if (++summed_ < each_) return;
  losses_.push_back(sum_ / static_cast<double>(each_));
  sum_ = 0, summed_ = 0;
  if (losses_.size() < kMostLosses) return;
  for (std::size_t i = 0; i < kMostLosses / 2; ++i)
    losses_[i] = (losses_[2 * i] + losses_[2 * i + 1]) / 2;
  losses_.resize(kMostLosses / 2);
  each_ *= 2;
}

// Nobody waits longer than a slow step and half a minute for a plain line.
bool TrainView::wants_line(const StepResult& step, double ms) {
  constexpr double kLongestSilenceMs = 30e3;
  unsaid_ms_ += ms;
  if (step.step % plan_.log_interval != 0 && step.step != plan_.max_iters &&
      unsaid_ms_ < kLongestSilenceMs)
    return false;
  unsaid_ms_ = 0;
  return true;
}

void TrainView::rewrite(const std::string& text) {
  clear_line();
  std::fputs(text.c_str(), stderr);
  std::fflush(stderr);
  line_open_ = true;
}

void TrainView::on_step(const StepResult& step, double ms) {
  ++steps_;
  step_ms_ += ms;
  recent_ms_ += (ms - recent_ms_) * std::max(0.05, 1 / static_cast<double>(steps_));
  remember(step.loss);
  if (style_ == Style::lines && wants_line(step, ms)) say(plain(step));
  if (style_ != Style::rewritten) return;
  const bool due = std::chrono::duration<double>(Clock::now() - shown_).count() > 0.1;
  if (!due && step.step != plan_.max_iters) return;
  shown_ = Clock::now();
  rewrite(progress(step));
}

void TrainView::on_look(std::int64_t step) {
  if (style_ == Style::rewritten)
    rewrite(format("step %lld/%lld  looks at what is held out ...", static_cast<long long>(step),
                   static_cast<long long>(plan_.max_iters)));
}

void TrainView::on_evaluation(std::int64_t step, const Losses& losses, bool best) {
  val_ = losses.val;
  std::string line = format("step %6lld | train %.4f", static_cast<long long>(step), losses.train);
  if (!std::isnan(losses.val)) line += format(" | val %.4f", losses.val);
  if (!std::isnan(losses.val_accuracy)) line += format(" | accuracy %.3f", losses.val_accuracy);
  say(ink(Ink::bold, line + (best ? " (best)" : ""), stderr));
}

void TrainView::on_samples(std::int64_t step, const std::string& text) {
  say(ink(Ink::cyan, "sample at step " + std::to_string(step) + ":", stderr) + "\n" + text);
}

void TrainView::on_saved(std::int64_t step, const SavedFile& file, bool) {
  if (style_ == Style::lines) say("saved step " + std::to_string(step) + " in " + file.path);
}

void TrainView::on_warning(const std::string& text) {
  clear_line();
  std::fprintf(stderr, "%s %s\n", ink(Ink::yellow, "warning:", stderr).c_str(), text.c_str());
}

}   // namespace glass
