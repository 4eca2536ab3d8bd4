#include "interp/heads/composition.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/base/asker.h"
#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/random.h"
#include "interp/heads/eigen.h"
#include "interp/hooks.h"

namespace glass {
namespace {

constexpr double kMostProducts = 2e10;   // for `top` of all heads: seconds, not minutes

// A product L R of a tall (C,D) and a wide (D,C) matrix for each head, and the D x D matrices from
// which its norm follows: |L R|^2 = tr(L^T L R R^T).
struct Factors {
  Tensor left, right;             // (H,C,D) (H,D,C)
  Tensor left_gram, right_gram;   // (H,D,D)
  Tensor norm;                    // (H)
};

Tensor total(const Tensor& x) { return sum(sum(x, -1), -1); }   // over the last two axes

Factors factors(const Tensor& left, const Tensor& right) {
  const Tensor l = matmul(transpose(left), left), r = matmul(right, transpose(right));
  return {left, right, l, r, sqrt(total(l * r))};
}

// (Ha,Hb): how much each of A writes where each of B reads. |A B|^2 = tr(L^T L M R R^T M^T), where
// M = right of A times left of B.
Tensor shared_directions(const Factors& a, const Factors& b) {
  const std::int64_t Ha = a.left.dim(0), Hb = b.left.dim(0), C = a.left.dim(1), D = a.left.dim(2);
  const auto each_a = [&](const Tensor& x) { return reshape(x, {Ha, 1, x.dim(1), x.dim(2)}); };
  const auto each_b = [&](const Tensor& x) { return reshape(x, {1, Hb, x.dim(1), x.dim(2)}); };
  // One product for all pairs: (Ha D, C) (C, Hb D)
  const Tensor all = matmul(reshape(contiguous(a.right), {Ha * D, C}),
                            reshape(permute(b.left, {1, 0, 2}), {C, Hb * D}));
  const Tensor M = permute(reshape(all, {Ha, D, Hb, D}), {0, 2, 1, 3});   // (Ha,Hb,D,D)
  const Tensor square = total(matmul(each_a(a.left_gram), M) * matmul(M, each_b(b.right_gram)));
  return sqrt(maximum(square, Tensor::full(square.device(), {1}, 0, square.dtype())));
}

std::vector<double> scores_of(const Factors& a, const Factors& b) {
  std::vector<double> shared = shared_directions(a, b).to_host();
  const std::vector<double> na = a.norm.to_host(), nb = b.norm.to_host();
  for (std::size_t i = 0; i < na.size(); ++i)
    for (std::size_t j = 0; j < nb.size(); ++j) {
      const double size = na[i] * nb[j];
      shared[i * nb.size() + j] = size > 0 ? shared[i * nb.size() + j] / size : 0;
    }
  return shared;
}

// The mean of 100 pairs: each of ten random writers with each of ten random readers.
double random_composition(GPT& gpt, std::uint64_t seed) {
  const std::int64_t C = gpt.config().n_embd, D = gpt.config().head_size(), ten = 10;
  std::uint32_t which = 0;
  const auto draw = [&](std::int64_t rows, std::int64_t columns) {
    const RandomKey key{seed, site("interp", "composition"), which++, 0};
    return gaussian(gpt.device(), {ten, rows, columns}, 0, 1, key, gpt.dtype());
  };
  const Factors writers = factors(draw(C, D), draw(D, C)),
                readers = factors(draw(C, D), draw(D, C));
  const std::vector<double> all = scores_of(writers, readers);
  return std::accumulate(all.begin(), all.end(), 0.0) / static_cast<double>(all.size());
}

// The embeddings as later layers meet them: with what the first mlp says to each token alone.
Tensor effective_embedding(GPT& gpt) {
  const Tensor E = embedding_of(gpt);   // (V,C)
  const GPTConfig& c = gpt.config();
  if (!c.has_mlp() || c.norm == NormPlace::post) return E;
  const std::int64_t V = E.dim(0), C = E.dim(1), at_once = 1024;
  std::vector<double> numbers = E.to_host();
  for (std::int64_t first = 0; first < V; first += at_once) {
    const std::int64_t n = std::min(at_once, V - first);
    const Tensor rows = reshape(slice(E, 0, first, first + n), {n, 1, C});
    const std::vector<std::int32_t> zeros(static_cast<std::size_t>(n));
    Hooks hooks(gpt);
    const auto in = hooks.replace({"blocks.0.hook_mlp_in"}, rows);
    const auto out = hooks.read({"blocks.0.hook_mlp_out"}, [&](const Tensor& x) {
      const std::vector<double> said = x.to_host();
      for (std::size_t i = 0; i < said.size(); ++i)
        numbers[static_cast<std::size_t>(first * C) + i] += said[i];
    });
    Pass pass(nullptr, &hooks);
    gpt.run(pass, gpt.embed(pass, Tensor::ids(gpt.device(), zeros, {n, 1})), 0, 1);
    hooks.require_fired();
  }
  return Tensor::from(gpt.device(), numbers, E.shape(), E.dtype());
}

// Tokens evenly spread over the vocabulary.
std::vector<std::int32_t> some_tokens(std::int64_t V, std::int64_t count) {
  std::vector<std::int32_t> ids;
  for (std::int64_t i = 0; i < count; ++i) ids.push_back(static_cast<std::int32_t>(i * V / count));
  return ids;
}

Tensor rows_of(const Tensor& table, std::span<const std::int32_t> ids) {
  return embedding(table,
                   Tensor::ids(table.device(), ids, {static_cast<std::int64_t>(ids.size())}));
}

Tensor one(const Tensor& heads, int h) {   // (H,a,b) -> (a,b)
  return reshape(slice(heads, 0, h, h + 1), {heads.dim(1), heads.dim(2)});
}

double copies(const std::vector<double>& logits, std::span<const std::int32_t> ids,
              std::int64_t V) {
  double right = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto row = logits.begin() + static_cast<std::ptrdiff_t>(i) * V;
    const auto most = std::max_element(row, row + V);
    const bool speaks = *most > *std::min_element(row, row + V);
    right += speaks && most - row == ids[i] ? 1 : 0;
  }
  return right / static_cast<double>(ids.size());
}

}   // namespace

