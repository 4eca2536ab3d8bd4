#include "interp/hooks.h"

#include <algorithm>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "interp/activations.h"

namespace glass {
namespace {

bool like(std::string_view pattern, std::string_view name) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == name;
  if (name.substr(0, star) != pattern.substr(0, star)) return false;
  const std::string_view rest = pattern.substr(star + 1);
  for (std::size_t end = star; end <= name.size(); ++end)
    if (like(rest, name.substr(end))) return true;
  return false;
}

bool ends_with_one_of(std::string_view name, std::initializer_list<std::string_view> ends) {
  return std::any_of(ends.begin(), ends.end(), [&](std::string_view end) {
    return name.size() >= end.size() && name.substr(name.size() - end.size()) == end;
  });
}

Tensor one_of(const Tensor& x, int axis, std::int64_t index) {
  return index < 0 ? x : slice(x, axis, index, index + 1);
}

void require_below(const Place& place, const char* what, std::int64_t index, std::int64_t size) {
  if (index < size) return;
  fail(UsageError(place.name + " has no " + what + " " + std::to_string(index) +
                  ": there are 0 .. " + std::to_string(size - 1) + "."));
}

// One axis after the other: the part is taken out, its own part replaced, and put back.
Tensor put(const Tensor& x, std::span<const std::pair<int, std::int64_t>> where,
           const Tensor& value) {
  if (where.empty()) return broadcast_to(value, x.shape());
  const auto [axis, i] = where.front();
  const Tensor inner = put(slice(x, axis, i, i + 1), where.subspan(1), value);
  const std::int64_t n = x.dim(axis);
  if (i == 0) return n == 1 ? inner : concat({inner, slice(x, axis, 1, n)}, axis);
  if (i == n - 1) return concat({slice(x, axis, 0, i), inner}, axis);
  return concat({slice(x, axis, 0, i), inner, slice(x, axis, i + 1, n)}, axis);
}

std::vector<std::pair<int, std::int64_t>> axes_in(const Place& place) {
  const Axes axes = axes_of(place.name);
  std::vector<std::pair<int, std::int64_t>> where;
  if (place.row >= 0) where.emplace_back(0, place.row);
  if (place.position >= 0) where.emplace_back(axes.position, place.position);
  if (place.head >= 0) where.emplace_back(axes.head, place.head);
  return where;
}

// Where nobody records: one copy of x, and the value laid over its part.
Tensor overlaid(const Tensor& x, const Place& place, const Tensor& value) {
  const Tensor y = empty_like(x), there = part(y, place);
  x.backend().copy(to(y), x.view());
  x.backend().copy(to(there), broadcast_to(value, there.shape()).view());
  return y;
}

}   // namespace

std::string str(const Place& place) {
  std::string text = place.name;
  if (place.head >= 0) text += ", head " + std::to_string(place.head);
  if (place.position >= 0) text += ", position " + std::to_string(place.position);
  if (place.row >= 0) text += ", row " + std::to_string(place.row);
  return text;
}

std::vector<std::string> places_like(const LanguageModel& model, const std::string& pattern) {
  const std::vector<std::string> all = model.taps();
  std::vector<std::string> found;
  std::copy_if(all.begin(), all.end(), std::back_inserter(found),
               [&](const std::string& name) { return like(pattern, name); });
  if (!found.empty()) return found;
  const std::string near = nearest(pattern, all);
  fail(UsageError("this model has no place " + in_quotes(pattern) +
                  (near.empty() ? "; its places are called like blocks.0.attn.hook_pattern."
                                : "; did you mean " + near + "?")));
}

Axes axes_of(std::string_view name) {
  if (ends_with_one_of(name, {"hook_attn_scores", "hook_pattern"})) return {2, 1};
  if (ends_with_one_of(name, {"hook_q", "hook_k", "hook_v", "hook_z", "hook_rot_q", "hook_rot_k",
                              "hook_result", "_input"}))
    return {1, 2};
  return {1, -1};
}

Tensor part(const Tensor& x, const Place& place) {
  const Axes axes = axes_of(place.name);
  if (place.head >= 0 && axes.head < 0)
    fail(UsageError(place.name + " has no heads; leave the head out."));
  if (place.head >= 0) require_below(place, "head", place.head, x.dim(axes.head));
  require_below(place, "position", place.position, x.dim(axes.position));
  require_below(place, "row", place.row, x.dim(0));
  Tensor y = one_of(x, 0, place.row);
  y = one_of(y, axes.position, place.position);
  return axes.head < 0 ? y : one_of(y, axes.head, place.head);
}

Tensor with_part(const Tensor& x, const Place& place, const Tensor& value) {
  const std::vector<std::pair<int, std::int64_t>> where = axes_in(place);
  const bool recorded = x.tape() != nullptr || value.tape() != nullptr;
  const bool alike = value.device() == x.device() && value.dtype() == x.dtype();
  if (!recorded && alike && !where.empty()) return overlaid(x, place, value);
  return put(x, where, value);
}

