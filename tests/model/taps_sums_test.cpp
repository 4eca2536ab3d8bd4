// What is seen at the taps belongs together: the stream is the sum of what was written into it,
// the pattern is the softmax of the scores, a head's result is its row of the output's product.
// And derivatives: what a tap is told is the slope of the loss towards what was seen there.
#include <gtest/gtest.h>

#include <cmath>

#include "engine/random.h"
#include "tests/engine/devices.h"
#include "tests/model/small_presets.h"
#include "tests/model/watcher.h"

namespace glass {
namespace {

using testing::gap;
using testing::SmallPreset;
using testing::Subject;
using testing::Watcher;

constexpr double kExact = 1e-13;   // double, sums in another order

// All that is seen in one forward, with the ops to say what it should be. In double.
class Sight {
 public:
  explicit Sight(const SmallPreset& preset)
      : name_(preset.name), subject_(preset.model, testing::reference(), DType::f64) {
    Watcher most = testing::without_head_inputs(), inputs(testing::is_head_input);
    subject_.logits(&most);
    subject_.logits(&inputs);
    seen_ = most.seen;
    seen_.insert(inputs.seen.begin(), inputs.seen.end());
  }

  const GPTConfig& config() const { return subject_.model->config(); }
  bool has(const std::string& name) const { return seen_.count(name) > 0; }
  const Tensor& at(const std::string& name) const { return seen_.at(name); }
  const Tensor& weight(const std::string& name) const { return subject_.parameter(name).value; }

  // x, and the bias of this name where the model has one.
  Tensor with_bias(const Tensor& x, const std::string& name) const {
    for (const Parameter* p : subject_.model->parameters()) {
      if (p->name == name) return x + p->value;
    }
    return x;
  }
  // The norm of x, from the numbers that the taps of `scope` show.
  Tensor normed(const std::string& scope, const std::string& weights) const {
    const Tensor& x = at(scope + ".hook_normalized");
    const bool late = config().norm_type == NormType::rmsnorm && config().norm_weight;
    return late ? x * weight(weights + ".weight") : x;
  }
  void expect(const Tensor& got, const Tensor& want, const std::string& sentence) const {
    ASSERT_EQ(got.shape(), want.shape()) << name_ << ": " << sentence;
    EXPECT_LE(gap(got.to_host(), want.to_host()), kExact) << name_ << ": " << sentence;
  }

