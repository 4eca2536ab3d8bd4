// A model that was packed for inference is the same model, but for the rounding that its type says.
#include <gtest/gtest.h>

#include <cmath>

#include "engine/base/error.h"
#include "model/generate.h"
#include "model/layers.h"
#include "tests/engine/devices.h"
#include "tests/model/small_presets.h"
#include "tests/model/watcher.h"

namespace glass {
namespace {

using testing::gap;
using testing::SmallPreset;
using testing::Subject;
using testing::Watcher;

// Every weight that was packed, as the numbers it was rounded to. The table that also embeds stays.
void round_weights(const Subject& subject, PackedType type) {
  for (Parameter* p : subject.model->parameters()) {
    if (p->value.rank() != 2 || p->name == "transformer.wte.weight" ||
        p->name == "transformer.wpe.weight")
      continue;
    p->value = unpacked(pack(p->value, type), p->value.dtype());
  }
}

// The first tokens of each sequence alone.
void keep_tokens(Subject& subject, std::int64_t T) {
  subject.ids = contiguous(slice(subject.ids, 1, 0, T));
  subject.targets = contiguous(slice(subject.targets, 1, 0, T));
}

// Logits (B,T,V) of ids that are read so many at a time.
std::vector<double> read_in_steps(const Subject& subject, std::int64_t step) {
  KVCache cache(subject.model->config(), subject.model->device(), DType::f32, subject.ids.dim(0));
  Tensor all;
  for (std::int64_t i = 0; i < subject.ids.dim(1); i += step) {
    Pass pass;
    pass.cache = &cache;
    const Tensor some = subject.model->logits(pass, contiguous(slice(subject.ids, 1, i, i + step)));
    all = all ? concat({all, some}, 1) : some;
  }
  return all.to_host();
}

// Packed in f32 nothing is rounded, and only the order of sums may differ: 1e-6 is some units of
// f32 over the few layers here.
TEST(PackedModel, InF32GivesTheSameLogits) {
  const DeviceInfo processor = list_devices().front();
  for (const std::string& isa : processor.isas) {
    for (const SmallPreset& family : testing::small_families()) {
      const Subject subject(family.model, testing::cpu(isa, 2), DType::f32);
      const std::vector<double> plain = subject.logits();
      const double loss = subject.loss();
      subject.model->pack(PackedType::f32);
      EXPECT_LE(gap(subject.logits(), plain), 1e-6) << isa << ", " << family.name;
      EXPECT_NEAR(subject.loss(), loss, 1e-6 * std::max(1.0, loss)) << isa << ", " << family.name;
    }
  }
}

// A packed model is the model of the rounded weights. Beside whole numbers the few rows of a token
// are rounded to 16 bits (an error of 2^-16 at most, some of which add up over the layers). The
// many rows of a prompt are rounded to 8 bits; here the model reads no more than eight.
TEST(PackedModel, IsTheModelOfItsRoundedWeights) {
  for (const SmallPreset& family : testing::small_families()) {
    for (const PackedType type : {PackedType::bf16, PackedType::int8, PackedType::int4}) {
      Subject packed(family.model, testing::cpu(), DType::f32),
          rounded(family.model, testing::cpu(), DType::f32);
      keep_tokens(packed, 4), keep_tokens(rounded, 4);
      const double most = type == PackedType::bf16 ? 1e-5 : 1e-4;
      packed.model->pack(type);
      round_weights(rounded, type);
      if (family.model.tie) {   // the head is rounded, what embeds is not: compare what it reads
        const auto stream = [&](const Subject& s) {
          Watcher watcher("blocks.1.hook_resid_post");
          s.logits(&watcher);
          return watcher.seen.at("blocks.1.hook_resid_post").to_host();
        };
        EXPECT_LE(gap(stream(packed), stream(rounded)), most)
            << family.name << ", " << name_of(type);
      } else {
        EXPECT_LE(gap(packed.logits(), rounded.logits()), most)
            << family.name << ", " << name_of(type);
        EXPECT_NEAR(packed.loss(), rounded.loss(), most) << family.name << ", " << name_of(type);
      }
    }
  }
}

// Fewer bits, larger errors, and none of them large: a step of a group is about 2^-b of its largest
// number, and the errors of a sum are as often above as below. The bounds are four times what a
// single product of such rounded weights is off by, for as many as follow each other here.
TEST(PackedModel, RoundsNoMoreThanItsBitsSay) {
  for (const SmallPreset& family : testing::small_families()) {
    const Subject plain(family.model, testing::cpu(), DType::f32);
    const std::vector<double> exact = plain.logits();
    const struct {
      PackedType type;
      double most;
    } bounds[] = {{PackedType::bf16, 0.03}, {PackedType::int8, 0.08}, {PackedType::int4, 0.8}};
    for (const auto& bound : bounds) {
      const Subject subject(family.model, testing::cpu(), DType::f32);
      subject.model->pack(bound.type);
      const double apart = gap(subject.logits(), exact);
      EXPECT_LE(apart, bound.most) << family.name << ", " << name_of(bound.type);
      EXPECT_GT(apart, 0) << family.name << ", " << name_of(bound.type) << " rounded nothing";
    }
  }
}

TEST(PackedModel, OneTokenAtATimeIsAllAtOnce) {
  for (const SmallPreset& family : testing::small_families()) {
    for (int t = 0; t < kPackedTypes; ++t) {
      const Subject subject(family.model, testing::cpu("auto", 2), DType::f32);
      subject.model->pack(static_cast<PackedType>(t));
      // A prompt is rounded and a token is not, where weights are; eight rows are no prompt yet.
      const bool exact = static_cast<PackedType>(t) == PackedType::f32;
      const std::vector<double> several = exact ? subject.logits() : read_in_steps(subject, 4);
      EXPECT_LE(gap(read_in_steps(subject, 1), several), 1e-4) << family.name << ", " << t;
    }
  }
}

// What a prompt is off by is at most what rounding weights to bf16 costs (the bound below), once
// for x and once for whole numbers that become pairs: each is rounded to 8 bits.
TEST(PackedModel, APromptIsRoundedAsWeightsInBf16Are) {
  for (const SmallPreset& family : testing::small_families()) {
    for (const PackedType type : {PackedType::bf16, PackedType::int8, PackedType::int4}) {
      const Subject subject(family.model, testing::cpu("auto", 2), DType::f32);
      subject.model->pack(type);
      const std::vector<double> one_by_one = read_in_steps(subject, 1);
      const double apart = gap(subject.logits(), one_by_one);
      EXPECT_LE(apart, 0.03) << family.name << ", " << name_of(type);
      EXPECT_GT(apart, 1e-5) << family.name << ", " << name_of(type) << " rounded nothing";
    }
  }
}

TEST(PackedModel, OnlyThePromptOfARoundedModelIsRounded) {
  const auto seen = [](PackedType type, std::int64_t rows) {
    const Tensor w = Tensor::full(testing::cpu(), {3, 5}, 1),
                 x = Tensor::full(testing::cpu(), {rows, 5}, 1);
    return beside(pack(w, type), x).dtype();
  };
  EXPECT_EQ(seen(PackedType::f32, 9), DType::f32);
  for (const PackedType type : {PackedType::bf16, PackedType::int8, PackedType::int4}) {
    EXPECT_EQ(seen(type, 9), DType::bf16) << name_of(type);
    EXPECT_EQ(seen(type, 8), DType::f32) << name_of(type);
  }
}

// Who looks at what a fused path never forms gets it from the numbers that the packed path uses.
TEST(PackedModel, LooksTheSameFromInside) {
  for (const SmallPreset& family : testing::small_families()) {
    Subject subject(family.model, testing::cpu(), DType::f32);
    keep_tokens(subject, 4);   // a prompt is rounded once more
    subject.model->pack(PackedType::int4);
    const std::vector<double> alone = subject.logits();
    Watcher everything;
    EXPECT_LE(gap(subject.logits(&everything), alone), 1e-4) << family.name;
    EXPECT_GT(everything.order.size(), 10u);
  }
}

TEST(PackedModel, ATapeKeepsToTheWeightsAsTheyWere) {
  const GPTConfig config = testing::small_presets().front().model;
  const Subject subject(config, testing::cpu(), DType::f32);
  const auto loss = [&] {
    Tape tape;
    Pass pass(&tape);
    const Tensor y = subject.model->loss(pass, subject.ids, subject.targets);
    tape.backward(y);
    return y.item();
  };
  const double before = loss();
  subject.model->pack(PackedType::int4);
  EXPECT_EQ(loss(), before);
  EXPECT_TRUE(subject.model->parameters().front()->touched);
}

TEST(PackedModel, WritesTheSameTextInF32) {
  for (const SmallPreset& family : testing::small_families()) {
    const auto text = [&](bool packed) {
      const Subject subject(family.model, testing::cpu("auto", 2), DType::f32);
      if (packed) subject.model->pack(PackedType::f32);
      const std::int32_t prompt[] = {1, 2, 3};
      Generator generator(*subject.model, prompt);
      SamplerOptions greedy;
      greedy.temperature = 0;
      return generator.sample(0, 30, greedy);
    };
    EXPECT_EQ(text(true), text(false)) << family.name;
  }
}

}   // namespace
}   // namespace glass
