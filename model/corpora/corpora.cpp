#include "model/corpora/corpora.h"

#include <algorithm>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/random.h"
#include "model/builtin_names.h"
#include "model/permutation.h"
#include "model/random_repeats.h"

namespace glass {
namespace {

const std::vector<std::string>& all_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list = split(builtin_names(), '\n');
    list.pop_back();   // behind the last line end
    return list;
  }();
  return names;
}

constexpr std::int64_t kNames = 13806;
constexpr std::int64_t kMany = std::int64_t{1} << 40;

// clang-format off
const Corpus kCorpora[] = {
    {"names", "given names from many cultures, one a line; built in", "\n", kNames, kNames, builtin_name},
    {"stories", "short stories with people, places, wishes and talk", "\n\n", 5000, kMany, story},
    {"repeats", "random letters, and the same letters again", "\n", 20000, kMany, repeats_task},
    {"arithmetic", "sums, differences and products of small numbers", "\n", 50000, kMany, arithmetic_task},
    {"brackets", "three kinds of brackets that close in the right order", "\n", 20000, kMany, brackets_task},
    {"induction", "random tokens that come again: what grows induction heads", "\n", 20000, kMany, induction_task},
};
// clang-format on

}   // namespace

std::string builtin_name(std::uint64_t seed, std::int64_t number) {
  const auto n = static_cast<std::int64_t>(all_names().size());
  const Permutation shuffled(n, seed, site("corpora", "names"), 0);
  return all_names().at(static_cast<std::size_t>(shuffled(number)));
}

std::span<const Corpus> corpora() { return kCorpora; }

const Corpus* find_corpus(std::string_view name) {
  const auto found = std::find_if(std::begin(kCorpora), std::end(kCorpora),
                                  [&](const Corpus& c) { return c.name == name; });
  return found == std::end(kCorpora) ? nullptr : found;
}

std::string make_corpus(const Corpus& corpus, std::int64_t documents, std::uint64_t seed) {
  if (documents > corpus.most) {
    fail(UsageError("there are only " + with_commas(corpus.most) + " documents of " +
                    std::string(corpus.name) + ", not " + with_commas(documents) + "."));
  }
  std::string text;
  for (std::int64_t i = 0; i < documents; ++i) {
    text += corpus.document(seed, i);
    text += corpus.separator;
  }
  return text;
}

}   // namespace glass
