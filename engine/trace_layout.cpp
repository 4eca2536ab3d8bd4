// Sugiyama, Tagawa and Toda's way of drawing a graph (1981): choose a layer for each node, put way
// points where an edge passes through a layer, order each layer so that few edges cross, then move
// everything as near to its neighbours as its order allows.
#include "engine/trace_layout.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <numeric>
#include <utility>

namespace glass {
namespace {

constexpr double kGap = 22;          // between boxes of a layer
constexpr double kGapOfLines = 12;   // between an edge that passes and what is beside it
constexpr double kRowGap = 44;       // between layers
constexpr double kMargin = 16;

std::size_t at(int i) { return static_cast<std::size_t>(i); }

// A box, or a place where an edge passes through a layer.
struct Item {
  int layer = 0;
  double width = 0;
  bool box = false;
  double x = 0;                    // of its centre
  std::vector<int> above, below;   // items of the layers next to its own
};

struct Graph {
  std::vector<Item> items;   // the boxes first
  std::vector<std::vector<int>> layers;
  std::vector<std::vector<int>>
      chains;   // for each edge: its items, from the input down to the box
};

// As far up as its inputs allow; what has no inputs stands right above its first use.
std::vector<int> layers_of(const std::vector<TraceBox>& boxes) {
  std::vector<int> layer(boxes.size(), 0);
  std::vector<int> first_use(boxes.size(), -1);
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    for (const int in : boxes[i].inputs) layer[i] = std::max(layer[i], layer[at(in)] + 1);
  }
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    for (const int in : boxes[i].inputs) {
      int& first = first_use[at(in)];
      if (first < 0 || layer[i] < first) first = layer[i];
    }
  }
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    if (boxes[i].inputs.empty() && first_use[i] > 0) layer[i] = first_use[i] - 1;
  }
  return layer;
}

Graph graph_of(const std::vector<TraceBox>& boxes) {
  Graph graph;
  const std::vector<int> layer = layers_of(boxes);
  int last = 0;
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    graph.items.push_back({layer[i], boxes[i].width, true, 0, {}, {}});
    last = std::max(last, layer[i]);
  }
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    for (const int in : boxes[i].inputs) {
      std::vector<int> chain = {in};
      for (int l = layer[at(in)] + 1; l < layer[i]; ++l) {
        chain.push_back(static_cast<int>(graph.items.size()));
        graph.items.push_back({l, 0, false, 0, {}, {}});
      }
      chain.push_back(static_cast<int>(i));
      for (std::size_t k = 0; k + 1 < chain.size(); ++k) {
        graph.items[at(chain[k])].below.push_back(chain[k + 1]);
        graph.items[at(chain[k + 1])].above.push_back(chain[k]);
      }
      graph.chains.push_back(std::move(chain));
    }
  }
  graph.layers.resize(at(last) + 1);
  for (std::size_t i = 0; i < graph.items.size(); ++i)
    graph.layers[at(graph.items[i].layer)].push_back(static_cast<int>(i));
  return graph;
}

std::vector<int> places_of(const Graph& graph) {
  std::vector<int> place(graph.items.size());
  for (const std::vector<int>& layer : graph.layers) {
    for (std::size_t k = 0; k < layer.size(); ++k) place[at(layer[k])] = static_cast<int>(k);
  }
  return place;
}

long crossings(const Graph& graph) {
  const std::vector<int> place = places_of(graph);
  long count = 0;
  for (const std::vector<int>& layer : graph.layers) {
    std::vector<std::pair<int, int>> edges;
    for (const int i : layer) {
      for (const int j : graph.items[at(i)].below) edges.emplace_back(place[at(i)], place[at(j)]);
    }
    for (std::size_t a = 0; a < edges.size(); ++a) {
      for (std::size_t b = a + 1; b < edges.size(); ++b) {
        const auto [a0, a1] = edges[a];
        const auto [b0, b1] = edges[b];
        if ((a0 < b0 && a1 > b1) || (a0 > b0 && a1 < b1)) ++count;
      }
    }
  }
  return count;
}

// Orders one layer by where the neighbours on one side stand, on average.
void order(Graph& graph, std::size_t l, bool by_above) {
  const std::vector<int> place = places_of(graph);
  std::map<int, double> wish;
  for (const int i : graph.layers[l]) {
    const std::vector<int>& neighbours =
        by_above ? graph.items[at(i)].above : graph.items[at(i)].below;
    double sum = 0;
    for (const int j : neighbours) sum += place[at(j)];
    wish[i] = neighbours.empty() ? place[at(i)] : sum / static_cast<double>(neighbours.size());
  }
  std::stable_sort(graph.layers[l].begin(), graph.layers[l].end(),
                   [&](int a, int b) { return wish[a] < wish[b]; });
}

