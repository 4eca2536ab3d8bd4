// Tensors: making them, looking at their memory, bringing numbers home.
#include "engine/tensor.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "engine/base/error.h"
#include "engine/base/recycled.h"

namespace glass {

std::size_t size_of(DType type) {
  switch (type) {
    case DType::f32: return 4;
    case DType::f64: return 8;
    case DType::bf16: return 2;
    case DType::i32: return 4;
  }
  return 0;
}

const char* name_of(DType type) {
  switch (type) {
    case DType::f32: return "f32";
    case DType::f64: return "f64";
    case DType::bf16: return "bf16";
    case DType::i32: return "i32";
  }
  return "?";
}

Tensor Tensor::empty(const Device& device, const Shape& shape, DType dtype) {
  Tensor y;
  const std::size_t bytes = static_cast<std::size_t>(shape.numel()) * size_of(dtype);
  y.buffer_ = std::allocate_shared<Buffer>(Recycled<Buffer>(), device, bytes);
  y.shape_ = shape;
  y.stride_ = row_major(shape);
  y.dtype_ = dtype;
  return y;
}

Tensor Tensor::full(const Device& device, const Shape& shape, double value, DType dtype) {
  Tensor y = empty(device, shape, dtype);
  device->fill(y.view(), value);
  return y;
}

static void require_count(std::size_t given, const Shape& shape) {
  if (static_cast<std::int64_t>(given) != shape.numel()) {
    fail(ShapeError("tensor: " + std::to_string(given) + " values cannot fill " + str(shape) +
                    ", which has " + std::to_string(shape.numel()) + " elements"));
  }
}

Tensor converted(const Tensor& x, DType dtype) {
  if (x.dtype() == dtype) return x.detach();
  Tensor y = Tensor::empty(x.device(), x.shape(), dtype);
  x.backend().copy(to(y), x.view());
  return y;
}

template <class T>
static Tensor uploaded(const Device& device, std::span<const T> values, const Shape& shape, DType type) {
  require_count(values.size(), shape);
  Tensor y = Tensor::empty(device, shape, type);
  device->upload(y.view().data, values.data(), values.size_bytes());
  return y;
}

Tensor Tensor::from(const Device& device, std::span<const float> values, const Shape& shape) {
  return uploaded(device, values, shape, DType::f32);
}

Tensor Tensor::from(const Device& device, std::span<const double> values, const Shape& shape, DType dtype) {
  if (dtype == DType::f64) return uploaded(device, values, shape, dtype);
  if (dtype == DType::f32 || dtype == DType::bf16) {
    const Tensor rounded = from(device, std::vector<float>(values.begin(), values.end()), shape);
    return dtype == DType::f32 ? rounded : converted(rounded, dtype);
  }
  fail(ShapeError(std::string("tensor: numbers cannot be uploaded as ") + name_of(dtype)));
}

Tensor Tensor::ids(const Device& device, std::span<const std::int32_t> values, const Shape& shape) {
  return uploaded(device, values, shape, DType::i32);
}

bool Tensor::contiguous() const {
  std::int64_t step = 1;
  for (int i = shape_.rank - 1; i >= 0; --i) {
    if (shape_.size[i] != 1 && stride_.size[i] != step) return false;
    step *= shape_.size[i];
  }
  return true;
}

View Tensor::view() const {
  if (!buffer_) return kNone;
  View v;
  v.data = buffer_->data + offset_ * static_cast<std::int64_t>(size_of(dtype_));
  v.dtype = dtype_;
  v.rank = shape_.rank;
  // One by one: the sizes were just written one by one, and a wide load would have to wait for all of those stores.
  for (int i = 0; i < shape_.rank; ++i) {
    v.shape[i] = shape_.size[i];
    v.stride[i] = stride_.size[i];
  }
  return v;
}

View Tensor::writable(const char* writer, Where at) {
  ++buffer_->version;
  buffer_->writer = writer;
  buffer_->written = at;
  return view();
}

Tensor Tensor::window(const Shape& shape, const Shape& stride, std::int64_t offset) const {
  Tensor y;
  y.buffer_ = buffer_;
  y.dtype_ = dtype_;
  y.shape_ = shape;
  y.stride_ = stride;
  y.offset_ = offset;
  return y;
}

Tensor Tensor::detach() const { return window(shape_, stride_, offset_); }

std::vector<double> Tensor::to_host() const {
  if (dtype_ == DType::bf16) return converted(*this, DType::f32).to_host();
  Tensor packed = *this;
  if (!contiguous()) {
    packed = empty_like(*this);
    backend().copy(to(packed), view());
  }
  const std::size_t n = static_cast<std::size_t>(numel());
  const View from = packed.view();
  const auto read = [&](auto element) {
    std::vector<decltype(element)> host(n);
    backend().download(host.data(), from.data, n * sizeof(element));
    return std::vector<double>(host.begin(), host.end());
  };
  switch (dtype_) {
    case DType::f32: return read(float{});
    case DType::f64: return read(double{});
    case DType::i32: return read(std::int32_t{});
    case DType::bf16: break;                                 // above
  }
  return {};
}

double Tensor::item() const {
  if (numel() != 1) fail(ShapeError("item: needs one element, but the shape is " + str(shape_)));
  const auto read = [&](auto element) {
    backend().download(&element, view().data, sizeof element);
    return static_cast<double>(element);
  };
  switch (dtype_) {
    case DType::f32: return read(float{});
    case DType::f64: return read(double{});
    case DType::i32: return read(std::int32_t{});
    case DType::bf16: return converted(*this, DType::f32).item();
  }
  return 0;
}

namespace {

union Number {
  float f32;
  double f64;
  std::int32_t i32;
};

double value_of(const Number& n, DType type) {
  return type == DType::f32 ? static_cast<double>(n.f32) : type == DType::f64 ? n.f64 : static_cast<double>(n.i32);
}

}  // namespace

void items(std::span<const Tensor> ones, std::span<double> values) {
  constexpr std::size_t kAtOnce = 64;   // more take another trip
  std::array<Number, kAtOnce> numbers;
  std::array<Fetch, kAtOnce> pieces;
  for (std::size_t first = 0; first < ones.size(); first += kAtOnce) {
    const std::span<const Tensor> some = ones.subspan(first, std::min(kAtOnce, ones.size() - first));
    for (std::size_t i = 0; i < some.size(); ++i) {
      if (some[i].numel() != 1 || some[i].dtype() == DType::bf16)
        fail(ShapeError("items: needs one number of f32, f64 or i32, but the shape is " + str(some[i].shape())));
      pieces[i] = {&numbers[i], some[i].view().data, size_of(some[i].dtype())};
    }
    some[0].backend().fetch(pieces.data(), static_cast<int>(some.size()));
    for (std::size_t i = 0; i < some.size(); ++i) values[first + i] = value_of(numbers[i], some[i].dtype());
  }
}

Tensor empty_like(const Tensor& x) { return Tensor::empty(x.device(), x.shape(), x.dtype()); }

std::string str(const Tensor& x) {
  if (!x) return "(no tensor)";
  const std::vector<double> values = x.to_host();
  std::string text = std::string(name_of(x.dtype())) + " " + str(x.shape()) + " [";
  const std::size_t shown = std::min<std::size_t>(values.size(), 6);
  for (std::size_t i = 0; i < shown; ++i) {
    char number[32];
    std::snprintf(number, sizeof number, "%s%.6g", i ? ", " : "", values[i]);
    text += number;
  }
  return text + (values.size() > shown ? ", ...]" : "]");
}

}  // namespace glass
