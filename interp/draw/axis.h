// Where numbers stand along an axis, and at which of them a reader wants a tick: at 1, 2 or 5 times
// a power of ten, as people count.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace glass {

struct Range {
  double low = 0, high = 1;
  bool operator==(const Range&) const = default;
};

enum class Scale : std::uint8_t { linear, log };
enum class Grain : std::uint8_t { any, whole };   // whole: 1.5 would make no sense, as in steps
enum class Rounding : std::uint8_t { exact, outward };   // outward: the ends lie on ticks

struct AxisOptions {
  int ticks = 6;   // at most about so many
  Scale scale = Scale::linear;
  Grain grain = Grain::any;
  Rounding rounding = Rounding::exact;
};

struct Axis {
  Range range;
  Scale scale = Scale::linear;
  std::vector<double> ticks;
  std::vector<std::string> labels;   // one a tick, all with the same number of decimals

  double place(double value) const;   // 0 at range.low, 1 at range.high, beyond outside
};

// A range without width gets some. What a log axis cannot show (0 and below) is not in its range.
Axis make_axis(Range data, const AxisOptions& options = {});

// A number for people, with as many decimals as give the largest of a list four digits, so that the
// list lines up: "1.883" and "0.500"; "12,500" and "20"; "1.2e-05".
std::string readable(double value, double largest);

}   // namespace glass
