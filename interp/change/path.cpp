#include "interp/change/path.h"

#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "interp/change/cells.h"

namespace glass {
namespace {

constexpr const char* kInputs[] = {"hook_q_input", "hook_k_input", "hook_v_input"};
constexpr const char* kOutputs[] = {"attn.hook_q", "attn.hook_k", "attn.hook_v"};

// A way: what sender `from` adds to the input of receiver `to`. A batch has one for each row (or B
// rows).
using Ways = std::vector<Edge>;

std::string without_spaces(std::string text) {
  text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
  return text;
}

template <class Node>
std::vector<int> chosen(const std::vector<Node>& all, const std::string& wanted, const char* what) {
  std::vector<int> found;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < all.size(); ++i) {
    names.push_back(str(all[i]));
    const std::string name = without_spaces(names.back()), said = without_spaces(wanted);
    const bool whole_head = name.size() == said.size() + 2 && name.starts_with(said + ".");
    if (wanted.empty() || name == said || whole_head) found.push_back(static_cast<int>(i));
  }
  if (!found.empty()) return found;
  const std::string near = nearest(wanted, names);
  fail(UsageError("this model has no " + std::string(what) + " " + in_quotes(wanted) +
                  (near.empty() ? "; there are " + names.front() + " .. " + names.back() + "."
                                : "; did you mean " + near + "?")));
}

class Paths {
 public:
  Paths(const Specimen& specimen, const Task& task, const PathOptions& options)
      : gpt_(specimen.gpt),
        c_(specimen.config()),
        graph_(c_),
        task_(task),
        o_(options),
        runs_(run_both(specimen, task, places())),
        base_(o_.mode == PatchMode::denoise ? runs_.corrupt : runs_.clean),
        other_(o_.mode == PatchMode::denoise ? runs_.clean : runs_.corrupt),
        change_(written_by_senders(graph_, c_, other_) - written_by_senders(graph_, c_, base_)) {}

  const Graph& graph() const { return graph_; }
  const TwoRuns& runs() const { return runs_; }

  // The answers of ways whose receivers all stand at one place of the model.
  std::vector<double> answers_of(const Ways& ways, const std::function<void(std::size_t)>& done) {
    const std::size_t most = static_cast<std::size_t>(
        std::max<std::int64_t>(1, rows_at_once(c_, task_.T()) / task_.B() / c_.n_head));
    std::vector<double> all;
    for (std::size_t i = 0; i < ways.size(); i += most) {
      const auto first = ways.begin() + static_cast<std::ptrdiff_t>(i);
      const Ways some(first, first + static_cast<std::ptrdiff_t>(std::min(most, ways.size() - i)));
      const std::vector<double> these = answers(logits(some), task_);
      all.insert(all.end(), these.begin(), these.end());
      done(some.size());
    }
    return all;
  }

 private:
  std::vector<std::string> places() const {
    std::vector<std::string> all = sender_places(graph_, c_);
    all.emplace_back("blocks.*.hook_resid_pre");
    all.emplace_back("blocks.*.hook_resid_post");
    if (c_.has_mlp()) all.emplace_back("blocks.*.hook_resid_mid");
    if (o_.linear && c_.norm == NormPlace::pre) all.emplace_back("blocks.*.ln*.hook_scale");
    if (o_.linear && c_.norm_final) all.emplace_back("ln_final.hook_scale");
    return all;
  }

  // What each way's sender changes in the stream that its receiver reads: (ways B,T,C).
  Tensor arriving(const Ways& ways, const std::string& stream) {
    const Tensor table = o_.through_mlps ? all_through_mlps(ways, stream) : change_;
    const std::int64_t B = table.dim(0), U = table.dim(1), T = table.dim(2), C = table.dim(3);
    std::vector<std::int32_t> rows;
    for (const Edge& way : ways)
      for (std::int64_t b = 0; b < B; ++b)
        rows.push_back(static_cast<std::int32_t>(b * U) + way.from);
    const std::int64_t R = static_cast<std::int64_t>(rows.size());
    return reshape(embedding(reshape(table, {B * U, T * C}), Tensor::ids(gpt_.device(), rows, {R})),
                   {R, T, C});
  }
  Tensor written(int sender) const {   // (B,T,C)
    const Tensor one = slice(change_, 1, sender, sender + 1);
    return reshape(one, {one.dim(0), one.dim(2), one.dim(3)});
  }
  // The same for ways through mlps, of the senders that are asked for: (B,senders,T,C).
  Tensor all_through_mlps(const Ways& ways, const std::string& stream) {
    Tensor all;
    for (std::size_t s = 0; s < graph_.senders().size(); ++s) {
      const int sender = static_cast<int>(s);
      const bool asked = std::any_of(ways.begin(), ways.end(),
                                     [&](const Edge& way) { return way.from == sender; });
      const Tensor one = asked ? through_mlps(sender, stream) : written(sender);
      const Tensor next = reshape(one, {one.dim(0), 1, one.dim(1), one.dim(2)});
      all = all ? concat({all, next}, 1) : next;
    }
    return all;
  }

