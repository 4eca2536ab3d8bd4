// A tensor is a value that may be copied freely: copies share the memory, and nothing but `writable` changes it.
// While a Tape records, a tensor also knows which node of the tape made it.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/base/where.h"
#include "engine/shape.h"
#include "kernels/backend.h"

namespace glass {

class Tape;
using Device = std::shared_ptr<Backend>;           // memory keeps the machine it lies on alive

// Memory on one backend. The version counts writes: a node that saved version 3 refuses to work with version 4.
struct Buffer {
  Device device;
  std::byte* data;
  std::size_t bytes;
  unsigned version = 0;
  const char* writer = "";                         // who wrote last, and where
  Where written;

  Buffer(const Device& on, std::size_t size) : device(on), data(on->allocate(size)), bytes(size) {}
  ~Buffer() { device->release(data, bytes); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
};

class Tensor {
 public:
  Tensor() = default;
  static Tensor empty(const Device&, const Shape&, DType = DType::f32);
  static Tensor full(const Device&, const Shape&, double value, DType = DType::f32);
  static Tensor from(const Device&, std::span<const double> values, const Shape&, DType = DType::f32);
  static Tensor from(const Device&, std::span<const float> values, const Shape&);
  static Tensor ids(const Device&, std::span<const std::int32_t> values, const Shape&);

  explicit operator bool() const { return buffer_ != nullptr; }
  const Shape& shape() const { return shape_; }
  const Shape& stride() const { return stride_; }  // in elements; 0 repeats
  std::int64_t dim(int axis) const { return shape_[axis]; }   // dim(-1) is the last size
  int rank() const { return shape_.rank; }
  std::int64_t numel() const { return shape_.numel(); }
  DType dtype() const { return dtype_; }
  const Device& device() const { return buffer_->device; }
  Backend& backend() const { return *buffer_->device; }
  const std::shared_ptr<Buffer>& buffer() const { return buffer_; }
  bool contiguous() const;
  bool owns_alone() const { return buffer_.use_count() == 1; }

  View view() const;                               // what kernels read
  View writable(const char* writer, Where at = Where::here());   // what kernels write; counts a version

  // The same memory seen with other sizes and strides; the graph is forgotten (ops/views.cpp records it).
  Tensor window(const Shape& shape, const Shape& stride, std::int64_t offset) const;
  std::int64_t offset() const { return offset_; }
  Tensor detach() const;                           // the same value, made by nobody

  // Wait for the machine and bring the numbers home, in row-major order.
  std::vector<double> to_host() const;
  double item() const;                             // of a tensor with one element

  // Which node of which tape made this value: -1 when nobody recorded it.
  Tape* tape() const { return tape_; }
  int node() const { return node_; }
  std::uint64_t step() const { return step_; }

 private:
  friend class Tape;
  std::shared_ptr<Buffer> buffer_;
  Shape shape_, stride_;
  std::int64_t offset_ = 0;
  DType dtype_ = DType::f32;
  Tape* tape_ = nullptr;
  int node_ = -1;
  std::uint64_t step_ = 0;
};

// The numbers of tensors with one element each, in f32, f64 or i32: the machine is waited for once.
void items(std::span<const Tensor> ones, std::span<double> values);

std::size_t size_of(DType);                        // bytes of one element
const char* name_of(DType);                        // "f32"
Tensor empty_like(const Tensor& x);                // contiguous, same shape, type and device
Tensor converted(const Tensor& x, DType);          // the same numbers in another type; the graph is forgotten
std::string str(const Tensor& x);                  // "f32 (2,3) [0.1, -2, ...]"

// An output a kernel overwrites.
inline Into to(const Tensor& y) { return {y.view(), false}; }
constexpr View kNone{};                            // a View or Into that is not there
constexpr Into kNobody{};

}  // namespace glass
