#include "interp/circuit/circuit.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "engine/base/error.h"
#include "engine/base/python_random.h"
#include "engine/base/text.h"
#include "interp/change/path.h"

namespace glass {
namespace {

constexpr std::size_t kFewEdges = 300;   // so few that acdc may run several times

struct Found {
  EdgeSet circuit;
  std::vector<double> scores;    // of all edges
  std::vector<char> saturated;   // or empty
};

EdgeSet of_threshold(const Graph& graph, const std::vector<double>& scores, double threshold) {
  EdgeSet circuit;
  for (const double score : scores) circuit.push_back(std::abs(score) >= threshold);
  return pruned(graph, circuit);
}

std::vector<double> path_scores(const Specimen& specimen, const Task& task, const Graph& graph,
                                const Progressed& progressed) {
  const PathResult paths = paths_of(specimen, task, {}, progressed);
  std::vector<double> scores;
  for (const Edge& e : graph.edges())
    scores.push_back(paths.at(static_cast<std::size_t>(e.from), static_cast<std::size_t>(e.to)));
  return scores;
}

Found find(const Specimen& specimen, GraphRun& run, const CircuitOptions& o,
           const Progressed& progressed) {
  if (o.method == CircuitMethod::acdc) {
    AcdcResult r = acdc(run, {o.threshold, o.measure}, progressed);
    return {std::move(r.kept), std::move(r.rise), {}};
  }
  Found found;
  if (o.method == CircuitMethod::path_patching) {
    found.scores = path_scores(specimen, run.task(), run.graph(), progressed);
  } else {
    EdgeScores scores =
        edge_attributions(specimen, run, {o.method == CircuitMethod::eap ? 0 : o.steps});
    const double whole = run.metric_clean() - run.metric_corrupt();
    for (const double score : scores.score) found.scores.push_back(score / whole);
    found.saturated = std::move(scores.saturated);
  }
  found.circuit = of_threshold(run.graph(), found.scores, o.threshold);
  return found;
}

std::int64_t count(const EdgeSet& circuit) {
  return std::count_if(circuit.begin(), circuit.end(), [](char there) { return there != 0; });
}

std::vector<EdgeSet> random_circuits(const EdgeSet& like, int how_many, std::uint64_t seed) {
  PythonRandom random(seed);
  std::vector<EdgeSet> all;
  for (int i = 0; i < how_many; ++i) {
    EdgeSet circuit = like;
    random.shuffle(std::span(circuit));
    all.push_back(std::move(circuit));
  }
  return all;
}

// What other thresholds would have given.
std::vector<CircuitPoint> pareto(GraphRun& run, const Found& found, const CircuitOptions& o,
                                 double whole) {
  std::vector<CircuitPoint> points;
  std::vector<EdgeSet> circuits;
  if (o.method == CircuitMethod::acdc) {
    if (found.scores.size() > kFewEdges || !std::isfinite(o.threshold)) return {};
    for (const double factor : {100.0, 10.0, 1.0, 0.1, 0.01}) {
      circuits.push_back(acdc(run, {o.threshold * factor, o.measure}).kept);
      points.push_back({o.threshold * factor, 0, 0});
    }
  } else {
    std::vector<double> sorted;
    for (const double score : found.scores) sorted.push_back(std::abs(score));
    std::sort(sorted.rbegin(), sorted.rend());
    for (std::size_t n = 1; n <= sorted.size(); n += 1 + n / 3) {
      circuits.push_back(of_threshold(run.graph(), found.scores, sorted[n - 1]));
      points.push_back({sorted[n - 1], 0, 0});
    }
  }
  const std::vector<double> metrics = run.metrics(circuits);
  for (std::size_t i = 0; i < points.size(); ++i) {
    points[i].edges = count(circuits[i]);
    points[i].faithfulness = (metrics[i] - run.metric_corrupt()) / whole;
  }
  return points;
}

}   // namespace

CircuitResult circuit_of(const Specimen& specimen, const Task& task, const CircuitOptions& o,
                         const Progressed& progressed) {
  GraphRun run(specimen, task);
  const Graph& graph = run.graph();
  const Found found = find(specimen, run, o, progressed);
  CircuitResult r;
  r.from = specimen.from, r.options = o, r.task = task.name;
  r.question = question_of(specimen, task, run.metric_clean(), run.metric_corrupt());
  r.all_edges = static_cast<std::int64_t>(graph.edges().size());
  r.saturated = count(found.saturated);
  for (std::size_t e = 0; e < found.circuit.size(); ++e) {
    if (!found.circuit[e]) continue;
    const Edge& edge = graph.edges()[e];
    r.edges.push_back({graph.senders()[static_cast<std::size_t>(edge.from)],
                       graph.receivers()[static_cast<std::size_t>(edge.to)], found.scores[e],
                       !found.saturated.empty() && found.saturated[e] != 0});
  }
  std::stable_sort(r.edges.begin(), r.edges.end(), [](const CircuitEdge& a, const CircuitEdge& b) {
    return std::abs(a.score) > std::abs(b.score);
  });

  std::vector<EdgeSet> tests = {found.circuit, run.all()};
  for (std::size_t e = 0; e < found.circuit.size(); ++e)
    if (found.circuit[e]) tests[1][e] = 0;
  const std::vector<EdgeSet> chance = random_circuits(found.circuit, o.random, o.seed);
  tests.insert(tests.end(), chance.begin(), chance.end());
  const double whole = run.metric_clean() - run.metric_corrupt();
  std::vector<double> shares;
  for (const double m : run.metrics(tests)) shares.push_back((m - run.metric_corrupt()) / whole);
  r.faithfulness = shares[0], r.completeness = 1 - shares[1];
  r.random_faithfulness = std::nan(""), r.random_best = std::nan("");
  if (o.random > 0) {
    r.random_faithfulness =
        std::accumulate(shares.begin() + 2, shares.end(), 0.0) / static_cast<double>(o.random);
    r.random_best = *std::max_element(shares.begin() + 2, shares.end());
  }
  r.pareto = pareto(run, found, o, whole);
  return r;
}

// ---- telling ------------------------------------------------------------------------------------

namespace {

const char* name_of(CircuitMethod method) {
  constexpr const char* kNames[] = {"acdc", "path_patching", "eap", "eap-ig"};
  return kNames[static_cast<std::size_t>(method)];
}

std::string channel(const Receiver& r) {
  if (r.kind == Receiver::Kind::q) return "q";
  if (r.kind == Receiver::Kind::k) return "k";
  return r.kind == Receiver::Kind::v ? "v" : "";
}

// "1.0" for 1.0.k: the part of the model that receives there.
std::string part_of(const Receiver& r) {
  const std::string name = str(r);
  return channel(r).empty() ? name : name.substr(0, name.size() - 2);
}

Diagram diagram_of(const CircuitResult& r) {
  Diagram d{"The circuit", {}, {}};
  std::map<std::string, int> known;
  int top = 1;
  for (const CircuitEdge& e : r.edges) top = std::max(top, 2 * e.from.layer + 3);
  const auto part = [&](const std::string& name, int level) {
    const auto [at, fresh] = known.emplace(name, static_cast<int>(d.parts.size()));
    if (fresh) d.parts.push_back({name, level});
    return at->second;
  };
  for (const CircuitEdge& e : r.edges) {
    const bool mlp = e.from.kind == Sender::Kind::mlp;
    const int from = part(str(e.from), e.from.layer < 0 ? 0 : 2 * e.from.layer + (mlp ? 2 : 1));
    const bool end = e.to.kind == Receiver::Kind::logits;
    const int level = end ? top : 2 * e.to.layer + (e.to.kind == Receiver::Kind::mlp ? 2 : 1);
    d.arrows.push_back({from, part(part_of(e.to), level), e.score, channel(e.to)});
  }
  return d;
}

// To three places, and never -0.
double rounded(double share) { return std::round(1000 * share) / 1000 + 0.0; }

std::string conclusion(const CircuitResult& r) {
  const std::string all = with_commas(r.all_edges), threshold = shortest(r.options.threshold);
  if (r.edges.empty())
    return format(
        "Of %s connections between the parts of the model, %s keeps none: the answer lives without "
        "each of them by the threshold of %s. A smaller --threshold keeps more.",
        all.c_str(), name_of(r.options.method), threshold.c_str());
  return format(
      "Of %s connections between the parts of the model, %s keeps %s (threshold %s). All others "
      "carry what they carry in the corrupt text; these alone give %.0f %% of the answer.",
      all.c_str(), name_of(r.options.method),
      with_commas(static_cast<std::int64_t>(r.edges.size())).c_str(), threshold.c_str(),
      std::round(100 * r.faithfulness) + 0.0);
}

// Three digits that count, written out: "0.0123", "123000".
std::string threshold_words(double threshold) {
  const std::string short_one = format("%.3g", threshold);
  const bool large = std::abs(threshold) >= 1000 && std::abs(threshold) < 1e9;
  return large ? format("%.0f", std::stod(short_one)) : short_one;
}

}   // namespace

Page page_of(const CircuitResult& r) {
  Page page{"circuit", "The connections that give the answer", r.from};
  page.add(Paragraph{conclusion(r)});
  const std::string doubt = doubt_about(r.question);
  if (!doubt.empty()) page.add(Paragraph{doubt});
  if (!r.edges.empty()) page.add(diagram_of(r));
  Bars bars{"Connections",
            r.options.method == CircuitMethod::acdc ? "rise of the measure without it"
                                                    : "share of the answer",
            {}};
  for (std::size_t i = 0; i < std::min<std::size_t>(r.edges.size(), 24); ++i) {
    const CircuitEdge& e = r.edges[i];
    bars.bars.push_back(
        {str(e.from) + " -> " + str(e.to), e.score, e.saturated ? "saturated" : ""});
  }
  if (!r.edges.empty()) page.add(std::move(bars));
  Table test{"Put to the test", {"", "share of the answer"}, {}, {Align::left, Align::right}};
  const auto row = [&](const char* what, double share) {
    test.rows.push_back({what, format("%.3f", rounded(share))});
  };
  row("the circuit alone (faithfulness)", r.faithfulness);
  row("gone without the circuit (completeness)", r.completeness);
  if (r.options.random > 0) {
    test.rows.push_back({format("%d random circuits of this size, mean", r.options.random),
                         format("%.3f", rounded(r.random_faithfulness))});
    row("the best of them", r.random_best);
  }
  page.add(std::move(test));
  if (!r.pareto.empty()) {
    Table trade{"Fewer or more connections",
                {"threshold", "connections", "faithfulness"},
                {},
                {Align::right, Align::right, Align::right}};
    std::int64_t before = -1;
    for (const CircuitPoint& p : r.pareto) {
      if (p.edges != before)
        trade.rows.push_back({threshold_words(p.threshold), std::to_string(p.edges),
                              format("%.3f", rounded(p.faithfulness))});
      before = p.edges;
    }
    page.add(std::move(trade));
  }
  if (r.saturated > 0)
    page.add(
        Paragraph{format("Of %lld connections the derivative says one thing in the clean run "
                         "and another in the corrupt one: a softmax is saturated there. Do not "
                         "believe first order; --method acdc is exact.",
                         static_cast<long long>(r.saturated))});
  return page;
}

void put(Json& json, const CircuitResult& r) {
  json.field("task", r.task);
  put(json, r.question);
  json.field("method", name_of(r.options.method))
      .field("threshold", r.options.threshold)
      .field("all_edges", r.all_edges);
  json.key("edges").array();
  for (const CircuitEdge& e : r.edges) {
    json.object().field("from", str(e.from)).field("to", str(e.to)).field("score", e.score);
    json.field("saturated", e.saturated).end();
  }
  json.end()
      .field("faithfulness", r.faithfulness)
      .field("completeness", r.completeness)
      .field("random_faithfulness", r.random_faithfulness)
      .field("random_best", r.random_best)
      .field("saturated", r.saturated);
  json.key("pareto").array();
  for (const CircuitPoint& p : r.pareto) {
    json.object().field("threshold", p.threshold).field("edges", p.edges);
    json.field("faithfulness", p.faithfulness).end();
  }
  json.end();
}

}   // namespace glass
