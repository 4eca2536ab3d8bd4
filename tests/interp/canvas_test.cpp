// Pixels: strokes have the width and the place they were asked for, ink is laid once, clips hold.
#include "interp/draw/canvas.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace glass {
namespace {

constexpr Colour kBlack{0, 0, 0};

// The ink on a canvas in full pixels: 1 for each black one, parts for grey ones.
double ink_on(const Canvas& canvas) {
  double ink = 0;
  for (int y = 0; y < canvas.height(); ++y)
    for (int x = 0; x < canvas.width(); ++x) ink += (255 - canvas.pixel(x, y).g) / 255.0;
  return ink;
}

TEST(Canvas, AStraightLineFillsExactlyItsRows) {
  Canvas canvas(10, 10, 2);
  const Point line[] = {{0, 5.5}, {10, 5.5}};
  canvas.polyline(line, {.colour = kBlack, .width = 1});
  for (int y = 0; y < 20; ++y) {
    const Colour expected = y == 10 || y == 11 ? kBlack : kPaper;
    EXPECT_EQ(canvas.pixel(8, y), expected) << "row " << y;
  }
}

TEST(Canvas, TheInkOfAStrokeIsItsLengthTimesItsWidth) {
  // The round ends add a disc. Reading coverage off a distance is right to a few percent.
  for (const double angle : {0.0, 0.1, 0.5, 0.785, 1.2, 1.5707963}) {
    for (const double width : {1.0, 2.0, 3.3}) {
      Canvas canvas(100, 100, 1);
      const double c = std::cos(angle), s = std::sin(angle);
      const Point line[] = {{20.3, 20.6}, {20.3 + 60 * c, 20.6 + 60 * s}};
      canvas.polyline(line, {.colour = kBlack, .width = width});
      const double expected = 60 * width + 3.14159 * width * width / 4;
      EXPECT_NEAR(ink_on(canvas) / expected, 1, 0.04) << "angle " << angle << ", width " << width;
    }
  }
}

TEST(Canvas, WhereAStrokeCrossesItselfItIsNotDarker) {
  Canvas canvas(20, 20, 1);
  const Point cross[] = {{2, 10.5}, {18, 10.5}, {10.5, 18}, {10.5, 2}};
  canvas.polyline(cross, {.colour = kBlack.with_alpha(128), .width = 1});
  EXPECT_EQ(canvas.pixel(10, 10), canvas.pixel(5, 10));
}

TEST(Canvas, ALongSlantedLineLeavesNoHoles) {
  Canvas canvas(300, 40, 1);
  const Point line[] = {{3, 3}, {297, 37}};
  canvas.polyline(line, {.colour = kBlack, .width = 1.5});
  for (int x = 5; x < 295; ++x) {
    double column = 0;
    for (int y = 0; y < 40; ++y) column += (255 - canvas.pixel(x, y).g) / 255.0;
    EXPECT_NEAR(column, 1.5, 0.15) << "column " << x;   // over the cosine of a small angle
  }
}

TEST(Canvas, OnePointIsADot) {
  Canvas canvas(20, 20, 1);
  const Point dot[] = {{10, 10}};
  canvas.polyline(dot, {.colour = kBlack, .width = 8});
  EXPECT_NEAR(ink_on(canvas), 3.14159 * 16, 1.0);
}

TEST(Canvas, DashesAreHalfTheInk) {
  Canvas canvas(200, 10, 1);
  const Point line[] = {{0, 5.5}, {100, 5.5}, {200, 5.5}};
  canvas.polyline(line, {.colour = kBlack, .width = 2, .dash = 10});
  EXPECT_EQ(canvas.pixel(5, 5), kBlack);
  EXPECT_EQ(canvas.pixel(15, 5), kPaper);
  EXPECT_EQ(canvas.pixel(105, 5), kBlack) << "the rhythm goes on across corners";
  EXPECT_EQ(canvas.pixel(115, 5), kPaper);
}

TEST(Canvas, NothingIsDrawnOutsideOfTheClip) {
  Canvas canvas(20, 20, 1);
  const Point line[] = {{-5, -5}, {25, 25}};
  {
    const Clip clip(canvas, {5, 5, 10, 10});
    canvas.polyline(line, {.colour = kBlack, .width = 4});
    canvas.rectangle({0, 8, 20, 1}, kBlack);
  }
  EXPECT_EQ(canvas.pixel(4, 4), kPaper);
  EXPECT_EQ(canvas.pixel(4, 8), kPaper);
  EXPECT_EQ(canvas.pixel(10, 10), kBlack);
  EXPECT_EQ(canvas.pixel(14, 8), kBlack);
  canvas.polyline(line, {.colour = kBlack, .width = 4});
  EXPECT_EQ(canvas.pixel(4, 4), kBlack) << "the clip has ended";
}

TEST(Canvas, BoxesThatShareAnEdgeLeaveNoSeam) {
  Canvas canvas(30, 4, 1);
  for (int i = 0; i < 7; ++i) canvas.rectangle({1 + 4.0 * i, 0, 4, 4}, kBlack);
  for (int x = 1; x < 29; ++x) EXPECT_EQ(canvas.pixel(x, 2), kBlack) << "column " << x;
  EXPECT_EQ(canvas.pixel(0, 2), kPaper);
}

TEST(Canvas, ABoxCoversPartsOfPixels) {
  Canvas canvas(4, 4, 1);
  canvas.rectangle({1.25, 1, 1.5, 1}, kBlack);
  EXPECT_NEAR(255 - canvas.pixel(1, 1).r, 0.75 * 255, 1);
  EXPECT_NEAR(255 - canvas.pixel(2, 1).r, 0.75 * 255, 1);
  EXPECT_EQ(canvas.pixel(1, 2), kPaper);
}

TEST(Canvas, PlacesThatAreNoNumbersOrFarAwayDrawNothing) {
  Canvas canvas(10, 10, 1);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  for (const Point bad : {Point{nan, 5}, Point{5, inf}, Point{5, 1e300}, Point{-1e18, 5}}) {
    const Point line[] = {bad, bad};
    canvas.polyline(line, {.colour = kBlack});
    canvas.polyline(line, {.colour = kBlack, .dash = 2});
  }
  EXPECT_EQ(ink_on(canvas), 0);
}

}   // namespace
}   // namespace glass
