#include "interp/circuit/acdc.h"

#include <algorithm>
#include <cmath>

namespace glass {
namespace {

std::vector<double> log_softmax(const double* logits, std::size_t V) {
  const double most = *std::max_element(logits, logits + V);
  double sum = 0;
  for (std::size_t i = 0; i < V; ++i) sum += std::exp(logits[i] - most);
  std::vector<double> out(logits, logits + V);
  for (double& x : out) x -= most + std::log(sum);
  return out;
}

class Measure {
 public:
  Measure(GraphRun& run, AcdcOptions::Measure which)
      : run_(run),
        which_(which),
        V_(static_cast<std::size_t>(run.clean_logits().dim(2))),
        full_(run.clean_logits().to_host()) {}

  double of(const EdgeSet& circuit, int first) {
    const Tensor logits = run_.logits(std::span(&circuit, 1), first);
    if (which_ == AcdcOptions::Measure::answer)
      return (run_.metric_clean() - answers(logits, run_.task())[0]) /
             (run_.metric_clean() - run_.metric_corrupt());
    const std::vector<double> numbers = logits.to_host();
    double kl = 0;
    for (std::size_t row = 0; row < numbers.size(); row += V_) {   // of each pair
      const std::vector<double> p = log_softmax(&full_[row], V_),
                                q = log_softmax(&numbers[row], V_);
      for (std::size_t i = 0; i < V_; ++i) kl += std::exp(p[i]) * (p[i] - q[i]);
    }
    return kl / static_cast<double>(numbers.size() / V_);
  }

 private:
  GraphRun& run_;
  AcdcOptions::Measure which_;
  std::size_t V_;
  std::vector<double> full_;
};

bool heard(const Graph& graph, const EdgeSet& circuit, int sender) {
  for (std::size_t e = 0; e < circuit.size(); ++e)
    if (circuit[e] && graph.edges()[e].from == sender) return true;
  return false;
}

bool heard_at_all(const Graph& graph, const EdgeSet& circuit, int receiver) {
  if (graph.receivers()[static_cast<std::size_t>(receiver)].kind == Receiver::Kind::logits)
    return true;
  const std::vector<int> all = graph.senders_of(receiver);
  return std::any_of(all.begin(), all.end(),
                     [&](int sender) { return heard(graph, circuit, sender); });
}

}   // namespace

AcdcResult acdc(GraphRun& run, const AcdcOptions& options, const Progressed& progressed) {
  const Graph& graph = run.graph();
  Measure measure(run, options.measure);
  AcdcResult r{run.all(), std::vector<double>(graph.edges().size(), std::nan("")), 0};
  const int last = graph.receivers()[graph.receivers().size() - 2].layer;
  double now = 0;   // the measure of what is left; 0 for all
  std::int64_t tried = 0;
  const auto told = [&](std::int64_t more) {
    tried += more;
    if (progressed) progressed(tried, static_cast<std::int64_t>(r.kept.size()));
  };
  for (int v = static_cast<int>(graph.receivers().size()); v-- > 0;) {
    const Receiver& receiver = graph.receivers()[static_cast<std::size_t>(v)];
    const int first = receiver.layer < 0 ? last : receiver.layer;
    if (!heard_at_all(graph, r.kept, v)) {
      for (int u = 0; u < graph.earlier(v); ++u)
        r.kept[static_cast<std::size_t>(graph.edge(u, v))] = 0;
      told(graph.earlier(v));
      continue;
    }
    for (int u = graph.earlier(v); u-- > 0;) {
      const std::size_t edge = static_cast<std::size_t>(graph.edge(u, v));
      r.kept[edge] = 0;
      const double without = measure.of(r.kept, first);
      ++r.runs;
      if (without - now < options.threshold) {
        now = without;
      } else {
        r.kept[edge] = 1;
        r.rise[edge] = without - now;
      }
      told(1);
    }
  }
  r.kept = pruned(graph, r.kept);
  return r;
}

EdgeSet pruned(const Graph& graph, EdgeSet circuit) {
  const std::size_t senders = graph.senders().size();
  // From the embeddings upwards: who hears somebody?
  std::vector<char> hears(senders, 0);
  for (std::size_t u = 0; u < senders; ++u)
    hears[u] = graph.senders()[u].layer < 0;           // an embedding
  for (std::size_t e = 0; e < circuit.size(); ++e) {   // by receiver, so what it hears is known
    if (!circuit[e]) continue;
    if (!hears[static_cast<std::size_t>(graph.edges()[e].from)]) circuit[e] = 0;
    else
      for (const int u : graph.senders_of(graph.edges()[e].to))
        hears[static_cast<std::size_t>(u)] = 1;
  }
  // From the logits downwards: who is heard?
  for (int v = static_cast<int>(graph.receivers().size()); v-- > 0;) {
    if (heard_at_all(graph, circuit, v)) continue;
    for (int u = 0; u < graph.earlier(v); ++u)
      circuit[static_cast<std::size_t>(graph.edge(u, v))] = 0;
  }
  return circuit;
}

}   // namespace glass
