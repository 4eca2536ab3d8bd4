// A trace as a graph: for Graphviz, and as an SVG that needs nothing else.
#include <algorithm>
#include <cmath>
#include <map>

#include "engine/base/text.h"
#include "engine/trace.h"
#include "engine/trace_layout.h"

namespace glass {
namespace {

std::string name_in(const Trace& trace, const TraceNode& node) {
  return (trace.scalar ? "#" : "%") + std::to_string(node.id);
}

// What stands in a box: the op, then what came out of it, then how large it and its gradient are.
std::vector<std::string> words_of(const Trace& trace, const TraceNode& node) {
  std::vector<std::string> words = {node.leaf && !node.scope.empty() ? node.scope : node.op};
  if (trace.scalar) {
    words.push_back("data " + format("%.4g", node.value));
    if (node.reached) words.push_back("grad " + format("%.4g", node.grad));
    return words;
  }
  words.push_back(str(node.shape) + " " + name_of(node.dtype));
  words.push_back("|y| " + format("%.3g", node.value) +
                  (node.reached ? ", |dy| " + format("%.3g", node.grad) : ""));
  return words;
}

// Everything else, for whoever points at a box.
std::string details_of(const Trace& trace, const TraceNode& node) {
  std::string text =
      name_in(trace, node) + " " + node.op + ", " + node.file + ":" + std::to_string(node.line);
  if (!node.scope.empty()) text += ", " + node.scope;
  if (!trace.scalar && !node.leaf) {
    text += ", forward " + format("%.3f", node.forward_ms) + " ms, backward " +
            format("%.3f", node.backward_ms) + " ms, " +
            human_bytes(static_cast<double>(node.saved_bytes)) + " saved";
  }
  return text;
}

// Node ids to places in trace.nodes; an input that was not traced has none.
std::map<int, int> places_in(const Trace& trace) {
  std::map<int, int> place;
  for (std::size_t i = 0; i < trace.nodes.size(); ++i)
    place[trace.nodes[i].id] = static_cast<int>(i);
  return place;
}

// The part of the model a node belongs to. A weight belongs to whoever uses it first.
std::vector<std::string> parts_of(const Trace& trace) {
  const std::map<int, int> place = places_in(trace);
  std::vector<std::string> parts(trace.nodes.size());
  for (std::size_t i = trace.nodes.size(); i-- > 0;) {
    const TraceNode& node = trace.nodes[i];
    if (!node.leaf) parts[i] = node.scope;
    for (const int in : node.inputs) {
      const auto found = place.find(in);
      if (found == place.end()) continue;
      const std::size_t k = static_cast<std::size_t>(found->second);
      if (trace.nodes[k].leaf) parts[k] = parts[i];
    }
  }
  return parts;
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  for (std::size_t i = 0; (i = text.find(what, i)) != std::string::npos; i += with.size())
    text.replace(i, what.size(), with);
  return text;
}

std::string xml(const std::string& text) {
  return replaced(replaced(replaced(replaced(text, "&", "&amp;"), "<", "&lt;"), ">", "&gt;"), "\"",
                  "&quot;");
}

std::string dot_quoted(const std::string& text) {
  return "\"" + replaced(replaced(text, "\\", "\\\\"), "\"", "\\\"") + "\"";
}

}   // namespace

std::string dot(const Trace& trace) {
  const std::map<int, int> place = places_in(trace);
  const std::vector<std::string> parts = parts_of(trace);
  std::string text = "digraph trace {\n  label=" + dot_quoted(trace.program) +
                     "; labelloc=t; fontname=\"sans-serif\";\n";
  text +=
      "  node [shape=box, style=\"rounded,filled\", fillcolor=white, fontname=\"sans-serif\", "
      "fontsize=11];\n";
  text += "  edge [fontname=\"sans-serif\", fontsize=9];\n";
  std::map<std::string, std::vector<std::size_t>> by_part;
  for (std::size_t i = 0; i < trace.nodes.size(); ++i) by_part[parts[i]].push_back(i);
  for (const auto& [part, members] : by_part) {
    if (!part.empty()) {
      text += "  subgraph " + dot_quoted("cluster " + part) + " {\n    label=" + dot_quoted(part) +
              "; labeljust=l; color=gray; style=rounded;\n";
    }
    for (const std::size_t i : members) {
      const TraceNode& node = trace.nodes[i];
      const std::string label = join(words_of(trace, node), "\n");
      text += "    n" + std::to_string(node.id) +
              " [label=" + replaced(dot_quoted(label), "\n", "\\n") +
              ", tooltip=" + dot_quoted(details_of(trace, node)) +
              (node.leaf ? ", fillcolor=\"#e3edfb\"" : "") + "];\n";
    }
    if (!part.empty()) text += "  }\n";
  }
  for (const TraceNode& node : trace.nodes) {
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      if (place.count(node.inputs[k]) == 0) continue;
      text += "  n" + std::to_string(node.inputs[k]) + " -> n" + std::to_string(node.id);
      text +=
          trace.scalar ? " [label=" + dot_quoted(format("%.4g", node.slopes[k])) + "];\n" : ";\n";
    }
  }
  return text + "}\n";
}

