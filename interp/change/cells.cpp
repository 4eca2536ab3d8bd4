#include "interp/change/cells.h"

#include <algorithm>

#include "engine/base/error.h"

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

std::int64_t rows_at_once(const GPTConfig& c, std::int64_t T) {
  const std::int64_t widest = T * std::max({4 * c.n_embd, c.inner(), c.n_head * T});
  return std::max<std::int64_t>(1, kNumbersAtOnce / widest);
}

std::vector<double> answers_of_cells(GPT& gpt, const Task& task, int layer, const std::string& name,
                                     const Tensor& stream, const Tensor& source,
                                     const std::vector<Cell>& cells) {
  const std::string place = in_block(layer, name);
  const std::size_t most = static_cast<std::size_t>(
      std::max<std::int64_t>(1, rows_at_once(gpt.config(), task.T()) / task.B()));
  std::vector<double> all;
  for (std::size_t from = 0; from < cells.size(); from += most) {
    const auto first = cells.begin() + static_cast<std::ptrdiff_t>(from);
    const auto count = std::min(most, cells.size() - from);
    const std::vector<Cell> some(first, first + static_cast<std::ptrdiff_t>(count));
    Hooks hooks(gpt);
    const auto patch =
        hooks.replace({place}, [&](const Tensor& x) { return with_cells(x, source, some, place); });
    const Tensor x = repeated_rows(stream, static_cast<std::int64_t>(count));
    const std::vector<double> these =
        answers(hooks.logits_from(layer, x, nullptr, Positions::last), task);
    all.insert(all.end(), these.begin(), these.end());
  }
  return all;
}

}   // namespace glass
