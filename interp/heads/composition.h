// Which heads work together? A head of a later layer reads the stream with three matrices: to ask
// (Q), to be found (K), and for what it carries over (V). Where one of them reads the directions
// that an earlier head writes, the two compose. And what does a head say about a token by itself?
// Its OV matrix is a table of that, from every token it looks at to every token it may speak for.
//
// All of this is about weights alone: no text is read, and positions are left out.
#pragma once
#include <string>
#include <vector>

#include "interp/heads/patterns.h"
#include "interp/heads/weights.h"
#include "interp/page/page.h"

namespace glass {

struct HeadId {
  int layer = -1, head = -1;
  bool operator==(const HeadId&) const = default;
};
std::string str(HeadId head);   // "1.3"
HeadId head_id(const std::string& text,
               const GPTConfig&);   // UsageError where there is no such head

// |W_A W_B| / (|W_A| |W_B|): 0 where B reads nothing of what A writes, 1 where it reads one
// direction and A writes no other. Through matrices of D x D alone.
struct CompositionScore {
  HeadId from, to;
  double q = 0, k = 0, v = 0;   // what random matrices of this size have is taken off
};

struct Composition {
  std::vector<CompositionScore> scores;   // of all pairs of an earlier and a later layer
  double baseline = 0;                    // of random matrices: the mean of 100
};
Composition composition(GPT& gpt, std::uint64_t seed);

// Does a head speak for what it looks at? eigen: +1 where W_OV, from tokens to logits, stretches
// and never turns round; -1 where it turns everything round. top: for how many tokens their own
// logit is raised most.
struct Copying {
  PerHead eigen, top;
  std::int64_t tokens = 0;   // how many were tried
  bool effective = false;    // behind layer 0: embeddings with what the first mlp adds to them
};
Copying copying(GPT& gpt);

// What one head makes of tokens: (source, target) for OV, (query, key) for QK before the softmax.
enum class HeadTable : std::uint8_t { ov, qk };
std::vector<double> head_table(GPT& gpt, HeadId head, HeadTable what,
                               std::span<const std::int32_t> tokens);

// Does `to` find what `from` wrote? M[query, source] = (E W_Q) (E W_V W_O W_K)^T over all tokens:
// in an induction circuit a token matches the mark that it left itself.
struct MatchTable {
  HeadId from, to;
  double diagonal = 0, off_diagonal = 0;   // means
  double top = 0;                          // how often the largest of a row is on the diagonal
  std::vector<double> shown;               // of the tokens that are shown
};
MatchTable match_table(GPT& gpt, HeadId from, HeadId to, std::span<const std::int32_t> tokens);

// ---- as an analysis -----------------------------------------------------------------------------

struct CompositionOptions {
  enum class Show : std::uint8_t { scores, copying, ov, qk, match } show = Show::scores;
  HeadId head = {}, from = {}, to = {};    // of ov and qk; of match. Without: the strongest by K
  std::vector<std::int32_t> tokens = {};   // of ov, qk, match; empty: the first 48
  std::uint64_t seed = 1337;
};

struct CompositionResult {
  Provenance from;
  CompositionOptions options;
  std::int64_t layers = 0, heads = 0;
  NormPlace norm = NormPlace::none;
  Composition composition;
  Copying copying;
  std::vector<std::string> tokens;
  std::vector<double> table;   // ov or qk
  MatchTable match;
};
CompositionResult composition_of(const Specimen& specimen, const CompositionOptions& options = {});

Page page_of(const CompositionResult& result);
void put(Json& json, const CompositionResult& result);

}   // namespace glass
