// How the readings of a lens are shown.
#include <algorithm>
#include <cmath>

#include "engine/base/text.h"
#include "interp/read/lens.h"

namespace glass {
namespace {

std::vector<std::string> row_names(const LensReading& r) {
  std::vector<std::string> names;
  for (const LensRow& row : r.rows) names.push_back(row.name);
  return names;
}

template <class F>
Heatmap map_of(const std::string& title, const LensReading& r, const F& value) {
  Heatmap map{title, "layer", "position", row_names(r), r.tokens};
  for (const LensRow& row : r.rows)
    for (const LensCell& cell : row.cells) map.values.push_back(value(cell));
  return map;
}

Heatmap guesses(const LensReading& r, const std::string& title) {
  Heatmap map = map_of(title, r, [](const LensCell& c) { return c.top[0].probability; });
  map.range = Range{0, 1};
  map.unit = "probability";
  for (const LensRow& row : r.rows)
    for (const LensCell& cell : row.cells) map.texts.push_back(cell.top[0].token);
  return map;
}

// Row after row, what is thought about the last position.
Table last_position(const LensReading& r) {
  Table table{"What may follow the last token", {"layer", "likeliest", "entropy", "KL to output"}, {}};
  table.align = {Align::right, Align::left, Align::right, Align::right};
  const bool asked = r.targets.back() >= 0;
  if (asked) {
    for (const std::string& name : {"rank of " + r.target_names.back(), std::string("-ln p")}) {
      table.columns.push_back(name);
      table.align.push_back(Align::right);
    }
  }
  for (const LensRow& row : r.rows) {
    const LensCell& cell = row.cells.back();
    std::string top;
    for (const LensGuess& guess : cell.top)
      top += (top.empty() ? "" : "  ") + guess.token + format(" %.2f", guess.probability);
    table.rows.push_back(
        {row.name, top, format("%.2f", cell.entropy), format("%.2f", cell.kl_to_final)});
    if (!asked) continue;
    table.rows.back().push_back(std::to_string(cell.rank + 1));
    table.rows.back().push_back(format("%.2f", cell.cross_entropy));
  }
  return table;
}

// How surprised each row is on average, over the positions with a token asked about.
Table surprise(const LensReading& r) {
  Table table{"Mean over the text", {"layer", "-ln p", "KL to output", "entropy"}, {}};
  table.align = {Align::right, Align::right, Align::right, Align::right};
  for (const LensRow& row : r.rows) {
    double loss = 0, kl = 0, entropy = 0, asked = 0;
    for (const LensCell& cell : row.cells) {
      kl += cell.kl_to_final, entropy += cell.entropy;
      if (cell.rank >= 0) loss += cell.cross_entropy, asked += 1;
    }
    const double n = static_cast<double>(row.cells.size());
    table.rows.push_back({row.name, asked > 0 ? format("%.3f", loss / asked) : "-",
                          format("%.3f", kl / n), format("%.3f", entropy / n)});
  }
  return table;
}

std::string conclusion(const LensReading& r) {
  const int last = static_cast<int>(r.rows.size()) - 1;
  const auto early = std::count_if(r.convergence.begin(), r.convergence.end(),
                                   [&](int row) { return row < last; });
  return "The likeliest token of the output stands already before the last row at " +
         std::to_string(early) + " of " + std::to_string(r.tokens.size()) +
         " positions; behind the last " + "token, " + r.rows.back().cells.back().top[0].token +
         " leads from \"" + r.rows[static_cast<std::size_t>(r.convergence.back())].name + "\" on.";
}

void put_reading(Json& json, const LensReading& r) {
  json.field("tokens", r.tokens).field("targets", r.targets).field("rows", row_names(r));
  json.key("layers").array();
  for (const LensRow& row : r.rows) {
    json.array();
    for (const LensCell& cell : row.cells) {
      json.object().key("top").array();
      for (const LensGuess& guess : cell.top) {
        json.object().field("id", guess.id).field("token", guess.token);
        json.field("prob", guess.probability).end();
      }
      json.end().field("entropy", cell.entropy).field("kl_to_final", cell.kl_to_final);
      if (cell.rank >= 0) json.field("rank", cell.rank).field("cross_entropy", cell.cross_entropy);
      json.end();
    }
    json.end();
  }
  json.end().field("convergence", r.convergence);
}

}   // namespace

Page page_of(const LensResult& r) {
  Page page{"lens",
            r.tuned.empty() ? "What it would say now: the logit lens"
                            : "What it would say now: the tuned lens",
            r.from};
  page.add(
      Paragraph{"Read downwards: behind every layer the stream is read as if the model ended "
                "there. A cell shows the likeliest next token; its colour is how likely. The "
                "last row is the model's output."});
  if (r.post_norm) {
    page.add(
        Paragraph{"This model norms its stream behind every sum (post-norm). The lens reads what "
                  "each block hands on; but the next norm makes it smaller before something is "
                  "added, so an early guess is not kept by itself."});
  }
  page.add(guesses(r.reading, "The likeliest next token"));
  page.add(Paragraph{conclusion(r.reading)});
  Heatmap kl =
      map_of("How far from the output", r.reading, [](const LensCell& c) { return c.kl_to_final; });
  kl.unit = "KL, nats";
  page.add(std::move(kl));
  page.add(last_position(r.reading));
  page.add(surprise(r.reading));
  if (!r.other) return page;
  page.add(guesses(*r.other, "The likeliest next token in the second text"));
  page.add(Paragraph{conclusion(*r.other)});
  const std::size_t n = r.divergence[0].size(), T = r.reading.tokens.size(),
                    U = r.other->tokens.size();
  Heatmap apart{
      "How far the second text is from the first", "layer", "position", row_names(r.reading), {}};
  for (std::size_t i = 0; i < n; ++i) {
    const std::string &a = r.reading.tokens[T - n + i], &b = r.other->tokens[U - n + i];
    apart.columns.push_back(a == b ? a : a + "/" + b);
  }
  for (const std::vector<double>& row : r.divergence)
    apart.values.insert(apart.values.end(), row.begin(), row.end());
  apart.unit = "KL, nats";
  page.add(std::move(apart));
  return page;
}

void put(Json& json, const LensResult& r) {
  json.field("post_norm", r.post_norm);
  if (r.tuned.empty()) json.key("tuned").null();
  else json.field("tuned", r.tuned);
  put_reading(json, r.reading);
  if (!r.other) return;
  json.key("compare").object();
  put_reading(json, *r.other);
  json.field("divergence", r.divergence).end();
}

}   // namespace glass
