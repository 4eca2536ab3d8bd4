// What glass interp ablate shows.
#include <algorithm>
#include <cmath>

#include "engine/base/text.h"
#include "interp/change/ablation.h"

namespace glass {
namespace {

std::string how_words(AblateHow how) {
  switch (how) {
    case AblateHow::zero:
      return "says nothing";
    case AblateHow::mean:
      return "says what it says on average";
    case AblateHow::position_mean:
      return "says what it says on average at that position";
    case AblateHow::resample:
      break;
  }
  return "says what it says in another text";
}

std::string what_counts(const AblationResult& r) {
  return r.text
             ? format("%lld windows of %lld tokens", static_cast<long long>(r.windows),
                      static_cast<long long>(r.T))
             : format("the second copy of %lld random repeats", static_cast<long long>(r.windows));
}

std::string with_error(double change, double error) {
  const bool small = change != 0 && std::abs(change) < 5e-4;
  const std::string what = format(small ? "%+.1e" : "%+.3f", change);
  return std::isfinite(error) ? what + format(small ? " +- %.1e" : " +- %.3f", error) : what;
}

// Of which one cannot say that context helps, one cannot say how much of that is lost.
Paragraph no_share(const AblationResult& r) {
  return Paragraph{
      "Context is good for nothing here that could be lost: late minus early, the loss is " +
      with_error(r.baseline_icl, r.baseline_icl_error) + " nats."};
}

std::string head_name(const AblationResult& r, std::size_t i) {
  const auto H = static_cast<std::size_t>(r.heads);
  return std::to_string(i / H) + "." + std::to_string(i % H);
}

std::vector<std::size_t> by_change(const AblationResult& r) {
  std::vector<std::size_t> order(r.each.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return r.each[a].change > r.each[b].change;
  });
  return order;
}

Heatmap layer_by_head(const AblationResult& r, const std::string& title,
                      double LossChange::*which) {
  Heatmap map{title, "layer", "head", {}, {}, {}};
  for (std::int64_t l = 0; l < r.layers; ++l) map.rows.push_back(std::to_string(l));
  for (std::int64_t h = 0; h < r.heads; ++h) map.columns.push_back(std::to_string(h));
  for (const LossChange& c : r.each) map.values.push_back(c.*which);
  map.colours = Heatmap::Colours::diverging, map.numbers = Heatmap::Numbers::shown;
  return map;
}

void add_each_head(Page& page, const AblationResult& r) {
  const std::vector<std::size_t> order = by_change(r);
  const LossChange& most = r.each[order.front()];
  const bool missed = !(most.change <= kSureErrors * most.error);   // one window: who knows
  const std::string name = "head " + head_name(r, order.front());
  page.add(Paragraph{
      (missed
           ? "The model needs " + name + " most: where it "
           : "No head is missed by itself, for all one can tell from these windows. Where even " +
                 name + " ") +
      how_words(r.how) + ", the loss on " + what_counts(r) +
      format(" changes from %.3f by ", r.baseline_loss) + with_error(most.change, most.error) +
      " nats."});
  Heatmap map = layer_by_head(r, "Loss without one head, more than with it", &LossChange::change);
  map.unit = "nats";
  page.add(std::move(map));
  Bars bars{"The heads that are missed most", "nats", {}, {}};
  for (std::size_t i = 0; i < std::min<std::size_t>(10, order.size()); ++i) {
    const LossChange& c = r.each[order[i]];
    bars.bars.push_back({head_name(r, order[i]), c.change,
                         std::isfinite(c.error) ? format("+- %.3f", c.error) : ""});
  }
  page.add(std::move(bars));
  if (r.icl && std::isnan(most.icl)) page.add(no_share(r));
  else if (r.icl)
    page.add(layer_by_head(r, "Share of what context is good for that is lost with one head",
                           &LossChange::icl));
  page.add(Paragraph{
      "Heads that can stand in for one another are not missed when one is taken out: name them "
      "together with --heads to see what the team is worth."});
}

void add_parts(Page& page, const AblationResult& r) {
  const std::string each = r.parts.size() == 1 ? "it " : "each ";
  page.add(Paragraph{"Without " + list_of(r.parts, "and") + " (" + each + how_words(r.how) +
                     "), the loss on " + what_counts(r) +
                     format(" changes from %.3f by ", r.baseline_loss) +
                     with_error(r.change.change, r.change.error) + " nats."});
  Chart chart;
  chart.title = "Loss by position";
  chart.subtitle = "the mean over all windows, with all parts and without " + join(r.parts, ", ");
  chart.x_label = "position", chart.y_label = "loss (nats)", chart.x_grain = Grain::whole;
  const auto line = [&](const char* name, const std::vector<double>& values, Colour colour) {
    Series series{name, {}, colour, Emphasis::normal};
    for (std::size_t t = 0; t < values.size(); ++t)
      series.points.push_back({static_cast<double>(t), values[t]});
    chart.series.push_back(std::move(series));
  };
  line("intact", r.by_position, kBlue);
  line("ablated", r.ablated_by_position, kVermilion);
  page.add(std::move(chart));
  if (r.icl && std::isnan(r.change.icl)) page.add(no_share(r));
  else if (r.icl)
    page.add(
        Paragraph{format("Context is good for %.3f nats (late positions against early ones); %.0f "
                         "%% of that is lost.",
                         -r.baseline_icl, 100 * r.change.icl)});
}

void add_prompt(Page& page, const AblationResult& r) {
  if (r.baseline_top.empty()) return;
  Table t{"What comes next", {"intact", "p"}, {}, {Align::left, Align::right}};
  if (!r.ablated_top.empty())
    t.columns.insert(t.columns.end(), {"ablated", "p"}),
        t.align.insert(t.align.end(), {Align::left, Align::right});
  for (std::size_t i = 0; i < r.baseline_top.size(); ++i) {
    std::vector<std::string> row = {r.baseline_top[i].text,
                                    format("%.3f", r.baseline_top[i].probability)};
    if (!r.ablated_top.empty())
      row.insert(row.end(), {r.ablated_top[i].text, format("%.3f", r.ablated_top[i].probability)});
    t.rows.push_back(std::move(row));
  }
  page.add(std::move(t));
}

void put_top(Json& json, const char* name, const std::vector<TopToken>& top) {
  json.key(name).array();
  for (const TopToken& t : top)
    json.object().field("id", t.id).field("text", t.text).field("prob", t.probability).end();
  json.end();
}

}   // namespace

