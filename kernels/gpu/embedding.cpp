// Starts the kernels of embedding.h and id_order.h.
#include "kernels/gpu/embedding.h"

#include <utility>

#include "kernels/gpu/gpu_backend.h"
#include "kernels/gpu/id_order.h"
#include "kernels/gpu/operands.h"
#include "kernels/gpu/workspace.h"

namespace glass {
using namespace gpu;

namespace {

EmbeddingArgs arguments(const char* op, const View& y, const View& table, const View& ids) {
  require_floats(op, {&y, &table});
  require(ids.dtype == DType::i32, op, "ids must be i32");
  require(table.rank == 2 && y.rank >= 1 && y.shape[y.rank - 1] == table.shape[1], op,
          "y must be (n,C) and the table (V,C)");
  EmbeddingArgs p = {};
  p.walk = walk_rows(op, {{&p.y, y}});
  p.ids_walk = walk(op, {{&p.ids, ids}});
  require(p.walk.count == p.ids_walk.count, op, "y must have a row for each id");
  p.table = array_of(op, table);
  p.V = static_cast<uint>(table.shape[0]);
  p.C = static_cast<uint>(table.shape[1]);
  p.n = p.ids_walk.count;
  return p;
}

}   // namespace

void GpuBackend::gather(View y, View table, View ids) {
  EmbeddingArgs p = arguments("gather", y, table, ids);
  p.fault = fault(kBadGatherId);
  launch("check_ids", p, {groups_for(p.n, 256)});
  launch("gather", p, {groups_for(p.n, kRowsPerGroup)});
  check_faults_at_once();
}

// 0 to n - 1 in an order in which equal ids are neighbours; `room` has 2 n
// numbers.
const unsigned* GpuBackend::order_ids(const EmbeddingArgs& e, const Workspace& room) {
  IdOrderArgs p = {};
  p.walk = e.ids_walk;
  p.ids = e.ids;
  p.segments = groups_for(e.n, kIdsOfWarp);
  const Workspace counts(*this, std::size_t{p.segments} * kDigits);
  p.counts = reinterpret_cast<uint*>(counts.data());
  uint* to = reinterpret_cast<uint*>(room.data());
  uint* other = to + e.n;
  const Grid segments = {groups_for(p.segments, kIdWarps)};
  do {   // as many digits as the largest id has
    p.to = to;
    launch("count_digits", p, segments);
    launch("place_digits", p, {1});
    launch("move_by_digit", p, segments);
    p.from = to;
    p.shift += kDigitBits;
    std::swap(to, other);
  } while (p.shift < 32 && e.V > 1u << p.shift);
  return p.from;
}

void GpuBackend::scatter_add(Into table, View ids, View y) {
  if (!table.view.data) return;
  EmbeddingArgs p = arguments("scatter_add", y, table.view, ids);
  p.add = table.add;
  p.fault = fault(kBadScatterId);
  launch("check_ids", p, {groups_for(p.n, 256)});
  const Workspace room(*this, 2 * std::size_t{p.n});
  p.order = order_ids(p, room);
  launch("scatter_add", p,
         {groups_for(p.V, uint{kRowsPerGroup} * kTableRows), groups_for(p.C, kScatterColumns)});
  check_faults_at_once();
}

}   // namespace glass
