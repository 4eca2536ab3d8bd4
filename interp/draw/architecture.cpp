#include "interp/draw/architecture.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "engine/base/text.h"
#include "interp/draw/canvas.h"
#include "interp/draw/png.h"
#include "interp/draw/svg.h"

namespace glass {

WeightCounts count_weights(const GPTConfig& c) {
  WeightCounts n;
  const std::int64_t V = c.vocab_size, C = c.n_embd, D = c.head_size(), H = c.n_head,
                     Hk = c.kv_heads(), I = c.inner();
  if (c.arch == Arch::bigram) {
    n.embedding = n.all = V * V;
    return n;
  }
  const auto linear = [](std::int64_t out, std::int64_t in, bool bias) {
    return out * in + (bias ? out : 0);
  };
  n.embedding = V * C;
  n.positions = c.pos == Position::learned ? c.block_size * C : 0;
  n.norm = c.norm_weight ? C * (c.bias_norm && c.norm_type == NormType::layernorm ? 2 : 1) : 0;
  n.attention = linear((H + 2 * Hk) * D, C, c.bias_qkv) + linear(C, H * D, c.bias_out);
  if (c.has_mlp())
    n.mlp =
        linear(I, C, c.bias_out) * (c.act == Activation::swiglu ? 2 : 1) + linear(C, I, c.bias_out);
  n.head = (c.tie ? 0 : V * C) + (c.bias_head ? V : 0);
  const std::int64_t norms = c.norm == NormPlace::none ? 0 : c.has_mlp() ? 2 : 1;
  n.block = n.attention + n.mlp + norms * n.norm;
  n.all = n.embedding + n.positions + c.n_layer * n.block + n.head +
          ((c.norm_embed ? 1 : 0) + (c.norm_final ? 1 : 0)) * n.norm;
  return n;
}

namespace {

constexpr double kWidth = 760, kTop = 96, kLeft = 36, kBox = 250, kGap = 22, kLine = 15;
constexpr double kStream = 400, kBranch = 452, kBranchWidth = 272;   // the block, taken apart
constexpr Stroke kWire{kFadedInk, 1.5, 0};

// A box of the plan: what it is, and what there is to know about it.
struct Part {
  std::string title;
  std::vector<std::string> facts;
  Colour colour;
  double height() const { return 26 + kLine * static_cast<double>(facts.size()); }
};

std::string weights(std::int64_t n) {
  return n == 0 ? "no weights" : human_count(static_cast<double>(n)) + " weights";
}
std::string size(std::int64_t a, std::int64_t b) { return with_commas(a) + " x " + with_commas(b); }

void frame(Surface& s, const Box& b, Colour colour) {
  s.rectangle(b, colour.with_alpha(28));
  const std::array<Point, 5> edge = {
      {{b.x, b.y}, {b.right(), b.y}, {b.right(), b.bottom()}, {b.x, b.bottom()}, {b.x, b.y}}};
  s.polyline(edge, {colour, 1.2, 0});
}

void put(Surface& s, const Part& part, double x, double y, double width) {
  frame(s, {x, y, width, part.height()}, part.colour);
  s.text(part.title, {x + 12, y + 18}, {13, kInk, Align::left, Weight::bold});
  for (std::size_t i = 0; i < part.facts.size(); ++i) {
    s.text(part.facts[i], {x + 12, y + 18 + kLine * static_cast<double>(i + 1)},
           {11.5, kFadedInk, Align::left, Weight::regular});
  }
}

void wire(Surface& s, std::initializer_list<Point> points) {
  s.polyline(std::span<const Point>(points.begin(), points.size()), kWire);
}

void tip(Surface& s, Point at, double dx, double dy) {   // where the wire ends, and the way it came
  wire(s, {{at.x - 5 * dx - 3.5 * dy, at.y - 5 * dy - 3.5 * dx},
           at,
           {at.x - 5 * dx + 3.5 * dy, at.y - 5 * dy + 3.5 * dx}});
}

void arrow_down(Surface& s, double x, double from, double to) {
  wire(s, {{x, from}, {x, to - 1}});
  tip(s, {x, to - 1}, 0, 1);
}

// Two ways meet and are added.
void plus(Surface& s, double x, double y) {
  s.polyline(std::array<Point, 1>{{{x, y}}}, {kFadedInk, 19, 0});
  s.polyline(std::array<Point, 1>{{{x, y}}}, {kPaper, 16, 0});
  wire(s, {{x - 4, y}, {x + 4, y}});
  wire(s, {{x, y - 4}, {x, y + 4}});
}

std::string norm_name(const GPTConfig& c) {
  return c.norm_type == NormType::layernorm ? "layer norm" : "rms norm";
}

Part norm_part(const GPTConfig& c, const WeightCounts& n) {
  return {norm_name(c), {weights(n.norm)}, kGreen};
}

Part attention_part(const GPTConfig& c, const WeightCounts& n) {
  const std::int64_t H = c.n_head, Hk = c.kv_heads(), D = c.head_size();
  Part part{"attention", {}, kBlue};
  part.facts.push_back(
      with_commas(H) + (H == 1 ? " head" : " heads") + " of " + with_commas(D) +
      (Hk == H ? "" : ", sharing " + with_commas(Hk) + (Hk == 1 ? " key" : " keys")));
  part.facts.push_back("q, k, v: " + size((H + 2 * Hk) * D, c.n_embd) +
                       (c.bias_qkv ? " and biases" : ""));
  if (c.pos == Position::rope) part.facts.push_back("q and k turn with their position (rope)");
  if (c.pos == Position::sinusoidal)
    part.facts.push_back("q and k hear positions as sines and cosines");
  part.facts.push_back(c.window > 0 ? "sees the last " + with_commas(c.window) + " tokens"
                                    : "sees all tokens before");
  part.facts.push_back("out: " + size(c.n_embd, H * D) + (c.bias_out ? " and a bias" : ""));
  part.facts.push_back(weights(n.attention));
  return part;
}

Part mlp_part(const GPTConfig& c, const WeightCounts& n) {
  const char* const names[] = {"gelu, tanh form",
                               "gelu, exact form",
                               "relu",
                               "relu squared",
                               "silu of a gate, times the rest",
                               ""};
  Part part{"mlp", {}, kVermilion};
  part.facts.push_back((c.act == Activation::swiglu ? "in: twice " : "in: ") +
                       size(c.inner(), c.n_embd) + (c.bias_out ? " and biases" : ""));
  part.facts.push_back(names[static_cast<int>(c.act)]);
  part.facts.push_back("out: " + size(c.n_embd, c.inner()) + (c.bias_out ? " and a bias" : ""));
  part.facts.push_back(weights(n.mlp));
  return part;
}

// A branch that leaves the stream, goes through boxes, and is added to it. Returns where the stream
// goes on.
double branch(Surface& s, const std::vector<Part>& parts, double y) {
  const double leave = y + 12;
  double at = leave + 14;
  wire(s, {{kStream, y},
           {kStream, leave},
           {kBranch + kBranchWidth / 2, leave},
           {kBranch + kBranchWidth / 2, at - 1}});
  tip(s, {kBranch + kBranchWidth / 2, at - 1}, 0, 1);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) arrow_down(s, kBranch + kBranchWidth / 2, at - 16, at);
    put(s, parts[i], kBranch, at, kBranchWidth);
    at += parts[i].height() + 16;
  }
  const double meet = at - 2;
  wire(s, {{kBranch + kBranchWidth / 2, at - 16},
           {kBranch + kBranchWidth / 2, meet},
           {kStream + 10, meet}});
  tip(s, {kStream + 10, meet}, -1, 0);
  wire(s, {{kStream, leave}, {kStream, meet - 10}});
  tip(s, {kStream, meet - 10}, 0, 1);
  plus(s, kStream, meet);
  return meet + 10;
}

