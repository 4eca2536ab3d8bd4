// What glass interp heads shows.
#include <cmath>
#include <map>

#include "engine/base/text.h"
#include "interp/heads/detectors.h"

namespace glass {
namespace {

std::string name_of(std::size_t d) { return std::string(kDetectorNames[d]); }

bool answered(const HeadsResult& r, std::size_t d) {
  for (const HeadReading& head : r.heads)
    if (std::isfinite(head.values[d])) return true;
  return false;
}

std::string conclusion(const HeadsResult& r) {
  std::map<std::string, std::vector<std::string>> by_label;
  for (const HeadReading& head : r.heads)
    if (!head.label.empty()) by_label[head.label].push_back(head.name());
  if (by_label.empty())
    return r.chance.front().models > 0
               ? "No head does one of these things so much that it would deserve the name."
               : "No head is given a name, since nobody asked what random models do.";
  std::vector<std::string> parts;
  for (const auto& [label, heads] : by_label) parts.push_back(label + ": " + list_of(heads, "and"));
  std::string text = join(parts, "; ") + ".";
  if (by_label.count("induction") + by_label.count("anti-induction") > 0)
    text += format(
        " What is called induction here was asked with repeats of %lld tokens alone; glass interp "
        "induction tries other lengths too, which tells a head that finds tokens from one that "
        "looks a fixed distance back.",
        static_cast<long long>(r.n));
  return text;
}

Table table(const HeadsResult& r) {
  constexpr std::array<const char*, kDetectors> kShort = {
      "cur", "prev", "bos", "dup", "ind", "pref", "pos", "loc", "delim", "ent", "brack"};
  Table t{"Every head", {"head", "what it is"}, {}, {Align::left, Align::left}};
  for (std::size_t d = 0; d < kDetectors; ++d)
    if (answered(r, d)) t.columns.emplace_back(kShort[d]);
  t.columns.emplace_back("copy");
  t.align.resize(t.columns.size(), Align::right);
  for (const HeadReading& head : r.heads) {
    std::vector<std::string> row = {head.name(), head.label.empty() ? "-" : head.label};
    for (std::size_t d = 0; d < kDetectors; ++d)
      if (answered(r, d)) row.push_back(format("%.2f", head.values[d]));
    row.push_back(format("%.1f", head.copy));
    t.rows.push_back(std::move(row));
  }
  return t;
}

Gallery maps(const HeadsResult& r) {
  Gallery gallery{"Each question, layer by head", {}};
  for (std::size_t d = 0; d < kDetectors; ++d) {
    if (!answered(r, d)) continue;
    Heatmap map{name_of(d), "layer", "head", {}, {}};
    for (std::int64_t l = 0; l < r.layers; ++l) map.rows.push_back(std::to_string(l));
    for (std::int64_t h = 0; h < r.heads_in_layer; ++h) map.columns.push_back(std::to_string(h));
    for (const HeadReading& head : r.heads) map.values.push_back(head.values[d]);
    map.range = Range{0, 1}, map.unit = "share";
    gallery.maps.push_back(std::move(map));
  }
  return gallery;
}

}   // namespace

Page page_of(const HeadsResult& r) {
  Page page{"heads", "What kind of heads are these?", r.from};
  page.add(Paragraph{conclusion(r)}).add(table(r)).add(maps(r));
  std::string how = format(
      "Means over %s tokens of %s; duplicate, induction and positional over random repeats "
      "of %lld tokens. ",
      with_commas(r.tokens_read).c_str(), r.text ? "text" : "random repeats",
      static_cast<long long>(r.n));
  how +=
      "current, previous, bos: attention to the token itself, the one before, the first. "
      "duplicate: to the "
      "same token, earlier. induction: to the token behind it. prefix: to all tokens behind "
      "earlier "
      "occurrences. positional: what position alone explains. local: to the last four and itself. "
      "delimiter: to "
      "spaces and punctuation, beyond their share. entropy: 1 is everywhere alike. copy: for "
      "(above 0) or "
      "against what it looks at. ";
  if (r.chance.front().models > 0)
    how += format("A name needs 0.4, and 5 deviations above %d models with random weights.",
                  r.chance.front().models);
  page.add(Paragraph{how});
  return page;
}

void put(Json& json, const HeadsResult& r) {
  json.field("n", r.n).field("text", r.text).field("tokens_read", r.tokens_read);
  const auto each = [&](const char* key, const auto& value) {
    json.key(key).object();
    for (std::size_t d = 0; d < kDetectors; ++d) json.field(kDetectorNames[d], value(d));
    json.end();
  };
  each("chance_mean",
       [&](std::size_t d) { return r.chance[d].models > 0 ? r.chance[d].mean : std::nan(""); });
  each("chance_deviation", [&](std::size_t d) {
    return r.chance[d].models > 0 ? r.chance[d].deviation : std::nan("");
  });
  json.key("heads").array();
  for (const HeadReading& head : r.heads) {
    json.object().field("layer", head.layer).field("head", head.head);
    for (std::size_t d = 0; d < kDetectors; ++d) json.field(kDetectorNames[d], head.values[d]);
    json.field("copy", head.copy).field("label", head.label);
    each("late", [&](std::size_t d) { return head.late[d]; });
    each("z", [&](std::size_t d) { return head.z[d]; });
    json.end();
  }
  json.end();
}

}   // namespace glass
