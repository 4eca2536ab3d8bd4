// Rows of a table by number: gather reads them (an embedding), scatter_add adds to them (its
// gradient).
#include "kernels/cpu/isa/loops.h"
#include "kernels/cpu/isa/rows.h"

namespace glass::GLASS_ISA {

namespace {

void require_ids(const char* kernel, const Rows& ids, std::int64_t limit) {
  for (std::int64_t i = 0; i < ids.count; ++i) {
    const std::int64_t id = id_at(ids, i);
    if (id < 0 || id >= limit) refuse_id(kernel, id, i, limit);
  }
}

}   // namespace

void Cpu::gather(View y, View table, View ids) {
  require_floats("gather", y, table);
  require_i32("gather", ids);
  const Rows Y = rows_of(y), table_rows = rows_of(table), numbers = elements_of(ids);
  require_ids("gather", numbers, table_rows.count);
  if (Y.count == 0) return;
  const std::int64_t C = Y.C;
  const std::int64_t per_chunk = rows_per_chunk(C, kGrain);
  const bool pack = !is_plain(Y) || !is_plain(table_rows);
  parallel_ranges(team_, Y.count, per_chunk, [&](std::int64_t begin, std::int64_t end) {
    const RowBuffers buffers = row_buffers(pack, 2, C);
    for (std::int64_t i = begin; i < end; ++i) {
      float* to = begin_row(Y, i, false, buffers[0]);
      const float* from = read_row(table_rows, id_at(numbers, i), buffers[1]);
      each_vec(C, [&](auto part, std::int64_t c) { part.store(to + c, part.load(from + c)); });
      finish_row(Y, i, buffers[0]);
    }
  });
}

namespace {

// The positions that name each row, in order: first[row], and from a position to the next one with
// the same row, or -1. Rows that nobody names have nothing in `first`.
struct Namers {
  std::int32_t *first, *next;
};
Namers namers_of(const Rows& ids, std::int64_t table_rows) {
  float* memory = scratch(Scratch::partials, table_rows + ids.count);
  std::int32_t* first = reinterpret_cast<std::int32_t*>(memory);
  const Namers of = {first, first + table_rows};
  for (std::int64_t i = 0; i < ids.count; ++i) of.first[id_at(ids, i)] = -1;
  for (std::int64_t i = ids.count - 1; i >= 0; --i) {
    std::int32_t& head = of.first[id_at(ids, i)];
    of.next[i] = head;
    head = static_cast<std::int32_t>(i);
  }
  return of;
}

}   // namespace

// Two positions may add to one row, so a thread owns columns, not positions. Within its columns it
// goes from row to row of the table, and adds all that belongs to one before it turns to the next:
// so a sum is rounded once where the table is bf16, and it has the order of i whatever the team.
void Cpu::scatter_add(Into table, View ids, View y) {
  if (table.view.data == nullptr) return;
  require_floats("scatter_add", table.view, y);
  require_i32("scatter_add", ids);
  const Rows Y = rows_of(y), table_rows = rows_of(table.view), numbers = elements_of(ids);
  require_ids("scatter_add", numbers, table_rows.count);
  if (!table.add) fill(table.view, 0);
  const std::int64_t C = table_rows.C;
  if (Y.count == 0 || C == 0) return;
  constexpr std::int64_t kColumns =
      128;   // at least this many, so that memory is read in stretches
  const std::int64_t wanted = kGrain / Y.count;
  const std::int64_t columns =
      wanted <= kColumns ? kColumns : (wanted + kColumns - 1) / kColumns * kColumns;
  const bool pack = !is_plain(Y) || !is_plain(table_rows);
  const Namers namers = namers_of(numbers, table_rows.count);
  parallel_ranges(team_, C, columns, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t n = end - begin;
    const RowBuffers buffers = row_buffers(pack, 2, n);
    for (std::int64_t i = 0; i < Y.count; ++i) {
      const std::int64_t id = id_at(numbers, i);
      if (namers.first[id] != i) continue;   // this row has had its turn
      const std::int64_t place = row_offset(table_rows, id) + begin * table_rows.step;
      float* to = begin_at(table_rows, place, n, true, buffers[0]);
      for (std::int64_t from_row = i; from_row >= 0; from_row = namers.next[from_row]) {
        const float* from = read_at(Y, row_offset(Y, from_row) + begin * Y.step, n, buffers[1]);
        each_vec(n, [&](auto part, std::int64_t c) {
          part.store(to + c, part.load(to + c) + part.load(from + c));
        });
      }
      finish_at(table_rows, place, n, buffers[0]);
    }
  });
}

}   // namespace glass::GLASS_ISA
