#include "interp/change/cells.h"

#include <algorithm>
#include <optional>

#include "engine/base/error.h"
#include "model/kv_cache.h"

namespace glass {
namespace {

constexpr std::int64_t kNumbersAtOnce = 1 << 22;   // of the widest activation: 16 MiB

// 1 in the part of each cell, 0 elsewhere: (cells,1,..), with size 1 on axes that no cell asks for.
Tensor mask_of(const Tensor& x, const std::vector<Cell>& cells, const std::string& name) {
  const Axes axes = axes_of(name);
  const bool pattern = axes.head == 1;
  const std::int64_t n = static_cast<std::int64_t>(cells.size());
  Shape shape{n, 1};
  for (int axis = 1; axis < x.rank(); ++axis) shape.push_back(1);
  const auto asked = [&](auto part) {
    return std::any_of(cells.begin(), cells.end(), [&](const Cell& c) { return part(c) >= 0; });
  };
  const bool heads = asked([](const Cell& c) { return c.head; });
  const bool positions = asked([](const Cell& c) { return c.position; });
  const bool sources = asked([](const Cell& c) { return c.source; });
  if ((heads && axes.head < 0) || (sources && !pattern))
    fail(Error(ExitCode::internal, name + " has no such part."));
  if (heads) shape[axes.head + 1] = x.dim(axes.head);
  if (positions) shape[axes.position + 1] = x.dim(axes.position);
  if (sources) shape[4] = x.dim(3);
  std::vector<double> mask(static_cast<std::size_t>(shape.numel()));
  const std::size_t size = mask.size() / cells.size();
  const Shape inner = row_major(shape);
  for (std::size_t i = 0; i < mask.size(); ++i) {
    const Cell& cell = cells[i / size];
    const auto at = [&](int axis) {
      return static_cast<std::int64_t>(i) / inner[axis + 1] % shape[axis + 1];
    };
    const bool here = (!heads || cell.head < 0 || at(axes.head) == cell.head) &&
                      (!positions || cell.position < 0 || at(axes.position) == cell.position) &&
                      (!sources || cell.source < 0 || at(3) == cell.source);
    mask[i] = here ? 1 : 0;
  }
  return Tensor::from(x.device(), mask, shape, x.dtype());
}

Shape with_front(std::int64_t front, const Shape& shape, std::int64_t first) {
  Shape out{front, first};
  for (int axis = 1; axis < shape.rank; ++axis) out.push_back(shape[axis]);
  return out;
}

}   // namespace

Tensor repeated_rows(const Tensor& x, std::int64_t times) {
  Shape flat = x.shape();
  flat[0] *= times;
  const Tensor all = broadcast_to(reshape(x, with_front(1, x.shape(), x.dim(0))),
                                  with_front(times, x.shape(), x.dim(0)));
  return reshape(all, flat);
}

// x (1-mask) + source mask: a factor of 1 and a summand of 0 leave every bit as it is.
Tensor with_cells(const Tensor& x, const Tensor& source, const std::vector<Cell>& cells,
                  const std::string& name) {
  const std::int64_t n = static_cast<std::int64_t>(cells.size()), B = source.dim(0);
  const Tensor mask = mask_of(source, cells, name);
  const Tensor apart = reshape(x, with_front(n, x.shape(), B));
  const Tensor other = reshape(source, with_front(1, source.shape(), B));
  return reshape(apart * (1 - mask) + other * mask, x.shape());
}

std::vector<char> cells_that_differ(const Tensor& x, const Tensor& source,
                                    const std::vector<Cell>& cells, const std::string& name) {
  const Axes axes = axes_of(name);
  const bool pattern = axes.head == 1;
  const std::int64_t H = axes.head < 0 ? 1 : x.dim(axes.head), T = x.dim(axes.position),
                     S = pattern ? x.dim(3) : 1;
  const Shape inner = row_major(x.shape());
  const std::vector<double> apart = (source - x).to_host();
  std::vector<char> differs(static_cast<std::size_t>(H * T * S), 0);   // by head, position, source
  const auto at = [&](std::int64_t h, std::int64_t t, std::int64_t s) -> char& {
    return differs[static_cast<std::size_t>((h * T + t) * S + s)];
  };
  for (std::size_t i = 0; i < apart.size(); ++i) {
    if (apart[i] == 0) continue;   // a NaN is something else
    const auto index = [&](int axis) {
      return static_cast<std::int64_t>(i) / inner[axis] % x.dim(axis);
    };
    at(axes.head < 0 ? 0 : index(axes.head), index(axes.position), pattern ? index(3) : 0) = 1;
  }
  std::vector<char> all;
  for (const Cell& cell : cells) {
    const auto range = [](std::int64_t asked, std::int64_t size) {
      return asked < 0 ? std::pair(std::int64_t{0}, size) : std::pair(asked, asked + 1);
    };
    const auto heads = range(cell.head, H), positions = range(cell.position, T),
               sources = range(cell.source, S);
    char any = 0;
    for (std::int64_t h = heads.first; h < heads.second; ++h)
      for (std::int64_t t = positions.first; t < positions.second; ++t)
        for (std::int64_t s = sources.first; s < sources.second; ++s) any |= at(h, t, s);
    all.push_back(any);
  }
  return all;
}

std::int64_t rows_at_once(const GPTConfig& c, std::int64_t T) {
  const std::int64_t widest = T * std::max({4 * c.n_embd, c.inner(), c.n_head * T});
  return std::max<std::int64_t>(1, kNumbersAtOnce / widest);
}

namespace {

constexpr std::size_t kPositionsAtOnce = 8;   // cells of one batch that share what lies before them

// The keys and values that a run from block `layer` on makes of its stream.
class KeysAndValues {
 public:
  KeysAndValues(GPT& gpt, int layer, const Tensor& stream) : gpt_(gpt), first_(layer) {
    Hooks hooks(gpt);
    std::vector<Hooks::Scope> scopes;
    const bool turned = gpt.config().pos == Position::rope;
    const auto keep = [&](int l, const char* name, std::vector<Tensor>& all) {
      scopes.push_back(hooks.read({in_block(l, name)}, [&all](const Tensor& x) {
        all.push_back(permute(x, {0, 2, 1, 3}));   // (B,Hk,T,D)
      }));
    };
    for (int l = layer; l < gpt.config().n_layer; ++l) {
      keep(l, turned ? "attn.hook_rot_k" : "attn.hook_k", k_);
      keep(l, "attn.hook_v", v_);
    }
    hooks.logits_from(layer, stream, nullptr, Positions::last);
  }

