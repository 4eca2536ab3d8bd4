#include "tools/bench_step.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstring>

#include "engine/base/text.h"
#include "tools/device_peak.h"

namespace glass {
namespace {

using Clock = std::chrono::steady_clock;

// The milliseconds since the last lap, when everything that was asked of the backend is done.
class Stopwatch {
 public:
  explicit Stopwatch(Backend& backend) : backend_(backend) { lap(); }
  double lap() {
    backend_.wait();
    const Clock::time_point now = Clock::now(), before = last_;
    last_ = now;
    return std::chrono::duration<double, std::milli>(now - before).count();
  }

 private:
  Backend& backend_;
  Clock::time_point last_;
};

// Tokens that follow no rule: a multiplicative scramble of their place.
Dataset random_tokens(std::int64_t V, std::int64_t T) {
  std::vector<std::int32_t> ids(static_cast<std::size_t>(std::max<std::int64_t>(4 * T, 1 << 16)));
  std::uint64_t state = 1;
  for (std::int32_t& id : ids) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    id = static_cast<std::int32_t>((state >> 33) % static_cast<std::uint64_t>(V));
  }
  Dataset data;
  data.name = "random tokens";
  data.train = Tokens(ids);
  data.vocab_size = static_cast<int>(V);
  return data;
}

// "blocks.3.mlp" -> "blocks.*.mlp": what a node is, in whichever block it stands.
std::string general(const std::string& scope) {
  std::string text;
  for (const char c : scope) {
    if (std::isdigit(static_cast<unsigned char>(c)) == 0) text += c;
    else if (text.empty() || text.back() != '*') text += '*';
  }
  return text;
}

double numel(const Shape& shape) {
  double n = 1;
  for (int axis = 0; axis < shape.rank; ++axis) n *= static_cast<double>(shape.size[axis]);
  return n;
}

// Of a node that is one product of matrices: y (.., N) = x (.., K) w, 2 K for every element of y.
double product_flops(const Tape& tape, const Node& node) {
  const bool product = std::strcmp(node.op, "linear") == 0 || std::strcmp(node.op, "matmul") == 0;
  if (!product || node.inputs[0] < 0) return 0;
  const Shape& x = tape.node(static_cast<std::size_t>(node.inputs[0])).shape;
  return 2 * numel(node.shape) * static_cast<double>(x.size[x.rank - 1]);
}

using Key = std::vector<std::string>;
Key key_of(const Node& node) { return {node.op, general(node.scope), str(node.shape)}; }

}   // namespace

StepBench::StepBench(const GPTConfig& model, const TrainConfig& train, Machine machine)
    : machine_(std::move(machine)),
      data_(random_tokens(model.vocab_size, model.block_size)),
      model_(make_model(model, machine_.backend, machine_.dtype,
                        static_cast<std::uint64_t>(train.seed))),
      trainer_(*model_, data_, train) {}

double StepBench::forward_flops() const {
  const GPTConfig& c = model_->config();
  const double head = c.arch == Arch::gpt ? 6 * static_cast<double>(tokens_per_step()) *
                                                static_cast<double>(c.n_embd * c.vocab_size)
                                          : 0;
  return head + (flops() - head) / 3;
}

double StepBench::optimizer_bytes() const {
  constexpr double kPasses = 8, kBytes = 4;
  return kPasses * kBytes * static_cast<double>(model_->count());
}

double StepBench::floor_ms(const Peak& peak) const {
  return (flops() / peak.gflops + optimizer_bytes() / memory_gbps(peak)) * 1e-6;
}

StepTimes StepBench::step() {
  if (!is_gpu(machine_)) return step_in_parts();
  const double whole = whole_step();
  StepTimes times = step_in_parts();
  times.step = whole;
  return times;
}

double StepBench::whole_step() {
  Stopwatch watch(*machine_.backend);
  trainer_.step();
  return watch.lap();
}

StepTimes StepBench::step_in_parts() {
  Stopwatch watch(*machine_.backend);
  StepTimes times;
  trainer_.part_done = [&](Trainer::Part part) {
    (part == Trainer::Part::forward    ? times.forward
     : part == Trainer::Part::backward ? times.backward
                                       : times.optimizer) += watch.lap();
  };
  trainer_.step();
  trainer_.part_done = nullptr;
  times.step = times.forward + times.backward + times.optimizer;
  return times;
}

std::vector<OpTime> StepBench::profile(int steps) {
  std::map<Key, OpTime> rows;
  Tape& tape = trainer_.tape();
  Stopwatch watch(*machine_.backend);
  const auto row_of = [&](const Key& key) -> OpTime& {
    OpTime& row = rows[key];
    row.op = key[0], row.scope = key[1], row.shape = key[2];
    return row;
  };
  tape.on_record = [&](const Node& node, const Tensor&) {
    if (node.leaf) return;   // no work: its lap goes to the node that uses it
    OpTime& row = row_of(key_of(node));
    row.forward_ms += watch.lap(), ++row.count;
    row.flops += product_flops(tape, node);
  };
  tape.on_backward = [&](const Node& node) {
    if (!node.leaf) row_of(key_of(node)).backward_ms += watch.lap();
  };
  trainer_.part_done = [&](Trainer::Part part) {
    const bool optimizer = part == Trainer::Part::optimizer;
    OpTime& row = row_of({optimizer ? "adamw" : "between the nodes", "", ""});
    (part == Trainer::Part::backward ? row.backward_ms : row.forward_ms) += watch.lap();
    if (optimizer) ++row.count;
  };
  for (int i = 0; i < steps; ++i) trainer_.step();
  tape.on_record = nullptr, tape.on_backward = nullptr, trainer_.part_done = nullptr;
  std::vector<OpTime> list;
  for (auto& [key, row] : rows) {
    row.count /= steps, row.forward_ms /= steps, row.backward_ms /= steps, row.flops /= steps;
    list.push_back(std::move(row));
  }
  std::sort(list.begin(), list.end(), [](const OpTime& a, const OpTime& b) {
    return a.forward_ms + a.backward_ms > b.forward_ms + b.backward_ms;
  });
  return list;
}

}   // namespace glass
