// The plan of a model says what the model is.
#include "interp/draw/architecture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "interp/draw/svg.h"
#include "kernels/backends.h"
#include "model/language_model.h"

namespace glass {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// A preset with its own structure and small sizes: the real ones would fill the memory.
GPTConfig small(GPTConfig c) {
  if (c.vocab_size == 0 || c.vocab_size > 100) c.vocab_size = 65;
  if (c.arch == Arch::bigram) return c;
  c.n_layer = std::min<std::int64_t>(c.n_layer, 3);
  c.n_embd = c.n_head * 8, c.n_inner = c.n_inner > 0 ? 40 : 0;
  c.block_size = 16;
  return c;
}

TEST(Architecture, CountsTheWeightsThatTheModelHas) {
  const Device device = make_reference_backend();
  for (const Preset& p : presets()) {
    const GPTConfig config = small(p.model);
    EXPECT_EQ(count_weights(config).all, make_model(config, device, DType::f32, 1)->count())
        << p.name;
  }
}

TEST(Architecture, KnowsTheSizesOfGpt2) {
  EXPECT_EQ(count_weights(preset("gpt2")).all, 124'439'808);
  EXPECT_EQ(count_weights(preset("gpt2-xl")).all, 1'557'611'200);
}

TEST(Architecture, ShowsTheNormsWhereTheyStand) {
  EXPECT_THAT(architecture_svg(preset("gpt2"), "gpt2"), HasSubstr("layer norm"));
  EXPECT_THAT(architecture_svg(preset("modern"), "modern"), HasSubstr("rms norm"));
  EXPECT_THAT(architecture_svg(preset("induction"), "induction"), Not(HasSubstr(" norm<")));
  EXPECT_THAT(architecture_svg(preset("induction"), "induction"), Not(HasSubstr(">mlp<")));
}

// Remembers how far to the right and how far down something was drawn.
class Extent final : public Surface {
 public:
  double right = 0, bottom = 0;

 private:
  void reach(Point p) { right = std::max(right, p.x), bottom = std::max(bottom, p.y); }
  void rectangle(const Box& b, Colour) override { reach({b.right(), b.bottom()}); }
  void polyline(std::span<const Point> points, const Stroke&) override {
    for (Point p : points) reach(p);
  }
  void text(std::string_view, Point at, const TextStyle&) override { reach(at); }
  void begin_clip(const Box&) override {}
  void end_clip() override {}
};

TEST(Architecture, EveryPresetFitsOnItsPaper) {
  for (const Preset& p : presets()) {
    GPTConfig config = p.model;
    if (config.vocab_size == 0) config.vocab_size = 65;
    Extent extent;
    draw_architecture(config, std::string(p.name), extent);
    const std::string svg = architecture_svg(config, std::string(p.name));
    const std::size_t at = svg.find("height=\"") + 8;
    EXPECT_GT(std::stod(svg.substr(at)), extent.bottom + 8) << p.name;
    EXPECT_LT(extent.right, 740) << p.name;
  }
}

}   // namespace
}   // namespace glass
