// glass bench ops --peer: our matrix products and those of another library on the same buffers,
// turn by turn, so that both meet the same machine. The ratio of a row is the median over its
// turns; over all rows stands their geometric mean.
#include "tools/bench_peer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <thread>

#include "engine/base/text.h"
#include "tools/bench.h"
#include "tools/saved.h"
#include "tools/terminal.h"

namespace glass {
namespace {

struct Shape3 {
  std::int64_t M, N, K;
};
// The layers and heads of GPT-2 124M at 256 tokens, of character models at 64 x 256 and 12 x 64
// tokens, and squares.
// clang-format off
const Shape3 kShapes[] = {
    {256, 2304, 768}, {256, 3072, 768}, {256, 768, 3072}, {16384, 1152, 384}, {16384, 1536, 384}, {16384, 384, 1536},
    {256, 50257, 768}, {768, 384, 128}, {768, 128, 512}, {1024, 1024, 1024}, {4096, 4096, 4096},
};
// clang-format on

enum class Layout { y, dx, dw };
const Layout kLayouts[] = {Layout::y, Layout::dx, Layout::dw};
const char* name_of(Layout layout) {
  switch (layout) {
    case Layout::y:
      return "y = x w^T";
    case Layout::dx:
      return "dx = dy w";
    case Layout::dw:
      return "dw += dy^T x";
  }
  return "";
}

// The three matrices of a layer; each product makes one of the other two.
struct Matrices {
  View x, w, y;
};

View transposed(View v) {
  std::swap(v.shape[0], v.shape[1]);
  std::swap(v.stride[0], v.stride[1]);
  return v;
}
float* floats(const View& v) { return reinterpret_cast<float*>(v.data); }

void ours(Backend& backend, Layout layout, const Matrices& m) {
  switch (layout) {
    case Layout::y:
      backend.linear(m.y, m.x, m.w, View{});
      break;
    case Layout::dx:
      backend.matmul(Into{m.x, false}, m.y, m.w);
      break;
    case Layout::dw:
      backend.matmul(Into{m.w, true}, transposed(m.y), m.x);
      break;
  }
  backend.wait();
}

void theirs(const PeerBlas& peer, Layout layout, Shape3 s, const Matrices& m) {
  const float *x = floats(m.x), *w = floats(m.w), *y = floats(m.y);
  switch (layout) {
    case Layout::y:
      return peer.product(s.M, s.N, s.K, {x, false}, {w, true}, 0, floats(m.y));
    case Layout::dx:
      return peer.product(s.M, s.K, s.N, {y, false}, {w, false}, 0, floats(m.x));
    case Layout::dw:
      return peer.product(s.N, s.K, s.M, {y, true}, {x, false}, 1, floats(m.w));
  }
}

double seconds(const std::function<void()>& call, int calls) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < calls; ++i) call();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// One turn: calls for about a hundredth of a second, after two that nobody counts and a pause in
// which the threads of the one before fall asleep. Milliseconds a call.
double turn(const std::function<void()>& call) {
  constexpr double kSeconds = 0.01;
  constexpr int kMost = 20000;
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  call();
  const double one = std::max(1e-9, seconds(call, 1));
  const int calls = static_cast<int>(std::clamp(kSeconds / one, 1.0, double{kMost}));
  return 1e3 * seconds(call, calls) / calls;
}

struct PeerRow {
  Layout layout;
  Shape3 shape;
  double flops = 0;
  double ms = 0;                 // ours
  std::vector<double> peer_ms;   // of each peer
  std::vector<double> ratios;    // times as fast as each peer
  double worst() const { return *std::min_element(ratios.begin(), ratios.end()); }
};

PeerRow race(Backend& backend, const std::vector<PeerBlas>& peers, Layout layout, Shape3 s) {
  constexpr int kTurns = 7;
  Operands operands(backend);
  const Matrices m = {operands.numbers({s.M, s.K}), operands.numbers({s.N, s.K}),
                      operands.numbers({s.M, s.N})};
  PeerRow row{layout,
              s,
              2.0 * static_cast<double>(s.M) * static_cast<double>(s.N) * static_cast<double>(s.K),
              0,
              {},
              {}};
  std::vector<double> mine;
  std::vector<std::vector<double>> others(peers.size()), ratios(peers.size());
  for (int i = 0; i < kTurns; ++i) {
    mine.push_back(turn([&] { ours(backend, layout, m); }));
    for (std::size_t p = 0; p < peers.size(); ++p) {
      others[p].push_back(turn([&] { theirs(peers[p], layout, s, m); }));
      ratios[p].push_back(others[p].back() / mine.back());
    }
  }
  row.ms = median(mine);
  for (std::size_t p = 0; p < peers.size(); ++p) {
    row.peer_ms.push_back(median(others[p]));
    row.ratios.push_back(median(ratios[p]));
  }
  return row;
}

std::string shape_text(Shape3 s) {
  return std::to_string(s.M) + "x" + std::to_string(s.N) + "x" + std::to_string(s.K);
}

double geometric_mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += std::log(value);
  return std::exp(sum / static_cast<double>(values.size()));
}

