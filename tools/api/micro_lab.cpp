#include "tools/api/micro_lab.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/base/utf8.h"
#include "kernels/backends.h"
#include "model/builtin_names.h"
#include "model/microgpt_tensor.h"

namespace glass {
namespace {

MicroStart start_of(const MicroOptions& options) {
  return MicroStart(read_names(builtin_names(), "the list in this program"), options);
}

// The mean over all names of the mean over its tokens, as a step of training has its loss.
template <class Surprise>
double mean_loss(const MicroNames& names, const Surprise& surprise) {
  double total = 0;
  for (std::size_t i = 0; i < names.docs.size(); ++i) {
    const std::vector<int> tokens = names.tokens(i);
    const std::size_t n = std::min<std::size_t>(kMicroT, tokens.size() - 1);
    double sum = 0;
    for (std::size_t t = 0; t < n; ++t) sum += surprise(tokens[t], tokens[t + 1]);
    total += sum / static_cast<double>(n);
  }
  return total / static_cast<double>(names.docs.size());
}

MicroLines lines_of(const MicroNames& names) {
  const std::size_t V = static_cast<std::size_t>(names.vocab());
  std::vector<double> follows(V * V), comes(V), before(V);
  double all = 0;
  for (std::size_t i = 0; i < names.docs.size(); ++i) {
    const std::vector<int> tokens = names.tokens(i);
    for (std::size_t t = 0; t + 1 < tokens.size(); ++t) {
      const std::size_t a = static_cast<std::size_t>(tokens[t]);
      const std::size_t b = static_cast<std::size_t>(tokens[t + 1]);
      ++follows[a * V + b], ++comes[b], ++before[a], ++all;
    }
  }
  const auto at = [](int token) { return static_cast<std::size_t>(token); };
  return {std::log(static_cast<double>(V)),
          mean_loss(names, [&](int, int b) { return -std::log(comes[at(b)] / all); }),
          mean_loss(names, [&](int a, int b) {
            return -std::log(follows[at(a) * V + at(b)] / before[at(a)]);
          })};
}

std::vector<double> copy_of(std::span<const double> values) {
  return {values.begin(), values.end()};
}

}   // namespace

MicroLab::MicroLab(const MicroOptions& options)
    : model_(std::make_unique<ScalarMicrogpt>(start_of(options))),
      random_(model_->start().random),
      lines_(lines_of(start().names)) {}

std::string MicroLab::letter(int token) const {
  if (token == start().names.bos()) return "BOS";
  const int one[] = {token};
  return start().names.text(one);
}

std::vector<int> MicroLab::tokens(std::string_view text) const {
  std::u32string letters;
  if (decode_utf8(text, letters) < text.size()) fail(UsageError("the name is not UTF-8."));
  const MicroNames& names = start().names;
  std::vector<int> tokens = {names.bos()};
  for (const char32_t c : letters) {
    const auto found = std::lower_bound(names.letters.begin(), names.letters.end(), c);
    if (found == names.letters.end() || *found != c)
      fail(UsageError("no name that the model knows has the letter " +
                      in_quotes(encode_utf8(std::u32string(1, c))) + "; it has " +
                      encode_utf8(names.letters) + "."));
    tokens.push_back(static_cast<int>(found - names.letters.begin()));
  }
  if (tokens.size() > kMicroT)
    fail(UsageError("a name of " + std::to_string(letters.size()) +
                    " letters is too long; the model looks back on " + std::to_string(kMicroT) +
                    " tokens, so " + std::to_string(kMicroT - 1) + " letters are the most."));
  tokens.push_back(names.bos());
  return tokens;
}

void MicroLab::forget() { model_->tape().rewind(1 + start().parameters()); }

MicroForward MicroLab::forward(const std::vector<int>& tokens) {
  MicroForward seen{tokens, {}, {}, 0, 0};
  scalar::Tape& tape = model_->tape();
  int last_node = tape.size();
  model_->watch([&](const char* name, std::span<const scalar::Value> row, Where at) {
    const std::string said = name;
    if (said == "embedding") seen.positions.emplace_back();
    std::vector<MicroRow>& rows = seen.positions.back();
    const bool by_head = said == "scores" || said == "weights";
    const int head =
        !by_head ? -1
                 : static_cast<int>(std::count_if(rows.begin(), rows.end(), [&](const MicroRow& r) {
                     return r.name == said;
                   }));
    const int node = row.back().id();
    MicroRow& made = rows.emplace_back(
        MicroRow{said, head, at, tape.where(node), scalar::name_of(tape.node(node).made.op), {}});
    for (const scalar::Value& v : row) made.values.push_back(v.data());
    last_node = std::max(last_node, node);
  });
  const int first = tape.size();
  const scalar::Value loss = model_->loss_of(tokens);
  model_->watch(nullptr);
  seen.loss = loss.data();
  seen.nodes = loss.id() - first + 1;
  for (std::size_t i = 0; i < seen.positions.size(); ++i)
    seen.losses.push_back(
        -std::log(seen.positions[i].back().values[static_cast<std::size_t>(tokens[i + 1])]));
  forget();
  return seen;
}

double MicroLab::backward() {
  const scalar::Value loss = model_->loss_of(model_->next_tokens());
  model_->backward(loss);
  const double result = loss.data();
  forget();   // the gradients of the weights stay
  has_gradients_ = true;
  return result;
}

double MicroLab::update() {
  if (!has_gradients_)
    fail(UsageError("there are no gradients to learn from yet; ask for backward first."));
  // As in ScalarMicrogpt::update: the rate goes down to 0 in a straight line.
  const double lr = 0.01 * (1 - static_cast<double>(steps_done()) / start().options.steps);
  model_->update();
  has_gradients_ = false;
  return lr;
}

std::vector<double> MicroLab::losses_of_steps(int n) {
  if (steps_done() + n > start().options.steps)
    fail(UsageError("the learning rate reaches 0 after " + std::to_string(start().options.steps) +
                    " steps; " + std::to_string(steps_done()) +
                    " are done. Reset to begin again."));
  std::vector<double> losses;
  for (int i = 0; i < n; ++i) losses.push_back(model_->step());
  has_gradients_ = false;
  return losses;
}

std::vector<double> MicroLab::weights() {
  return copy_of(model_->tape().data(model_->weights(), start().parameters()));
}

std::vector<double> MicroLab::gradients() {
  return copy_of(model_->tape().grad(model_->weights(), start().parameters()));
}

std::vector<double> MicroLab::next_probs(const std::vector<int>& tokens, double temperature) {
  std::vector<double> logits;
  model_->watch([&](const char* name, std::span<const scalar::Value> row, Where) {
    if (std::string_view(name) != "logits") return;
    logits.clear();
    for (const scalar::Value& v : row) logits.push_back(v.data());
  });
  // What comes last is only what the loss is asked about; the logits before it do not see it.
  std::vector<int> asked = tokens;
  asked.push_back(start().names.bos());
  model_->loss_of(asked);
  model_->watch(nullptr);
  forget();

  for (double& x : logits) x *= 1 / temperature;
  const double largest = *std::max_element(logits.begin(), logits.end());
  double total = 0;
  for (double& x : logits) total += x = std::exp(x - largest);
  for (double& x : logits) x /= total;
  return logits;
}

MicroSample MicroLab::sample(double temperature) {
  MicroSample sample;
  std::vector<int> tokens = {start().names.bos()};
  while (tokens.size() <= kMicroT) {
    std::vector<double> probs = next_probs(tokens, temperature);
    const int next = static_cast<int>(random_.choice(probs));
    sample.letters.push_back({next, std::move(probs)});
    if (next == start().names.bos()) break;
    tokens.push_back(next);
  }
  sample.name = start().names.text(std::span(tokens).subspan(1));
  return sample;
}

namespace {

using Clock = std::chrono::steady_clock;

MicroRace::Engine run(const std::string& name, const std::string& device, Microgpt& model,
                      int steps) {
  MicroRace::Engine engine{name, device, {}, 0, 0};
  const auto began = Clock::now();
  for (int i = 0; i < steps; ++i) engine.losses.push_back(model.step());
  const std::chrono::duration<double, std::milli> took = Clock::now() - began;
  engine.ms_per_step = took.count() / steps;
  return engine;
}

}   // namespace

MicroRace race_micro(int steps) {
  MicroRace race;
  ScalarMicrogpt scalar(start_of({}));
  race.engines.push_back(run("scalar", "f64, a node for every operation", scalar, steps));
  {
    const int before = scalar.tape().size();
    race.engines.back().nodes = scalar.loss_of(scalar.next_tokens()).id() - before + 1;
  }
  const std::shared_ptr<Backend> backend = make_backend("cpu", "auto", 1);
  TensorMicrogpt tensor(start_of({}), backend, DType::f32);
  race.engines.push_back(run("tensor", std::string(backend->name()) + ", f32", tensor, steps));
  tensor.loss_of(tensor.next_tokens());
  race.engines.back().nodes = static_cast<int>(tensor.tape().size());
  return race;
}

}   // namespace glass
