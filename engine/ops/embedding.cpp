// y[i] = table[ids[i]]:  dtable[ids[i]] += dy[i], for every i in order
#include <vector>

#include "engine/ops/cases.h"
#include "engine/ops/op.h"

namespace glass {
namespace {

struct Embedding final : Node {
  Tensor ids;                                                // (n)
  explicit Embedding(Tensor rows) : Node("embedding"), ids(std::move(rows)) {}
  void backward(const Tensor& dy, Slots dx) override {
    if (!dx[0]) return;
    const Tensor dtable = dx[0].zeroed();
    dy.backend().scatter_add({dtable.view(), true}, ids.view(), as_rows(dy).view());
  }
};

Tensor flat(const Tensor& ids) {
  const Tensor packed = contiguous(ids);
  return packed.window({ids.numel()}, {1}, packed.offset());
}

void require_embedding(const Tensor& table, const Tensor& ids, Where at) {
  require_together("embedding", at, {table});
  if (table.rank() != 2) shape_error("embedding", "the table " + str(table.shape()) + " should be (V,C)", at, {table});
  if (!ids || ids.dtype() != DType::i32) shape_error("embedding", "ids should be i32", at, {table});
  if (ids.device() != table.device()) shape_error("embedding", "ids and table lie on two devices", at, {table});
  if (ids.rank() == kMaxRank) shape_error("embedding", "ids have too many axes: " + str(ids.shape()), at, {table});
}

}  // namespace

Tensor embedding(const Tensor& table, const Tensor& ids, Where at) {
  require_embedding(table, ids, at);
  Shape shape = ids.shape();
  shape.push_back(table.dim(1));
  const Tensor rows = flat(ids);
  Tensor y = result(table, shape);
  table.backend().gather(as_rows(y).view(), table.view(), rows.view());
  return record<Embedding>(y, at, {table}, rows);
}

namespace composed {

// A row of zeros with a one at the id, times the table: the slow way that shows what a lookup is.
Tensor embedding(const Tensor& table, const Tensor& ids) {
  const std::vector<double> id = ids.to_host();
  const std::size_t V = static_cast<std::size_t>(table.dim(0));
  std::vector<double> one_hot(id.size() * V, 0);
  for (std::size_t i = 0; i < id.size(); ++i) one_hot[i * V + static_cast<std::size_t>(id[i])] = 1;
  const Shape rows{ids.numel(), table.dim(0)};
  Shape shape = ids.shape();
  shape.push_back(table.dim(1));
  return reshape(matmul(Tensor::from(table.device(), one_hot, rows, table.dtype()), table), shape);
}

}  // namespace composed

static OpCall draw_embedding(OpDice& dice) {
  const auto n = dice.sizes(2);
  const std::int64_t V = std::max<std::int64_t>(n[0], 1), C = n[1];
  const Shape shape = dice.shape(0, 3);
  const auto ids = draw_ids(dice, shape, V);
  return {{{V, C}}, [=](Tensors in) { return embedding(in[0], ids(in[0].device())); },
          [=](Tensors in) { return composed::embedding(in[0], ids(in[0].device())); }, shape.numel() == 0};
}

std::vector<OpCases> embedding_cases() {
  return {{.op = "embedding(table, ids)", .draw = draw_embedding, .twin = "composed::embedding(table, ids)", .adds_in_parts = true}};
}

}  // namespace glass
