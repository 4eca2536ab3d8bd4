#include "interp/read/attention.h"

#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "interp/activations.h"

namespace glass {
namespace {

std::vector<int> one_or_all(int asked, std::int64_t count, const char* what) {
  if (asked >= count)
    fail(UsageError("this model has no " + std::string(what) + " " + std::to_string(asked) +
                    ": there are 0 .. " + std::to_string(count - 1) + "."));
  std::vector<int> all;
  for (int i = 0; i < count; ++i)
    if (asked < 0 || asked == i) all.push_back(i);
  return all;
}

// (B,T,Hk,D) -> the length of each value, (B,H,1,T), for the query heads that share it.
Tensor lengths(const Tensor& v, std::int64_t H) {
  const std::int64_t B = v.dim(0), T = v.dim(1), Hk = v.dim(2);
  const Tensor each = permute(sqrt(sum(square(v), 3)), {0, 2, 1});   // (B,Hk,T)
  const Tensor shared = broadcast_to(reshape(each, {B, Hk, 1, T}), {B, Hk, H / Hk, T});
  return reshape(shared, {B, H, 1, T});
}

Tensor viewed(const Activations& seen, int layer, AttentionView view, std::int64_t H) {
  if (view == AttentionView::scores) return seen[in_block(layer, "attn.hook_attn_scores")];
  const Tensor& pattern = seen[in_block(layer, "attn.hook_pattern")];
  if (view == AttentionView::pattern) return pattern;
  return pattern * lengths(seen[in_block(layer, "attn.hook_v")], H);
}

// What a query may not see is no number; the pattern there is 0 and the score -inf.
std::vector<double> visible(std::vector<double> values, std::size_t T, std::int64_t window) {
  for (std::size_t q = 0; q < T; ++q) {
    for (std::size_t k = 0; k < T; ++k) {
      const bool past = window > 0 && static_cast<std::int64_t>(q - k) >= window;
      if (k > q || past) values[q * T + k] = std::nan("");
    }
  }
  return values;
}

// What a head gives, on the mean of all queries that could look elsewhere, to the key `back` tokens
// before; back < 0: to the first token of all.
struct Habit {
  double share = -1;
  std::string head;
};
std::vector<Habit> habits(const AttentionResult& r, int back) {
  std::vector<Habit> all;
  const std::size_t T = r.tokens.size();
  for (std::size_t l = 0; l < r.layers.size(); ++l) {
    for (std::size_t h = 0; h < r.heads.size(); ++h) {
      double sum = 0, queries = 0;
      for (std::size_t q = 2; q < T; ++q) {
        const double share =
            r.attention[l][h][q * T + (back < 0 ? 0 : q - static_cast<std::size_t>(back))];
        if (std::isfinite(share)) sum += share, queries += 1;
      }
      if (queries > 0)
        all.push_back(
            {sum / queries, std::to_string(r.layers[l]) + "." + std::to_string(r.heads[h])});
    }
  }
  return all;
}

// The first head that gives most, and how many others give as much, to the two digits that are
// told.
std::string strongest(const AttentionResult& r, int back) {
  const std::vector<Habit> all = habits(r, back);
  if (all.empty()) return "no head";   // a window may hide the first token from every query
  const auto best = std::max_element(
      all.begin(), all.end(), [](const Habit& a, const Habit& b) { return a.share < b.share; });
  const std::string share = short_number(best->share, 1);
  const auto alike = std::count_if(all.begin(), all.end(), [&](const Habit& habit) {
    return short_number(habit.share, 1) == share;
  });
  const std::string others = alike == 1   ? ""
                             : alike == 2 ? " and another alike"
                                          : " and " + std::to_string(alike - 1) + " others alike";
  return "head " + best->head + others + " (" + share + " on the mean)";
}

std::string habits_of(const AttentionResult& r) {
  if (r.view != AttentionView::pattern || r.tokens.size() < 4) return "";
  return "Of these heads, " + strongest(r, 1) + " gives most to the token before, " +
         strongest(r, 0) + " to the token itself, " + strongest(r, -1) +
         " to the first token, where heads rest that find nothing.";
}

const char* title_of(AttentionView view) {
  if (view == AttentionView::scores) return "Whom each head would like to look at: the scores";
  if (view == AttentionView::value_weighted) return "What flows along the looks of the heads";
  return "Where the heads look";
}

}   // namespace

AttentionResult attention_of(const Specimen& specimen, std::span<const std::int32_t> ids,
                             const AttentionOptions& options) {
  const GPTConfig& c = specimen.config();
  AttentionResult r{specimen.from,
                    options.view,
                    specimen.labels(ids),
                    one_or_all(options.layer, c.n_layer, "layer"),
                    one_or_all(options.head, c.n_head, "head"),
                    {}};
  std::vector<std::string> names;
  for (const int l : r.layers) {
    for (const char* name : {"attn.hook_v", "attn.hook_attn_scores", "attn.hook_pattern"})
      names.push_back(in_block(l, name));
  }
  const Activations seen = look(specimen.gpt, specimen.row(ids), names);
  for (const int l : r.layers) {
    const Tensor all = viewed(seen, l, options.view, c.n_head);   // (1,H,T,T)
    r.attention.emplace_back();
    for (const int h : r.heads)
      r.attention.back().push_back(
          visible(slice(all, 1, h, h + 1).to_host(), ids.size(), c.window));
  }
  return r;
}

Page page_of(const AttentionResult& r) {
  Page page{"attention", title_of(r.view), r.from};
  page.add(
      Paragraph{"Each row is a token that looks back (the query), each column one that it may "
                "look at (the key)."});
  if (r.view == AttentionView::value_weighted)
    page.add(
        Paragraph{"A cell is the attention times the length of the value that is read there: to "
                  "look at an empty value carries nothing."});
  if (const std::string habits = habits_of(r); !habits.empty()) page.add(Paragraph{habits});
  for (std::size_t l = 0; l < r.layers.size(); ++l) {
    Gallery gallery{"Layer " + std::to_string(r.layers[l]), {}};
    for (std::size_t h = 0; h < r.heads.size(); ++h) {
      Heatmap map{std::to_string(r.layers[l]) + "." + std::to_string(r.heads[h]),
                  "query",
                  "key",
                  r.tokens,
                  r.tokens,
                  r.attention[l][h]};
      if (r.view == AttentionView::pattern) map.range = Range{0, 1};
      if (r.view == AttentionView::scores) map.colours = Heatmap::Colours::diverging;
      gallery.maps.push_back(std::move(map));
    }
    page.add(std::move(gallery));
  }
  return page;
}

void put(Json& json, const AttentionResult& r) {
  json.field("tokens", r.tokens).field("layers", r.layers).field("heads", r.heads);
  const std::size_t T = r.tokens.size();
  json.key("attention").array();
  for (const auto& layer : r.attention) {
    json.array();
    for (const std::vector<double>& head : layer) {
      json.array();
      for (std::size_t q = 0; q < T; ++q) {
        const auto row = head.begin() + static_cast<std::ptrdiff_t>(q * T);
        json.value(std::vector<double>(row, row + static_cast<std::ptrdiff_t>(T)));
      }
      json.end();
    }
    json.end();
  }
  json.end();
}

}   // namespace glass
