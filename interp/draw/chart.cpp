// From a Chart to strokes: the plot in the middle, numbers left and below, names to the right.
#include "interp/draw/chart.h"

#include <algorithm>
#include <cmath>

#include "engine/base/text.h"
#include "interp/draw/canvas.h"
#include "interp/draw/font.h"
#include "interp/draw/png.h"
#include "interp/draw/svg.h"

namespace glass {
namespace {

constexpr double kMargin = 18;
constexpr double kTitle = 17, kText = 13, kSmall = 12;   // sizes of letters
constexpr double kLabelGap = 16;                         // between the baselines of two labels
constexpr double kLeader = 14;   // from the plot to its labels, bridged by a thin line
constexpr int kFewPoints = 40;   // so few are shown one by one

struct Layout {
  Box plot;
  Axis x, y;
  std::vector<ChartLabel> labels;

  double across(double value) const { return plot.x + x.place(value) * plot.width; }
  double down(double value) const { return plot.bottom() - y.place(value) * plot.height; }
  Point at(Point p) const { return {across(p.x), down(p.y)}; }
};

double widest(const std::vector<std::string>& texts, double size) {
  double width = 0;
  for (const std::string& text : texts) width = std::max(width, text_width(text, size));
  return width;
}

// Thin lines in the middle of a pixel are as sharp as they can be.
double crisp(double x) { return std::floor(x) + 0.5; }

TextStyle style_of(const ChartLabel& label) {
  const bool reference = label.series < 0;
  return {kText, label.colour, Align::left, reference ? Weight::regular : Weight::bold};
}

Layout lay_out(const Chart& chart) {
  Layout layout;
  layout.labels = labels_of(chart);
  double label_width = 0;
  for (ChartLabel& label : layout.labels) {
    const TextStyle style = style_of(label);
    label.text = fitted(label.text, chart.width * 0.3, style);
    label_width = std::max(label_width, text_width(label.text, style.size, style.weight));
  }
  double top = kMargin;
  if (!chart.title.empty()) top += 22;
  if (!chart.subtitle.empty()) top += 20;
  if (!chart.y_label.empty()) top += 34;
  const double bottom = chart.height - kMargin - (chart.x_label.empty() ? 18 : 37);
  layout.y = y_axis_of(chart, static_cast<int>(std::clamp((bottom - top) / 48, 2.0, 8.0)));

  const double left = kMargin + widest(layout.y.labels, kSmall) + 8;
  const double right = chart.width - kMargin - (label_width > 0 ? label_width + kLeader : 6);
  layout.plot = {crisp(left), crisp(top), std::max(right - left, 10.0), bottom - top};
  // As many ticks as their own labels leave room for.
  int ticks = static_cast<int>(std::clamp(layout.plot.width / 70, 2.0, 10.0));
  do {
    layout.x = x_axis_of(chart, ticks);
  } while (--ticks > 1 &&
           (widest(layout.x.labels, kSmall) + 18) * static_cast<double>(layout.x.ticks.size()) >
               layout.plot.width);
  return layout;
}

void draw_words(const Chart& chart, const Layout& layout, Surface& surface) {
  const auto write = [&](const std::string& text, Point at, double width, const TextStyle& style) {
    if (!text.empty()) surface.text(fitted(text, width, style), at, style);
  };
  const double width = chart.width - 2 * kMargin, middle = layout.plot.x + layout.plot.width / 2;
  const TextStyle small{.size = kSmall, .colour = kFadedInk};
  TextStyle centred = small;
  centred.align = Align::centre;
  const double title = kMargin + 13, subtitle = chart.title.empty() ? title : title + 21;
  write(chart.title, {kMargin, title}, width, {.size = kTitle, .weight = Weight::bold});
  write(chart.subtitle, {kMargin, subtitle}, width, {.size = kText, .colour = kFadedInk});
  write(chart.y_label, {kMargin, layout.plot.y - 15}, width, small);
  write(chart.x_label, {middle, layout.plot.bottom() + 38}, layout.plot.width, centred);
}

void draw_axes(const Layout& layout, Surface& surface) {
  const Box& plot = layout.plot;
  for (std::size_t i = 0; i < layout.y.ticks.size(); ++i) {
    const double y = crisp(layout.down(layout.y.ticks[i]));
    const Point line[] = {{plot.x, y}, {plot.right(), y}};
    surface.polyline(line, {.colour = kGridInk, .width = 1});
    surface.text(layout.y.labels[i], {plot.x - 8, y + kSmall * 0.36},
                 {.size = kSmall, .colour = kFadedInk, .align = Align::right});
  }
  const double floor = crisp(plot.bottom());
  const Point line[] = {{plot.x, floor}, {plot.right(), floor}};
  surface.polyline(line, {.colour = kFadedInk, .width = 1});
  for (std::size_t i = 0; i < layout.x.ticks.size(); ++i) {
    const double x = crisp(layout.across(layout.x.ticks[i]));
    const Point tick[] = {{x, floor}, {x, floor + 4}};
    surface.polyline(tick, {.colour = kFadedInk, .width = 1});
    surface.text(layout.x.labels[i], {x, floor + 18},
                 {.size = kSmall, .colour = kFadedInk, .align = Align::centre});
  }
}

void draw_references(const Chart& chart, const Layout& layout, Surface& surface) {
  for (const ReferenceLine& reference : chart.references) {
    if (!std::isfinite(reference.y)) continue;
    const double y = crisp(layout.down(reference.y));
    const Point line[] = {{layout.plot.x, y}, {layout.plot.right(), y}};
    surface.polyline(line, {.colour = kFadedInk, .width = 1, .dash = 4});
  }
}

void draw_series(const Chart& chart, const Series& series, const Layout& layout, Surface& surface) {
  std::vector<Point> places;
  std::size_t shown = 0;
  for (const Point p : series.points) {
    const bool visible = is_shown(chart, p);
    if (visible) ++shown;
    places.push_back(visible ? layout.at(p) : Point{std::nan(""), 0});
  }
  const bool faint = series.emphasis == Emphasis::faint;
  const Stroke line{faint ? series.colour.with_alpha(70) : series.colour, faint ? 1.0 : 2.0};
  const std::vector<std::vector<Point>> runs = runs_of(places, 0.5);
  // A rim of paper keeps crossing lines apart.
  if (!faint) {
    for (const auto& run : runs) surface.polyline(run, {kPaper.with_alpha(180), line.width + 2});
  }
  for (const auto& run : runs) {
    const bool alone = run.size() == 1;
    surface.polyline(run, {line.colour, alone ? 5 : line.width});
    if (faint || alone || shown > kFewPoints) continue;
    for (const Point p : run) surface.polyline({&p, 1}, {line.colour, 5});
  }
  if (!faint && !runs.empty()) surface.polyline({&runs.back().back(), 1}, {line.colour, 6});
}

void draw_labels(const Layout& layout, Surface& surface) {
  std::vector<double> wishes;
  for (const ChartLabel& label : layout.labels) {
    wishes.push_back(std::clamp(layout.down(label.y), layout.plot.y, layout.plot.bottom()));
  }
  const std::vector<double> places = spread(wishes, kLabelGap, layout.plot.y, layout.plot.bottom());
  const double right = layout.plot.right();
  for (std::size_t i = 0; i < places.size(); ++i) {
    const ChartLabel& label = layout.labels[i];
    const Point leader[] = {{right + 5, wishes[i]}, {right + kLeader - 2, places[i]}};
    surface.polyline(leader, {label.colour.with_alpha(150), 1});
    surface.text(label.text, {right + kLeader, places[i] + kText * 0.36}, style_of(label));
  }
}

bool has_points(const Chart& chart) {
  return std::any_of(chart.series.begin(), chart.series.end(), [&](const Series& series) {
    return std::any_of(series.points.begin(), series.points.end(),
                       [&](Point p) { return is_shown(chart, p); });
  });
}

}   // namespace

void draw(const Chart& chart, Surface& surface) {
  const Layout layout = lay_out(chart);
  draw_words(chart, layout, surface);
  draw_axes(layout, surface);
  {
    const Box& plot = layout.plot;   // with room for half of a pen and of a dot at the edges
    const Clip clip(surface, {plot.x - 4, plot.y - 4, plot.width + 8, plot.height + 8});
    draw_references(chart, layout, surface);
    for (const Emphasis now : {Emphasis::faint, Emphasis::normal}) {
      for (const Series& series : chart.series)
        if (series.emphasis == now) draw_series(chart, series, layout, surface);
    }
  }
  draw_labels(layout, surface);
  if (has_points(chart)) return;
  const std::string words = "nothing to show yet";
  const double width = text_width(words, kText) + 16;
  const double x = layout.plot.x + layout.plot.width / 2;
  const double y = layout.plot.y + layout.plot.height / 2;
  surface.rectangle({x - width / 2, y - 18, width, 28}, kPaper);
  surface.text(words, {x, y}, {.size = kText, .colour = kFadedInk, .align = Align::centre});
}

std::string png(const Chart& chart, double scale) {
  Canvas canvas(chart.width, chart.height, scale);
  draw(chart, canvas);
  return png(canvas);
}

std::string svg(const Chart& chart) {
  Svg surface(chart.width, chart.height, chart.title + ". " + chart.subtitle);
  draw(chart, surface);
  return surface.file();
}

}   // namespace glass
