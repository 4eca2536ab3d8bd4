// One element in, one element out: fill, copy, affine, map, zip, swiglu.
#include <cmath>
#include <limits>

#include "kernels/dispatch.h"
#include "kernels/reference/loops.h"
#include "kernels/reference/reference.h"

namespace glass {
using namespace reference;

namespace {

// copy and fill also know integers, which the other kernels only read as ids.
template <class Body> void with_number(const char* op, DType dtype, const Body& body) {
  if (dtype == DType::i32) return body(std::int32_t{});
  with_type(op, dtype, body);
}

// To an integer: towards zero; what does not fit becomes the nearest that does, NaN becomes 0.
template <class T> T convert(double value) {
  if constexpr (std::is_same_v<T, std::int32_t>) {
    if (std::isnan(value)) return 0;
    if (value <= std::numeric_limits<T>::min()) return std::numeric_limits<T>::min();
    if (value >= std::numeric_limits<T>::max()) return std::numeric_limits<T>::max();
  }
  return static_cast<T>(value);
}

}  // namespace

void ReferenceBackend::fill(View y, double c) {
  if (any_bf16(y)) {
    Doubles d;
    return fill(d.out(y), c);
  }
  with_number("fill", y.dtype, [&](auto zero) {
    using T = decltype(zero);
    for_each(y, [&](const Index& i) { at<T>(y, i) = convert<T>(c); });
  });
}

void ReferenceBackend::copy(Into y, View x) {
  if (!wanted(y)) return;
  require(same_shape(y.view, x), "copy", "y and x must have one shape");
  if (x.dtype == DType::bf16) {
    Doubles d;
    return copy(y, d.in(x));
  }
  if (y.view.dtype == DType::bf16) {
    Doubles d;
    return copy(d.into(y), x);
  }
  with_number("copy", y.view.dtype, [&](auto to) {
    with_number("copy", x.dtype, [&](auto from) {
      using To = decltype(to);
      using From = decltype(from);
      for_each(x, [&](const Index& i) {
        To& place = at<To>(y.view, i);
        const double value = static_cast<double>(at<From>(x, i));
        place = convert<To>(y.add ? static_cast<double>(place) + value : value);
      });
    });
  });
}

void ReferenceBackend::affine(Into y, View x, double scale, double shift) {
  if (any_bf16(y.view, x)) {
    Doubles d;
    return affine(d.into(y), d.in(x), scale, shift);
  }
  if (!wanted(y)) return;
  require(same_shape(y.view, x), "affine", "y and x must have one shape");
  require_type("affine", y.view, x);
  with_type("affine", x.dtype, [&](auto zero) {
    using T = decltype(zero);
    const double a = static_cast<T>(scale), b = static_cast<T>(shift);
    for_each(x, [&](const Index& i) { put(y, at<T>(y.view, i), a * at<T>(x, i) + b); });
  });
}

void ReferenceBackend::map(Unary f, View y, View x) {
  if (any_bf16(y, x)) {
    Doubles d;
    return map(f, d.out(y), d.in(x));
  }
  require(same_shape(y, x), "map", "y and x must have one shape");
  require_type("map", y, x);
  with_type("map", x.dtype, [&](auto zero) {
    using T = decltype(zero);
    with_unary(f, [&](auto tag) {
      for_each(x, [&](const Index& i) {
        at<T>(y, i) = static_cast<T>(unary<decltype(tag)::value>(static_cast<double>(at<T>(x, i))));
      });
    });
  });
}

void ReferenceBackend::map_backward(Unary f, Into dx, View dy, View x) {
  if (any_bf16(dx.view, dy, x)) {
    Doubles d;
    return map_backward(f, d.into(dx), d.in(dy), d.in(x));
  }
  if (!wanted(dx)) return;
  require(same_shape(dx.view, x) && same_shape(dy, x), "map_backward",
          "dx, dy and x must have one shape");
  require_type("map_backward", dx.view, dy, x);
  with_type("map_backward", x.dtype, [&](auto zero) {
    using T = decltype(zero);
    with_unary(f, [&](auto tag) {
      for_each(x, [&](const Index& i) {
        const double slope = unary_slope<decltype(tag)::value>(static_cast<double>(at<T>(x, i)));
        put(dx, at<T>(dx.view, i), at<T>(dy, i) * slope);
      });
    });
  });
}

void ReferenceBackend::zip(Binary f, Into y, View a, View b) {
  if (any_bf16(y.view, a, b)) {
    Doubles d;
    return zip(f, d.into(y), d.in(a), d.in(b));
  }
  if (!wanted(y)) return;
  require(same_shape(y.view, a) && same_shape(y.view, b), "zip",
          "y, a and b must have one shape (stride 0 repeats)");
  require_type("zip", y.view, a, b);
  with_type("zip", y.view.dtype, [&](auto zero) {
    using T = decltype(zero);
    with_binary(f, [&](auto tag) {
      for_each(y.view, [&](const Index& i) {
        const double left = at<T>(a, i), right = at<T>(b, i);
        put(y, at<T>(y.view, i), binary<decltype(tag)::value>(left, right));
      });
    });
  });
}

void ReferenceBackend::swiglu(View y, View gate, View up) {
  if (any_bf16(y, gate, up)) {
    Doubles d;
    return swiglu(d.out(y), d.in(gate), d.in(up));
  }
  require(same_shape(y, gate) && same_shape(y, up), "swiglu", "y, gate and up must have one shape");
  require_type("swiglu", y, gate, up);
  with_type("swiglu", y.dtype, [&](auto zero) {
    using T = decltype(zero);
    for_each(y, [&](const Index& i) {
      const double g = at<T>(gate, i), u = at<T>(up, i);
      at<T>(y, i) = static_cast<T>(formulas::swiglu(g, u));
    });
  });
}

void ReferenceBackend::swiglu_backward(Into dgate, Into dup, View dy, View gate, View up) {
  if (any_bf16(dgate.view, dup.view, dy, gate, up)) {
    Doubles d;
    return swiglu_backward(d.into(dgate), d.into(dup), d.in(dy), d.in(gate), d.in(up));
  }
  require(same_shape(dy, gate) && same_shape(dy, up), "swiglu_backward",
          "dy, gate and up must have one shape");
  require_type("swiglu_backward", dy, gate, up, dgate.view, dup.view);
  with_type("swiglu_backward", dy.dtype, [&](auto zero) {
    using T = decltype(zero);
    for_each(dy, [&](const Index& i) {
      const double d = at<T>(dy, i), g = at<T>(gate, i), u = at<T>(up, i);
      if (wanted(dgate)) put(dgate, at<T>(dgate.view, i), formulas::swiglu_dgate(d, g, u));
      if (wanted(dup)) put(dup, at<T>(dup.view, i), formulas::swiglu_dup(d, g));
    });
  });
}

}  // namespace glass