void order_layers(Graph& graph) {
  constexpr int kSweeps = 24;
  std::vector<std::vector<int>> best = graph.layers;
  long fewest = crossings(graph);
  for (int sweep = 0; sweep < kSweeps && fewest > 0; ++sweep) {
    const bool down = sweep % 2 == 0;
    for (std::size_t k = 0; k < graph.layers.size(); ++k)
      order(graph, down ? k : graph.layers.size() - 1 - k, down);
    const long now = crossings(graph);
    if (now < fewest) fewest = now, best = graph.layers;
  }
  graph.layers = best;
}

double distance(const Item& a, const Item& b) {
  return (a.width + b.width) / 2 + (a.box && b.box ? kGap : kGapOfLines);
}

// The x nearest to the wishes (in the sense of least squares) that keep the order and the distances
// of a layer. Items that would overlap become one block that stands where its members wish on
// average.
void place(Graph& graph, const std::vector<int>& layer, const std::vector<double>& wish,
           const std::vector<double>& weight) {
  struct Block {
    double sum, weight;
    std::size_t size;
  };
  std::vector<Block> blocks;
  std::vector<double> offset(layer.size(), 0);   // where an item stands if all stand side by side
  for (std::size_t k = 0; k < layer.size(); ++k) {
    if (k > 0)
      offset[k] =
          offset[k - 1] + distance(graph.items[at(layer[k - 1])], graph.items[at(layer[k])]);
    blocks.push_back({(wish[k] - offset[k]) * weight[k], weight[k], 1});
    while (blocks.size() > 1) {
      const Block last = blocks.back();
      Block& before = blocks[blocks.size() - 2];
      if (before.sum / before.weight < last.sum / last.weight) break;
      before = {before.sum + last.sum, before.weight + last.weight, before.size + last.size};
      blocks.pop_back();
    }
  }
  std::size_t k = 0;
  for (const Block& block : blocks) {
    for (std::size_t n = 0; n < block.size; ++n, ++k)
      graph.items[at(layer[k])].x = block.sum / block.weight + offset[k];
  }
}

// How much an edge wants to be straight. What passes through many layers should not bend, and a
// weight should come to the node that uses it, not pull it aside.
double stiffness(const Item& a, const Item& b) {
  if (!a.box && !b.box) return 8;
  return a.above.empty() ? 0.1 : 1;
}

void align(Graph& graph, std::size_t l, bool to_above, bool to_below) {
  std::vector<double> wish, weight;
  for (const int i : graph.layers[l]) {
    const Item& item = graph.items[at(i)];
    double sum = 0, total = 0;
    const auto pull = [&](const std::vector<int>& neighbours) {
      for (const int j : neighbours) {
        const Item& other = graph.items[at(j)];
        const double w = other.layer < item.layer ? stiffness(other, item) : stiffness(item, other);
        sum += w * other.x, total += w;
      }
    };
    if (to_above) pull(item.above);
    if (to_below) pull(item.below);
    wish.push_back(total > 0 ? sum / total : item.x);
    weight.push_back(total > 0 ? total : 0.1);
  }
  place(graph, graph.layers[l], wish, weight);
}

bool is_source(const Item& item) { return item.box && item.above.empty(); }

// Items that follow each other without a branch: an edge that passes through layers, or ops each
// made from the last.
std::vector<std::vector<int>> runs_of(const Graph& graph) {
  const std::size_t n = graph.items.size();
  std::vector<int> next(n, -1);
  std::vector<bool> starts(n, true);
  for (std::size_t i = 0; i < n; ++i) {
    if (graph.items[i].below.size() != 1 || is_source(graph.items[i])) continue;
    const int j = graph.items[i].below[0];
    int made_from = 0;
    for (const int k : graph.items[at(j)].above) made_from += is_source(graph.items[at(k)]) ? 0 : 1;
    if (made_from == 1) next[i] = j, starts[at(j)] = false;
  }
  std::vector<std::vector<int>> runs;
  for (std::size_t i = 0; i < n; ++i) {
    if (!starts[i] || next[i] < 0) continue;
    std::vector<int> run;
    for (int k = static_cast<int>(i); k >= 0; k = next[at(k)]) run.push_back(k);
    runs.push_back(std::move(run));
  }
  return runs;
}

