// Arithmetic of PTX on the lanes of a warp.
#include <cfenv>
#include <cmath>
#include <cstring>
#include <limits>

#include "tests/gpu/cuda/ptx/warp.h"

namespace glass::test::ptx {
namespace {

// An operation as a type, so that one table of types serves all of them.
#define GLASS_OPERATION(Name, arity, ...)            \
  struct Name {                                      \
    template <class V>                               \
    static void run(Warp& w, const Instruction& i) { \
      arity<V>(w, i, __VA_ARGS__);                   \
    }                                                \
  };

template <class V>
V divide(V a, V b) {   // what a GPU says of x / 0 is that all bits are set
  if constexpr (std::is_floating_point_v<V>) return a / b;
  else if constexpr (std::is_signed_v<V>)
    return b == 0 ? V(-1) : b == -1 ? V(-static_cast<std::make_unsigned_t<V>>(a)) : V(a / b);
  else return b == 0 ? V(~V(0)) : V(a / b);
}
template <class V>
V remainder_of(V a, V b) {
  if constexpr (std::is_signed_v<V>) return b == 0 ? a : b == -1 ? V(0) : V(a % b);
  else return b == 0 ? a : V(a % b);
}
template <class V>
V absolute(V a) {
  if constexpr (std::is_floating_point_v<V>) return std::fabs(a);
  else return a < 0 ? V(-a) : a;
}
// The one that is a number, where the other is NaN.
template <class V>
V least(V a, V b) {
  return a < b || b != b ? a : b;
}
template <class V>
V greatest(V a, V b) {
  return a > b || b != b ? a : b;
}

GLASS_OPERATION(Add, two, [](V a, V b) { return V(a + b); })
GLASS_OPERATION(Subtract, two, [](V a, V b) { return V(a - b); })
GLASS_OPERATION(Multiply, two, [](V a, V b) { return V(a * b); })
GLASS_OPERATION(Divide, two, [](V a, V b) { return divide(a, b); })
GLASS_OPERATION(Remainder, two, [](V a, V b) { return remainder_of(a, b); })
GLASS_OPERATION(Least, two, [](V a, V b) { return least(a, b); })
GLASS_OPERATION(Greatest, two, [](V a, V b) { return greatest(a, b); })
GLASS_OPERATION(Negative, one, [](V a) { return V(-a); })
GLASS_OPERATION(Absolute, one, [](V a) { return absolute(a); })
GLASS_OPERATION(MultiplyAdd, three, [](V a, V b, V c) { return V(a * b + c); })
GLASS_OPERATION(FusedMultiplyAdd, three, [](V a, V b, V c) { return std::fma(a, b, c); })
GLASS_OPERATION(SquareRoot, one, [](V a) { return std::sqrt(a); })
GLASS_OPERATION(Reciprocal, one, [](V a) { return V(1) / a; })
GLASS_OPERATION(CopySign, two, [](V a, V b) { return std::copysign(b, a); })

// Operations whose result does not depend on the sign are done on unsigned numbers, whose overflow
// C++ defines.
template <class Op>
Run for_bits(Type t) {
  switch (bytes_of(t)) {
    case 8:
      return Op::template run<u64>;
    case 4:
      return Op::template run<u32>;
    case 2:
      return Op::template run<u16>;
  }
  return nullptr;
}
template <class Op>
Run for_floats(Type t) {
  if (t == Type::f32) return Op::template run<float>;
  return t == Type::f64 ? Op::template run<double> : nullptr;
}
template <class Op>
Run for_integers(Type t) {
  switch (t) {
    case Type::u16:
      return Op::template run<u16>;
    case Type::s16:
      return Op::template run<s16>;
    case Type::u32:
      return Op::template run<u32>;
    case Type::s32:
      return Op::template run<s32>;
    case Type::u64:
      return Op::template run<u64>;
    case Type::s64:
      return Op::template run<s64>;
    default:
      return nullptr;
  }
}
template <class Op>
Run for_numbers(Type t) {
  const Run floats = for_floats<Op>(t);
  return floats ? floats : for_integers<Op>(t);
}
template <class Op>
Run for_floats_or_bits(Type t) {
  const Run floats = for_floats<Op>(t);
  return floats ? floats : for_bits<Op>(t);
}

// d = a b in twice the width, plus c.
template <class V, class Twice, bool plus>
void wide(Warp& w, const Instruction& i) {
  const Stored<V>*a = w.lanes<Stored<V>>(i.a), *b = w.lanes<Stored<V>>(i.b);
  const Stored<Twice>* c = w.lanes<Stored<Twice>>(i.c);
  each(w, w.lanes<Stored<Twice>>(i.d), [=](unsigned l) {
    const Twice product = Twice(value<V>(a[l])) * Twice(value<V>(b[l]));
    if constexpr (plus)
      return stored<Twice>(
          Twice(std::make_unsigned_t<Twice>(product) + std::make_unsigned_t<Twice>(c[l])));
    else return stored<Twice>(product);
  });
}
template <bool plus>
Run wide_for(Type t) {
  switch (t) {
    case Type::u16:
      return wide<u16, u32, plus>;
    case Type::s16:
      return wide<s16, s32, plus>;
    case Type::u32:
      return wide<u32, u64, plus>;
    case Type::s32:
      return wide<s32, s64, plus>;
    default:
      return nullptr;
  }
}
struct High {   // the upper half of the product
  template <class V>
  static void run(Warp& w, const Instruction& i) {
    two<V>(w, i, [](V a, V b) {
      if constexpr (sizeof(V) == 8) {
        __extension__ typedef std::conditional_t<std::is_signed_v<V>, __int128, unsigned __int128>
            Twice;
        return V(Twice(a) * Twice(b) >> 64);
      } else {
        return V(s64(a) * s64(b) >> (8 * sizeof(V)));
      }
    });
  }
};

float flushed(float x) {
  return std::fabs(x) < std::numeric_limits<float>::min() ? std::copysign(0.0f, x) : x;
}

// The fast functions of a GPU, computed in double here: closer to the truth than a GPU's own, which
// may be off by 2^-22 or so. ftz: denormal numbers are taken, and given, as zero.
template <double (*f)(double)>
void fast(Warp& w, const Instruction& i) {
  const bool ftz = i.mode;
  one<float>(w, i, [=](float a) {
    const float x = static_cast<float>(f(static_cast<double>(ftz ? flushed(a) : a)));
    return ftz ? flushed(x) : x;
  });
}
double reciprocal(double x) { return 1 / x; }
double reciprocal_root(double x) { return 1 / std::sqrt(x); }

Run fast_function(const Statement& s) {
  const std::string& op = s.name[0];
  if (op == "ex2") return fast<std::exp2>;
  if (op == "lg2") return fast<std::log2>;
  if (op == "rcp") return fast<reciprocal>;
  if (op == "rsqrt") return fast<reciprocal_root>;
  if (op == "sqrt") return fast<std::sqrt>;
  if (op == "sin") return fast<std::sin>;
  if (op == "cos") return fast<std::cos>;
  if (op == "tanh") return fast<std::tanh>;
  return nullptr;
}

// Around an operation that rounds another way than to the nearest.
template <int direction>
void rounded(Warp& w, const Instruction& i) {
  std::fesetround(direction);
  i.inner(w, i);
  std::fesetround(FE_TONEAREST);
}

Run exact_function(const Statement& s, Type t) {
  const std::string& op = s.name[0];
  if (op == "add") return for_floats_or_bits<Add>(t);
  if (op == "sub") return for_floats_or_bits<Subtract>(t);
  if (op == "mul")
    return s.has("wide") ? wide_for<false>(t)
           : s.has("hi") ? for_integers<High>(t)
                         : for_floats_or_bits<Multiply>(t);
  if (op == "mad")
    return s.has("wide") ? wide_for<true>(t) : s.has("lo") ? for_bits<MultiplyAdd>(t) : nullptr;
  if (op == "fma") return for_floats<FusedMultiplyAdd>(t);
  if (op == "div") return for_numbers<Divide>(t);
  if (op == "rem") return for_integers<Remainder>(t);
  if (op == "min") return for_numbers<Least>(t);
  if (op == "max") return for_numbers<Greatest>(t);
  if (op == "neg") return for_floats_or_bits<Negative>(t);
  if (op == "abs") return for_numbers<Absolute>(t);
  if (op == "sqrt") return for_floats<SquareRoot>(t);
  if (op == "rcp") return for_floats<Reciprocal>(t);
  if (op == "copysign") return for_floats<CopySign>(t);
  return nullptr;
}

}   // namespace

Run arithmetic(const Statement& s, Instruction& i) {
  if (s.has("approx")) {
    i.mode = s.has("ftz");
    return i.type == Type::f32 ? fast_function(s) : nullptr;
  }
  if (s.has("ftz") || s.has("sat") || s.has("full")) return nullptr;
  const Run run = exact_function(s, i.type);
  if (!run || (i.type != Type::f32 && i.type != Type::f64)) return run;
  i.inner = run;
  return s.has("rm")   ? rounded<FE_DOWNWARD>
         : s.has("rp") ? rounded<FE_UPWARD>
         : s.has("rz") ? rounded<FE_TOWARDZERO>
                       : run;
}

}   // namespace glass::test::ptx
