#include "interp/page/page_json.h"

#include <cstring>

#include "engine/base/base64.h"
#include "engine/base/json.h"
#include "engine/base/utf8.h"
#include "interp/draw/heatmap.h"
#include "interp/draw/svg.h"

namespace glass {
namespace {

const char* name_of(ColourMap map) { return map == ColourMap::rising ? "rising" : "diverging"; }

const char* name_of(Align align) {
  return align == Align::right ? "right" : align == Align::centre ? "centre" : "left";
}

void range(Json& json, const Range& range) {
  json.key("range").array().value(range.low).value(range.high).end();
}

void references(Json& json, const std::vector<ReferenceLine>& lines) {
  json.key("references").array();
  for (const ReferenceLine& line : lines)
    json.object().field("name", line.name).field("y", line.y).end();
  json.end();
}

void fields(Json& json, const Paragraph& p) {
  json.field("kind", "paragraph").field("text", p.text);
}

void fields_of_map(Json& json, const Heatmap& map, const Range& colours) {
  json.field("kind", "heatmap").field("title", map.title);
  json.field("row_axis", map.row_axis).field("column_axis", map.column_axis);
  json.field("rows", map.rows).field("columns", map.columns);
  put_f32(json, "values", map.values);
  json.field("colours", name_of(map.colours)).field("unit", map.unit);
  json.field("numbers", map.numbers == Heatmap::Numbers::shown);
  range(json, colours);
  if (!map.texts.empty()) json.field("texts", map.texts);
}

void fields(Json& json, const Heatmap& map) { fields_of_map(json, map, range_of(map)); }

void fields(Json& json, const Gallery& gallery) {
  json.field("kind", "gallery").field("title", gallery.title);
  const Range common = gallery.maps.empty() ? Range{} : range_of(gallery);
  json.key("maps").array();
  for (const Heatmap& map : gallery.maps) {
    json.object();
    fields_of_map(json, map, common);
    json.end();
  }
  json.end();
}

void fields(Json& json, const Bars& bars) {
  json.field("kind", "bars").field("title", bars.title).field("unit", bars.unit);
  json.key("bars").array();
  for (const Bars::Bar& bar : bars.bars)
    json.object().field("name", bar.name).field("value", bar.value).field("note", bar.note).end();
  json.end();
  references(json, bars.references);
}

void fields(Json& json, const Table& table) {
  json.field("kind", "table").field("title", table.title).field("columns", table.columns);
  json.field("rows", table.rows).key("align").array();
  for (const Align align : table.align) json.value(name_of(align));
  json.end();
}

void fields(Json& json, const Strip& strip) {
  json.field("kind", "strip").field("title", strip.title).field("tokens", strip.tokens);
  put_f32(json, "values", strip.values);
  json.field("colours", name_of(strip.colours)).field("only_marks", !has_scale(strip));
  range(json, range_of(strip));
}

void fields(Json& json, const Diagram& diagram) {
  json.field("kind", "diagram").field("title", diagram.title).key("parts").array();
  for (const Diagram::Part& part : diagram.parts)
    json.object().field("name", part.name).field("level", part.level).end();
  json.end().key("arrows").array();
  for (const Diagram::Arrow& arrow : diagram.arrows) {
    json.object().field("from", arrow.from).field("to", arrow.to);
    json.field("weight", arrow.weight).field("note", arrow.note).end();
  }
  json.end();
}

void fields(Json& json, const Chart& chart) {
  json.field("kind", "chart").field("title", chart.title).field("subtitle", chart.subtitle);
  json.field("x_label", chart.x_label).field("y_label", chart.y_label);
  json.field("log_x", chart.x_scale == Scale::log);
  if (chart.y_range) range(json, *chart.y_range);
  json.key("series").array();
  for (const Series& series : chart.series) {
    json.object().field("name", series.name);
    json.field("faint", series.emphasis == Emphasis::faint);
    std::vector<double> x, y;
    for (const Point p : series.points) x.push_back(p.x), y.push_back(p.y);
    put_f32(json, "x", x);
    put_f32(json, "y", y);
    json.end();
  }
  json.end();
  references(json, chart.references);
}

// Without the letters that turn the writing around them, as tokens of strangers may have them: all
// of those are of two bytes that begin with D8, or of three that begin with E2.
std::string upright(const std::string& utf8) {
  std::string out;
  std::size_t done = 0, size = 0;
  for (std::size_t at = 0; (at = utf8.find_first_of("\xD8\xE2", at)) != std::string::npos;
       at += size) {
    size = utf8[at] == '\xD8' ? 2 : 3;
    std::u32string letter;
    decode_utf8(std::string_view(utf8).substr(at, size), letter);
    if (letter.empty() || !turns_writing(letter[0])) continue;
    out += utf8.substr(done, at - done) + "\uFFFD";
    done = at + size;
  }
  return out + utf8.substr(done);
}

}   // namespace

// float32, least significant byte first on every machine that we build for (dtype.h says so too).
void put_f32(Json& json, std::string_view name, std::span<const double> values) {
  std::string bytes(values.size() * sizeof(float), '\0');
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float v = static_cast<float>(values[i]);
    std::memcpy(bytes.data() + i * sizeof v, &v, sizeof v);
  }
  json.key(name).object().field("f32", base64(bytes)).end();
}

std::string page_json(const Page& page) {
  Json json;
  json.object().field("name", page.name).field("title", page.title);
  json.field("from", from_words(page.from)).field("command", page.from.command);
  json.key("figures").array();
  for (const Figure& figure : page.figures) {
    json.object();
    std::visit([&](const auto& f) { fields(json, f); }, figure);
    json.end();
  }
  json.end().end();
  return upright(json.text());
}

}   // namespace glass
