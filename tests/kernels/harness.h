// The parity harness, part two: running a Problem where every mistake shows.
// Each operand lies in memory of its own, flush against a page that cannot be touched, in front or behind, and starts at
// every distance (0..15 floats) from alignment. All other memory around and between its elements holds a NaN of one
// known pattern: reading it poisons the result, writing it is noticed afterwards.
#pragma once
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "tests/kernels/problem.h"

namespace glass::test {

// A backend under test: an instruction set of the cpu backend, the reference in f32, the emulator of GPUs, or a GPU.
struct Candidate {
  std::string isa;
  bool usable;
  std::size_t stride = 1;   // of the cases of a table, only every so many: it is a slow stand-in for a GPU
  bool is_gpu() const { return isa == "cuda" || isa == "metal"; }
  bool has_threads() const { return isa != "reference" && isa != "emulator" && !is_gpu(); }   // and code of its own instructions
  bool has_matrix_units() const { return isa == "emulator" || is_gpu(); }   // products of bf16 have factors in bf16, also within a kernel
};
inline void PrintTo(const Candidate& c, std::ostream* out) { *out << c.isa; }
// All that were built and compute in the host's memory; GLASS_ISA in the environment leaves one.
std::vector<Candidate> candidates();
// Those, and GPUs, whose operands have to be sent (device_copy.h). Where there is no GPU the real host side runs on a
// stand-in for the driver, which runs the very kernels that a GPU would be given, slowly: every 8th case, or, with
// GLASS_DEEP in the environment, all.
std::vector<Candidate> candidates_and_gpus();

// The backend of that name on that many threads, made once.
Backend& candidate(const std::string& isa, int threads);

// What the reference says about a problem.
struct Expected {
  // Inputs as drawn; what outputs that are read, too, held before.
  Values initial;
  // The same after the kernel ran in f64, each output overwritten.
  Values result;
  // Only without a gate: after it ran in f32, each output overwritten or added to as asked.
  Values bits;
  // How far each element may be off, per operand; empty for inputs, and everywhere without a gate.
  std::vector<std::vector<double>> gate;
};
Expected expect(const Problem&, std::uint64_t seed);

enum class Edge { front, back };   // which guard page the operands touch
struct Standing {
  Edge edge;
  int shift;   // with Edge::front: how many floats after a 64-byte boundary
};

struct Verdict {
  std::string findings;   // empty, or what is wrong, one line each
  double margin = 0;      // the largest error, as a share of what its gate allows; 1 is the limit
};
// Runs the problem there and compares.
Verdict check(Backend&, const Problem&, const Expected&, Standing);

// Runs the problem on operands of f64, whatever comes of it.
void run_in_double(Backend&, const Problem&, std::uint64_t seed);

// The bits of every output of a problem, run in ordinary memory.
std::vector<std::vector<std::uint32_t>> output_bits(Backend&, const Problem&, std::uint64_t seed);

// From here on a crash prints this text first.
void on_crash_say(const std::string& text);

}  // namespace glass::test
