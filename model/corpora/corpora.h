// Texts that this program can write itself, as much of them as one likes: the built-in names,
// stories, and small tasks whose rule one knows. Document number i is a function of (seed, i), so
// everybody has the same ones and nothing needs to be downloaded.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace glass {

struct Corpus {
  std::string_view name;
  std::string_view what;        // one line for people
  std::string_view separator;   // between two documents; in no document
  std::int64_t documents;       // how many `glass train NAME` takes
  std::int64_t most;            // how many there are
  std::string (*document)(std::uint64_t seed, std::int64_t number);
};

std::span<const Corpus> corpora();
const Corpus* find_corpus(std::string_view name);   // null: no such corpus

constexpr std::uint64_t kCorpusSeed = 1;   // of what `glass train NAME` learns from

// The first documents, each followed by the separator. UsageError where there are not so many.
std::string make_corpus(const Corpus& corpus, std::int64_t documents, std::uint64_t seed);

// The generators, one in each file.
std::string builtin_name(std::uint64_t seed, std::int64_t number);
std::string story(std::uint64_t seed, std::int64_t number);
std::string repeats_task(std::uint64_t seed, std::int64_t number);
std::string arithmetic_task(std::uint64_t seed, std::int64_t number);
std::string brackets_task(std::uint64_t seed, std::int64_t number);

}   // namespace glass
