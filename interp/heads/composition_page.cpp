// What glass interp composition shows.
#include <algorithm>
#include <cmath>

#include "engine/base/text.h"
#include "interp/heads/composition.h"

namespace glass {
namespace {

using Show = CompositionOptions::Show;

std::vector<std::string> head_names(std::int64_t first_layer, std::int64_t last_layer,
                                    std::int64_t H) {
  std::vector<std::string> names;
  for (std::int64_t l = first_layer; l < last_layer; ++l)
    for (std::int64_t h = 0; h < H; ++h)
      names.push_back(std::to_string(l) + "." + std::to_string(h));
  return names;
}

// From what random matrices share to the closest of all: a pair that shares less than they do is as
// little as one that shares as much. A model by hand has many that share nothing at all.
Range range_of(const Composition& composition) {
  double most = 1e-6;
  for (const CompositionScore& s : composition.scores) most = std::max({most, s.q, s.k, s.v});
  return {0, most};
}

Heatmap grid(const CompositionResult& r, const char* title, double CompositionScore::*which) {
  Heatmap map{title,
              "writes",
              "reads",
              head_names(0, r.layers - 1, r.heads),
              head_names(1, r.layers, r.heads),
              {}};
  map.values.assign(map.rows.size() * map.columns.size(), std::nan(""));
  for (const CompositionScore& s : r.composition.scores) {
    const auto row = static_cast<std::size_t>(s.from.layer * r.heads + s.from.head);
    const auto column = static_cast<std::size_t>((s.to.layer - 1) * r.heads + s.to.head);
    map.values[row * map.columns.size() + column] = s.*which;
  }
  map.unit = "above random", map.range = range_of(r.composition);
  if (map.columns.size() <= 8) map.numbers = Heatmap::Numbers::shown;
  return map;
}

struct Link {
  const CompositionScore* pair;
  const char* how;
  double value;
};

std::vector<Link> strongest(const CompositionResult& r) {
  std::vector<Link> links;
  for (const CompositionScore& s : r.composition.scores)
    links.insert(links.end(), {{&s, "Q", s.q}, {&s, "K", s.k}, {&s, "V", s.v}});
  std::stable_sort(links.begin(), links.end(),
                   [](const Link& a, const Link& b) { return a.value > b.value; });
  if (links.size() > 12) links.resize(12);
  while (links.size() > 1 && links.back().value <= 0) links.pop_back();   // no more than chance
  return links;
}

std::string what_it_means(const Link& link) {
  const std::string from = str(link.pair->from), to = str(link.pair->to);
  if (link.how[0] == 'Q') return to + " asks with what " + from + " found out";
  if (link.how[0] == 'K') return to + " finds places by what " + from + " wrote there";
  return to + " carries on what " + from + " carried";
}

void add_scores(Page& page, const CompositionResult& r) {
  if (r.composition.scores.empty()) {
    page.add(Paragraph{"This model has one layer: no head can read what another one wrote."});
    return;
  }
  const std::vector<Link> links = strongest(r);
  page.add(Paragraph{"The closest: " + what_it_means(links.front()) +
                     format(" (%s, %.3f above random matrices, which have %.3f).",
                            links.front().how, links.front().value, r.composition.baseline)});
  Table t{"The closest pairs", {"from", "to", "through", "above random", "so"}, {}, {}};
  t.align = {Align::left, Align::left, Align::left, Align::right, Align::left};
  for (const Link& link : links)
    t.rows.push_back({str(link.pair->from), str(link.pair->to), link.how,
                      format("%.3f", link.value), what_it_means(link)});
  page.add(std::move(t));
  page.add(Gallery{
      "Who reads what whom wrote",
      {grid(r, "through Q", &CompositionScore::q), grid(r, "through K", &CompositionScore::k),
       grid(r, "through V", &CompositionScore::v)}});
  page.add(
      Paragraph{"0 is what matrices of random numbers share; whatever shares less has the same "
                "colour. An induction head reads, through K, what a head that looks one back "
                "wrote."});
}

void add_copying(Page& page, const CompositionResult& r) {
  Table t{
      "What each head says of the token it looks at", {"head", "eigen", "own token first"}, {}, {}};
  t.align = {Align::left, Align::right, Align::right};
  Heatmap map{
      "Copying (eigenvalues), layer by head", "layer", "head", {}, {}, r.copying.eigen.values};
  for (std::int64_t l = 0; l < r.layers; ++l) map.rows.push_back(std::to_string(l));
  for (std::int64_t h = 0; h < r.heads; ++h) map.columns.push_back(std::to_string(h));
  map.colours = Heatmap::Colours::diverging, map.range = Range{-1, 1},
  map.numbers = Heatmap::Numbers::shown;
  for (std::int64_t l = 0; l < r.layers; ++l)
    for (std::int64_t h = 0; h < r.heads; ++h)
      t.rows.push_back({str(HeadId{static_cast<int>(l), static_cast<int>(h)}),
                        format("%.2f", r.copying.eigen.at(l, h)),
                        format("%.0f %%", 100 * r.copying.top.at(l, h))});
  page.add(std::move(map)).add(std::move(t));
  page.add(Paragraph{
      "eigen: the sum of the eigenvalues of the way from a token through the head to the logits, "
      "over "
      "the sum of their sizes: +1 copies, -1 argues against, 0 does neither. own token first: of " +
      with_commas(r.copying.tokens) + " tokens, how many raise their own logit most" +
      (r.copying.effective ? ", behind layer 0 with what the first mlp adds to them." : ".")});
}

void add_table(Page& page, const CompositionResult& r) {
  const bool ov = r.options.show == Show::ov;
  Heatmap map{ov ? "What head " + str(r.options.head) + " says of a token it looks at"
                 : "What head " + str(r.options.head) + " looks for",
              ov ? "looked at" : "query",
              ov ? "spoken for" : "key",
              r.tokens,
              r.tokens,
              r.table};
  map.colours = Heatmap::Colours::diverging, map.unit = ov ? "logit" : "score";
  page.add(std::move(map));
  page.add(Paragraph{
      ov ? "A bright diagonal copies: each token speaks for itself."
         : "The score before the softmax, of tokens alone: where they stand is left out."});
}

void add_match(Page& page, const CompositionResult& r) {
  const MatchTable& m = r.match;
  page.add(Paragraph{
      "Does " + str(m.to) + " find what " + str(m.from) + " wrote? " +
      format(
          "A token fits its own mark with %.2f and those of others with %.2f; for %.0f %% of the "
          "tokens no other mark fits better.",
          m.diagonal, m.off_diagonal, 100 * m.top)});
  Heatmap map{"Asked by a token of " + str(m.to) + ", answered by a mark of " + str(m.from),
              "query",
              "mark of",
              r.tokens,
              r.tokens,
              m.shown};
  map.colours = Heatmap::Colours::diverging, map.unit = "score";
  page.add(std::move(map));
}

}   // namespace

Page page_of(const CompositionResult& r) {
  Page page{"composition", "Which heads work together?", r.from};
  if (r.options.show == Show::scores) add_scores(page, r);
  if (r.options.show == Show::copying) add_copying(page, r);
  if (r.options.show == Show::ov || r.options.show == Show::qk) add_table(page, r);
  if (r.options.show == Show::match) add_match(page, r);
  if (r.norm == NormPlace::pre)
    page.add(
        Paragraph{"The weights of the norms are multiplied into the matrices behind them; what a "
                  "norm divides by, "
                  "one number for each position, is left out."});
  if (r.norm == NormPlace::post)
    page.add(
        Paragraph{"In this model a norm stands on the stream itself, between writer and reader; "
                  "the matrices are "
                  "compared as they are, as if it were not there."});
  return page;
}

void put(Json& json, const CompositionResult& r) {
  json.field("baseline", r.composition.baseline).key("scores").array();
  for (const CompositionScore& s : r.composition.scores)
    json.object()
        .field("from", str(s.from))
        .field("to", str(s.to))
        .field("q", s.q)
        .field("k", s.k)
        .field("v", s.v)
        .end();
  json.end();
  if (r.options.show == Show::copying) {
    json.key("copying").array();
    for (int l = 0; l < r.layers; ++l)
      for (int h = 0; h < r.heads; ++h)
        json.object()
            .field("layer", l)
            .field("head", h)
            .field("eigen", r.copying.eigen.at(l, h))
            .field("top", r.copying.top.at(l, h))
            .end();
    json.end();
  }
  if (r.options.show == Show::ov || r.options.show == Show::qk)
    json.field("head", str(r.options.head)).field("tokens", r.tokens).field("table", r.table);
  if (r.options.show == Show::match) {
    json.key("match").object().field("from", str(r.match.from)).field("to", str(r.match.to));
    json.field("diagonal", r.match.diagonal)
        .field("off_diagonal", r.match.off_diagonal)
        .field("top", r.match.top)
        .end();
  }
}

}   // namespace glass