  // What arrives in a stream when the sender writes what it wrote in the other run, all other heads
  // what they wrote in the base run, and mlps what they then must.
  Tensor through_mlps(int sender, const std::string& stream) {
    Hooks hooks(gpt_);
    std::vector<Hooks::Scope> scopes;
    const Sender& s = graph_.senders()[static_cast<std::size_t>(sender)];
    for (int l = 0; l < c_.n_layer; ++l) {
      const std::string name = in_block(l, "attn.hook_result");
      Tensor held = base_[name];
      if (s.kind == Sender::Kind::head && s.layer == l)
        held = with_part(held, {name, s.head, -1, -1}, part(other_[name], {name, s.head, -1, -1}));
      scopes.push_back(hooks.replace({name}, held));
      if (s.kind == Sender::Kind::mlp && s.layer == l)
        scopes.push_back(
            hooks.replace({in_block(l, "hook_mlp_out")}, other_[in_block(l, "hook_mlp_out")]));
    }
    Tensor start = base_["blocks.0.hook_resid_pre"], arrived;
    if (sender < graph_.senders_before(0)) start = start + written(sender);
    scopes.push_back(hooks.read({stream}, [&](const Tensor& x) { arrived = x; }));
    hooks.logits_from(0, start, nullptr, Positions::last);
    return arrived - base_[stream];
  }

  Tensor logits(const Ways& ways) {
    const Receiver& first = graph_.receivers()[static_cast<std::size_t>(ways.front().to)];
    const int L = static_cast<int>(c_.n_layer);
    const int layer = first.kind == Receiver::Kind::logits ? L - 1 : first.layer;
    const std::string stream =
        in_block(layer, first.kind == Receiver::Kind::logits ? "hook_resid_post"
                        : first.kind == Receiver::Kind::mlp  ? "hook_resid_mid"
                                                             : "hook_resid_pre");
    const std::int64_t n = static_cast<std::int64_t>(ways.size());
    const Tensor change = arriving(ways, stream);   // (n B,T,C)
    if (first.kind == Receiver::Kind::logits) return at_the_end(change, n);
    const Tensor x = repeated_rows(base_[in_block(layer, "hook_resid_pre")], n);
    Hooks hooks(gpt_);
    std::vector<Hooks::Scope> scopes;
    if (first.kind == Receiver::Kind::mlp) {
      const bool gated = c_.act == Activation::swiglu;   // then it reads its input twice
      if (!o_.linear) scopes.push_back(add_to(hooks, layer, "hook_mlp_in", change));
      if (o_.linear && gated)
        scopes.push_back(add_to(hooks, layer, "mlp.hook_pre_linear",
                                mlp_change(layer, "mlp.c_fc.weight", change)));
      if (o_.linear)
        scopes.push_back(
            add_to(hooks, layer, "mlp.hook_pre",
                   mlp_change(layer, gated ? "mlp.c_gate.weight" : "mlp.c_fc.weight", change)));
      return hooks.logits_from(layer, x, nullptr, Positions::last);
    }
    for (std::size_t part = 0; part < 3; ++part) {
      const std::int64_t heads = part == 0 ? c_.n_head : c_.kv_heads();
      const Tensor mask = heads_asked(ways, static_cast<Receiver::Kind>(part), heads);
      if (!mask) continue;
      const std::int64_t R = change.dim(0), T = change.dim(1), C = change.dim(2);
      const Tensor each = reshape(change, {R, T, 1, C}) * mask;   // (R,T,heads,C)
      scopes.push_back(o_.linear
                           ? add_to(hooks, layer, kOutputs[part], projected(layer, part, each))
                           : add_to(hooks, layer, kInputs[part], each));
    }
    return hooks.logits_from(layer, x, nullptr, Positions::last);
  }

  static Hooks::Scope add_to(Hooks& hooks, int layer, const char* name, const Tensor& change) {
    return hooks.replace({in_block(layer, name)}, [change](const Tensor& x) { return x + change; });
  }

