// A window onto memory that somebody else owns: an address, a type, a shape, strides.
// No ownership, no graph, no device: every kernel on every backend speaks Views and nothing else.
//
// View and Into are plain aggregates on purpose. kernels/cpu is compiled once per instruction set; a constructor
// would be an inline function that exists once per set, and the linker might keep the one this machine cannot run.
#pragma once
#include <cstddef>
#include <cstdint>

namespace glass {

enum class DType : std::uint8_t { f32, f64, bf16, i32 };   // f64 lives on the reference backend: it is the bug detector

constexpr int kMaxRank = 5;

struct View {
  std::byte* data;                   // an address on the backend that is given the View
  DType dtype;
  int rank;
  std::int64_t shape[kMaxRank];
  std::int64_t stride[kMaxRank];     // in elements; 0 repeats the same element (broadcast)
};

// Where a kernel puts a result that may already hold something: it overwrites (add == false) or adds (add == true).
// An Into without data is a result nobody wants; the kernel skips it. So `dx[0] += ...` needs no temporary.
struct Into {
  View view;
  bool add;
};

}  // namespace glass
