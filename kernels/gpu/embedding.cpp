// Starts the kernels of embedding.h.
#include "kernels/gpu/embedding.h"

#include "kernels/gpu/gpu_backend.h"
#include "kernels/gpu/operands.h"

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

void GpuBackend::scatter_add(Into table, View ids, View y) {
  if (!table.view.data) return;
  EmbeddingArgs p = arguments("scatter_add", y, table.view, ids);
  p.add = table.add;
  p.fault = fault(kBadScatterId);
  launch("check_ids", p, {groups_for(p.n, 256)});
  launch("scatter_add", p, {p.V});
  check_faults_at_once();
}

}   // namespace glass