  // (n B,1,heads,1): 1 where a cell's receiver is this part of this head. Empty: nobody asks.
  Tensor heads_asked(const Ways& ways, Receiver::Kind kind, std::int64_t heads) const {
    std::vector<double> mask;
    bool any = false;
    for (const Edge& way : ways) {
      const Receiver& r = graph_.receivers()[static_cast<std::size_t>(way.to)];
      for (std::int64_t b = 0; b < task_.B(); ++b)
        for (std::int64_t h = 0; h < heads; ++h) {
          mask.push_back(r.kind == kind && r.head == h ? 1 : 0);
          any |= mask.back() == 1;
        }
    }
    if (!any) return {};
    const std::int64_t R = static_cast<std::int64_t>(mask.size()) / heads;
    return Tensor::from(gpt_.device(), mask, {R, 1, heads, 1}, gpt_.dtype());
  }

  Tensor at_the_end(const Tensor& change, std::int64_t n) {
    const std::string stream = in_block(static_cast<int>(c_.n_layer) - 1, "hook_resid_post");
    const Tensor end = repeated_rows(base_[stream], n);
    Pass pass;
    if (!o_.linear) return gpt_.head(pass, end + change, Positions::last);
    const std::int64_t T = change.dim(1);
    const Tensor last = scaled(slice(change, 1, T - 1, T), "ln_final.hook_scale",
                               "transformer.ln_f.weight", c_.norm_final, Keep::no);
    const std::string head = c_.tie ? "transformer.wte.weight" : "lm_head.weight";
    return gpt_.head(pass, end, Positions::last) + linear(last, weight(head));
  }

  // ---- --linear: as if the norm were a division by the number that it was without the change ----

  const Tensor& weight(const std::string& name) const {
    for (const Parameter* p : gpt_.parameters())
      if (p->name == name) return p->value;
    fail(Error(ExitCode::internal, "the model has no weight " + name + "."));
  }
  // change (n B,T,..,C) / scale of the base run (B,T,1), times the norm's weight.
  Tensor scaled(const Tensor& change, const std::string& scale, const std::string& norm, bool there,
                Keep heads) const {
    if (!there) return change;
    Tensor by = repeated_rows(base_[scale], change.dim(0) / task_.B());
    by = slice(by, 1, by.dim(1) - change.dim(1), by.dim(1));
    if (heads == Keep::yes) by = reshape(by, {by.dim(0), by.dim(1), 1, 1});
    const Tensor divided = change / by;
    return c_.norm_weight ? divided * weight(norm) : divided;
  }
  std::string block(int layer, const char* name) const {
    return "transformer.h." + std::to_string(layer) + "." + name;
  }
  // (R,T,heads,C) through the heads' own rows of c_attn: (R,T,heads,D)
  Tensor projected(int layer, std::size_t part, const Tensor& change) const {
    const Tensor in = scaled(change, in_block(layer, "ln1.hook_scale"), block(layer, "ln_1.weight"),
                             c_.norm == NormPlace::pre, Keep::yes);
    const std::int64_t H = c_.n_head, Hk = c_.kv_heads(), D = c_.head_size(), C = c_.n_embd;
    const std::int64_t heads = part == 0 ? H : Hk, row = part == 0 ? 0 : part == 1 ? H : H + Hk;
    const Tensor w =
        slice(weight(block(layer, "attn.c_attn.weight")), 0, row * D, (row + heads) * D);
    const Tensor each = transpose(reshape(w, {1, heads, D, C}));   // (1,heads,C,D)
    return permute(matmul(permute(in, {0, 2, 1, 3}), each), {0, 2, 1, 3});
  }
  Tensor mlp_change(int layer, const char* by, const Tensor& change) const {
    return linear(scaled(change, in_block(layer, "ln2.hook_scale"), block(layer, "ln_2.weight"),
                         c_.norm == NormPlace::pre, Keep::no),
                  weight(block(layer, by)));
  }

  GPT& gpt_;
  const GPTConfig& c_;
  Graph graph_;
  const Task& task_;
  const PathOptions& o_;
  TwoRuns runs_;
  const Activations &base_, &other_;
  Tensor change_;   // (B,senders,T,C): other - base
};

// Receivers that one batch can serve: those of one layer's heads, an mlp, the logits.
bool together(const Receiver& a, const Receiver& b) {
  const auto place = [](const Receiver& r) {
    return r.kind == Receiver::Kind::mlp ? 1 : r.kind == Receiver::Kind::logits ? 2 : 0;
  };
  return a.layer == b.layer && place(a) == place(b);
}

}   // namespace

