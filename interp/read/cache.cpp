#include "interp/read/cache.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/base/text.h"
#include "model/saved_model.h"

namespace glass {
namespace {

CacheResult::Entry summary_of(const std::string& name, const Tensor& x) {
  CacheResult::Entry e{name, {}, std::nan(""), std::nan(""), std::nan(""), std::nan("")};
  for (int axis = 0; axis < x.rank(); ++axis) e.shape.push_back(x.dim(axis));
  std::vector<double> finite = x.to_host();
  finite.erase(
      std::remove_if(finite.begin(), finite.end(), [](double v) { return !std::isfinite(v); }),
      finite.end());
  if (finite.empty()) return e;
  const double n = static_cast<double>(finite.size());
  e.mean = std::accumulate(finite.begin(), finite.end(), 0.0) / n;
  double squares = 0;
  for (const double v : finite) squares += (v - e.mean) * (v - e.mean);
  e.deviation = std::sqrt(squares / n);
  const auto [low, high] = std::minmax_element(finite.begin(), finite.end());
  e.low = *low, e.high = *high;
  return e;
}

std::string shape_words(const std::vector<std::int64_t>& shape) {
  std::vector<std::string> sizes;
  for (const std::int64_t n : shape) sizes.push_back(std::to_string(n));
  return "(" + join(sizes, ", ") + ")";
}

}   // namespace

CacheResult cache_of(const Specimen& specimen, std::span<const std::int32_t> ids,
                     const CacheOptions& options) {
  CacheResult r{specimen.from, specimen.labels(ids), {ids.begin(), ids.end()}, {}, {}};
  r.kept = look(specimen.gpt, specimen.row(ids), options.names);
  for (const std::string& name : r.kept.names())
    r.entries.push_back(summary_of(name, r.kept[name]));
  return r;
}

void save_cache(const std::string& path, const CacheResult& r) {
  std::vector<StoredTensor> tensors;
  for (const std::string& name : r.kept.names()) tensors.push_back(stored(name, r.kept[name]));
  Json ids, tokens;
  ids.value(r.ids), tokens.value(r.tokens);
  save_safetensors(path, std::move(tensors),
                   {{"format", "pt"},
                    {"glass.command", r.from.command},
                    {"glass.checkpoint", r.from.checkpoint},
                    {"glass.digest", r.from.digest},
                    {"glass.step", std::to_string(r.from.step)},
                    {"glass.device", r.from.device},
                    {"glass.ids", ids.text()},
                    {"glass.tokens", tokens.text()}});
}

Page page_of(const CacheResult& r) {
  Page page{"cache", "What flowed through the model", r.from};
  page.add(Paragraph{"Each line is a place where one can look while the model reads " +
                     std::to_string(r.tokens.size()) +
                     (r.tokens.size() == 1 ? " token" : " tokens") +
                     ", in the order in which they come about. B T C H D: batch, time, channels, "
                     "heads, head size."});
  Table table{"",
              {"name", "shape", "mean", "std", "min", "max"},
              {},
              {Align::left, Align::left, Align::right, Align::right, Align::right, Align::right}};
  for (const CacheResult::Entry& e : r.entries) {
    std::vector<std::string> row = {e.name, shape_words(e.shape)};
    const double most = std::max(std::abs(e.low), std::abs(e.high));
    for (const double v : {e.mean, e.deviation, e.low, e.high})
      row.push_back(std::isnan(v) ? "-" : readable(v, most));
    table.rows.push_back(std::move(row));
  }
  page.add(std::move(table));
  return page;
}

void put(Json& json, const CacheResult& r) {
  std::vector<std::string> names;
  std::vector<std::vector<std::int64_t>> shapes;
  std::vector<double> mean, deviation, low, high;
  for (const CacheResult::Entry& e : r.entries) {
    names.push_back(e.name), shapes.push_back(e.shape);
    mean.push_back(e.mean), deviation.push_back(e.deviation);
    low.push_back(e.low), high.push_back(e.high);
  }
  json.field("tokens", r.tokens).field("names", names).field("shapes", shapes);
  json.field("mean", mean).field("std", deviation).field("min", low).field("max", high);
}

}   // namespace glass
