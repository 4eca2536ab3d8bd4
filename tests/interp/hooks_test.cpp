// What hooks promise: scopes end by themselves, mistakes are errors, looking changes no bit, what
// is changed is changed there and nowhere else, and gradients are those of the function that ran.
#include "interp/hooks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "interp/activations.h"
#include "kernels/reference/reference.h"
#include "tests/interp/known.h"

namespace glass {
namespace {

using testing::any_norm;
using ::testing::HasSubstr;
using testing::Known;
using testing::message_of;
using testing::random_models;

constexpr std::int64_t kB = 2, kT = 7;

Tensor some_ids(const GPT& gpt, std::int64_t B = kB, std::int64_t T = kT) {
  std::vector<std::int32_t> ids;
  for (std::int64_t i = 0; i < B * T; ++i)
    ids.push_back(static_cast<std::int32_t>((i * 7 + 3) % gpt.config().vocab_size));
  return Tensor::ids(gpt.device(), ids, {B, T});
}

const Known& gpt2() {
  static const std::vector<Known> all = random_models(
      [](const GPTConfig& c) { return c.norm == NormPlace::pre && c.pos == Position::learned; });
  return all.front();
}

std::vector<double> plain_logits(GPT& gpt, const Tensor& ids) {
  Pass pass;
  return gpt.logits(pass, ids).to_host();
}

// Logits on the readable way through the whole model.
std::vector<double> observed_logits(GPT& gpt, const Tensor& ids) {
  return look(gpt, ids, {"*"})["logits"].to_host();
}

Hooks::Change doubled() {
  return [](const Tensor& x) { return x * 2.0; };
}

TEST(Hooks, EndWithTheirScope) {
  GPT& gpt = *gpt2().gpt;
  const Tensor ids = some_ids(gpt);
  const std::vector<double> before = plain_logits(gpt, ids);
  Hooks hooks(gpt);
  {
    const auto scope = hooks.replace({"blocks.0.hook_resid_post"}, doubled());
    EXPECT_EQ(hooks.attached(), 1u);
    EXPECT_NE(hooks.logits(ids).to_host(), before);
  }
  EXPECT_EQ(hooks.attached(), 0u);
  EXPECT_EQ(hooks.logits(ids).to_host(), before);
}

TEST(Hooks, EndAlsoByAnException) {
  GPT& gpt = *gpt2().gpt;
  const Tensor ids = some_ids(gpt);
  const std::vector<double> before = plain_logits(gpt, ids);
  Hooks hooks(gpt);
  const auto fails = [&] {
    const auto first = hooks.read({"blocks.0.hook_resid_pre"}, [](const Tensor&) {});
    const auto second = hooks.read({"blocks.1.hook_resid_pre"}, [](const Tensor&) {
      throw std::runtime_error("inside of a hook");
    });
    hooks.logits(ids);
  };
  EXPECT_EQ(message_of<std::runtime_error>(fails), "inside of a hook");
  EXPECT_EQ(hooks.attached(), 0u);
  EXPECT_EQ(hooks.logits(ids).to_host(), before);
}

TEST(Hooks, AnUnknownNameIsAnErrorWithTheNearest) {
  Hooks hooks(*gpt2().gpt);
  const auto attach = [&](const Place& place) {
    return message_of<UsageError>([&] { (void)hooks.read(place, [](const Tensor&) {}); });
  };
  EXPECT_THAT(attach({"blocks.1.attn.hook_patern"}), HasSubstr("blocks.1.attn.hook_pattern"));
  EXPECT_THAT(attach({"blocks.9.hook_resid_pre"}), HasSubstr("no place"));
  EXPECT_THAT(attach({"blocks.*.hook_resid_pre"}), HasSubstr("several places"));
  EXPECT_THAT(attach({"blocks.1.attn.hook_z", 4}), HasSubstr("0 .. 3"));
  EXPECT_THAT(attach({"blocks.1.hook_resid_pre", 1}), HasSubstr("no heads"));
  EXPECT_EQ(hooks.attached(), 0u);
}

TEST(Hooks, APositionOrRowThatIsNotThereIsAnError) {
  GPT& gpt = *gpt2().gpt;
  for (const Place& place :
       {Place{"blocks.0.attn.hook_z", 0, kT}, Place{"hook_embed", -1, -1, kB}}) {
    Hooks hooks(gpt);
    const auto scope = hooks.read(place, [](const Tensor&) {});
    EXPECT_THAT(message_of<UsageError>([&] { hooks.logits(some_ids(gpt)); }),
                HasSubstr("there are"))
        << str(place);
  }
}

TEST(Hooks, OneThatNeverFiresIsAnError) {
  GPT& gpt = *gpt2().gpt;
  const Tensor ids = some_ids(gpt);
  Hooks hooks(gpt);
  const Tensor entering = look(gpt, ids, {"blocks.1.hook_resid_pre"})["blocks.1.hook_resid_pre"];
  const auto scope = hooks.read({"blocks.0.hook_resid_pre"}, [](const Tensor&) {});
  EXPECT_EQ(message_of<Error>([&] { hooks.logits(ids); }), "");
  EXPECT_THAT(message_of<Error>([&] { hooks.logits_from(1, entering); }), HasSubstr("never fired"));
}

TEST(Hooks, AGradientThatDoesNotComeIsAnError) {
  GPT& gpt = *gpt2().gpt;
  const Tensor ids = some_ids(gpt);
  Hooks hooks(gpt);
  const auto scope = hooks.gradient({"blocks.0.hook_resid_pre"}, [](const Tensor&) {});
  EXPECT_THAT(message_of<Error>([&] { hooks.logits(ids); }), HasSubstr("no tape"));
  Tape tape;
  const Tensor y = hooks.logits(ids, &tape);
  EXPECT_THAT(message_of<Error>([&] { hooks.require_fired(); }), HasSubstr("never fired"));
  tape.backward(sum(y));
  EXPECT_EQ(message_of<Error>([&] { hooks.require_fired(); }), "");
}

TEST(Hooks, PartsAreWhatTheySay) {
  for (const Known& model : random_models(any_norm)) {
    GPT& gpt = *model.gpt;
    const Tensor ids = some_ids(gpt);
    const std::string z = "blocks.1.attn.hook_z", pattern = "blocks.1.attn.hook_pattern";
    const Activations whole = look(gpt, ids, {z, pattern});
    Tensor part_of_z, part_of_pattern;
    Hooks hooks(gpt);
    const auto keep = [](Tensor& into) { return [&into](const Tensor& x) { into = x.detach(); }; };
    const auto first = hooks.read({z, 2, 4, 1}, keep(part_of_z));
    const auto second = hooks.read({pattern, 3, 5, 0}, keep(part_of_pattern));
    hooks.logits(ids);
    const Tensor same_z = slice(slice(slice(whole[z], 0, 1, 2), 1, 4, 5), 2, 2, 3);
    const Tensor same = slice(slice(slice(whole[pattern], 0, 0, 1), 1, 3, 4), 2, 5, 6);
    EXPECT_EQ(part_of_z.shape(), same_z.shape()) << model.name;
    EXPECT_EQ(part_of_z.to_host(), same_z.to_host()) << model.name;
    EXPECT_EQ(part_of_pattern.to_host(), same.to_host()) << model.name;
  }
}

TEST(Hooks, AChangeStaysInItsPart) {
  GPT& gpt = *gpt2().gpt;
  const Tensor ids = some_ids(gpt);
  const std::string z = "blocks.0.attn.hook_z";
  const std::vector<double> before = look(gpt, ids, {z})[z].to_host();
  for (const Place& place : {Place{z}, Place{z, 1}, Place{z, -1, 3}, Place{z, -1, -1, 1},
                             Place{z, 0, 0, 0}, Place{z, 3, kT - 1, kB - 1}}) {
    Hooks hooks(gpt);
    std::vector<double> after;
    const auto set = hooks.replace(place, Tensor::full(gpt.device(), {1}, 7.0));
    const auto read = hooks.read({z}, [&](const Tensor& x) { after = x.to_host(); });
    hooks.logits(ids);
    const std::int64_t H = gpt.config().n_head, D = gpt.config().head_size();
    for (std::size_t i = 0; i < before.size(); ++i) {
      const auto at = static_cast<std::int64_t>(i);
      const std::int64_t h = at / D % H, t = at / (D * H) % kT, b = at / (D * H * kT);
      const bool inside = (place.head < 0 || place.head == h) &&
                          (place.position < 0 || place.position == t) &&
                          (place.row < 0 || place.row == b);
      ASSERT_EQ(after[i], inside ? 7.0 : before[i]) << str(place) << ", element " << i;
    }
  }
}

TEST(Hooks, WithPartIsTheSameWhetherATapeRecordsOrNot) {
  const Device device = testing::reference();
  const std::string z = "blocks.0.attn.hook_z";
  const Tensor x = testing::counting({2, 5, 3, 4}), value = testing::counting({1, 1, 1, 4}, 100);
  const std::vector<double> untouched = x.to_host();
  for (const Place& place :
       {Place{z}, Place{z, 1}, Place{z, -1, 0}, Place{z, -1, 4}, Place{z, 2, 1, 1}}) {
    Tape tape;
    const Tensor recorded = with_part(tape.watch(x, "x"), place, value);
    EXPECT_EQ(recorded.tape() != nullptr, str(place) != z) << "all of x is gone in one of them";
    EXPECT_EQ(with_part(x, place, value).to_host(), recorded.to_host()) << str(place);
    EXPECT_EQ(x.to_host(), untouched) << str(place);
  }
}

TEST(Hooks, OfOnePlaceActInTheOrderInWhichTheyWereAttached) {
  GPT& gpt = *gpt2().gpt;
  const Tensor ids = some_ids(gpt);
  const std::string name = "blocks.0.hook_resid_post";
  std::vector<std::vector<double>> seen;
  const auto see = [&](const Tensor& x) { seen.push_back(x.to_host()); };
  Hooks hooks(gpt);
  const auto a = hooks.read({name}, see);
  const auto b = hooks.replace({name}, doubled());
  const auto c = hooks.read({name}, see);
  const auto d = hooks.replace({name}, Tensor::full(gpt.device(), {1}, 1.0));
  const auto e = hooks.read({name}, see);
  hooks.logits(ids);
  ASSERT_EQ(seen.size(), 3u);
  for (std::size_t i = 0; i < seen[0].size(); ++i) {
    EXPECT_EQ(seen[1][i], 2 * seen[0][i]);
    EXPECT_EQ(seen[2][i], 1.0);
  }
}

TEST(Hooks, IdentityChangesNoBitAnywhere) {
  for (const Known& model : random_models(any_norm)) {
    GPT& gpt = *model.gpt;
    const Tensor ids = some_ids(gpt);
    const std::vector<double> expected = observed_logits(gpt, ids);
    Hooks hooks(gpt);
    std::vector<Hooks::Scope> scopes;
    for (const std::string& name : gpt.taps())
      scopes.push_back(hooks.replace({name}, [](const Tensor& x) { return x; }));
    EXPECT_EQ(hooks.logits(ids).to_host(), expected) << model.name;
  }
}

TEST(Hooks, WithNothingAttachedTheSameKernelsRunInTheSameMemory) {
  for (const auto& family : testing::small_families()) {
    const auto machine = std::make_shared<ReferenceBackend>();
    GPT gpt(family.model, machine, DType::f32, 3);
    const Tensor ids = some_ids(gpt);
    Hooks hooks(gpt);
    const auto cost = [&](auto run) {
      Tape tape;
      std::vector<std::string> nodes;
      tape.on_record = [&](const Node& node, const Tensor&) { nodes.emplace_back(node.op); };
      run(tape);
      return nodes;
    };
    const auto bare = [&](Tape& tape) {
      Pass pass(&tape);
      gpt.logits(pass, ids);
    };
    const auto hooked = [&](Tape& tape) { hooks.logits(ids, &tape); };
    const std::vector<std::string> nodes = cost(bare);
    const auto allocations = machine->memory().counters().allocations;
    EXPECT_EQ(cost(hooked), nodes) << family.name;
    EXPECT_EQ(machine->memory().counters().allocations, allocations) << family.name;
  }
}

TEST(Hooks, FromALayerOnItIsTheWholeRunBitForBit) {
  for (const Known& model : random_models(any_norm)) {
    GPT& gpt = *model.gpt;
    const Tensor ids = some_ids(gpt);
    const Activations all = look(gpt, ids, {"*"});
    for (int l = 0; l < static_cast<int>(gpt.config().n_layer); ++l) {
      Hooks hooks(gpt);
      std::vector<Hooks::Scope> scopes;   // on the same, readable way
      for (const std::string& name : gpt.taps()) {
        const bool before = name.starts_with("hook_") || name.starts_with("ln_embed") ||
                            (name.starts_with("blocks.") && name < in_block(l, ""));
        if (!before) scopes.push_back(hooks.read({name}, [](const Tensor&) {}));
      }
      EXPECT_EQ(hooks.logits_from(l, all[in_block(l, "hook_resid_pre")]).to_host(),
                all["logits"].to_host())
          << model.name << ", from layer " << l;
    }
  }
}

// The last block leaves out what only other positions would need, unless somebody looks there.
TEST(Hooks, OfTheLastPositionAloneIsTheLastOfAll) {
  for (const Known& model : random_models(any_norm)) {
    GPT& gpt = *model.gpt;
    const Activations all = look(gpt, some_ids(gpt), {"*"});
    const Tensor& logits = all["logits"];
    const Tensor last = slice(logits, 1, logits.dim(1) - 1, logits.dim(1));
    const int end = static_cast<int>(gpt.config().n_layer) - 1;
    for (int l = 0; l <= end; ++l) {
      for (const std::string& name : {std::string("hook_k_input"), std::string("attn.hook_k"),
                                      std::string("attn.hook_z"), std::string("hook_resid_post")}) {
        Hooks hooks(gpt);
        Shape seen;
        const auto scope =
            hooks.read({in_block(end, name)}, [&](const Tensor& x) { seen = x.shape(); });
        const Tensor some =
            hooks.logits_from(l, all[in_block(l, "hook_resid_pre")], nullptr, Positions::last);
        ASSERT_EQ(some.shape(), last.shape());
        // Sums in another order.
        const std::vector<double> a = some.to_host(), b = last.to_host();
        for (std::size_t i = 0; i < a.size(); ++i)
          EXPECT_NEAR(a[i], b[i], 1e-4 * std::max(1.0, std::abs(b[i])))
              << model.name << ", from layer " << l << ", " << name;
        EXPECT_EQ(seen, all[in_block(end, name)].shape()) << name;
      }
    }
  }
}

// A weighted sum of the logits, so that no derivative cancels.
double measured(const Tensor& logits) {
  const std::vector<double> y = logits.to_host();
  double sum = 0;
  for (std::size_t i = 0; i < y.size(); ++i) sum += y[i] * std::sin(1.0 + static_cast<double>(i));
  return sum;
}
Tensor weights_of(const Tensor& logits) {
  std::vector<double> w(static_cast<std::size_t>(logits.numel()));
  for (std::size_t i = 0; i < w.size(); ++i) w[i] = std::sin(1.0 + static_cast<double>(i));
  return Tensor::from(logits.device(), w, logits.shape(), logits.dtype());
}

TEST(Hooks, GradientsAreFiniteDifferences) {
  for (const Known& model : random_models(any_norm, DType::f64, testing::reference())) {
    GPT& gpt = *model.gpt;
    const Tensor ids = some_ids(gpt, 1, 5);
    for (const std::string& name : gpt.taps()) {
      if (name.ends_with("hook_scale") || name.ends_with("hook_attn_scores")) continue;
      if (!name.starts_with("blocks.1.") && name.starts_with("blocks.")) continue;
      const Place place{name, axes_of(name).head < 0 ? -1 : 1, 3, 0};
      Hooks hooks(gpt);
      std::vector<double> gradient;
      Tape tape;
      {
        const auto scope =
            hooks.gradient(place, [&](const Tensor& dy) { gradient = dy.to_host(); });
        const Tensor y = hooks.logits(ids, &tape);
        tape.backward(y, weights_of(y));
      }
      ASSERT_FALSE(gradient.empty()) << model.name << ", " << name;
      const std::size_t n = gradient.size();
      for (const std::size_t i : {std::size_t{0}, n / 2}) {
        const double step = 1e-6;
        const auto moved = [&](double by) {
          const auto scope = hooks.replace(place, [&](const Tensor& x) {
            std::vector<double> values = x.to_host();
            values[i] += by;
            return Tensor::from(x.device(), values, x.shape(), x.dtype());
          });
          return measured(hooks.logits(ids));
        };
        const double difference = (moved(step) - moved(-step)) / (2 * step);
        // Central differences in f64: the error is some 1e-10 of the size of the sum.
        EXPECT_NEAR(gradient[i], difference, 1e-6 * std::max(1.0, std::abs(difference)))
            << model.name << ", " << str(place) << ", element " << i;
      }
    }
  }
}

TEST(Hooks, AReplacedValueGetsItsGradient) {
  for (const Known& model : random_models(any_norm, DType::f64, testing::reference())) {
    GPT& gpt = *model.gpt;
    const Tensor ids = some_ids(gpt, 1, 5);
    const Place place{"blocks.1.attn.hook_z", 1, 2};
    const Tensor value = testing::counting({1, 1, 1, gpt.config().head_size()}, 0.5);
    Tape tape;
    Hooks hooks(gpt);
    std::vector<double> there;
    const Tensor watched = tape.watch(value, "value");
    const auto set = hooks.replace(place, watched);
    const auto read = hooks.gradient(place, [&](const Tensor& dy) { there = dy.to_host(); });
    const Tensor y = hooks.logits(ids, &tape);
    tape.backward(y, weights_of(y));
    ASSERT_TRUE(tape.grad(watched)) << model.name;
    EXPECT_EQ(tape.grad(watched).to_host(), there) << model.name;
  }
}

TEST(Hooks, AChangedGradientReachesWhatIsBelow) {
  GPT& gpt = *gpt2().gpt;
  const Tensor ids = some_ids(gpt);
  Tape tape;
  Hooks hooks(gpt);
  std::vector<double> below;
  const auto stop =
      hooks.change_gradient({"blocks.1.hook_resid_pre"}, [](const Tensor& dy) { return dy * 0.0; });
  const auto read =
      hooks.gradient({"blocks.0.hook_resid_pre"}, [&](const Tensor& dy) { below = dy.to_host(); });
  tape.backward(sum(hooks.logits(ids, &tape)));
  ASSERT_FALSE(below.empty());
  for (const double d : below) ASSERT_EQ(d, 0.0);
}

TEST(Hooks, PatternsFindPlacesInTheOrderInWhichTheyFire) {
  const GPT& gpt = *gpt2().gpt;
  EXPECT_EQ(places_like(gpt, "blocks.*.hook_resid_pre"),
            (std::vector<std::string>{"blocks.0.hook_resid_pre", "blocks.1.hook_resid_pre"}));
  EXPECT_EQ(places_like(gpt, "*"), gpt.taps());
  EXPECT_THAT(message_of<UsageError>([&] { places_like(gpt, "block.*.hook_z"); }),
              HasSubstr("no place"));
}

}   // namespace
}   // namespace glass