std::string str(HeadId head) {
  return std::to_string(head.layer) + "." + std::to_string(head.head);
}

HeadId head_id(const std::string& text, const GPTConfig& c) {
  const std::vector<std::string> parts = split(text, '.');
  std::int64_t layer = -1, head = -1;
  const bool two = parts.size() == 2 && parse_integer(parts[0], layer) == NumberFault::none &&
                   parse_integer(parts[1], head) == NumberFault::none;
  if (!two) fail(UsageError("a head is named layer.head, like 1.3, not " + in_quotes(text) + "."));
  if (layer < 0 || layer >= c.n_layer || head < 0 || head >= c.n_head)
    fail(UsageError("this model has no head " + in_quotes(text) + ": there are 0.0 .. " +
                    str(HeadId{static_cast<int>(c.n_layer) - 1, static_cast<int>(c.n_head) - 1}) +
                    "."));
  return {static_cast<int>(layer), static_cast<int>(head)};
}

Composition composition(GPT& gpt, std::uint64_t seed) {
  const GPTConfig& c = gpt.config();
  Composition out;
  out.baseline = random_composition(gpt, seed);
  std::vector<Factors> writes, asks, answers;
  for (int l = 0; l < c.n_layer; ++l) {
    breathe();
    const HeadWeights w = head_weights(gpt, l, NormWeights::folded);
    writes.push_back(factors(w.v, w.o));
    asks.push_back(factors(w.q, transpose(w.k)));      // W_QK read from the query's side
    answers.push_back(factors(w.k, transpose(w.q)));   // and from the key's
  }
  for (std::size_t a = 0; a < writes.size(); ++a) {
    for (std::size_t b = a + 1; b < writes.size(); ++b) {
      breathe();
      const std::vector<double> q = scores_of(writes[a], asks[b]),
                                k = scores_of(writes[a], answers[b]),
                                v = scores_of(writes[a], writes[b]);
      for (std::size_t i = 0; i < q.size(); ++i) {
        const auto H = static_cast<std::size_t>(c.n_head);
        const HeadId from{static_cast<int>(a), static_cast<int>(i / H)};
        const HeadId to{static_cast<int>(b), static_cast<int>(i % H)};
        out.scores.push_back(
            {from, to, q[i] - out.baseline, k[i] - out.baseline, v[i] - out.baseline});
      }
    }
  }
  return out;
}

Copying copying(GPT& gpt) {
  const GPTConfig& c = gpt.config();
  Copying out{PerHead(c), PerHead(c), 0, c.has_mlp() && c.norm != NormPlace::post};
  const Tensor U = unembedding_of(gpt, NormWeights::folded);   // (V,C)
  const Tensor plain = embedding_of(gpt), later = effective_embedding(gpt);
  const std::int64_t V = c.vocab_size, D = c.head_size();
  const double each = 2.0 * static_cast<double>(V * c.n_embd * c.n_layer * c.n_head);
  out.tokens = std::clamp<std::int64_t>(static_cast<std::int64_t>(kMostProducts / each),
                                        std::min<std::int64_t>(V, 32), V);
  const std::vector<std::int32_t> ids = some_tokens(V, out.tokens);
  for (int l = 0; l < c.n_layer; ++l) {
    const Tensor& E = l == 0 ? plain : later;
    const Tensor through = matmul(transpose(U), E);   // (C,C): W_U W_E
    const HeadWeights w = head_weights(gpt, l, NormWeights::folded);
    const Tensor small = matmul(matmul(w.o, through), w.v);   // (H,D,D), the same eigenvalues
    for (int h = 0; h < c.n_head; ++h) {
      breathe();
      double real = 0, size = 0;
      for (const auto& value : eigenvalues(one(small, h).to_host(), static_cast<std::size_t>(D)))
        real += value.real(), size += std::abs(value);
      out.eigen.at(l, h) = size > 0 ? real / size : 0;
      const Tensor said = matmul(matmul(rows_of(E, ids), one(w.v, h)), one(w.o, h));   // (n,C)
      out.top.at(l, h) = copies(linear(said, U).to_host(), ids, V);
    }
  }
  return out;
}

