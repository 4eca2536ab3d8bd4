// Recording a step as rows, and the two plainest ways to read them: a table and JSON.
#include "engine/trace.h"

#include <algorithm>
#include <cmath>

#include "engine/base/text.h"

namespace glass {
namespace {

double norm_of(const Tensor& x) {
  double sum = 0;
  for (const double v : x.to_host()) sum += v * v;
  return std::sqrt(sum);
}

}   // namespace

double Trace::forward_ms() const {
  double sum = 0;
  for (const TraceNode& n : nodes) sum += n.forward_ms;
  return sum;
}

double Trace::backward_ms() const {
  double sum = 0;
  for (const TraceNode& n : nodes) sum += n.backward_ms;
  return sum;
}

std::size_t Trace::saved_bytes() const {
  std::size_t sum = 0;
  for (const TraceNode& n : nodes) sum += n.saved_bytes;
  return sum;
}

Tracer::Tracer(Tape& tape) : tape_(tape), layout_copies_(tape.layout_copies), last_(Clock::now()) {
  tape_.on_record = [this](const Node& node, const Tensor& y) { recorded(node, y); };
  tape_.on_backward = [this](const Node& node) { went_back(node); };
}

Tracer::~Tracer() { tape_.on_record = nullptr, tape_.on_backward = nullptr; }

// What passed since the last lap ended; whoever calls this sets last_ when its own work is done.
double Tracer::lap(Backend& backend) {
  backend.wait();
  return std::chrono::duration<double, std::milli>(Clock::now() - last_).count();
}

void Tracer::recorded(const Node& node, const Tensor& y) {
  TraceNode row;
  row.forward_ms = lap(y.backend());
  row.id = node.id;
  row.op = node.op;
  row.scope = node.scope;
  row.file = node.where.file;
  row.line = node.where.line;
  row.leaf = node.leaf;
  row.inputs.assign(node.inputs, node.inputs + node.input_count);
  row.shape = node.shape;
  row.dtype = node.dtype;
  row.value = norm_of(y);
  for (int i = 0; i < node.saved_count; ++i) {
    if (kept_.insert(node.saved[i].buffer).second) row.saved_bytes += node.saved[i].buffer->bytes;
  }
  if (node.leaf) kept_.insert(y.buffer().get());   // it lives anyway
  row.layout_copies = tape_.layout_copies - layout_copies_;
  layout_copies_ = tape_.layout_copies;
  trace_.nodes.push_back(std::move(row));
  last_ = Clock::now();
}

void Tracer::went_back(const Node& node) {
  const auto same = [&](const TraceNode& row) { return row.id == node.id; };
  const auto row = std::find_if(trace_.nodes.rbegin(), trace_.nodes.rend(), same);
  if (row == trace_.nodes.rend()) return;   // recorded before anybody watched
  row->backward_ms = lap(node.grad.backend());
  row->grad = norm_of(node.grad);
  row->reached = true;
  last_ = Clock::now();
}

static int operands(scalar::Op op) {
  switch (op) {
    case scalar::Op::number:
      return 0;
    case scalar::Op::exp:
    case scalar::Op::log:
    case scalar::Op::relu:
      return 1;
    default:
      return 2;
  }
}

Trace trace_of(const scalar::Tape& tape, int first) {
  Trace trace;
  trace.scalar = true;
  for (int i = first; i < tape.size(); ++i) {
    const scalar::Node& node = tape.node(i);
    TraceNode row;
    row.id = i;
    row.op = name_of(node.made.op);
    row.file = tape.where(i).file;
    row.line = tape.where(i).line;
    const int inputs = operands(node.made.op);
    row.leaf = inputs == 0;
    for (int k = 0; k < inputs; ++k) {
      row.inputs.push_back(node.in[k]);
      row.slopes.push_back(node.local[k]);
    }
    row.value = tape.data(i);
    row.grad = tape.grad(i);
    row.reached = true;
    trace.nodes.push_back(std::move(row));
  }
  return trace;
}

namespace {

enum class Side { left, right };
struct Column {
  std::string head;
  Side side;
  std::vector<std::string> cells;
};

std::string rows_of(const std::vector<Column>& columns, std::size_t rows) {
  const auto used = [](const Column& c) {
    return std::any_of(c.cells.begin(), c.cells.end(), [](const auto& t) { return !t.empty(); });
  };
  std::string text;
  for (std::size_t row = 0; row <= rows; ++row) {   // row 0 is the heading
    std::string line;
    for (const Column& column : columns) {
      if (!used(column)) continue;
      std::size_t width = column.head.size();
      for (const std::string& cell : column.cells) width = std::max(width, cell.size());
      const std::string& cell = row == 0 ? column.head : column.cells[row - 1];
      const std::string pad(width - cell.size(), ' ');
      line += (line.empty() ? "" : "  ") + (column.side == Side::right ? pad + cell : cell + pad);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string ids_of(const Trace& trace, const TraceNode& node) {
  std::vector<std::string> ids;
  for (const int i : node.inputs)
    ids.push_back(i < 0 ? "-" : (trace.scalar ? "#" : "%") + std::to_string(i));
  return join(ids, " ");
}

std::string place_of(const TraceNode& node) { return node.file + ":" + std::to_string(node.line); }

std::string slopes_of(const TraceNode& node) {
  std::vector<std::string> slopes;
  for (const double slope : node.slopes) slopes.push_back(format("%.4g", slope));
  return join(slopes, " ");
}

}   // namespace

std::string str(const Trace& trace) {
  const bool tensors = !trace.scalar;
  std::vector<Column> columns = {
      {"node", Side::left, {}},
      {"op", Side::left, {}},
      {"output", Side::left, {}},
      {"inputs", Side::left, {}},
      {"scope", Side::left, {}},
      {"where", Side::left, {}},
      {"ms", Side::right, {}},
      {"ms back", Side::right, {}},
      {"saved", Side::right, {}},
      {"copies", Side::right, {}},
      {tensors ? "|value|" : "data", Side::right, {}},
      {tensors ? "|grad|" : "grad", Side::right, {}},
      {"slopes", Side::left, {}},
  };
  for (const TraceNode& n : trace.nodes) {
    const std::string cells[] = {
        (tensors ? "%" : "#") + std::to_string(n.id),
        n.op,
        tensors ? str(n.shape) + " " + name_of(n.dtype) : "",
        ids_of(trace, n),
        n.scope,
        place_of(n),
        tensors && !n.leaf ? format("%.3f", n.forward_ms) : "",
        tensors && !n.leaf && n.reached ? format("%.3f", n.backward_ms) : "",
        n.saved_bytes ? human_bytes(static_cast<double>(n.saved_bytes)) : "",
        n.layout_copies ? std::to_string(n.layout_copies) : "",
        format("%.4g", n.value),
        n.reached ? format("%.4g", n.grad) : "",
        slopes_of(n),
    };
    for (std::size_t i = 0; i < columns.size(); ++i) columns[i].cells.push_back(cells[i]);
  }
  std::string text = rows_of(columns, trace.nodes.size());
  if (tensors) {
    text += "\n" + std::to_string(trace.nodes.size()) + " nodes, forward " +
            format("%.3f", trace.forward_ms()) + " ms, backward " +
            format("%.3f", trace.backward_ms()) + " ms, " +
            human_bytes(static_cast<double>(trace.saved_bytes())) + " saved for backward\n";
  }
  return text;
}

void write(Json& json, const Trace& trace) {
  json.object().field("program", trace.program).field("device", trace.device);
  if (!trace.scalar) {
    json.field("forward_ms", trace.forward_ms()).field("backward_ms", trace.backward_ms());
    json.field("saved_bytes", trace.saved_bytes());
  }
  json.key("nodes").array();
  for (const TraceNode& n : trace.nodes) {
    json.object().field("id", n.id).field("op", n.op).field("inputs", n.inputs);
    json.field("shape", std::vector<std::int64_t>(n.shape.begin(), n.shape.end()))
        .field("dtype", name_of(n.dtype));
    json.field("scope", n.scope).field("file", n.file).field("line", n.line).field("leaf", n.leaf);
    json.field("value", n.value);
    json.key("grad");
    n.reached ? json.value(n.grad) : json.null();
    if (trace.scalar) {
      json.field("slopes", n.slopes);
    } else {
      json.field("forward_ms", n.forward_ms).field("backward_ms", n.backward_ms);
      json.field("saved_bytes", n.saved_bytes).field("layout_copies", n.layout_copies);
    }
    json.end();
  }
  json.end().end();
}

namespace {

// The element that differs most, if it differs by more than `tolerance` of `size`; a number that
// only one side can name (nan, infinite) differs always.
Difference compared(const Tensor& a, const Tensor& b, double tolerance, double size) {
  const std::vector<double> x = a.to_host(), y = b.to_host();
  Difference worst;
  worst.size = size;
  double most = tolerance * size;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const bool both = std::isfinite(x[i]) && std::isfinite(y[i]);
    const bool same = x[i] == y[i] || (std::isnan(x[i]) && std::isnan(y[i]));
    if (same || (both && std::abs(x[i] - y[i]) <= most)) continue;
    worst.found = true;
    worst.element = static_cast<std::int64_t>(i);
    worst.a = x[i], worst.b = y[i];
    if (!both) break;
    most = std::abs(x[i] - y[i]);
  }
  return worst;
}

double root_mean_square(const Tensor& x) {
  return x.numel() ? norm_of(x) / std::sqrt(static_cast<double>(x.numel())) : 0;
}

const Tensor& part(const Node& node, bool gradient) { return gradient ? node.grad : node.value; }

// Rounding leaves dust in gradients that are zero in truth, so no tensor counts as smaller than a
// millionth of the largest of its kind.
double largest(const Tape& tape, bool gradient) {
  double most = 0;
  for (std::size_t i = 0; i < tape.size(); ++i) {
    const Tensor& x = part(tape.node(i), gradient);
    const double size = x ? root_mean_square(x) : 0;
    if (std::isfinite(size)) most = std::max(most, size);
  }
  return most;
}

std::string unlike(const Tape& a, const Tape& b) {
  for (std::size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    const std::string node = "node %" + std::to_string(i);
    if (i >= a.size() || i >= b.size()) return node + " is on one tape only";
    const Node &x = a.node(i), &y = b.node(i);
    if (std::string(x.op) != y.op)
      return node + " is " + x.op + " on one tape and " + y.op + " on the other";
    if (x.shape != y.shape)
      return node + " has shape " + str(x.shape) + " on one tape and " + str(y.shape) +
             " on the other";
    if (static_cast<bool>(x.grad) != static_cast<bool>(y.grad))
      return node + " has a gradient on one tape only";
  }
  return "";
}

}   // namespace

Difference first_difference(const Tape& a, const Tape& b, double tolerance) {
  Difference difference;
  difference.unlike = unlike(a, b);
  if (!difference.unlike.empty()) {
    difference.found = true;
    return difference;
  }
  for (const bool gradient : {false, true}) {
    const double least = 1e-6 * largest(b, gradient);
    for (std::size_t k = 0; k < a.size(); ++k) {
      const std::size_t i =
          gradient ? a.size() - 1 - k : k;   // in the order in which they were computed
      const Tensor &x = part(a.node(i), gradient), &y = part(b.node(i), gradient);
      if (!x || !y) continue;
      difference = compared(x, y, tolerance, std::max(root_mean_square(y), least));
      if (!difference.found) continue;
      difference.in_gradient = gradient;
      difference.node = static_cast<int>(i);
      return difference;
    }
  }
  return difference;
}

}   // namespace glass