// ---- hooks --------------------------------------------------------------------------------------

Hooks::Scope Hooks::attach(const Place& place, Side side, Change act) {
  if (places_like(gpt_, place.name) != std::vector<std::string>{place.name})
    fail(UsageError(in_quotes(place.name) + " stands for several places; a hook takes one."));
  const bool of_keys = ends_with_one_of(
      place.name, {"hook_k", "hook_v", "hook_rot_k", "hook_k_input", "hook_v_input"});
  if (place.head >= 0 && axes_of(place.name).head < 0)
    fail(UsageError(place.name + " has no heads; leave the head out."));
  require_below(place, "head", place.head,
                of_keys ? gpt_.config().kv_heads() : gpt_.config().n_head);
  hooks_of_.emplace(next_, Hook{place, side, std::move(act)});
  return {this, next_++};
}

Hooks::Scope Hooks::read(const Place& place, Read f) {
  return attach(place, Side::forward, [f = std::move(f)](const Tensor& x) {
    f(x);
    return Tensor();
  });
}

Hooks::Scope Hooks::replace(const Place& place, Change f) {
  return attach(place, Side::forward, std::move(f));
}

Hooks::Scope Hooks::replace(const Place& place, const Tensor& value) {
  return replace(place, [value](const Tensor&) { return value; });
}

Hooks::Scope Hooks::gradient(const Place& place, Read f) {
  return attach(place, Side::backward, [f = std::move(f)](const Tensor& dy) {
    f(dy);
    return Tensor();
  });
}

Hooks::Scope Hooks::change_gradient(const Place& place, Change f) {
  return attach(place, Side::backward, std::move(f));
}

bool Hooks::any(std::string_view name, Side side) const {
  return std::any_of(hooks_of_.begin(), hooks_of_.end(), [&](const auto& entry) {
    return entry.second.side == side && entry.second.place.name == name;
  });
}

Tensor Hooks::pass_through(std::string_view name, Side side, const Tensor& x) {
  Tensor now = x;
  for (auto& [id, hook] : hooks_of_) {
    if (hook.side != side || hook.place.name != name) continue;
    hook.fired = true;
    const Tensor asked = part(now, hook.place), given = hook.act(asked);
    if (given) now = with_part(now, hook.place, given);
  }
  return now;
}

bool Hooks::wants(std::string_view name) const { return any(name, Side::forward); }
bool Hooks::wants_gradient(std::string_view name) const { return any(name, Side::backward); }
Tensor Hooks::see(std::string_view name, const Tensor& x) {
  return pass_through(name, Side::forward, x);
}
Tensor Hooks::see_gradient(std::string_view name, const Tensor& dy) {
  return pass_through(name, Side::backward, dy);
}

void Hooks::begin(const Tape* tape) {
  for (auto& [id, hook] : hooks_of_) {
    hook.fired = false;
    if (tape == nullptr && hook.side == Side::backward)
      fail(Error(ExitCode::internal, "somebody asks for the gradient at " + str(hook.place) +
                                         ", but no tape records this run."));
  }
}

void Hooks::require_fired(Side side) const {
  for (const auto& [id, hook] : hooks_of_) {
    if (hook.fired || hook.side != side) continue;
    fail(Error(ExitCode::internal,
               "the hook at " + str(hook.place) +
                   " never fired: this way through the model does not pass it."));
  }
}

void Hooks::require_fired() const {
  require_fired(Side::forward);
  require_fired(Side::backward);
}

// Is there a hook in this block that stands behind its queries, keys and values?
bool Hooks::any_behind_queries_of(int layer) const {
  constexpr std::string_view kBefore[] = {"hook_resid_pre", "hook_q_input",    "hook_k_input",
                                          "hook_v_input",   "attn.hook_q",     "attn.hook_k",
                                          "attn.hook_v",    "attn.hook_rot_q", "attn.hook_rot_k"};
  const std::string block = in_block(layer, "");
  return std::any_of(hooks_of_.begin(), hooks_of_.end(), [&](const auto& entry) {
    const std::string_view name = entry.second.place.name;
    return name.starts_with(block) && std::find(std::begin(kBefore), std::end(kBefore),
                                                name.substr(block.size())) == std::end(kBefore);
  });
}

Tensor Hooks::logits(const Tensor& ids, Tape* tape, Positions which, Weights weights) {
  begin(tape);
  Pass pass(tape, this);
  pass.weights = weights;
  const Tensor y = gpt_.logits(pass, ids, which);
  require_fired(Side::forward);
  return y;
}

Tensor Hooks::logits_from(int first, const Tensor& x, Tape* tape, Positions which, KVCache* cache) {
  begin(tape);
  Pass pass(tape, this);
  pass.cache = cache;
  const int L = static_cast<int>(gpt_.config().n_layer);
  const Tensor end =
      gpt_.run(pass, x, first, L, any_behind_queries_of(L - 1) ? Positions::all : which);
  const Tensor y = gpt_.head(pass, end, which);
  require_fired(Side::forward);
  return y;
}

}   // namespace glass