double norm_on_stream(Surface& s, const Part& norm, double y) {
  arrow_down(s, kStream, y, y + 14);
  put(s, norm, kStream - 34, y + 14, 150);
  return y + 14 + norm.height();
}

double draw_block(Surface& s, const GPTConfig& c, const WeightCounts& n, double y) {
  const bool pre = c.norm == NormPlace::pre, post = c.norm == NormPlace::post;
  s.text("One block: " + weights(n.block), {kStream - 34, y},
         {13, kInk, Align::left, Weight::bold});
  s.text("the stream, (B,T," + with_commas(c.n_embd) + "), goes down on the left",
         {kStream - 34, y + 17}, {11.5, kFadedInk, Align::left, Weight::regular});
  y += 26;
  const auto part = [&](Part what) {
    return pre ? std::vector<Part>{norm_part(c, n), std::move(what)}
               : std::vector<Part>{std::move(what)};
  };
  y = branch(s, part(attention_part(c, n)), y);
  if (post) y = norm_on_stream(s, norm_part(c, n), y);
  if (c.has_mlp()) {
    y = branch(s, part(mlp_part(c, n)), y);
    if (post) y = norm_on_stream(s, norm_part(c, n), y);
  }
  arrow_down(s, kStream, y, y + 18);
  return y + 18;
}

