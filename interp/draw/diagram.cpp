// A circuit: boxes on levels, the inputs at the bottom, and arrows upwards, as wide as their weight
// and blue or vermilion by its sign. Words stand on arrows only where they find room; the table of
// a page has them all.
#include <algorithm>
#include <cmath>
#include <map>

#include "interp/draw/figure.h"
#include "interp/draw/words.h"

namespace glass {
namespace {

constexpr double kBoxHeight = 26, kLevel = 92;

struct Placed {
  Box box;
  std::string name;
  Point top() const { return {box.x + box.width / 2, box.y}; }
  Point bottom() const { return {box.x + box.width / 2, box.bottom()}; }
};

bool meet(const Box& a, const Box& b) {
  return a.x < b.right() && b.x < a.right() && a.y < b.bottom() && b.y < a.bottom();
}

// Levels that nobody stands on take no room.
std::vector<Placed> place(const Diagram& diagram, double width, double top) {
  std::map<int, std::vector<std::size_t>> levels;
  for (std::size_t i = 0; i < diagram.parts.size(); ++i)
    levels[diagram.parts[i].level].push_back(i);
  std::vector<Placed> places(diagram.parts.size());
  double y = top + kLevel * static_cast<double>(levels.empty() ? 0 : levels.size() - 1);
  for (const auto& [level, parts] : levels) {
    const double room = width / static_cast<double>(parts.size());
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const double most = std::max(room - 10, 12.0);
      const std::string name = fitted(diagram.parts[parts[i]].name, most - 12, kWords);
      const double box = std::min(width_of(name, kWords) + 20, most);
      const double middle = room * (static_cast<double>(i) + 0.5);
      places[parts[i]] = {{middle - box / 2, y, box, kBoxHeight}, name};
    }
    y -= kLevel;
  }
  return places;
}

// A curve that leaves upwards and arrives from below; where it passes other levels it bends aside,
// so that it does not run through what stands there.
std::vector<Point> path_of(const Placed& from, const Placed& to, double width) {
  const Point a = from.top(), b{to.bottom().x, to.bottom().y + 5};
  const double height = a.y - b.y, levels = std::max(std::round(height / kLevel), 1.0);
  const double side = (a.x + b.x) / 2 < width / 2 ? -1 : 1;
  const double bend = levels > 1 ? side * std::min(46 * (levels - 1), width / 4) : 0;
  const auto inside = [&](double x) { return std::clamp(x, 4.0, width - 4); };
  const Point c{inside(a.x + bend), a.y - height * 0.45};
  const Point d{inside(b.x + bend), b.y + height * 0.45};
  std::vector<Point> path;
  constexpr int kPieces = 24;
  for (int i = 0; i <= kPieces; ++i) {
    const double t = static_cast<double>(i) / kPieces, s = 1 - t;
    const auto at = [&](double p, double q, double r, double u) {
      return s * s * s * p + 3 * s * s * t * q + 3 * s * t * t * r + t * t * t * u;
    };
    path.push_back({at(a.x, c.x, d.x, b.x), at(a.y, c.y, d.y, b.y)});
  }
  return path;
}

void draw_box(const Placed& part, Surface& surface) {
  const Box& b = part.box;
  surface.rectangle(b, kPaper);
  const Point frame[] = {
      {b.x, b.y}, {b.right(), b.y}, {b.right(), b.bottom()}, {b.x, b.bottom()}, {b.x, b.y}};
  surface.polyline(frame, {.colour = kInk, .width = 1.2});
  surface.text(part.name, {b.x + b.width / 2, b.y + 17.5}, aligned(kWords, Align::centre));
}

struct Drawn {
  const Diagram::Arrow* arrow;
  std::vector<Point> path;
};

std::vector<Drawn> arrows_of(const Diagram& diagram, const std::vector<Placed>& places,
                             double width) {
  std::vector<Drawn> all;
  for (const Diagram::Arrow& arrow : diagram.arrows)
    all.push_back({&arrow, path_of(places[static_cast<std::size_t>(arrow.from)],
                                   places[static_cast<std::size_t>(arrow.to)], width)});
  std::stable_sort(all.begin(), all.end(), [](const Drawn& a, const Drawn& b) {
    return std::abs(a.arrow->weight) > std::abs(b.arrow->weight);
  });
  return all;
}

void draw_arrow(const Drawn& drawn, double most, Surface& surface) {
  const double weight = drawn.arrow->weight;
  const double share = most > 0 && std::isfinite(weight) ? std::abs(weight) / most : 0;
  const Colour colour =
      (weight < 0 ? kVermilion : kBlue).with_alpha(static_cast<std::uint8_t>(90 + 150 * share));
  const double pen = 1 + 3.5 * share;
  surface.polyline(drawn.path, {.colour = colour, .width = pen});
  const Point tip = drawn.path.back();
  const double head = 3 + pen;
  const Point barbs[] = {{tip.x - head, tip.y + head}, tip, {tip.x + head, tip.y + head}};
  surface.polyline(barbs, {.colour = colour, .width = std::max(pen * 0.7, 1.2)});
}

// Beside its arrow, wherever there is room for it; the strongest choose first.
bool draw_words(const Drawn& drawn, double width, std::vector<Box>& taken, Surface& surface) {
  const std::string words = weight_words(*drawn.arrow);
  const double w = width_of(words, kFaded);
  for (const std::size_t i : {12, 9, 15, 7, 17, 5, 19, 11, 13, 8, 16, 6, 18, 4, 20}) {
    const Point p = drawn.path[i];
    for (const double x : {p.x + 6, p.x - 6 - w}) {
      const Box box{x - 2, p.y - 7, w + 4, 13};
      if (box.x < 0 || box.right() > width) continue;
      if (std::any_of(taken.begin(), taken.end(), [&](const Box& t) { return meet(t, box); }))
        continue;
      taken.push_back(box);
      surface.rectangle(box, kPaper.with_alpha(215));
      surface.text(words, {x, p.y + 4}, kFaded);
      return true;
    }
  }
  return false;
}

}   // namespace

double draw(const Diagram& diagram, double width, Surface& surface) {
  const double top = draw_heading(diagram.title, width, surface) + 6;
  if (diagram.parts.empty()) return top + draw_remark("nothing to show", width, top, surface);
  const std::vector<Placed> places = place(diagram, width, top);
  double bottom = top, most = 0;
  std::vector<Box> taken;
  for (const Placed& part : places) {
    bottom = std::max(bottom, part.box.bottom());
    taken.push_back(part.box);
  }
  const std::vector<Drawn> arrows = arrows_of(diagram, places, width);
  for (const Drawn& drawn : arrows)
    if (std::isfinite(drawn.arrow->weight)) most = std::max(most, std::abs(drawn.arrow->weight));
  for (auto drawn = arrows.rbegin(); drawn != arrows.rend(); ++drawn)
    draw_arrow(*drawn, most, surface);
  for (const Placed& part : places) draw_box(part, surface);
  std::size_t silent = 0;
  for (const Drawn& drawn : arrows) {
    if (!draw_words(drawn, width, taken, surface)) ++silent;
  }
  const std::string remark =
      silent == 0 ? "" : std::to_string(silent) + " of the thinner arrows had no room for a number";
  return bottom + 6 + draw_remark(remark, width, bottom + 6, surface);
}

}   // namespace glass
