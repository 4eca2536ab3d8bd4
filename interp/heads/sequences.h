// Texts that mean nothing, to see what a head does with repetition alone: random tokens that come
// twice. Nothing can be guessed in the first copy and everything in the second, so whoever does
// well there looked back.
//
// Sequence `index` of a source is a function of (seed, index) alone.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "interp/specimen.h"

namespace glass {

// Does the token that begins a document stand in front? automatic: where there is one in the
// tokenizer, since then the model never read anything without it.
enum class Bos : std::uint8_t { automatic, yes, no };

// Token `query` came before, and `target` is the place behind its earlier occurrence: where a head
// must look to find out what comes next.
struct Match {
  std::int64_t query = 0, target = 0;
};

struct Sequence {
  std::vector<std::int32_t> ids;
  std::vector<Match> matches;   // of the last copy, by query
};

struct SequenceSource {
  std::int64_t vocab_size = 0, context = 0;
  std::int32_t bos = -1;     // the token in front, or -1
  std::int64_t window = 0;   // how far back attention sees, itself included; 0: all the way
  std::uint64_t seed = 1337;

  SequenceSource() = default;
  SequenceSource(const Specimen& specimen, Bos bos, std::uint64_t seed);
  std::int64_t front() const { return bos >= 0 ? 1 : 0; }   // how many tokens stand in front
  std::int64_t tokens() const;   // how many can be drawn: all but 0, the end of a text, and bos
  // The largest N of `repeated` that has room, and whose matches attention can see.
  std::int64_t longest_half() const;
};

// [bos] h h .. h, R times the same N distinct tokens. UsageError where the model cannot read so
// many tokens, or has not so many. The match of query i is i - N + 1.
Sequence repeated(const SequenceSource& source, std::int64_t N, std::uint64_t index, int R = 2);

// [bos] random tokens, m of which come again at a place drawn by chance, at a distance that no two
// sequences need to share: a head that looks at a fixed distance finds nothing here. m is N, or
// less where the context or the window of attention leaves no room to move. All sequences of one N
// have the same length.
Sequence with_gap(const SequenceSource& source, std::int64_t N, std::uint64_t index);

// What a head that looks everywhere alike would score on the matches of `repeated`.
double uniform_score(const SequenceSource& source, std::int64_t N);

std::vector<Sequence> many_repeated(const SequenceSource& source, std::int64_t N, int count,
                                    int R = 2);
std::vector<Sequence> many_with_gap(const SequenceSource& source, std::int64_t N, int count);

}   // namespace glass