std::vector<double> head_table(GPT& gpt, HeadId head, HeadTable what,
                               std::span<const std::int32_t> tokens) {
  const HeadWeights w = head_weights(gpt, head.layer, NormWeights::folded);
  const Tensor E = rows_of(head.layer == 0 ? embedding_of(gpt) : effective_embedding(gpt), tokens);
  if (what == HeadTable::ov) {
    const Tensor U = rows_of(unembedding_of(gpt, NormWeights::folded), tokens);
    return linear(matmul(matmul(E, one(w.v, head.head)), one(w.o, head.head)), U).to_host();
  }
  const double D = static_cast<double>(gpt.config().head_size());
  const double scale = gpt.config().attn_scale > 0 ? gpt.config().attn_scale : 1 / std::sqrt(D);
  return (linear(matmul(E, one(w.q, head.head)), matmul(E, one(w.k, head.head))) * scale).to_host();
}

MatchTable match_table(GPT& gpt, HeadId from, HeadId to, std::span<const std::int32_t> tokens) {
  if (from.layer >= to.layer)
    fail(UsageError("head " + str(to) + " cannot read what " + str(from) +
                    " writes: a head reads what earlier layers wrote."));
  const HeadWeights a = head_weights(gpt, from.layer, NormWeights::folded),
                    b = head_weights(gpt, to.layer, NormWeights::folded);
  const Tensor asked = to.layer == 0 ? embedding_of(gpt) : effective_embedding(gpt);
  const Tensor written = from.layer == 0 ? embedding_of(gpt) : asked;
  const Tensor q = matmul(asked, one(b.q, to.head));   // (V,D)
  const Tensor k =
      matmul(matmul(matmul(written, one(a.v, from.head)), one(a.o, from.head)), one(b.k, to.head));
  const auto V = static_cast<double>(q.dim(0));
  // All of M adds up to the product of the sums, so M itself is needed of a few tokens only.
  const double diagonal = sum(q * k).item(), all = sum(sum(q, 0) * sum(k, 0)).item();
  MatchTable out{from, to, diagonal / V, V > 1 ? (all - diagonal) / (V * (V - 1)) : 0, 0, {}};
  const std::vector<std::int32_t> tried =
      some_tokens(q.dim(0), std::min<std::int64_t>(q.dim(0), 1024));
  out.top = copies(linear(rows_of(q, tried), k).to_host(), tried, q.dim(0));
  out.shown = linear(rows_of(q, tokens), rows_of(k, tokens)).to_host();
  return out;
}

CompositionResult composition_of(const Specimen& specimen, const CompositionOptions& options) {
  using Show = CompositionOptions::Show;
  GPT& gpt = specimen.gpt;
  const GPTConfig& c = gpt.config();
  CompositionResult r;
  r.from = specimen.from;
  r.from.seed = static_cast<std::int64_t>(options.seed);
  r.options = options, r.layers = c.n_layer, r.heads = c.n_head, r.norm = c.norm;
  std::vector<std::int32_t> ids = options.tokens;
  for (std::int32_t id = 0; options.tokens.empty() && id < std::min<std::int64_t>(48, c.vocab_size);
       ++id)
    ids.push_back(id);
  r.tokens = specimen.labels(ids);
  r.composition = composition(gpt, options.seed);
  if (options.show == Show::copying) r.copying = copying(gpt);
  if (options.show == Show::ov || options.show == Show::qk) {
    if (r.options.head.layer < 0) r.options.head = {static_cast<int>(c.n_layer) - 1, 0};
    r.table = head_table(gpt, r.options.head,
                         options.show == Show::ov ? HeadTable::ov : HeadTable::qk, ids);
  }
  if (options.show != Show::match) return r;
  if (c.n_layer < 2) fail(UsageError("a match needs two layers, and this model has one."));
  const auto best = std::max_element(r.composition.scores.begin(), r.composition.scores.end(),
                                     [](const auto& x, const auto& y) { return x.k < y.k; });
  const HeadId from = options.from.layer < 0 ? best->from : options.from;
  const HeadId to = options.to.layer < 0 ? best->to : options.to;
  r.match = match_table(gpt, from, to, ids);
  return r;
}

}   // namespace glass
