#include "interp/change/patching.h"

#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "interp/change/cells.h"

namespace glass {
namespace {

bool in_stream(const std::string& site) {
  return site.starts_with("resid_") || site.ends_with("_out");
}

std::string place_of(const std::string& site) {
  return (in_stream(site) ? "hook_" : "attn.hook_") + site;
}

// The grid: what its axes count, and which cell of which layer stands where.
struct Grid {
  struct Row {
    std::string label;
    int layer;
    std::vector<Cell> cells;
  };
  std::string row_axis, column_axis;
  std::vector<std::string> columns;
  std::vector<Row> rows;
};

void require(bool good, const std::string& sentence) {
  if (!good) fail(UsageError(sentence));
}

void check(const GPTConfig& c, const PatchOptions& o) {
  const std::vector<std::string> sites = {
      "resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out", "z", "q", "k", "v", "pattern"};
  require(std::find(sites.begin(), sites.end(), o.site) != sites.end(),
          "there is no site " + in_quotes(o.site) + "; there are " + list_of(sites, "and") + ".");
  require(c.has_mlp() || (o.site != "mlp_out" && o.site != "resid_mid"),
          "this model has no mlp, so there is no " + o.site + " in it.");
  const auto below = [&](const char* what, int asked, std::int64_t count) {
    require(asked < count, "this model has no " + std::string(what) + " " + std::to_string(asked) +
                               ": there are 0 .. " + std::to_string(count - 1) + ".");
  };
  below("layer", o.layer, c.n_layer);
  below("head", o.head, o.site == "k" || o.site == "v" ? c.kv_heads() : c.n_head);
  require(o.head < 0 || !in_stream(o.site), o.site + " has no heads; leave the head out.");
  require(o.by != PatchBy::head || !in_stream(o.site),
          o.site + " has no heads; leave --by at auto, or take --site z, q, k, v or pattern.");
  require(o.by != PatchBy::source || o.site == "pattern",
          "only a pattern has sources, which are the keys that are looked at; leave --by at auto, "
          "or take --site pattern.");
  const bool finer = o.by == PatchBy::position || o.by == PatchBy::source;
  require(in_stream(o.site) || !finer || o.layer >= 0,
          "heads by position are a grid for each layer; name one layer.");
}

Grid grid_of(const Specimen& specimen, const Task& task, const PatchOptions& o) {
  const GPTConfig& c = specimen.config();
  const std::int64_t heads = o.site == "k" || o.site == "v" ? c.kv_heads() : c.n_head;
  const bool by_position = in_stream(o.site) || o.by == PatchBy::position;
  const bool by_source = o.by == PatchBy::source;
  const std::vector<std::string> tokens = specimen.labels(task.pairs.front().clean);
  Grid grid;
  const auto line = [&](int first_head, const std::int64_t query) {   // one cell for each column
    std::vector<Cell> cells;
    // A query cannot look at what comes after it.
    const std::int64_t n = query >= 0 ? query + 1 : static_cast<std::int64_t>(grid.columns.size());
    for (std::int64_t i = 0; i < n; ++i) {
      if (grid.column_axis == "head") cells.push_back({static_cast<int>(i), -1, -1});
      else if (grid.column_axis == "key") cells.push_back({first_head, query, i});
      else cells.push_back({first_head, i, -1});
    }
    return cells;
  };
  const bool cellwise = o.site == "pattern" && o.head >= 0 && (by_position || by_source);
  grid.column_axis = cellwise || by_source ? "key" : by_position ? "position" : "head";
  if (grid.column_axis == "head") {
    for (std::int64_t h = 0; h < heads; ++h) grid.columns.push_back(std::to_string(h));
  } else {
    grid.columns = tokens;
  }
  if (cellwise) {
    grid.row_axis = "query";
    for (std::size_t q = 0; q < tokens.size(); ++q)
      grid.rows.push_back({tokens[q], o.layer, line(o.head, static_cast<std::int64_t>(q))});
  } else if (!in_stream(o.site) && grid.column_axis != "head") {
    grid.row_axis = "head";
    for (int h = 0; h < heads; ++h)
      if (o.head < 0 || o.head == h)
        grid.rows.push_back(
            {std::to_string(o.layer) + "." + std::to_string(h), o.layer, line(h, -1)});
  } else {
    grid.row_axis = "layer";
    for (int l = 0; l < c.n_layer; ++l)
      if (o.layer < 0 || o.layer == l) grid.rows.push_back({std::to_string(l), l, line(-1, -1)});
    if (o.head >= 0) {
      grid.columns = {std::to_string(o.head)};
      for (Grid::Row& row : grid.rows) row.cells = {{o.head, -1, -1}};
    }
  }
  return grid;
}

// Does what stands at this place of a block speak to other positions of the block itself?
bool speaks_to_others(const std::string& place) {
  return place == "hook_resid_pre" || place == "attn.hook_k" || place == "attn.hook_v";
}

// The answers of cells of one layer. A run goes only to those that change something: nothing of a
// text is another before the first token that differs, and the last block is read at its last
// position alone.
std::vector<double> answers_of_layer(const Specimen& specimen, const Task& task, int layer,
                                     const std::string& place, const Activations& base,
                                     const Activations& other, double base_answer,
                                     const std::vector<Cell>& cells) {
  // What leaves a block enters the next one.
  if (place == "hook_resid_post" && layer + 1 < specimen.config().n_layer)
    return answers_of_layer(specimen, task, layer + 1, "hook_resid_pre", base, other, base_answer,
                            cells);
  const std::string name = in_block(layer, place);
  std::vector<char> differ = cells_that_differ(base[name], other[name], cells, name);
  if (layer + 1 == specimen.config().n_layer && !speaks_to_others(place))
    for (std::size_t i = 0; i < cells.size(); ++i)
      if (cells[i].position >= 0 && cells[i].position + 1 < task.T()) differ[i] = 0;
  std::vector<Cell> some;
  for (std::size_t i = 0; i < cells.size(); ++i)
    if (differ[i]) some.push_back(cells[i]);
  const std::vector<double> answers = answers_of_cells(
      specimen.gpt, task, layer, place, base[in_block(layer, "hook_resid_pre")], other[name], some);
  std::vector<double> all;
  auto next = answers.begin();
  for (const char differs : differ) all.push_back(differs ? *next++ : base_answer);
  return all;
}

}   // namespace

double share_of_way(PatchMode mode, const TwoRuns& runs, double answer) {
  const double whole = runs.metric_clean - runs.metric_corrupt;
  return mode == PatchMode::denoise ? (answer - runs.metric_corrupt) / whole
                                    : (runs.metric_clean - answer) / whole;
}

PatchResult patching_of(const Specimen& specimen, const Task& task, const PatchOptions& o) {
  check(specimen.config(), o);
  const std::string place = place_of(o.site);
  const TwoRuns runs = run_both(specimen, task, {"blocks.*.hook_resid_pre", "blocks.*." + place});
  const bool denoise = o.mode == PatchMode::denoise;
  const Activations &base = denoise ? runs.corrupt : runs.clean,
                    &other = denoise ? runs.clean : runs.corrupt;
  Grid grid = grid_of(specimen, task, o);
  PatchResult r{specimen.from,
                o,
                question_of(specimen, task, runs.metric_clean, runs.metric_corrupt),
                grid.row_axis,
                grid.column_axis,
                {},
                grid.columns,
                {}};
  // Rows of one layer go through the model together.
  for (std::size_t from = 0, to = 0; from < grid.rows.size(); from = to) {
    const int layer = grid.rows[from].layer;
    std::vector<Cell> cells;
    for (; to < grid.rows.size() && grid.rows[to].layer == layer; ++to)
      cells.insert(cells.end(), grid.rows[to].cells.begin(), grid.rows[to].cells.end());
    const std::vector<double> all =
        answers_of_layer(specimen, task, layer, place, base, other,
                         denoise ? runs.metric_corrupt : runs.metric_clean, cells);
    auto next = all.begin();
    for (std::size_t row = from; row < to; ++row) {
      r.rows.push_back(grid.rows[row].label);
      for (std::size_t i = 0; i < r.columns.size(); ++i) {
        const bool there = i < grid.rows[row].cells.size();
        r.grid.push_back(there ? share_of_way(o.mode, runs, *next++) : std::nan(""));
      }
    }
  }
  return r;
}

// ---- telling ------------------------------------------------------------------------------------

namespace {

// "at layer 1, position 11 (B)"
std::string cell_name(const PatchResult& r, std::size_t row, std::size_t column) {
  const auto axis = [](const std::string& name, const std::string& label, std::size_t i) {
    const bool token = name == "position" || name == "key" || name == "query";
    return token ? name + " " + std::to_string(i) + " (" + label + ")" : name + " " + label;
  };
  return axis(r.row_axis, r.rows[row], row) + ", " + axis(r.column_axis, r.columns[column], column);
}

std::string conclusion(const PatchResult& r) {
  std::size_t best = 0;
  for (std::size_t i = 0; i < r.grid.size(); ++i)
    if (std::isnan(r.grid[best]) || r.grid[i] > r.grid[best]) best = i;
  if (r.grid[best] < 0.1) return "No single cell does much: what matters lies in several at once.";
  return format(r.options.mode == PatchMode::denoise
                    ? "%s of the clean run alone brings back %.0f %% of the clean answer."
                    : "Without %s of the clean run %.0f %% of its answer is gone.",
                cell_name(r, best / r.columns.size(), best % r.columns.size()).c_str(),
                100 * r.grid[best]);
}

}   // namespace

Page page_of(const PatchResult& r) {
  const bool denoise = r.options.mode == PatchMode::denoise;
  const std::string title =
      denoise ? "What brings the answer back" : "What the answer cannot do without";
  Page page{"patch", title + ": " + r.options.site, r.from};
  page.add(Paragraph{
      answer_in_words(r.question) +
      format(
          "Each cell is a run of the %s text in which %s of that cell alone comes from the other "
          "text. %s",
          denoise ? "corrupt" : "clean", r.options.site.c_str(),
          denoise ? "0: it changes nothing; 1: the clean answer is back."
                  : "0: it changes nothing; 1: the clean answer is gone.")});
  if (r.question.pairs > 1 && r.column_axis != "head")
    page.add(Paragraph{"The tokens along the axes are those of the first pair."});
  const std::string doubt = doubt_about(r.question);
  if (!doubt.empty()) page.add(Paragraph{doubt});
  if (r.question.pairs == 1) {
    const std::vector<std::string>&clean = r.question.clean, &corrupt = r.question.corrupt;
    std::vector<double> differs;
    for (std::size_t i = 0; i < clean.size(); ++i)
      differs.push_back(clean[i] == corrupt[i] ? std::nan("") : 1);
    page.add(Strip{"the clean text", clean, differs});
    page.add(Strip{"the corrupt text", corrupt, differs});
  }
  Heatmap map{r.options.site, r.row_axis, r.column_axis, r.rows, r.columns, r.grid};
  map.colours = Heatmap::Colours::diverging;
  double most = 1;
  for (const double v : r.grid)
    if (!std::isnan(v)) most = std::max(most, std::abs(v));
  map.range = Range{-most, most};
  if (r.columns.size() <= 12) map.numbers = Heatmap::Numbers::shown;
  map.unit = "share of the answer";
  page.add(std::move(map));
  page.add(Paragraph{conclusion(r)});
  return page;
}

void put_grid(Json& json, const std::vector<double>& grid, std::size_t columns) {
  json.key("grid").array();
  for (std::size_t i = 0; i < grid.size(); i += columns) {
    const auto row = grid.begin() + static_cast<std::ptrdiff_t>(i);
    json.value(std::vector<double>(row, row + static_cast<std::ptrdiff_t>(columns)));
  }
  json.end();
}

void put(Json& json, const PatchResult& r) {
  json.field("site", r.options.site)
      .field("mode", r.options.mode == PatchMode::denoise ? "denoise" : "noise");
  put(json, r.question);
  json.field("row_axis", r.row_axis)
      .field("column_axis", r.column_axis)
      .field("rows", r.rows)
      .field("columns", r.columns);
  put_grid(json, r.grid, r.columns.size());
}

}   // namespace glass
