// Rows of a table by number: gather reads them (an embedding), scatter_add adds to them (its gradient).
#include "kernels/reference/loops.h"
#include "kernels/reference/reference.h"

namespace glass {
using namespace reference;

namespace {

// The checked number of a row: the table has `limit` of them.
std::int64_t id_at(const char* op, const View& ids, std::int64_t i, std::int64_t limit) {
  const std::int64_t id = at<std::int32_t>(ids, i);
  if (id < 0 || id >= limit)
    throw std::invalid_argument(std::string("reference: ") + op + ": id " + std::to_string(id) +
                                " at position " + std::to_string(i) +
                                " is outside of a table with " + std::to_string(limit) + " rows");
  return id;
}

void require_rows(const char* op, const View& y, const View& table, const View& ids) {
  require(ids.dtype == DType::i32, op, "ids must be i32");
  require(table.rank == 2 && y.rank >= 1, op, "the table must be (V,C)");
  require(size(y, -1) == table.shape[1] && rows(y) == count(ids), op,
          "y must be (n,C) for n ids and a table (V,C)");
  require_type(op, y, table);
}

}  // namespace

void ReferenceBackend::gather(View y, View table, View ids) {
  if (any_bf16(y, table)) {
    Doubles d;
    return gather(d.out(y), d.in(table), ids);
  }
  require_rows("gather", y, table, ids);
  with_type("gather", y.dtype, [&](auto zero) {
    using T = decltype(zero);
    for (std::int64_t i = 0; i < count(ids); ++i) {
      const Row<T> to = row<T>(y, i), from = row<T>(table, id_at("gather", ids, i, table.shape[0]));
      for (std::int64_t c = 0; c < size(y, -1); ++c) to[c] = from[c];
    }
  });
}

void ReferenceBackend::scatter_add(Into table, View ids, View y) {
  if (any_bf16(table.view, y)) {
    Doubles d;
    return scatter_add(d.into(table), ids, d.in(y));
  }
  if (!wanted(table)) return;
  require_rows("scatter_add", y, table.view, ids);
  for (std::int64_t i = 0; i < count(ids); ++i)
    id_at("scatter_add", ids, i, table.view.shape[0]);   // before anything is written
  if (!table.add) fill(table.view, 0);
  with_type("scatter_add", y.dtype, [&](auto zero) {
    using T = decltype(zero);
    for (std::int64_t i = 0; i < count(ids); ++i) {
      const Row<T> to = row<T>(table.view, at<std::int32_t>(ids, i)), from = row<T>(y, i);
      for (std::int64_t c = 0; c < size(y, -1); ++c) to[c] += from[c];
    }
  });
}

}  // namespace glass