const char* name_of(AblateHow how) {
  constexpr const char* kNames[] = {"zero", "mean", "position-mean", "resample"};
  return kNames[static_cast<std::size_t>(how)];
}

Page page_of(const AblationResult& r) {
  Page page{"ablate", "What is it needed for?", r.from};
  if (r.parts.empty()) add_each_head(page, r);
  else add_parts(page, r);
  if (r.baseline_loss > r.ln_vocabulary)
    page.add(Paragraph{format(
        "The model does worse here than blind guessing, at %.3f nats: what a part changes is how "
        "wrong it is, and nothing that it can do.",
        r.ln_vocabulary)});
  add_prompt(page, r);
  return page;
}

void put(Json& json, const AblationResult& r) {
  json.field("how", name_of(r.how))
      .field("parts", r.parts)
      .field("windows", r.windows)
      .field("positions", r.T);
  json.field("baseline_loss", r.baseline_loss);
  if (r.parts.empty()) {
    const std::size_t most = by_change(r).front();
    json.field("head", head_name(r, most));   // the one that is missed most
    json.field("loss_change", r.each[most].change).field("loss_change_error", r.each[most].error);
    if (r.icl) json.field("icl_share", r.each[most].icl);
    json.key("heads").array();
    for (std::size_t i = 0; i < r.each.size(); ++i) {
      json.object()
          .field("layer", static_cast<std::int64_t>(i) / r.heads)
          .field("head", static_cast<std::int64_t>(i) % r.heads);
      json.field("loss_change", r.each[i].change).field("loss_change_error", r.each[i].error);
      if (r.icl) json.field("icl_share", r.each[i].icl);
      json.end();
    }
    json.end();
  } else {
    json.field("ablated_loss", r.baseline_loss + r.change.change);
    json.field("loss_change", r.change.change).field("loss_change_error", r.change.error);
    if (r.icl) json.field("icl_share", r.change.icl);
    json.field("loss_by_position", r.by_position)
        .field("ablated_loss_by_position", r.ablated_by_position);
  }
  if (r.icl) json.field("icl", r.baseline_icl).field("icl_error", r.baseline_icl_error);
  put_top(json, "baseline_top", r.baseline_top);
  put_top(json, "ablated_top", r.ablated_top);
}

}   // namespace glass