 private:
  std::string name_;
  Subject subject_;
  std::map<std::string, Tensor> seen_;
};

Tensor heads_first(const Tensor& x) { return permute(x, {0, 2, 1, 3}); }   // (B,T,H,D) -> (B,H,T,D)

// Key heads, each repeated for the query heads that share it: (B,T,Hk,D) -> (B,H,T,D).
Tensor for_queries(const Tensor& x, std::int64_t H) {
  const std::int64_t B = x.dim(0), T = x.dim(1), Hk = x.dim(2), D = x.dim(3);
  const Tensor each = reshape(heads_first(x), {B, Hk, 1, T, D});
  return reshape(broadcast_to(each, {B, Hk, H / Hk, T, D}), {B, H, T, D});
}

TEST(TapSums, TheStreamIsTheSumOfWhatWasWrittenIntoIt) {
  for (const SmallPreset& preset : testing::small_families()) {
    const Sight s(preset);
    const GPTConfig& c = s.config();
    Tensor stream = s.at("hook_embed");
    if (s.has("hook_pos_embed")) stream = stream + s.at("hook_pos_embed");
    if (c.norm_embed) stream = s.normed("ln_embed", "transformer.ln_e");
    for (std::int64_t l = 0; l < c.n_layer; ++l) {
      const std::string block = "blocks." + std::to_string(l) + ".",
                        weights = "transformer.h." + std::to_string(l);
      const bool post = c.norm == NormPlace::post;
      s.expect(s.at(block + "hook_resid_pre"), stream,
               block + "hook_resid_pre is what came before");
      stream = post ? s.normed(block + "ln1", weights + ".ln_1")
                    : stream + s.at(block + "hook_attn_out");
      if (c.has_mlp()) {
        s.expect(s.at(block + "hook_resid_mid"), stream,
                 block + "hook_resid_mid adds hook_attn_out");
        stream = post ? s.normed(block + "ln2", weights + ".ln_2")
                      : stream + s.at(block + "hook_mlp_out");
      }
      s.expect(s.at(block + "hook_resid_post"), stream,
               block + "hook_resid_post adds hook_mlp_out");
    }
    const Tensor last = c.norm_final ? s.normed("ln_final", "transformer.ln_f") : stream;
    const Tensor head = linear(last, s.weight(c.tie ? "transformer.wte.weight" : "lm_head.weight"));
    s.expect(s.at("logits"), s.with_bias(head, "lm_head.bias"),
             "the logits are read off the stream");
  }
}

TEST(TapSums, ANormDividesByItsScale) {
  for (const SmallPreset& preset : testing::small_families()) {
    const Sight s(preset);
    const GPTConfig& c = s.config();
    if (c.norm == NormPlace::none) continue;
    for (std::int64_t l = 0; l < c.n_layer; ++l) {
      const std::string block = "blocks." + std::to_string(l) + ".",
                        ln = "transformer.h." + std::to_string(l) + ".ln_2";
      Tensor x = s.at(block + "hook_resid_mid");
      if (c.norm == NormPlace::post) x = x + s.at(block + "hook_mlp_out");
      if (c.norm_type == NormType::layernorm) x = x - mean(x, -1, Keep::yes);
      const Tensor scale = sqrt(mean(square(x), -1, Keep::yes) + c.norm_eps);
      s.expect(s.at(block + "ln2.hook_scale"), scale,
               block + "ln2.hook_scale is the root of the mean square");
      Tensor y = x / scale;
      if (c.norm_type == NormType::layernorm)
        y = s.with_bias(y * s.weight(ln + ".weight"), ln + ".bias");
      s.expect(s.at(block + "ln2.hook_normalized"), y, block + "ln2.hook_normalized");
    }
  }
}

TEST(TapSums, AHeadListensAsItsPatternSays) {
  for (const SmallPreset& preset : testing::small_families()) {
    const Sight s(preset);
    const GPTConfig& c = s.config();
    const std::int64_t H = c.n_head, T = c.block_size;
    for (std::int64_t l = 0; l < c.n_layer; ++l) {
      const std::string block = "blocks." + std::to_string(l) + ".", attn = block + "attn.";
      const std::string out = "transformer.h." + std::to_string(l) + ".attn.c_proj";
      const char* turned = c.pos == Position::rope ? "hook_rot_" : "hook_";
      const Tensor q = heads_first(s.at(attn + turned + "q")),
                   k = for_queries(s.at(attn + turned + "k"), H);
      const Tensor scores = matmul(q, transpose(k)) / std::sqrt(static_cast<double>(c.head_size()));
      const std::vector<double> seen = s.at(attn + "hook_attn_scores").to_host(),
                                want = scores.to_host();
      const std::vector<double> pattern = s.at(attn + "hook_pattern").to_host();
      for (std::size_t i = 0; i < seen.size(); ++i) {
        const std::int64_t key = std::int64_t(i) % T, query = std::int64_t(i) / T % T;
        const bool sees = key <= query && (c.window == 0 || key > query - c.window);
        ASSERT_EQ(sees, std::isfinite(seen[i])) << preset.name << ", " << query << " and " << key;
        ASSERT_EQ(sees, pattern[i] > 0) << preset.name << ", " << query << " and " << key;
        if (!sees) continue;
        ASSERT_NEAR(seen[i], want[i], kExact * 10) << preset.name;
      }
      s.expect(s.at(attn + "hook_pattern"), softmax(s.at(attn + "hook_attn_scores")),
               attn + "hook_pattern");
      const Tensor z = matmul(s.at(attn + "hook_pattern"), for_queries(s.at(attn + "hook_v"), H));
      s.expect(s.at(attn + "hook_z"), heads_first(z), attn + "hook_z is the pattern times v");
      const Tensor sum_of_heads = sum(s.at(attn + "hook_result"), 2);
      s.expect(s.at(block + "hook_attn_out"), s.with_bias(sum_of_heads, out + ".bias"),
               "results and the bias are attn_out");
    }
  }
}

TEST(TapSums, EveryHeadReadsTheStream) {
  for (const SmallPreset& preset : testing::small_families()) {
    const Sight s(preset);
    const GPTConfig& c = s.config();
    for (std::int64_t l = 0; l < c.n_layer; ++l) {
      const std::string block = "blocks." + std::to_string(l) + ".";
      const Tensor& x = s.at(block + "hook_resid_pre");
      for (const char* input : {"hook_q_input", "hook_k_input", "hook_v_input"}) {
        const Tensor& own = s.at(block + input);
        const Tensor repeated =
            broadcast_to(reshape(x, {x.dim(0), x.dim(1), 1, x.dim(2)}), own.shape());
        s.expect(own, repeated, block + input);
      }
      if (c.has_mlp())
        s.expect(s.at(block + "hook_mlp_in"), s.at(block + "hook_resid_mid"),
                 block + "hook_mlp_in");
    }
  }
}

TEST(TapSums, TheMlpsParts) {
  for (const SmallPreset& preset : testing::small_families()) {
    const Sight s(preset);
    const GPTConfig& c = s.config();
    for (std::int64_t l = 0; c.has_mlp() && l < c.n_layer; ++l) {
      const std::string block = "blocks." + std::to_string(l) + ".";
      const std::string proj = "transformer.h." + std::to_string(l) + ".mlp.c_proj";
      const Tensor &pre = s.at(block + "mlp.hook_pre"), &post = s.at(block + "mlp.hook_post");
      Tensor want;
      if (c.act == Activation::gelu) want = composed::gelu(pre);
      if (c.act == Activation::gelu_erf) want = composed::gelu_erf(pre);
      if (c.act == Activation::relu) want = relu(pre);
      if (c.act == Activation::swiglu)
        want = composed::silu(pre) * s.at(block + "mlp.hook_pre_linear");
      s.expect(post, want, block + "mlp.hook_post");
      s.expect(s.at(block + "hook_mlp_out"),
               s.with_bias(linear(post, s.weight(proj + ".weight")), proj + ".bias"),
               block + "hook_mlp_out");
    }
  }
}

// In training, dropout draws by place: the readable path drops what the fused one drops.
TEST(TapSums, LookingDropsTheSameNumbers) {
  for (SmallPreset preset : testing::small_families()) {
    preset.model.dropout = 0.25;
    const Subject subject(preset.model, testing::reference(), DType::f64);
    const auto logits = [&](Observer* observer) {
      Pass pass(nullptr, observer);
      pass.mode = Mode::train;
      pass.random = {20, 0, 3, 1};
      return subject.model->logits(pass, subject.ids).to_host();
    };
    const std::vector<double> plain = logits(nullptr);
    EXPECT_GT(gap(plain, subject.logits()), 1e-2) << preset.name << " dropped nothing";
    for (const std::string& name : subject.model->taps()) {
      Watcher watcher(name);
      EXPECT_LE(gap(logits(&watcher), plain), kExact) << preset.name << ", " << name;
    }
  }
}

// Two layers with the same pattern and the same values still hear different things in training:
// each place draws for itself. In evaluation nothing is dropped, and they hear the same.
TEST(TapSums, EveryLayerDropsNumbersOfItsOwn) {
  SmallPreset preset = testing::small_families().front();
  preset.model.dropout = 0.25;
  const Subject subject(preset.model, testing::reference(), DType::f64);
  for (Mode mode : {Mode::evaluate, Mode::train}) {
    Watcher watcher([](std::string_view name) { return name.find(".attn.") != name.npos; });
    watcher.change = [&](std::string_view name, const Tensor& x) {
      const bool v = name.ends_with("hook_v"), pattern = name.ends_with("hook_pattern");
      if (!v && !pattern) return x;
      return watcher.seen.at(v ? "blocks.0.attn.hook_v" : "blocks.0.attn.hook_pattern");
    };
    Pass pass(nullptr, &watcher);
    pass.mode = mode;
    pass.random = {20, 0, 3, 1};
    subject.model->logits(pass, subject.ids);
    const Tensor &first = watcher.seen.at("blocks.0.attn.hook_z"),
                 &second = watcher.seen.at("blocks.1.attn.hook_z");
    const double apart = gap(first.to_host(), second.to_host());
    EXPECT_EQ(apart > 0.1, mode == Mode::train) << apart;
    EXPECT_EQ(apart == 0, mode == Mode::evaluate) << apart;
  }
}

struct Slope {
  double told, measured;
};

// Moves what flows through `name` by h in a random direction, forwards and backwards.
Slope slope_at(const Subject& subject, const std::string& name) {
  Watcher look(name);
  look.change_gradient = [](std::string_view, const Tensor& dy) { return dy; };
  Tape tape;
  Pass pass(&tape, &look);
  tape.backward(subject.model->loss(pass, subject.ids, subject.targets));
  for (Parameter* p : subject.model->parameters()) p->zero_grad();
  const Tensor& x = look.seen.at(name);
  const Tensor direction =
      gaussian(x.device(), x.shape(), 0, 1, {20, site(name), 0, 0}, DType::f64);
  const auto loss = [&](double h) {
    Watcher put(name);
    put.change = [&](std::string_view, const Tensor& now) { return now + direction * h; };
    return subject.loss(&put);
  };
  constexpr double h = 1e-6;
  return {sum(look.gradients.at(name) * direction).item(), (loss(h) - loss(-h)) / (2 * h)};
}

// The difference of two losses around 3 is exact to 1e-15, so its quotient to 1e-9.
TEST(TapGradients, AreTheSlopesOfTheLoss) {
  for (const SmallPreset& preset : testing::small_families()) {
    const Subject subject(preset.model, testing::reference(), DType::f64);
    for (const std::string& name : subject.model->taps()) {
      const Slope slope = slope_at(subject, name);
      EXPECT_NEAR(slope.told, slope.measured, 1e-8 + 1e-7 * std::abs(slope.measured))
          << preset.name << ", " << name;
      EXPECT_GT(std::abs(slope.told), 1e-7)
          << preset.name << ", " << name << ": nothing depends on it";
    }
  }
}

TEST(TapGradients, WhatIsGivenBackIsWhatEarlierWeightsGet) {
  const Subject subject(testing::small_families().front().model, testing::reference(), DType::f64);
  const auto gradients = [&](Observer* observer) {
    Tape tape;
    Pass pass(&tape, observer);
    tape.backward(subject.model->loss(pass, subject.ids, subject.targets));
    std::map<std::string, std::vector<double>> all;
    for (Parameter* p : subject.model->parameters()) {
      all[p->name] = p->grad.to_host();
      p->zero_grad();
    }
    return all;
  };
  Watcher same("blocks.1.hook_attn_out"), twice = same;
  same.change_gradient = [](std::string_view, const Tensor& dy) { return dy; };
  twice.change_gradient = [](std::string_view, const Tensor& dy) { return dy * 2; };
  auto plain = gradients(nullptr);
  EXPECT_EQ(gradients(&same), plain);
  const auto doubled = gradients(&twice);
  const std::string before = "transformer.h.1.attn.c_proj.weight",
                    after = "transformer.h.1.mlp.c_fc.weight";
  EXPECT_EQ(doubled.at(after), plain.at(after));
  for (double& v : plain.at(before)) v *= 2;
  EXPECT_EQ(doubled.at(before), plain.at(before));
}

}   // namespace
}   // namespace glass
