// What `glass bench` measures and how it tells: rows, printed as a table with bars or as JSON.
#pragma once
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/json.h"
#include "kernels/backend.h"
#include "tools/machine.h"

namespace glass {

// The limits of this machine, measured in the same run.
struct Peak {
  std::string isa;
  int threads = 1;
  double gflops = 0;                       // multiply-adds from registers
  double read_gbps = 0;                    // from memory
  double copy_gbps = 0;                    // from memory and back to it
  double bf16_gflops = 0, int8_gops = 0;   // dot products of short numbers; 0: no instruction
  // Of a GPU (device_peak.h): its name, what a product of product_size cubed reaches, and whether
  // the limits are what its maker publishes or what was measured here.
  std::string device;
  double product_gflops = 0;
  std::int64_t product_size = 0;
  bool published = false;
};
Peak measure_peak(const std::string& isa, int threads);   // isa: a usable one
Peak with_isa(Peak peak, const std::string& isa);         // the same memory, other vectors
// For products of this type: bf16 has a peak of its own where the processor multiplies it.
Peak with_type(Peak peak, DType dtype);
double memory_gbps(const Peak& peak);   // the better of the two ways
// Peaks are about the processor, whatever device computes: the best instruction set if the device
// has none.
std::string isa_of(const Machine& machine);

// Of at least one number; the mean of the two in the middle where their count is even.
double median(std::vector<double> values);

struct Timing {
  double ms = 0, best_ms = 0;   // median and best of several runs
};
// At least five runs and a tenth of a second; a run repeats what is short for the clock, and ends
// with one `finish`: whoever computes beside the host is waited for there.
Timing time_it(const std::function<void()>& call, const std::function<void()>& finish);

// The tensors of one case: released with it.
class Operands {
 public:
  explicit Operands(Backend& backend) : backend_(backend) {}
  Operands(const Operands&) = delete;
  Operands& operator=(const Operands&) = delete;
  ~Operands();
  using Sizes = std::vector<std::int64_t>;
  View numbers(const Sizes& shape, DType = DType::f32);                   // in [-1, 1)
  View ids(const Sizes& shape, std::int64_t limit);                       // in [0, limit)
  PackedWeight packed(PackedType type, std::int64_t N, std::int64_t K);   // numbers, packed
  Backend& backend() { return backend_; }

 private:
  View upload(const Sizes& shape, DType dtype, const std::vector<std::uint32_t>& bits);
  Backend& backend_;
  std::vector<std::pair<std::byte*, std::size_t>> blocks_;
};

// One kernel on one shape.
struct BenchCase {
  std::string group, name, shape;
  double flops;   // 0 where arithmetic is not what the kernel is about
  double bytes;   // what must be read or written at least once
  std::function<std::function<void()>(Operands&)>
      prepare;   // allocates, and returns the call to time
};
// Every kernel of the backend, on shapes of GPTs; or the matrix products of one layer, or
// attention, of any size.
std::vector<BenchCase> bench_cases(DType dtype = DType::f32);   // of the factors of products
std::vector<BenchCase> product_cases(std::int64_t M, std::int64_t N, std::int64_t K,
                                     DType dtype = DType::f32);
std::vector<BenchCase> attention_cases(std::int64_t B, std::int64_t H, std::int64_t T,
                                       std::int64_t D, DType dtype = DType::f32);

struct BenchRow {
  std::string group, name, shape, isa;
  Timing time;
  double gflops = 0, gbps = 0;
  double fraction_of_peak = 0;   // the time at the nearer of the two limits, over the time taken
};
BenchRow measure(const BenchCase& one, Backend& backend, const Peak& peak);

// The sizes of an option: "256x2304x768" are three. UsageError where they are not `count`.
std::vector<std::int64_t> sizes_of(const std::string& option, const std::string& text,
                                   std::size_t count);
// glass bench ops --peer: matrix products beside those of another library (bench_peer.cpp).
ExitCode run_peer(const Arguments& args);

void print_peak(const Peak& peak);
// A line of the table; a heading first where the group is not that of the row before.
void print_row(const BenchRow& row, const BenchRow* before);
void print_pair(const BenchRow& a, const BenchRow& b,
                const BenchRow* before);   // two instruction sets side by side
void write_peak(Json& json, const Peak& peak);
void write_rows(Json& json, const std::vector<BenchRow>& rows);

}   // namespace glass