std::vector<Part> way_through(const GPTConfig& c, const WeightCounts& n) {
  const std::string C = with_commas(c.n_embd);
  std::vector<Part> way = {
      {"token embedding", {size(c.vocab_size, c.n_embd), weights(n.embedding)}, kOrange}};
  if (c.pos == Position::learned)
    way.push_back(
        {"+ position embedding", {size(c.block_size, c.n_embd), weights(n.positions)}, kOrange});
  if (c.norm_embed) way.push_back(norm_part(c, n));
  if (c.n_layer > 0) {
    way.push_back({with_commas(c.n_layer) + (c.n_layer == 1 ? " block" : " blocks"),
                   {"each adds to the stream, (B,T," + C + ")", weights(c.n_layer * n.block)},
                   kPurple});
  }
  if (c.norm_final) way.push_back(norm_part(c, n));
  way.push_back({"head",
                 {size(c.vocab_size, c.n_embd) + (c.bias_head ? " and a bias" : ""),
                  c.tie ? "the token embedding again" : weights(n.head)},
                 kOrange});
  return way;
}

// The left side; returns where it ends, and where the box of the blocks is.
double draw_way(Surface& s, const GPTConfig& c, const WeightCounts& n, Box& blocks) {
  double y = kTop;
  const double middle = kLeft + kBox / 2;
  s.text("token ids (B,T), T up to " + with_commas(c.block_size), {middle, y},
         {12, kInk, Align::centre, Weight::regular});
  y += 8;
  for (const Part& part : way_through(c, n)) {
    arrow_down(s, middle, y, y + kGap);
    y += kGap;
    put(s, part, kLeft, y, kBox);
    if (part.colour == kPurple) blocks = {kLeft, y, kBox, part.height()};
    y += part.height();
  }
  arrow_down(s, middle, y, y + kGap);
  y += kGap + 16;
  s.text("logits (B,T," + with_commas(c.vocab_size) + ")", {middle, y},
         {12, kInk, Align::centre, Weight::regular});
  return y;
}

double draw_bigram(Surface& s, const GPTConfig& c, const WeightCounts& n) {
  const double middle = kLeft + kBox / 2;
  s.text("token ids (B,T)", {middle, kTop}, {12, kInk, Align::centre, Weight::regular});
  arrow_down(s, middle, kTop + 8, kTop + 8 + kGap);
  const Part table{
      "what follows what", {size(c.vocab_size, c.vocab_size), weights(n.all)}, kOrange};
  put(s, table, kLeft, kTop + 8 + kGap, kBox);
  const double end = kTop + 8 + kGap + table.height();
  arrow_down(s, middle, end, end + kGap);
  s.text("logits (B,T," + with_commas(c.vocab_size) + ")", {middle, end + kGap + 16},
         {12, kInk, Align::centre, Weight::regular});
  return end + kGap + 16;
}

// Everything; returns its height.
double draw_plan(const GPTConfig& c, const std::string& title, Surface& s) {
  const WeightCounts n = count_weights(c);
  s.text(title, {kLeft, 40}, {18, kInk, Align::left, Weight::bold});
  s.text(with_commas(n.all) + " weights", {kLeft, 62},
         {12.5, kFadedInk, Align::left, Weight::regular});
  if (c.arch == Arch::bigram) return draw_bigram(s, c, n) + 28;
  Box blocks;
  const double left = draw_way(s, c, n, blocks);
  double right = kTop;
  if (c.n_layer > 0) {
    right = draw_block(s, c, n, kTop);
    const double from = kStream - 50;
    const Stroke faint{kGridInk, 1.2, 0};
    s.polyline(std::array<Point, 2>{{{blocks.right() + 4, blocks.y}, {from, kTop - 12}}}, faint);
    s.polyline(std::array<Point, 2>{{{blocks.right() + 4, blocks.bottom()}, {from, right}}}, faint);
    s.polyline(std::array<Point, 2>{{{from, kTop - 12}, {from, right}}}, faint);
  }
  return std::max(left, right) + 28;
}

// Draws nothing: to know how high a plan is before there is paper for it.
class Nowhere final : public Surface {
  void rectangle(const Box&, Colour) override {}
  void polyline(std::span<const Point>, const Stroke&) override {}
  void text(std::string_view, Point, const TextStyle&) override {}
  void begin_clip(const Box&) override {}
  void end_clip() override {}
};

double height_of(const GPTConfig& config) {
  Nowhere nowhere;
  return draw_plan(config, "", nowhere);
}

}   // namespace

void draw_architecture(const GPTConfig& config, const std::string& title, Surface& surface) {
  draw_plan(config, title, surface);
}

std::string architecture_svg(const GPTConfig& config, const std::string& title) {
  Svg picture(kWidth, height_of(config), title);
  draw_architecture(config, title, picture);
  return picture.file();
}

std::string architecture_png(const GPTConfig& config, const std::string& title, double scale) {
  Canvas picture(kWidth, height_of(config), scale);
  draw_architecture(config, title, picture);
  return png(picture);
}

}   // namespace glass