namespace {

constexpr double kLetter = 6.7;   // width of a letter of the 11 px monospaced font
constexpr double kLineHeight = 15;
constexpr double kHeader = 58, kFooter = 18;

std::string px(double v) { return format("%.1f", v); }

// Hues around the colour circle, one a part of the model, of a lightness that shows on white and on
// black.
std::string colour(std::size_t i) {
  static const char* const kColours[] = {"#4f8ad9", "#d9822b", "#3fa37c", "#b65fc4",
                                         "#c9a227", "#5aa7b8", "#8a8f98"};
  return kColours[i % (sizeof kColours / sizeof *kColours)];
}

// "blocks.3.mlp" and "blocks.0.mlp" have one colour.
std::string kind_of_part(const std::string& part) {
  std::string last = part.substr(part.find_last_of('.') + 1);
  const bool numbered = !last.empty() && last.find_first_not_of("0123456789") == std::string::npos;
  return numbered ? part.substr(0, part.find_last_of('.')) : last;
}

std::string path_of(const Line& line) {
  std::string d = "M" + px(line.points[0].x) + " " + px(line.points[0].y);
  for (std::size_t i = 1; i < line.points.size(); ++i) {
    const TracePoint a = line.points[i - 1], b = line.points[i];
    const double middle = (a.y + b.y) / 2;
    d += std::abs(a.x - b.x) < 0.05 ? "L" + px(b.x) + " " + px(b.y)
                                    : "C" + px(a.x) + " " + px(middle) + " " + px(b.x) + " " +
                                          px(middle) + " " + px(b.x) + " " + px(b.y);
  }
  return d;
}

const char* const kStyle = R"(<style>
text { font: 11px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #1c2530; }
.page { fill: #ffffff; } .box { fill: #f6f8fa; stroke: #aeb8c4; } .leaf .box { fill: #e8f0fc; stroke: #8fb0dd; }
.op, h1 { font-weight: 600; } .dim { fill: #66717f; } .title { font-size: 14px; font-weight: 600; }
.edge { fill: none; stroke: #94a0ae; stroke-width: 1.2; } .tip { fill: #94a0ae; } .slope { font-size: 10px; fill: #66717f; }
.forward { fill: #55606e; } .back { fill: #e0525f; }
@media (prefers-color-scheme: dark) {
text { fill: #e4e8ee; } .page { fill: #11161d; } .box { fill: #1b222c; stroke: #46515f; } .leaf .box { fill: #18283f; stroke: #3f6296; }
.dim, .slope { fill: #98a4b3; } .edge { stroke: #66717f; } .tip { fill: #66717f; }
.forward { fill: #aab4c0; }
}
</style>
)";

struct Drawing {
  const Trace& trace;
  std::vector<std::vector<std::string>> words;
  std::vector<TraceBox> boxes;
  std::map<std::string, std::size_t> kinds;   // part of the model -> its colour
  std::vector<std::string> parts;
  double slowest = 0;   // ms of a node, forward or backward
  Layout layout;

  explicit Drawing(const Trace& t) : trace(t), parts(parts_of(t)) {
    const std::map<int, int> place = places_in(trace);
    for (std::size_t i = 0; i < trace.nodes.size(); ++i) {
      const TraceNode& node = trace.nodes[i];
      words.push_back(words_of(trace, node));
      std::size_t letters = words[i][0].size() + name_in(trace, node).size() + 2;
      for (const std::string& word : words[i]) letters = std::max(letters, word.size());
      TraceBox box{static_cast<double>(letters) * kLetter + 24,
              static_cast<double>(words[i].size()) * kLineHeight + (trace.scalar ? 14 : 18),
              {}};
      for (const int in : node.inputs) {
        if (const auto found = place.find(in); found != place.end())
          box.inputs.push_back(found->second);
      }
      boxes.push_back(std::move(box));
      if (!parts[i].empty()) kinds.emplace(kind_of_part(parts[i]), 0);
      slowest = std::max({slowest, node.forward_ms, node.backward_ms});
    }
    std::size_t next = 0;
    for (auto& [kind, number] : kinds) number = next++;
    layout = lay_out(boxes);
  }

  std::string box(std::size_t i) const {
    const TraceNode& node = trace.nodes[i];
    const double x = layout.centres[i].x - boxes[i].width / 2,
                 y = layout.centres[i].y - boxes[i].height / 2 + kHeader;
    const double w = boxes[i].width, h = boxes[i].height;
    std::string text = std::string("<g") + (node.leaf ? " class=\"leaf\"" : "") + "><title>" +
                       xml(details_of(trace, node)) + "</title>";
    text += "<rect class=\"box\" x=\"" + px(x) + "\" y=\"" + px(y) + "\" width=\"" + px(w) +
            "\" height=\"" + px(h) + "\" rx=\"5\"/>";
    if (!parts[i].empty()) {
      text += "<rect x=\"" + px(x) + "\" y=\"" + px(y + 5) + "\" width=\"4\" height=\"" +
              px(h - 10) + "\" fill=\"" + colour(kinds.at(kind_of_part(parts[i]))) + "\"/>";
    }
    for (std::size_t k = 0; k < words[i].size(); ++k) {
      text += std::string("<text class=\"") + (k == 0 ? "op" : "dim") + "\" x=\"" + px(x + 12) +
              "\" y=\"" + px(y + 17 + static_cast<double>(k) * kLineHeight) + "\">" +
              xml(words[i][k]) + "</text>";
    }
    text += "<text class=\"dim\" text-anchor=\"end\" x=\"" + px(x + w - 10) + "\" y=\"" +
            px(y + 17) + "\">" + name_in(trace, node) + "</text>";
    if (!trace.scalar && !node.leaf && slowest > 0) {
      const double room = w - 24;
      const auto bar = [&](const char* kind, double ms, double down) {
        return std::string("<rect class=\"") + kind + "\" x=\"" + px(x + 12) + "\" y=\"" +
               px(y + h - down) + "\" width=\"" + px(room * ms / slowest) + "\" height=\"2\"/>";
      };
      text += bar("forward", node.forward_ms, 7) + bar("back", node.backward_ms, 4);
    }
    return text + "</g>\n";
  }

  std::string line(const Line& l) const {
    Line moved = l;
    for (TracePoint& p : moved.points) p.y += kHeader;
    const TracePoint end = moved.points.back();
    moved.points.back().y -= 5;
    std::string text = "<path class=\"edge\" d=\"" + path_of(moved) +
                       "\"/><path class=\"tip\" d=\"M" + px(end.x) + " " + px(end.y) +
                       "l-3.5 -6h7z\"/>";
    if (trace.scalar) {
      const TraceNode& to = trace.nodes[static_cast<std::size_t>(l.to)];
      const int from = trace.nodes[static_cast<std::size_t>(l.from)].id;
      const auto k = std::find(to.inputs.begin(), to.inputs.end(), from) - to.inputs.begin();
      const bool left =
          end.x < layout.centres[static_cast<std::size_t>(l.to)].x - 0.05;   // of two arrows
      text += "<text class=\"slope\" x=\"" + px(end.x + (left ? -6 : 6)) + "\" y=\"" +
              px(end.y - 6) + (left ? "\" text-anchor=\"end\">" : "\">") +
              format("%.3g", to.slopes[static_cast<std::size_t>(k)]) + "</text>";
    }
    return text + "\n";
  }

  std::string legend(double y) const {
    std::string text;
    double x = 16;
    const auto entry = [&](const std::string& swatch, const std::string& label) {
      text += "<rect x=\"" + px(x) + "\" y=\"" + px(y - 8) + "\" width=\"9\" height=\"9\" " +
              swatch + "/><text class=\"dim\" x=\"" + px(x + 14) + "\" y=\"" + px(y) + "\">" +
              xml(label) + "</text>";
      x += 14 + static_cast<double>(label.size()) * kLetter + 18;
    };
    for (const auto& [kind, number] : kinds) entry("fill=\"" + colour(number) + "\"", kind);
    if (!trace.scalar)
      entry("class=\"forward\"", "forward ms"), entry("class=\"back\"", "backward ms");
    return text + "\n";
  }
};

}   // namespace

std::string svg(const Trace& trace) {
  const Drawing drawing(trace);
  const std::string totals =
      trace.scalar
          ? std::to_string(trace.nodes.size()) + " nodes; the number at an arrow is the slope"
          : std::to_string(trace.nodes.size()) + " nodes, forward " +
                format("%.3f", trace.forward_ms()) + " ms, backward " +
                format("%.3f", trace.backward_ms()) + " ms, " +
                human_bytes(static_cast<double>(trace.saved_bytes())) + " saved for backward" +
                (trace.device.empty() ? "" : ", on " + trace.device);
  constexpr double kTitleLetter = 8.6;
  const double width =
      std::max({drawing.layout.width, static_cast<double>(totals.size()) * kLetter + 32,
                static_cast<double>(trace.program.size()) * kTitleLetter + 32});
  const double height = drawing.layout.height + kHeader + kFooter;
  std::string text = "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"" + px(width) +
                     "\" height=\"" + px(height) + "\" viewBox=\"0 0 " + px(width) + " " +
                     px(height) + "\">\n";
  text += "<title>" + xml(trace.program) + "</title>\n" + kStyle;
  text += "<rect class=\"page\" width=\"" + px(width) + "\" height=\"" + px(height) + "\"/>\n";
  text += "<text class=\"title\" x=\"16\" y=\"26\">" + xml(trace.program) + "</text>\n";
  text += "<text class=\"dim\" x=\"16\" y=\"44\">" + xml(totals) + "</text>\n";
  for (const Line& line : drawing.layout.lines) text += drawing.line(line);
  for (std::size_t i = 0; i < drawing.boxes.size(); ++i) text += drawing.box(i);
  return text + drawing.legend(height - 12) + "</svg>\n";
}

}   // namespace glass