struct Summary {
  double mean = 0, least = 0;   // of the ratios to the better of the peers, row by row
};
Summary summary_of(const std::vector<PeerRow>& rows) {
  std::vector<double> ratios;
  for (const PeerRow& row : rows) ratios.push_back(row.worst());
  return {geometric_mean(ratios), *std::min_element(ratios.begin(), ratios.end())};
}

std::string rate(double flops, double ms, const Peak& peak) {
  const double gflops = flops / ms * 1e-6;
  return format("%7.1f %3.0f %%", gflops, 100 * gflops / peak.gflops);
}

void print_heading(const std::vector<PeerBlas>& peers) {
  std::string text = format("  %-14s%-18s%14s", "", "M x N x K", "GFLOP/s, ours");
  for (std::size_t p = 0; p < peers.size(); ++p)
    text += format("%11s %zu%9s", "peer", p + 1, "ours");
  print(ink(Ink::dim, text, stdout) + "\n");
}

void print_row(const PeerRow& row, const Peak& peak) {
  std::string text = format("  %-14s%-18s%14s", name_of(row.layout), shape_text(row.shape).c_str(),
                            rate(row.flops, row.ms, peak).c_str());
  for (std::size_t p = 0; p < row.ratios.size(); ++p) {
    text += " " + rate(row.flops, row.peer_ms[p], peak);
    text +=
        ink(row.ratios[p] >= 1 ? Ink::green : Ink::red, format("%8.2fx", row.ratios[p]), stdout);
  }
  print(text + "\n");
  flush_stdout();
}

void print_json(const std::vector<PeerRow>& rows, const std::vector<PeerBlas>& peers,
                const Peak& peak) {
  const Summary summary = summary_of(rows);
  Json json;
  json.object().key("peers").array();
  for (const PeerBlas& peer : peers)
    json.object().field("name", peer.name()).field("symbol", peer.symbol()).end();
  json.end().key("peaks").array();
  write_peak(json, peak);
  json.end().field("geometric_mean", summary.mean).field("least", summary.least);
  json.key("rows").array();
  for (const PeerRow& row : rows) {
    const double gflops = row.flops / row.ms * 1e-6;
    json.object()
        .field("name", name_of(row.layout))
        .field("shape", shape_text(row.shape))
        .field("ms", row.ms)
        .field("gflops", gflops);
    json.field("gbps", 0.0)
        .field("fraction_of_peak", gflops / peak.gflops)
        .field("peer_ms", row.peer_ms)
        .field("ratios", row.ratios)
        .end();
  }
  print(json.end().end().text() + "\n");
}

void warn_of_settings(const std::vector<PeerBlas>& peers, bool avx512) {
  for (const PeerBlas& peer : peers) {
    if (!peer.threads_set())
      warn(peer.name() + " has no function for the number of threads; it takes its own.");
    if (avx512 && peer.name().find("OpenBLAS") != std::string::npos &&
        std::getenv("OPENBLAS_CORETYPE") == nullptr)
      warn(
          "OpenBLAS does not know every processor with AVX-512; OPENBLAS_CORETYPE=SkylakeX in the "
          "environment shows it at its best.");
  }
}

std::vector<Shape3> shapes_of(const Arguments& args) {
  const std::string product = args.text("product");
  if (product.empty()) return {std::begin(kShapes), std::end(kShapes)};
  const std::vector<std::int64_t> n = sizes_of("product", product, 3);
  return {{n[0], n[1], n[2]}};
}

}   // namespace

ExitCode run_peer(const Arguments& args) {
  if (!args.text("compare").empty() || !args.text("attention").empty())
    fail(UsageError("--peer races on matrix products alone; leave --compare and --attention out."));
  const Machine machine = open_machine(args);
  if (machine.device != "cpu")
    fail(UsageError("--peer is for the cpu device: the other library computes there."));
  std::vector<PeerBlas> peers;
  for (const std::string& library : split(args.text("peer"), ','))
    peers.emplace_back(library, machine.threads);
  warn_of_settings(peers, machine.isa == "avx512");
  const Peak peak = measure_peak(isa_of(machine), machine.threads);
  const bool json = args.flag("json");
  if (!json) {
    print_peak(peak);
    for (std::size_t p = 0; p < peers.size(); ++p)
      print(format("  peer %zu: %s, %s\n", p + 1, peers[p].name().c_str(),
                   peers[p].symbol().c_str()));
    print("\n");
    print_heading(peers);
  }
  std::vector<PeerRow> rows;
  for (const Shape3 shape : shapes_of(args)) {
    for (const Layout layout : kLayouts) {
      const std::string label = std::string(name_of(layout)) + " " + shape_text(shape);
      if (label.find(args.text("filter")) == std::string::npos) continue;
      rows.push_back(race(*machine.backend, peers, layout, shape));
      if (!json) print_row(rows.back(), peak);
    }
  }
  if (rows.empty())
    fail(UsageError("--filter: no product has " + in_quotes(args.text("filter")) +
                    " in its name or shape."));
  if (json) {
    print_json(rows, peers, peak);
    return ExitCode::ok;
  }
  const Summary summary = summary_of(rows);
  print(format("\n  against the %s: geometric mean %.2fx, least %.2fx\n",
               peers.size() > 1 ? "better peer of each row" : "peer", summary.mean, summary.least));
  return ExitCode::ok;
}

}   // namespace glass
