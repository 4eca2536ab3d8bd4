// The cache holds what flowed, under its names, in memory and in the file.
#include "interp/read/cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "engine/base/error.h"
#include "model/formats/safetensors.h"
#include "tests/interp/known.h"
#include "tests/scratch.h"

namespace glass {
namespace {

using ::testing::HasSubstr;
using testing::Known;
using testing::message_of;

Known small() { return testing::known("induction", {}); }
const std::vector<std::int32_t> kIds = {0, 5, 9, 7, 5, 9};

TEST(Cache, TheFileHoldsTheSameNumbersUnderTheSameNamesAndSaysWhereTheyAreFrom) {
  Known model = small();
  model.specimen.from = {"glass interp cache", "out/x", "00ff", 7, 1, "cpu"};
  const CacheResult r =
      cache_of(model.specimen, kIds, {{"blocks.*.attn.hook_pattern", "hook_embed"}});
  const test::Scratch scratch;
  const std::string path = scratch / "a.safetensors";
  save_cache(path, r);
  const Safetensors file = load_safetensors(path);
  ASSERT_EQ(file.tensors.size(), 3u);
  for (const StoredTensor& tensor : file.tensors) {
    const std::vector<double> expected = r.kept[tensor.name].to_host();
    ASSERT_EQ(tensor.bytes.size(), expected.size() * sizeof(float)) << tensor.name;
    const auto* floats = reinterpret_cast<const float*>(tensor.bytes.data());
    for (std::size_t i = 0; i < expected.size(); ++i)
      ASSERT_EQ(static_cast<double>(floats[i]), expected[i]) << tensor.name << ", " << i;
  }
  EXPECT_EQ(file.notes.at("glass.digest"), "00ff");
  EXPECT_EQ(file.notes.at("glass.ids"), "[0, 5, 9, 7, 5, 9]");
}

TEST(Cache, TheTableSummarisesFiniteNumbers) {
  const Known model = small();
  const CacheResult r = cache_of(model.specimen, kIds, {{"blocks.0.attn.hook_attn_scores"}});
  ASSERT_EQ(r.entries.size(), 1u);
  double sum = 0, n = 0, low = INFINITY, high = -INFINITY;
  for (const double v : r.kept[r.entries[0].name].to_host()) {
    if (!std::isfinite(v)) continue;
    sum += v, n += 1, low = std::min(low, v), high = std::max(high, v);
  }
  EXPECT_EQ(n, 2 * 6 * 7 / 2) << "two heads; a query sees itself and what is before";
  EXPECT_DOUBLE_EQ(r.entries[0].mean, sum / n);
  EXPECT_EQ(r.entries[0].low, low);
  EXPECT_EQ(r.entries[0].high, high);
  EXPECT_EQ(r.entries[0].shape, (std::vector<std::int64_t>{1, 2, 6, 6}));
}

TEST(Cache, WithoutPatternsItIsEverything) {
  const Known model = small();
  const CacheResult r = cache_of(model.specimen, kIds);
  std::vector<std::string> names;
  for (const CacheResult::Entry& e : r.entries) names.push_back(e.name);
  EXPECT_THAT(names, ::testing::UnorderedElementsAreArray(model.gpt->taps()));
}

TEST(Cache, APatternThatMeansNothingIsAnError) {
  const Known model = small();
  EXPECT_THAT(
      message_of<UsageError>([&] { cache_of(model.specimen, kIds, {{"blocks.*.hook_zz"}}); }),
      HasSubstr("no place"));
}

}   // namespace
}   // namespace glass