// Puts each run on a vertical line where its neighbours leave room for that.
void straighten(Graph& graph, const std::vector<std::vector<int>>& runs) {
  const std::vector<int> place = places_of(graph);
  for (const std::vector<int>& run : runs) {
    double low = -1e300, high = 1e300, sum = 0;
    for (const int i : run) {
      const Item& item = graph.items[at(i)];
      const std::vector<int>& layer = graph.layers[at(item.layer)];
      const std::size_t k = at(place[at(i)]);
      if (k > 0)
        low = std::max(
            low, graph.items[at(layer[k - 1])].x + distance(graph.items[at(layer[k - 1])], item));
      if (k + 1 < layer.size())
        high = std::min(
            high, graph.items[at(layer[k + 1])].x - distance(item, graph.items[at(layer[k + 1])]));
      sum += item.x;
    }
    if (low > high) continue;
    const double x = std::clamp(sum / static_cast<double>(run.size()), low, high);
    for (const int i : run) graph.items[at(i)].x = x;
  }
}

void choose_x(Graph& graph) {
  constexpr int kSweeps = 200;
  for (const std::vector<int>& layer : graph.layers) {
    place(graph, layer, std::vector<double>(layer.size(), 0), std::vector<double>(layer.size(), 1));
  }
  const std::size_t n = graph.layers.size();
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    const bool both = sweep >= kSweeps / 2;
    for (std::size_t k = 0; k < n; ++k) align(graph, k, true, both);
    for (std::size_t k = n; k-- > 0;) align(graph, k, both, true);
  }
  const std::vector<std::vector<int>> runs = runs_of(graph);
  for (int pass = 0; pass < 3; ++pass) straighten(graph, runs);
}

// Where the edges of a box leave or arrive: side by side, in the order of where they go.
double port(const Item& item, const std::vector<double>& ends, double x, std::size_t among_equals) {
  if (!item.box || ends.size() < 2) return item.x;
  std::size_t before = among_equals;
  for (const double other : ends) before += other < x ? 1 : 0;
  const double room = std::min(item.width - 24, 26.0 * static_cast<double>(ends.size() - 1));
  return item.x - room / 2 +
         room * static_cast<double>(before) / static_cast<double>(ends.size() - 1);
}

}   // namespace

Layout lay_out(const std::vector<TraceBox>& boxes) {
  Layout layout;
  if (boxes.empty()) return layout;
  Graph graph = graph_of(boxes);
  order_layers(graph);
  choose_x(graph);

  double left = 1e300, right = -1e300;
  for (const Item& item : graph.items) {
    left = std::min(left, item.x - item.width / 2);
    right = std::max(right, item.x + item.width / 2);
  }
  for (Item& item : graph.items) item.x += kMargin - left;
  layout.width = right - left + 2 * kMargin;

  std::vector<double> top(graph.layers.size()), height(graph.layers.size(), 0);
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    double& h = height[at(graph.items[i].layer)];
    h = std::max(h, boxes[i].height);
  }
  double y = kMargin;
  for (std::size_t l = 0; l < top.size(); ++l) top[l] = y, y += height[l] + kRowGap;
  layout.height = y - kRowGap + kMargin;

  for (std::size_t i = 0; i < boxes.size(); ++i) {
    const std::size_t l = at(graph.items[i].layer);
    layout.centres.push_back({graph.items[i].x, top[l] + height[l] / 2});
  }
  std::map<std::pair<int, double>, std::size_t>
      used;   // edges that arrive at one box from one place
  for (const std::vector<int>& chain : graph.chains) {
    Line line{chain.front(), chain.back(), {}};
    const Item& end = graph.items[at(line.to)];
    std::vector<double> ends;
    for (const int i : end.above) ends.push_back(graph.items[at(i)].x);
    const double from_x = graph.items[at(chain[chain.size() - 2])].x;
    const std::size_t again = used[{line.to, from_x}]++;
    const TracePoint from = layout.centres[at(line.from)];
    line.points.push_back({from.x, from.y + boxes[at(line.from)].height / 2});
    for (std::size_t k = 1; k + 1 < chain.size(); ++k) {
      const Item& item = graph.items[at(chain[k])];
      const std::size_t l = at(item.layer);
      line.points.push_back({item.x, top[l]});
      line.points.push_back({item.x, top[l] + height[l]});
    }
    const TracePoint to = layout.centres[at(line.to)];
    line.points.push_back({port(end, ends, from_x, again), to.y - boxes[at(line.to)].height / 2});
    layout.lines.push_back(std::move(line));
  }
  return layout;
}

}   // namespace glass
