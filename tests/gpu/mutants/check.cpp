// One mistake switched on, and one way to notice it: kernel_mutants NUMBER numbers|races [ROW...]
//   numbers   problems of these rows of the kernel table (or what is checked by itself) against
//   the reference, between guard pages; the emulator stops
//             what no GPU program may do
//   races     the same problems with every access to memory watched
// Exit code 1 and a line that begins with who noticed (numbers, emulator, races); 0: nobody did.
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/backends.h"
#include "kernels/gpu/gpu_backend.h"
#include "kernels/gpu/matmul_steps.h"
#include "tests/gpu/lent_memory.h"
#include "tests/gpu/mutants/helpers.h"
#include "tests/gpu/races.h"
#include "tests/kernels/blocks.h"
#include "tests/kernels/harness.h"
#include "tests/kernels/tables.h"
#include "tests/mutants/active.h"

namespace glass {
namespace {

constexpr std::uint64_t kSeed = 20250301;
// Of each row of the table: so many problems spread over it, and its last ones, which are of kinds
// of their own.
constexpr std::size_t kSpread = 64, kLast = 8;
constexpr std::int64_t kMostWatched = 30000;   // numbers of a problem in which races are looked for

int noticed(const char* who, const std::string& how) {
  std::printf("%s: %s\n", who, how.substr(0, how.find('\n')).c_str());
  return 1;
}

// Two groups each find a bad number, and the first of all is named, and nothing written. The table
// has no such problem: every kernel of it gets what it can compute.
int check_faults(GpuBackend& backend, bool races) {
  std::vector<float> table(4, 7), y(600, 1);
  std::vector<std::int32_t> ids(600, 1);
  ids[7] = ids[590] = 4;
  const auto view = [](auto& of, std::vector<std::int64_t> shape, DType type) {
    View v = {
        reinterpret_cast<std::byte*>(of.data()), type, static_cast<int>(shape.size()), {}, {}};
    for (int i = v.rank; i-- > 0;) {
      v.shape[i] = shape[static_cast<std::size_t>(i)];
      v.stride[i] = 1;
    }
    return v;
  };
  const View rows = view(y, {600, 1}, DType::f32), of_table = view(table, {4, 1}, DType::f32),
             numbers = view(ids, {600}, DType::i32);
  for (const bool scatter : {false, true}) {
    std::string said = "a bad number was not reported";
    try {
      if (scatter) backend.scatter_add({of_table, true}, numbers, rows);
      else backend.gather(rows, of_table, numbers);
    } catch (const std::invalid_argument& fault) { said = fault.what(); }
    if (said.find("position 7 ") == std::string::npos && !races) return noticed("numbers", said);
    if (table != std::vector<float>(4, 7) || y != std::vector<float>(600, 1))
      return noticed("numbers", "written in spite of a bad number");
  }
  return 0;
}

// Sums of 256 numbers, half of them 1, the largest of 0 to 255 and of their negatives: four times
// over.
int check_helpers() {
  std::vector<float> out(512);
  const gpu::HelperArgs args = {out.data()};
  emulator::run(*gpu::find_kernel("helpers"), &args, {2}, {});
  for (const float x : out)
    if (x != 4 * 128 + 4 * 255) return noticed("numbers", "helpers: " + std::to_string(x));
  return 0;
}

// y += x in bf16, four at a time: sums of whole numbers. The table has no bf16.
int check_halves(GpuBackend& backend) {
  constexpr int kCount = 40;
  alignas(16) std::uint16_t x[kCount], y[kCount];
  const auto half = [](int i) {
    const float number = static_cast<float>(i);
    return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(number) >> 16);
  };
  for (int i = 0; i < kCount; ++i) x[i] = half(i), y[i] = half(100 - 3 * i);
  const auto view = [](std::uint16_t* of) {
    return View{reinterpret_cast<std::byte*>(of), DType::bf16, 1, {kCount}, {1}};
  };
  backend.copy({view(y), true}, view(x));
  for (int i = 0; i < kCount; ++i)
    if (y[i] != half(100 - 2 * i)) return noticed("numbers", "halves: " + std::to_string(i));
  return 0;
}

// The kernels on matrix units, against products of the same numbers in f32. Copies arrive as late
// or as early as the rules allow.
GpuBackend with_copies(bool early) {
  emulator::Options options;
  options.early_copies = early;
  options.most_in_depth = 1;
  return GpuBackend(std::make_unique<test::WatchedDevice>(options));
}
int check_products(bool races) {
  const std::unique_ptr<Backend> reference = make_reference_backend();
  struct Product {
    test::ProductSizes sizes;
    bool a_across, b_across, early;
    DType result = DType::f32;
  };
  for (const Product& p : {Product{{130, 136, 80}, false, false, false},
                           {{9, 70, 65}, false, true, false},
                           {{70, 9, 150}, true, false, false},
                           {{40, 24, 2100}, true, true, false},
                           {{9, 136, 150}, false, false, true},
                           {{20, 30, 40}, false, false, false, DType::bf16}}) {
    GpuBackend backend = with_copies(p.early);
    const auto got = test::product(backend, DType::bf16, p.sizes, p.a_across, p.b_across, p.result);
    if (races) continue;
    const auto want = test::product(*reference, DType::f32, p.sizes, p.a_across, p.b_across);
    const double rounding = p.result == DType::bf16 ? 1.0 / 256 : 1e-5;
    if (!(test::difference(got, want) <= rounding)) return noticed("numbers", "product on blocks");
  }
  return 0;
}
int check_attention(bool races) {   // a pattern is rounded to 8 bits on the way
  const std::unique_ptr<Backend> reference = make_reference_backend();
  struct Task {
    test::AttentionSizes sizes;
    Attention how;
    bool early;
  };
  for (const Task& task : {Task{{1, 2, 1, 100, 40}, {0.2, 0, 0, 0, {}}, false},
                           {{1, 1, 1, 130, 24}, {0.2, 0, 20, 0.1, {1, 2, 3, 4}}, false},
                           {{2, 1, 1, 33, 9}, {0.2, 0, 0, 0, {}}, false},
                           {{1, 1, 1, 70, 64}, {0.2, 0, 0, 0, {}}, true},
                           {{1, 2, 1, 70, 100}, {0.1, 0, 0, 0.1, {1, 2, 3, 4}}, false},
                           {{1, 1, 1, 66, 128}, {0.1, 0, 30, 0, {}}, true}}) {
    GpuBackend backend = with_copies(task.early);
    const auto got = test::attend(backend, DType::bf16, task.sizes, task.how);
    if (races) continue;
    const auto want = test::attend(*reference, DType::f32, task.sizes, task.how);
    const auto near = [](const auto& a, const auto& b) {
      return test::difference(a, b) <= 1.0 / 128;
    };
    if (!near(got.y, want.y) || !near(got.lse, want.lse) || !near(got.dq, want.dq) ||
        !near(got.dk, want.dk) || !near(got.dv, want.dv))
      return noticed("numbers", "attention on blocks");
  }
  return 0;
}

// The steps towards a fast product, of small whole numbers, whose sums are exact: all of them make
// what the last one makes, and touch nothing behind it.
int check_steps() {
  constexpr std::size_t M = 70, N = 150, K = 40, kBehind = 1024;
  std::vector<std::uint16_t> a(M * K), b(K * N);
  for (std::size_t i = 0; i < a.size(); ++i) a[i] = i % 3 ? 0x3f80 : 0xc000;   // 1, -2
  for (std::size_t i = 0; i < b.size(); ++i) b[i] = i % 7 ? 0x4040 : 0x3f80;   // 3, 1
  const auto matrix = [](auto& numbers, DType dtype, std::int64_t rows, std::int64_t columns) {
    return View{
        reinterpret_cast<std::byte*>(numbers.data()), dtype, 2, {rows, columns}, {columns, 1}};
  };
  test::WatchedDevice device;
  std::vector<float> want;
  for (int step = gpu::kMatmulSteps; step >= 1; --step) {
    std::vector<float> c(M * N + kBehind, 7);
    gpu::start_matmul_step(device, step, matrix(c, DType::f32, M, N), matrix(a, DType::bf16, M, K),
                           matrix(b, DType::bf16, K, N));
    if (want.empty()) want = c;
    if (c != want || c.back() != 7) return noticed("numbers", gpu::name_of_matmul_step(step));
  }
  return 0;
}

int check(GpuBackend& backend, const test::Problem& problem, std::size_t i, bool races) {
  test::on_crash_say("crash: " + problem.key());
  if (races) {
    test::output_bits(backend, problem, kSeed + i);
    return 0;
  }
  const test::Standing standing = {i % 2 ? test::Edge::back : test::Edge::front,
                                   static_cast<int>(i % 16)};
  const std::string found =
      test::check(backend, problem, test::expect(problem, kSeed + i), standing).findings;
  if (found.empty()) return 0;
  const bool stopped = found.find("it threw: kernel ") != std::string::npos;
  return noticed(stopped ? "emulator" : "numbers", problem.key() + ": " + found);
}

std::int64_t numbers_of(const test::Problem& problem) {
  std::int64_t numbers = 0;
  for (const test::Operand& o : problem.operands) numbers += test::count(o.shape);
  return numbers;
}

int check_all(GpuBackend& backend, const std::vector<const test::KernelRow*>& rows, bool races) {
  std::vector<test::Problems> problems;
  for (const test::KernelRow* row : rows) problems.push_back(row->small());
  for (std::size_t k = 0; k < kSpread + kLast;
       ++k) {   // one of every row, then the next: some row notices soon
    for (const test::Problems& of_row : problems) {
      const std::size_t i =
          k < kSpread ? k * of_row.size() / kSpread : of_row.size() + k - kSpread - kLast;
      if (of_row[i].empty() || (races && numbers_of(of_row[i]) > kMostWatched)) continue;
      if (const int found = check(backend, of_row[i], i, races)) return found;
    }
  }
  return 0;
}

int run(int count, char** words) {
  active_mutant = std::atoi(words[1]);
  const bool races = std::strcmp(words[2], "races") == 0;
  std::optional<test::Watch> watch;
  if (races) watch.emplace(test::find_races);
  emulator::Options options;
  options.most_in_depth = 1;   // a batch of two takes two launches
  GpuBackend backend(std::make_unique<test::WatchedDevice>(options));
  std::vector<const test::KernelRow*> rows;
  for (const test::KernelRow& row : test::kernel_table()) {
    bool asked = count == 3;
    for (int i = 3; i < count; ++i) asked = asked || std::strcmp(words[i], row.name) == 0;
    if (asked) rows.push_back(&row);
  }
  try {
    for (int i = 3; i < count; ++i) {
      const std::string row = words[i];
      const int found = row == "faults"                ? check_faults(backend, races)
                        : row == "helpers"             ? check_helpers()
                        : row == "steps"               ? check_steps()
                        : row == "halves"              ? check_halves(backend)
                        : row == "product on blocks"   ? check_products(races)
                        : row == "attention on blocks" ? check_attention(races)
                                                       : 0;
      if (found) return found;
    }
    return check_all(backend, rows, races);
  } catch (const std::logic_error& mistake) {
    const std::string what = mistake.what();
    return noticed(what.find("race in ") != std::string::npos ? "races" : "emulator", what);
  }
}

}   // namespace
}   // namespace glass

int main(int count, char** words) {
  if (count < 3) return 2;
  return glass::run(count, words);
}
