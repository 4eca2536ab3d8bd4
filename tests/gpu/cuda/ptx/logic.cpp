// Comparing, choosing, moving and bits.
#include <cmath>
#include <cstring>

#include "tests/gpu/cuda/ptx/warp.h"

namespace glass::test::ptx {
namespace {

// ---- setp ----

#define GLASS_COMPARISON(Name, condition) \
  struct Name {                           \
    template <class V>                    \
    static bool of(V a, V b) {            \
      return condition;                   \
    }                                     \
  };
// For floats the first six are false where one is NaN, and those with a u are true then.
GLASS_COMPARISON(Equal, a == b)
GLASS_COMPARISON(Unequal, a<b || a> b)
GLASS_COMPARISON(Less, a < b)
GLASS_COMPARISON(LessEqual, a <= b)
GLASS_COMPARISON(Greater, a > b)
GLASS_COMPARISON(GreaterEqual, a >= b)
GLASS_COMPARISON(EqualU, !(a < b || a > b))
GLASS_COMPARISON(UnequalU, a != b)
GLASS_COMPARISON(LessU, !(a >= b))
GLASS_COMPARISON(LessEqualU, !(a > b))
GLASS_COMPARISON(GreaterU, !(a <= b))
GLASS_COMPARISON(GreaterEqualU, !(a < b))
GLASS_COMPARISON(Number, a == a && b == b)
GLASS_COMPARISON(NotNumber, a != a || b != b)

enum Join : std::uint8_t { kAlone, kAnd, kOr, kXor };

template <class V, class C>
void compare(Warp& w, const Instruction& i) {
  const Stored<V>*a = w.lanes<Stored<V>>(i.a), *b = w.lanes<Stored<V>>(i.b);
  const u32* c = w.lanes<u32>(i.c);
  u32* d = w.lanes<u32>(i.d);
  const u32 flip = i.count ? ~0u : 0u;   // !c
  const auto yes = [=](unsigned l) { return C::of(value<V>(a[l]), value<V>(b[l])) ? ~0u : 0u; };
  if (i.mode == kAlone) each(w, d, yes);
  else if (i.mode == kAnd) each(w, d, [=](unsigned l) { return yes(l) & (c[l] ^ flip); });
  else if (i.mode == kOr) each(w, d, [=](unsigned l) { return yes(l) | (c[l] ^ flip); });
  else each(w, d, [=](unsigned l) { return yes(l) ^ c[l] ^ flip; });
}

template <class C>
Run compare_for(Type t) {
  switch (t) {
    case Type::b16:
    case Type::u16:
      return compare<u16, C>;
    case Type::s16:
      return compare<s16, C>;
    case Type::b32:
    case Type::u32:
      return compare<u32, C>;
    case Type::s32:
      return compare<s32, C>;
    case Type::b64:
    case Type::u64:
      return compare<u64, C>;
    case Type::s64:
      return compare<s64, C>;
    case Type::f32:
      return compare<float, C>;
    case Type::f64:
      return compare<double, C>;
    default:
      return nullptr;
  }
}

Run comparison(const std::string& name, Type t) {
  if (name == "eq") return compare_for<Equal>(t);
  if (name == "ne") return compare_for<Unequal>(t);
  if (name == "lt" || name == "lo") return compare_for<Less>(t);
  if (name == "le" || name == "ls") return compare_for<LessEqual>(t);
  if (name == "gt" || name == "hi") return compare_for<Greater>(t);
  if (name == "ge" || name == "hs") return compare_for<GreaterEqual>(t);
  if (name == "equ") return compare_for<EqualU>(t);
  if (name == "neu") return compare_for<UnequalU>(t);
  if (name == "ltu") return compare_for<LessU>(t);
  if (name == "leu") return compare_for<LessEqualU>(t);
  if (name == "gtu") return compare_for<GreaterU>(t);
  if (name == "geu") return compare_for<GreaterEqualU>(t);
  if (name == "num") return compare_for<Number>(t);
  if (name == "nan") return compare_for<NotNumber>(t);
  return nullptr;
}

Run setp(const Statement& s, Instruction& i) {
  if (s.has("ftz") || s.operands[0].size() != 1) return nullptr;
  i.mode = s.has("and") ? kAnd : s.has("or") ? kOr : s.has("xor") ? kXor : kAlone;
  i.count = s.operands.size() > 3 && s.operands[3][0][0] == '!';
  return comparison(s.name[1], i.type);
}

// ---- bits, rows of 32 or 64 ----

template <class V>
void move(Warp& w, const Instruction& i) {
  one<V>(w, i, [](V a) { return a; });
}
template <class V>
void conjunction(Warp& w, const Instruction& i) {
  two<V>(w, i, [](V a, V b) { return a & b; });
}
template <class V>
void disjunction(Warp& w, const Instruction& i) {
  two<V>(w, i, [](V a, V b) { return a | b; });
}
template <class V>
void difference(Warp& w, const Instruction& i) {
  two<V>(w, i, [](V a, V b) { return a ^ b; });
}
template <class V>
void complement(Warp& w, const Instruction& i) {
  const V keep = i.type == Type::b16 ? V(0xffff) : V(~V(0));
  one<V>(w, i, [=](V a) { return ~a & keep; });
}
// `!%p` is for those who write by hand; nvcc uses it in setp only.
bool negates(const Statement& s) {
  for (const auto& operand : s.operands)
    if (operand[0][0] == '!') return true;
  return false;
}
template <class V>
Run bit_operation(const std::string& op) {
  if (op == "mov") return move<V>;
  if (op == "and") return conjunction<V>;
  if (op == "or") return disjunction<V>;
  if (op == "xor") return difference<V>;
  if (op == "not") return complement<V>;
  return nullptr;
}

// A shift by the width or more leaves nothing, or the sign.
template <class V>
void shift_left(Warp& w, const Instruction& i) {
  constexpr unsigned kBits = 8 * sizeof(V);
  const Stored<V>* a = w.lanes<Stored<V>>(i.a);
  const u32* b = w.lanes<u32>(i.b);
  each(w, w.lanes<Stored<V>>(i.d),
       [=](unsigned l) { return stored<V>(b[l] < kBits ? V(a[l] << b[l]) : V(0)); });
}
template <class V>
void shift_right(Warp& w, const Instruction& i) {
  constexpr unsigned kBits = 8 * sizeof(V);
  const Stored<V>* a = w.lanes<Stored<V>>(i.a);
  const u32* b = w.lanes<u32>(i.b);
  each(w, w.lanes<Stored<V>>(i.d), [=](unsigned l) {
    const V x = value<V>(a[l]);
    return stored<V>(b[l] < kBits ? V(x >> b[l]) : x < 0 ? V(-1) : V(0));
  });
}
Run shift(const std::string& op, Type t) {
  const bool left = op == "shl";
  switch (t) {
    case Type::s64:
      return left ? nullptr : shift_right<s64>;
    case Type::s32:
      return left ? nullptr : shift_right<s32>;
    case Type::s16:
      return left ? nullptr : shift_right<s16>;
    case Type::b64:
    case Type::u64:
      return left ? shift_left<u64> : shift_right<u64>;
    case Type::b32:
    case Type::u32:
      return left ? shift_left<u32> : shift_right<u32>;
    case Type::b16:
    case Type::u16:
      return left ? shift_left<u16> : shift_right<u16>;
    default:
      return nullptr;
  }
}
void funnel(Warp& w, const Instruction& i) {   // shf: 64 bits, b above a, shifted by c
  const u32 *a = w.lanes<u32>(i.a), *b = w.lanes<u32>(i.b), *c = w.lanes<u32>(i.c);
  const bool left = i.mode & 1, wraps = i.mode & 2;
  each(w, w.lanes<u32>(i.d), [=](unsigned l) {
    const u32 n = wraps ? c[l] & 31 : c[l] < 32 ? c[l] : 32;
    const u64 both = u64(b[l]) << 32 | a[l];
    return left ? u32(both << n >> 32) : u32(both >> n);
  });
}

template <class V>
void field_insert(Warp& w, const Instruction& i) {   // the low bits of a go into b, from bit c on,
                                                     // as many as the fifth says
  constexpr u32 kBits = 8 * sizeof(V);
  const V *a = w.lanes<V>(i.a), *b = w.lanes<V>(i.b);
  const u32 *from = w.lanes<u32>(i.c), *length = w.lanes<u32>(w.place(i, 4));
  each(w, w.lanes<V>(i.d), [=](unsigned l) {
    const u32 start = from[l] & 255, bits = length[l] & 255;
    if (start >= kBits || bits == 0) return b[l];
    const V field = V(bits >= kBits ? ~V(0) : (V(1) << bits) - 1) << start;
    return V((b[l] & ~field) | (a[l] << start & field));
  });
}
template <bool is_signed>
void field_extract(Warp& w, const Instruction& i) {
  const u32 *a = w.lanes<u32>(i.a), *from = w.lanes<u32>(i.b), *length = w.lanes<u32>(i.c);
  each(w, w.lanes<u32>(i.d), [=](unsigned l) {
    const u32 start = from[l] & 255, bits = length[l] & 255;
    if (bits == 0) return 0u;
    const u64 extended = is_signed ? u64(s64(s32(a[l]))) : a[l];
    const u64 shifted =
        start < 64 ? (is_signed ? u64(s64(extended) >> start) : extended >> start) : 0;
    const u32 field = bits >= 32 ? ~0u : (1u << bits) - 1;
    const u32 x = u32(shifted) & field;
    const bool negative = is_signed && bits < 32 && (x >> (bits - 1) & 1);
    return negative ? x | ~field : x;
  });
}
void permute(Warp& w, const Instruction& i) {   // prmt: four of the eight bytes of b above a
  const u32 *a = w.lanes<u32>(i.a), *b = w.lanes<u32>(i.b), *c = w.lanes<u32>(i.c);
  each(w, w.lanes<u32>(i.d), [=](unsigned l) {
    const u64 both = u64(b[l]) << 32 | a[l];
    u32 x = 0;
    for (unsigned n = 0; n < 4; ++n) {
      const u32 which = c[l] >> (4 * n) & 15;
      u32 byte = u32(both >> (8 * (which & 7))) & 255;
      if (which & 8) byte = byte & 128 ? 255 : 0;
      x |= byte << (8 * n);
    }
    return x;
  });
}
void three_inputs(Warp& w, const Instruction& i) {   // lop3: any function of three bits
  const u32 *a = w.lanes<u32>(i.a), *b = w.lanes<u32>(i.b), *c = w.lanes<u32>(i.c),
            *table = w.lanes<u32>(w.place(i, 4));
  each(w, w.lanes<u32>(i.d), [=](unsigned l) {
    u32 x = 0;
    for (unsigned n = 0; n < 8; ++n)
      if (table[l] >> n & 1)
        x |= (n & 4 ? a[l] : ~a[l]) & (n & 2 ? b[l] : ~b[l]) & (n & 1 ? c[l] : ~c[l]);
    return x;
  });
}
template <class V>
void count_ones(Warp& w, const Instruction& i) {
  const V* a = w.lanes<V>(i.a);
  each(w, w.lanes<u32>(i.d), [=](unsigned l) { return u32(__builtin_popcountll(a[l])); });
}
template <class V>
void leading_zeros(Warp& w, const Instruction& i) {
  const V* a = w.lanes<V>(i.a);
  each(w, w.lanes<u32>(i.d), [=](unsigned l) {
    return a[l] ? u32(__builtin_clzll(a[l])) - (64 - 8 * sizeof(V)) : u32(8 * sizeof(V));
  });
}
void reverse_bits(Warp& w, const Instruction& i) {
  one<u32>(w, i, [](u32 a) {
    u32 x = 0;
    for (unsigned n = 0; n < 32; ++n) x |= (a >> n & 1) << (31 - n);
    return x;
  });
}

template <class V>
void choose(Warp& w, const Instruction& i) {
  const V *a = w.lanes<V>(i.a), *b = w.lanes<V>(i.b);
  const u32* p = w.lanes<u32>(i.c);
  each(w, w.lanes<V>(i.d), [=](unsigned l) { return p[l] ? a[l] : b[l]; });
}

// mov.b64 %rd, {%r1, %r2} and back.
template <class Whole, unsigned parts>
void pack(Warp& w, const Instruction& i) {
  constexpr unsigned kBits = 8 * sizeof(Whole) / parts;
  const u32* from[parts];
  for (unsigned n = 0; n < parts; ++n) from[n] = w.lanes<u32>(w.place(i, n + 1));
  each(w, w.lanes<Whole>(i.d), [=](unsigned l) {
    Whole x = 0;
    for (unsigned n = 0; n < parts; ++n)
      x |= Whole(from[n][l] & (kBits == 32 ? ~0u : (1u << kBits % 32) - 1)) << (kBits * n);
    return x;
  });
}
template <class Whole, unsigned parts>
void unpack(Warp& w, const Instruction& i) {
  constexpr unsigned kBits = 8 * sizeof(Whole) / parts;
  const Whole* from = w.lanes<Whole>(w.place(i, parts));
  for (unsigned n = 0; n < parts; ++n)
    each(w, w.lanes<u32>(w.place(i, n)), [=](unsigned l) {
      return u32(from[l] >> (kBits * n)) & (kBits == 32 ? ~0u : (1u << kBits % 32) - 1);
    });
}
Run pack_or_unpack(const Statement& s, Type t) {
  const bool packs = s.operands[1].size() > 1, wide = bytes_of(t) == 8;
  const std::size_t parts = packs ? s.operands[1].size() : s.operands[0].size();
  if (parts == 2 && wide) return packs ? pack<u64, 2> : unpack<u64, 2>;
  if (parts == 4 && wide) return packs ? pack<u64, 4> : unpack<u64, 4>;
  if (parts == 2 && bytes_of(t) == 4) return packs ? pack<u32, 2> : unpack<u32, 2>;
  return nullptr;
}

}   // namespace

Run logic(const Statement& s, Instruction& i) {
  const std::string& op = s.name[0];
  const bool wide = bytes_of(i.type) == 8;
  if (op == "setp") return setp(s, i);
  if (negates(s)) return nullptr;
  if (op == "mov" && (s.operands[0].size() > 1 || s.operands[1].size() > 1))
    return pack_or_unpack(s, i.type);
  if (const Run run = wide ? bit_operation<u64>(op) : bit_operation<u32>(op)) return run;
  if (op == "shl" || op == "shr") return shift(op, i.type);
  if (op == "selp") return wide ? choose<u64> : choose<u32>;
  if (op == "bfi") return wide ? field_insert<u64> : field_insert<u32>;
  if (op == "bfe")
    return i.type == Type::u32   ? field_extract<false>
           : i.type == Type::s32 ? field_extract<true>
                                 : nullptr;
  if (op == "prmt") return s.name.size() == 2 ? permute : nullptr;
  if (op == "lop3") return three_inputs;
  if (op == "popc") return wide ? count_ones<u64> : count_ones<u32>;
  if (op == "clz") return wide ? leading_zeros<u64> : leading_zeros<u32>;
  if (op == "brev") return wide ? nullptr : reverse_bits;
  if (op == "shf") {
    i.mode = static_cast<std::uint8_t>((s.has("l") ? 1 : 0) | (s.has("wrap") ? 2 : 0));
    return funnel;
  }
  return nullptr;
}

}   // namespace glass::test::ptx
