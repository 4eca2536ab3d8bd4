// Coordinates are turned into pixels at the door (times scale_); inside, everything is pixels.
#include "interp/draw/canvas.h"

#include <algorithm>
#include <cmath>

#include "interp/draw/font.h"

namespace glass {
namespace {

int whole(double x, int most) { return static_cast<int>(std::clamp(x, 0.0, double(most))); }

// How far p is from the piece from a to b.
double distance(Point p, Point a, Point b) {
  const double dx = b.x - a.x, dy = b.y - a.y, length2 = dx * dx + dy * dy;
  double t = length2 > 0 ? ((p.x - a.x) * dx + (p.y - a.y) * dy) / length2 : 0;
  t = std::clamp(t, 0.0, 1.0);
  const double ex = a.x + t * dx - p.x, ey = a.y + t * dy - p.y;
  return std::sqrt(ex * ex + ey * ey);
}

}   // namespace

Canvas::Canvas(double width, double height, double scale, Colour paper)
    : scale_(scale),
      width_(static_cast<int>(std::lround(width * scale))),
      height_(static_cast<int>(std::lround(height * scale))),
      touched_{width_, height_, 0, 0},
      clip_{0, 0, width_, height_} {
  const std::size_t pixels = static_cast<std::size_t>(width_) * static_cast<std::size_t>(height_);
  mask_.resize(pixels);
  rgb_.reserve(3 * pixels);
  for (std::size_t i = 0; i < pixels; ++i) rgb_.insert(rgb_.end(), {paper.r, paper.g, paper.b});
}

Colour Canvas::pixel(int x, int y) const {
  const std::size_t i = 3 * (static_cast<std::size_t>(y) * static_cast<std::size_t>(width_) +
                             static_cast<std::size_t>(x));
  return {rgb_[i], rgb_[i + 1], rgb_[i + 2]};
}

Canvas::Area Canvas::pixels_of(const Box& box) const {
  return {whole(std::floor(box.x * scale_), width_), whole(std::floor(box.y * scale_), height_),
          whole(std::ceil(box.right() * scale_), width_),
          whole(std::ceil(box.bottom() * scale_), height_)};
}

void Canvas::begin_clip(const Box& box) { clip_ = pixels_of(box); }
void Canvas::end_clip() { clip_ = {0, 0, width_, height_}; }

void Canvas::blend(int x, int y, Colour colour, double coverage) {
  const double a = coverage * colour.a / 255;
  std::uint8_t* p = &rgb_[3 * (static_cast<std::size_t>(y) * static_cast<std::size_t>(width_) +
                               static_cast<std::size_t>(x))];
  const std::uint8_t over[] = {colour.r, colour.g, colour.b};
  for (int i = 0; i < 3; ++i) p[i] = static_cast<std::uint8_t>(p[i] + a * (over[i] - p[i]) + 0.5);
}

// A pixel on the edge is covered by the part of it that lies inside, so boxes of a heatmap that
// share an edge leave no seam that is not there.
void Canvas::rectangle(const Box& box, Colour colour) {
  const double x0 = box.x * scale_, x1 = box.right() * scale_;
  const double y0 = box.y * scale_, y1 = box.bottom() * scale_;
  const auto inside = [](double low, double high, int i) {
    return std::clamp(std::min(high, i + 1.0) - std::max(low, double(i)), 0.0, 1.0);
  };
  const Area area = pixels_of(box);
  for (int y = std::max(area.top, clip_.top); y < std::min(area.bottom, clip_.bottom); ++y) {
    for (int x = std::max(area.left, clip_.left); x < std::min(area.right, clip_.right); ++x)
      blend(x, y, colour, inside(x0, x1, x) * inside(y0, y1, y));
  }
}

// Row by row, only the pixels near the piece are looked at: a long slanted piece costs its length,
// not the area of the box around it.
void Canvas::cover(Point a, Point b, double radius) {
  if (!(std::isfinite(a.x) && std::isfinite(a.y) && std::isfinite(b.x) && std::isfinite(b.y)))
    return;
  const double reach = radius + 0.5;
  const int top = std::max(clip_.top, whole(std::floor(std::min(a.y, b.y) - reach), height_));
  const int bottom = std::min(clip_.bottom, whole(std::ceil(std::max(a.y, b.y) + reach), height_));
  for (int y = top; y < bottom; ++y) {
    // The part of the piece that can be within reach of this row.
    double t0 = 0, t1 = 1;
    if (a.y != b.y) {
      t0 = (y + 0.5 - reach - a.y) / (b.y - a.y), t1 = (y + 0.5 + reach - a.y) / (b.y - a.y);
      if (t0 > t1) std::swap(t0, t1);
      t0 = std::clamp(t0, 0.0, 1.0), t1 = std::clamp(t1, 0.0, 1.0);
    }
    const double x0 = a.x + t0 * (b.x - a.x), x1 = a.x + t1 * (b.x - a.x);
    const int left = std::max(clip_.left, whole(std::floor(std::min(x0, x1) - reach), width_));
    const int right = std::min(clip_.right, whole(std::ceil(std::max(x0, x1) + reach), width_));
    float* row = &mask_[static_cast<std::size_t>(y) * static_cast<std::size_t>(width_)];
    for (int x = left; x < right; ++x) {
      const double covered = std::clamp(reach - distance({x + 0.5, y + 0.5}, a, b), 0.0, 1.0);
      row[x] = std::max(row[x], static_cast<float>(covered));
    }
    if (left >= right) continue;
    touched_ = {std::min(touched_.left, left), std::min(touched_.top, y),
                std::max(touched_.right, right), std::max(touched_.bottom, y + 1)};
  }
}

void Canvas::cover_dashed(std::span<const Point> points, double radius, double dash) {
  double walked = 0;   // along the whole line: even multiples of `dash` begin dashes
  for (std::size_t i = 1; i < points.size(); ++i) {
    const Point a = points[i - 1], b = points[i];
    const double length = std::hypot(b.x - a.x, b.y - a.y);
    if (!std::isfinite(length) || length == 0) continue;
    const auto at = [&](double s) {
      return Point{a.x + (b.x - a.x) * s / length, a.y + (b.y - a.y) * s / length};
    };
    for (double k = std::floor(walked / dash); k * dash < walked + length; ++k) {
      if (std::fmod(k, 2) != 0) continue;
      const double begin = std::max(k * dash - walked, 0.0);
      const double end = std::min((k + 1) * dash - walked, length);
      if (begin < end) cover(at(begin), at(end), radius);
    }
    walked += length;
  }
}

void Canvas::ink(Colour colour) {
  for (int y = touched_.top; y < touched_.bottom; ++y) {
    float* row = &mask_[static_cast<std::size_t>(y) * static_cast<std::size_t>(width_)];
    for (int x = touched_.left; x < touched_.right; ++x) {
      if (row[x] > 0) blend(x, y, colour, static_cast<double>(row[x]));
      row[x] = 0;
    }
  }
  touched_ = {width_, height_, 0, 0};
}

void Canvas::polyline(std::span<const Point> points, const Stroke& stroke) {
  std::vector<Point> pixels;
  pixels.reserve(points.size());
  for (const Point p : points) pixels.push_back({p.x * scale_, p.y * scale_});
  const double radius = stroke.width * scale_ / 2;
  if (stroke.dash > 0) {
    cover_dashed(pixels, radius, stroke.dash * scale_);
  } else if (pixels.size() == 1) {
    cover(pixels[0], pixels[0], radius);
  } else {
    for (std::size_t i = 1; i < pixels.size(); ++i) cover(pixels[i - 1], pixels[i], radius);
  }
  ink(stroke.colour);
}

void Canvas::cells(const Cells& grid) {
  const auto edges = [&](double from, double length, std::size_t n) {
    std::vector<double> all;
    for (std::size_t i = 0; i <= n; ++i) {
      const double at = from + length * static_cast<double>(i) / static_cast<double>(n);
      all.push_back(std::round(at * scale_) / scale_);
    }
    return all;
  };
  const std::vector<double> x = edges(grid.box.x, grid.box.width, grid.columns);
  const std::vector<double> y = edges(grid.box.y, grid.box.height, grid.rows);
  for (std::size_t i = 0; i < grid.colours.size(); ++i) {
    const std::size_t r = i / grid.columns, c = i % grid.columns;
    if (grid.colours[i].a > 0)
      rectangle({x[c], y[r], x[c + 1] - x[c], y[r + 1] - y[r]}, grid.colours[i]);
  }
}

// One mask for a whole line of text: where letters touch, the ink is not darker.
void Canvas::text(std::string_view utf8, Point at, const TextStyle& style) {
  TextStyle in_pixels = style;
  in_pixels.size *= scale_;
  const bool upwards = style.direction == Direction::upwards;
  const Point origin{at.x * scale_, at.y * scale_};
  for (PenLine& line : strokes_of(utf8, upwards ? Point{} : origin, in_pixels)) {
    std::vector<Point>& points = line.points;
    if (upwards)
      for (Point& p : points) p = {origin.x + p.y, origin.y - p.x};
    if (points.size() == 1) cover(points[0], points[0], line.pen / 2);
    for (std::size_t i = 1; i < points.size(); ++i) cover(points[i - 1], points[i], line.pen / 2);
  }
  ink(style.colour);
}

}   // namespace glass
