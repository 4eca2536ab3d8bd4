// Looking at a model: every place fires with its shape, looking changes nothing, putting something
// else there changes what comes after and nothing before, and what is not looked at costs nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "kernels/reference/reference.h"
#include "tests/engine/devices.h"
#include "tests/model/small_presets.h"
#include "tests/model/watcher.h"

namespace glass {
namespace {

using testing::gap;
using testing::is_head_input;
using testing::SmallPreset;
using testing::Subject;
using testing::Watcher;

// What is promised: name, shape, and which models have it. B T C H D V as everywhere, h: heads of
// keys, I: the width of the mlp.
struct Place {
  std::string name, shape;
};
std::vector<Place> promised(const GPTConfig& c) {
  const bool pre = c.norm == NormPlace::pre, post = c.norm == NormPlace::post;
  std::vector<Place> all = {{"hook_embed", "BTC"}};
  const auto add = [&](bool has, const std::string& name, const char* shape) {
    if (has) all.push_back({name, shape});
  };
  const auto norm = [&](bool has, const std::string& name) {
    add(has, name + ".hook_scale", "BT1");
    add(has, name + ".hook_normalized", "BTC");
  };
  add(c.pos == Position::learned, "hook_pos_embed", "BTC");
  norm(c.norm_embed, "ln_embed");
  for (std::int64_t l = 0; l < c.n_layer; ++l) {
    const std::string block = "blocks." + std::to_string(l) + ".";
    add(true, block + "hook_resid_pre", "BTC");
    add(true, block + "hook_q_input", "BTHC");
    add(true, block + "hook_k_input", "BThC");
    add(true, block + "hook_v_input", "BThC");
    norm(pre, block + "ln1");
    add(true, block + "attn.hook_q", "BTHD");
    add(true, block + "attn.hook_k", "BThD");
    add(true, block + "attn.hook_v", "BThD");
    add(c.pos == Position::rope, block + "attn.hook_rot_q", "BTHD");
    add(c.pos == Position::rope, block + "attn.hook_rot_k", "BThD");
    add(true, block + "attn.hook_attn_scores", "BHTT");
    add(true, block + "attn.hook_pattern", "BHTT");
    add(true, block + "attn.hook_z", "BTHD");
    add(true, block + "attn.hook_result", "BTHC");
    add(true, block + "hook_attn_out", "BTC");
    norm(post, block + "ln1");
    add(c.has_mlp(), block + "hook_resid_mid", "BTC");
    add(c.has_mlp(), block + "hook_mlp_in", "BTC");
    norm(pre && c.has_mlp(), block + "ln2");
    add(c.has_mlp(), block + "mlp.hook_pre", "BTI");
    add(c.act == Activation::swiglu, block + "mlp.hook_pre_linear", "BTI");
    add(c.has_mlp(), block + "mlp.hook_post", "BTI");
    add(c.has_mlp(), block + "hook_mlp_out", "BTC");
    norm(post && c.has_mlp(), block + "ln2");
    add(true, block + "hook_resid_post", "BTC");
  }
  norm(c.norm_final, "ln_final");
  add(true, "logits", "BTV");
  return all;
}

Shape sizes(const std::string& letters, const GPTConfig& c, std::int64_t B) {
  Shape shape;
  for (char letter : letters) {
    const std::map<char, std::int64_t> size = {{'B', B},
                                               {'T', c.block_size},
                                               {'C', c.n_embd},
                                               {'H', c.n_head},
                                               {'h', c.kv_heads()},
                                               {'D', c.head_size()},
                                               {'V', c.vocab_size},
                                               {'I', c.inner()},
                                               {'1', 1}};
    shape.push_back(size.at(letter));
  }
  return shape;
}

Subject subject_of(const SmallPreset& p) {
  return Subject(p.model, testing::reference(), DType::f64);
}

TEST(Taps, FireOnceEachWithTheirShape) {
  for (const SmallPreset& family : testing::small_families()) {
    const Subject subject = subject_of(family);
    for (const Place& place : promised(family.model)) {
      Watcher watcher(place.name);
      subject.logits(&watcher);
      ASSERT_EQ(watcher.order, std::vector<std::string>{place.name}) << family.name;
      EXPECT_EQ(watcher.seen[place.name].shape(), sizes(place.shape, family.model, 2))
          << family.name << ", " << place.name;
    }
  }
}

TEST(Taps, AreListedInTheOrderInWhichTheyFire) {
  for (const SmallPreset& family : testing::small_families()) {
    const Subject subject = subject_of(family);
    std::vector<std::string> names, most;
    for (const Place& place : promised(family.model)) names.push_back(place.name);
    EXPECT_EQ(subject.model->taps(), names) << family.name;
    for (const std::string& name : names) {
      if (!is_head_input(name)) most.push_back(name);
    }
    Watcher watcher = testing::without_head_inputs();
    subject.logits(&watcher);
    EXPECT_EQ(watcher.order, most) << family.name;
  }
}

// The readable path is the same mathematics as the fused one: sums in another order.
TEST(Taps, LookingDoesNotChangeTheLogitsOrTheLoss) {
  for (const SmallPreset& family : testing::small_families()) {
    const Subject exact = subject_of(family), quick(family.model, testing::cpu(), DType::f32);
    const std::vector<double> logits = exact.logits(), quick_logits = quick.logits();
    const double loss = exact.loss(), quick_loss = quick.loss();
    std::vector<std::string> names = exact.model->taps();
    names.emplace_back("all");
    for (const std::string& name : names) {
      const auto look = [&] { return name == "all" ? Watcher() : Watcher(name); };
      Watcher a = look(), b = look(), c = look(), d = look();
      const std::string what = family.name + ", " + name;
      EXPECT_LE(gap(exact.logits(&a), logits), 1e-13) << what;
      EXPECT_LE(gap(quick.logits(&b), quick_logits), 1e-5) << what;
      EXPECT_NEAR(exact.loss(&c), loss, 1e-13) << what;
      EXPECT_NEAR(quick.loss(&d), quick_loss, 1e-5) << what;
    }
  }
}

TEST(Taps, PuttingAValueInItsOwnPlaceChangesNoBit) {
  for (const SmallPreset& family : testing::small_families()) {
    for (const Device& device : {testing::reference(), testing::cpu()}) {
      const Subject subject(family.model, device, DType::f32);
      for (const std::string& name : subject.model->taps()) {
        Watcher look(name), put(name);
        const std::vector<double> logits = subject.logits(&look);
        put.change = [&](std::string_view, const Tensor& x) {
          const std::vector<double> copy = look.seen[name].to_host();
          return Tensor::from(device, copy, x.shape(), x.dtype());
        };
        EXPECT_EQ(subject.logits(&put), logits) << family.name << ", " << name;
      }
    }
  }
}

// Every third number a half more: nothing that a norm or a softmax would undo.
Tensor bent(const Tensor& x) {
  std::vector<double> values = x.to_host();
  for (std::size_t i = 0; i < values.size(); i += 3) values[i] *= 1.5;
  return Tensor::from(x.device(), values, x.shape(), x.dtype());
}

TEST(Taps, AnotherValueChangesWhatComesAfterAndNothingBefore) {
  for (const SmallPreset& family : testing::small_families()) {
    const Subject subject = subject_of(family);
    for (const std::string& name : subject.model->taps()) {
      const auto all = [&](std::string_view any) { return any == name || !is_head_input(any); };
      Watcher look(all), put(all);
      put.change = [&](std::string_view at, const Tensor& x) { return at == name ? bent(x) : x; };
      const std::vector<double> logits = subject.logits(&look), changed = subject.logits(&put);
      const std::string what = family.name + ", " + name;
      EXPECT_GT(gap(changed, logits), 1e-5) << what;
      for (const std::string& before : look.order) {
        if (before == name) break;
        EXPECT_EQ(put.seen[before].to_host(), look.seen[before].to_host())
            << what << ", " << before;
      }
    }
  }
}

// What another block's readable path costs, this block does not pay: its nodes stay as they were.
TEST(Taps, AFusedPathIsLeftOnlyWhereSomebodyLooks) {
  for (const SmallPreset& family : testing::small_families()) {
    const Subject subject = subject_of(family);
    const auto nodes = [&](Observer* observer) {
      Tape tape;
      std::vector<std::string> first_block;
      tape.on_record = [&](const Node& node, const Tensor&) {
        if (std::string(node.scope).starts_with("blocks.0")) first_block.emplace_back(node.op);
      };
      Pass pass(&tape, observer);
      subject.model->loss(pass, subject.ids, subject.targets);
      return first_block;
    };
    const std::vector<std::string> plain = nodes(nullptr);
    const auto fused = ::testing::AnyOf("attention", "self_attention");
    EXPECT_THAT(plain, ::testing::Contains(fused)) << family.name;
    Watcher second([](std::string_view name) { return name.starts_with("blocks.1."); });
    EXPECT_EQ(nodes(&second), plain) << family.name;
    Watcher first([](std::string_view name) { return name == "blocks.0.attn.hook_pattern"; });
    EXPECT_THAT(nodes(&first), ::testing::Not(::testing::Contains(fused))) << family.name;
  }
}

// What a training step records, and what it takes from the system, on a machine of its own.
struct Cost {
  std::vector<std::string> nodes;
  std::int64_t asked = 0, held = 0, asked_later = 0;
};

Cost cost_of_steps(const GPTConfig& config, Observer* observer) {
  const auto machine = std::make_shared<ReferenceBackend>();
  const Subject subject(config, machine, DType::f32);
  Cost cost;
  Tape tape;
  const auto step = [&] {
    Pass pass(&tape, observer);
    tape.backward(subject.model->loss(pass, subject.ids, subject.targets));
    for (Parameter* p : subject.model->parameters()) p->zero_grad();
    tape.clear();
  };
  tape.on_record = [&](const Node& node, const Tensor& y) {
    cost.nodes.push_back(std::string(node.scope) + " " + node.op + " " + str(y.shape()));
  };
  step();
  tape.on_record = nullptr;
  step();   // the gradients of the first step stay, so the second needs a few blocks more
  cost.asked = machine->memory().counters().allocations;
  for (int i = 0; i < 3; ++i) step();
  cost.asked_later = machine->memory().counters().allocations - cost.asked;
  cost.held = machine->memory().counters().held_bytes;
  return cost;
}

TEST(Taps, CostNothingWhereNobodyLooks) {
  for (const SmallPreset& family : testing::small_families()) {
    Watcher idle("nowhere");
    const Cost without = cost_of_steps(family.model, nullptr);
    const Cost with = cost_of_steps(family.model, &idle);
    EXPECT_EQ(with.nodes, without.nodes) << family.name;
    EXPECT_EQ(with.asked, without.asked) << family.name;
    EXPECT_EQ(with.held, without.held) << family.name;
    EXPECT_EQ(without.asked_later, 0) << family.name << ": two steps leave enough for all";
  }
}

// One block of GPT-2, as it runs in training: this is the list that a profile shows.
TEST(Taps, NobodyLookingABlockIsTheseKernels) {
  for (const SmallPreset& family : testing::small_families()) {
    if (family.name != "gpt2") continue;
    std::string ops;
    for (const std::string& node : cost_of_steps(family.model, nullptr).nodes) {
      const std::string op = node.substr(node.find(' ') + 1, node.rfind(' ') - node.find(' ') - 1);
      const bool view = op == "leaf" || op == "reshape" || op == "slice" || op == "permute";
      if (node.starts_with("blocks.1") && !view) ops += op + " ";
    }
    EXPECT_EQ(ops, "layernorm linear self_attention linear add layernorm linear gelu linear add ");
    return;
  }
  FAIL() << "there is no preset gpt2";
}

TEST(Taps, AnErrorInAnObserverLeavesThePassAsItWas) {
  const Subject subject = subject_of(testing::small_families().front());
  Watcher angry("blocks.1.attn.hook_pattern");
  angry.change = [](std::string_view, const Tensor&) -> Tensor { throw std::runtime_error("no"); };
  Tape tape;
  Pass pass(&tape, &angry);
  EXPECT_THROW(subject.model->logits(pass, subject.ids), std::runtime_error);
  EXPECT_EQ(pass.scope(), "");
  EXPECT_STREQ(tape.scope(), "");
}

}   // namespace
}   // namespace glass