PathResult paths_of(const Specimen& specimen, const Task& task, const PathOptions& o,
                    const Progressed& progressed) {
  Paths paths(specimen, task, o);
  const Graph& graph = paths.graph();
  const std::vector<int> from = chosen(graph.senders(), o.sender, "sender");
  const std::vector<int> to = chosen(graph.receivers(), o.receiver, "receiver");
  PathResult r{specimen.from,
               o,
               question_of(specimen, task, paths.runs().metric_clean, paths.runs().metric_corrupt),
               {},
               {},
               std::vector<double>(from.size() * to.size()),   // nothing flows downwards
               {}};
  for (const int s : from)
    for (const int v : to) r.leads.push_back(s < graph.earlier(v));
  for (const int s : from) r.rows.push_back(str(graph.senders()[static_cast<std::size_t>(s)]));
  for (const int v : to) r.columns.push_back(str(graph.receivers()[static_cast<std::size_t>(v)]));
  std::int64_t tried = 0;
  const std::int64_t all_ways = std::count(r.leads.begin(), r.leads.end(), 1);
  for (std::size_t begin = 0, end = 0; begin < to.size(); begin = end) {
    Ways ways;
    std::vector<std::size_t> places;   // in the grid
    const auto receiver = [&](std::size_t i) -> const Receiver& {
      return graph.receivers()[static_cast<std::size_t>(to[i])];
    };
    for (; end < to.size() && together(receiver(begin), receiver(end)); ++end) {
      for (std::size_t row = 0; row < from.size(); ++row) {
        const std::size_t place = row * to.size() + end;
        if (!r.leads[place]) continue;
        ways.push_back({from[row], to[end]});
        places.push_back(place);
      }
    }
    if (ways.empty()) continue;
    const std::vector<double> all = paths.answers_of(ways, [&](std::size_t done) {
      tried += static_cast<std::int64_t>(done);
      if (progressed) progressed(tried, all_ways);
    });
    for (std::size_t i = 0; i < all.size(); ++i)
      r.grid[places[i]] = share_of_way(o.mode, paths.runs(), all[i]);
  }
  return r;
}

// ---- telling ------------------------------------------------------------------------------------

Page page_of(const PathResult& r) {
  Page page{"path", "Who listens to whom", r.from};
  const bool denoise = r.options.mode == PatchMode::denoise;
  page.add(Paragraph{
      answer_in_words(r.question) +
      format("What a sender writes in the %s run reaches one receiver and nobody else. %s",
             denoise ? "clean" : "corrupt",
             denoise ? "1: this one connection brings the clean answer back."
                     : "1: without this one connection the clean answer is gone.")});
  const std::string doubt = doubt_about(r.question);
  if (!doubt.empty()) page.add(Paragraph{doubt});
  struct Best {
    std::size_t row, column;
    double value;
  };
  std::vector<Best> best;
  std::vector<double> shown = r.grid;   // nothing where there is no way: the map has steps
  for (std::size_t i = 0; i < r.grid.size(); ++i) {
    if (r.leads[i]) best.push_back({i / r.columns.size(), i % r.columns.size(), r.grid[i]});
    else shown[i] = std::nan("");
  }
  std::sort(best.begin(), best.end(),
            [](const Best& a, const Best& b) { return std::abs(a.value) > std::abs(b.value); });
  if (best.empty()) {
    page.add(Paragraph{"Nothing travels there: " + r.columns.front() + " reads before " +
                       r.rows.front() + " has written."});
    return page;
  }
  if (r.grid.size() > 1) {
    Heatmap map{"All paths", "sender", "receiver", r.rows, r.columns, shown};
    map.colours = Heatmap::Colours::diverging;
    const double most = std::max(1.0, std::abs(best.front().value));
    map.range = Range{-most, most};
    map.unit = "share of the answer";
    page.add(std::move(map));
  }
  Bars bars{"The strongest", "share of the answer", {}};
  for (std::size_t i = 0; i < std::min<std::size_t>(best.size(), 10); ++i) {
    if (i > 0 && std::abs(best[i].value) < 0.005) break;
    bars.bars.push_back({r.rows[best[i].row] + " -> " + r.columns[best[i].column], best[i].value});
  }
  page.add(std::move(bars));
  return page;
}

void put(Json& json, const PathResult& r) {
  json.field("mode", r.options.mode == PatchMode::denoise ? "denoise" : "noise")
      .field("linear", r.options.linear)
      .field("through_mlps", r.options.through_mlps);
  put(json, r.question);
  json.field("rows", r.rows).field("columns", r.columns);
  if (r.grid.size() == 1) json.field("value", r.grid[0]);
  put_grid(json, r.grid, r.columns.size());
}

}   // namespace glass