  // A cache that holds those of the first P positions, for `times` copies of the batch.
  KVCache before(std::int64_t P, std::int64_t times) const {
    const Tensor& x = k_.front();
    KVCache cache(gpt_.config(), gpt_.device(), gpt_.products(), x.dim(0) * times, x.dim(2));
    const auto part = [&](const Tensor& all) {
      return repeated_rows(contiguous(slice(all, 2, 0, P)), times);
    };
    for (std::size_t i = 0; i < k_.size(); ++i)
      cache.append(first_ + static_cast<int>(i), part(k_[i]), part(v_[i]));
    cache.advance(P);
    return cache;
  }

 private:
  GPT& gpt_;
  int first_;
  std::vector<Tensor> k_, v_;   // of each layer
};

// The answers of cells of one batch; with `past`, only from their first position on.
std::vector<double> answers_of_batch(GPT& gpt, const Task& task, int layer,
                                     const std::string& place, const Tensor& stream,
                                     const Tensor& source, std::vector<Cell> cells,
                                     const KeysAndValues* past) {
  const std::int64_t n = static_cast<std::int64_t>(cells.size());
  const std::int64_t P = past ? cells.front().position : 0;   // cells are in order
  for (Cell& cell : cells)
    if (cell.position >= 0) cell.position -= P;
  const Tensor there = P > 0 ? contiguous(slice(source, 1, P, source.dim(1))) : source;
  const Tensor start = P > 0 ? contiguous(slice(stream, 1, P, stream.dim(1))) : stream;
  Hooks hooks(gpt);
  const auto patch =
      hooks.replace({place}, [&](const Tensor& x) { return with_cells(x, there, cells, place); });
  std::optional<KVCache> cache;
  if (P > 0) cache = past->before(P, n);
  return answers(hooks.logits_from(layer, repeated_rows(start, n), nullptr, Positions::last,
                                   cache ? &*cache : nullptr),
                 task);
}

}   // namespace

std::vector<double> answers_of_cells(GPT& gpt, const Task& task, int layer, const std::string& name,
                                     const Tensor& stream, const Tensor& source,
                                     const std::vector<Cell>& cells) {
  const std::string place = in_block(layer, name);
  std::size_t most = static_cast<std::size_t>(
      std::max<std::int64_t>(1, rows_at_once(gpt.config(), task.T()) / task.B()));
  // What stands before the position that a cell changes is as it was in the base run, and so are
  // its keys and values: cells of positions that follow one another are computed from the first of
  // them on.
  const bool in_order =
      axes_of(place).position == 1 && cells.size() > kPositionsAtOnce &&
      std::is_sorted(cells.begin(), cells.end(),
                     [](const Cell& a, const Cell& b) { return a.position < b.position; }) &&
      cells.front().position >= 0;
  std::optional<KeysAndValues> past;
  if (in_order) {
    past.emplace(gpt, layer, stream);
    most = std::min(most, kPositionsAtOnce);
  }
  std::vector<double> all;
  for (std::size_t from = 0; from < cells.size(); from += most) {
    const auto first = cells.begin() + static_cast<std::ptrdiff_t>(from);
    const auto count = std::min(most, cells.size() - from);
    const std::vector<double> these = answers_of_batch(
        gpt, task, layer, place, stream, source,
        {first, first + static_cast<std::ptrdiff_t>(count)}, past ? &*past : nullptr);
    all.insert(all.end(), these.begin(), these.end());
  }
  return all;
}

}   // namespace glass
