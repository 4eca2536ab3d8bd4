// Loads, stores and atomic operations.
#include <cstring>

#include "tests/gpu/cuda/ptx/group.h"
#include "tests/gpu/cuda/ptx/warp.h"

namespace glass::test::ptx {
namespace {

void addresses(const Warp& w, const Instruction& i, Place at, u64* to) {
  if (i.from == Type::u32) {
    const u32* a = w.lanes<u32>(at);
    for (unsigned l = 0; l < kLanes; ++l) to[l] = a[l] + static_cast<u64>(i.offset);
  } else {
    const u64* a = w.lanes<u64>(at);
    for (unsigned l = 0; l < kLanes; ++l) to[l] = a[l] + static_cast<u64>(i.offset);
  }
}

bool one_address(const Warp& w, const u64* at) {
  const u64 first = at[__builtin_ctz(w.awake)];
  u64 differ = 0;
  for (unsigned l = 0; l < kLanes; ++l) differ |= (at[l] ^ first) & (w.mask[l] ? ~u64{0} : 0);
  return differ == 0;
}

void note_traffic(const Warp& w, Traffic& traffic, const u64* at, unsigned bytes, bool writes) {
  traffic.next_request();
  each_awake(w, [&](unsigned l) { traffic.note(at[l], bytes, writes); });
}

// Reads or writes `count` numbers side by side: f(lane, where they lie).
template <class F>
void each_place(Warp& w, const Instruction& i, Place address, unsigned bytes, bool writes, F f) {
  alignas(64) u64 at[kLanes];
  addresses(w, i, address, at);
  Group& g = *w.group;
  if (g.rules().traffic && i.space == Space::global)
    note_traffic(w, *g.rules().traffic, at, bytes, writes);
  if (i.space == Space::global && g.all_inside(w, at, bytes)) {
    each_awake(w, [&](unsigned l) { f(l, reinterpret_cast<std::byte*>(at[l])); });
    return;
  }
  if (i.space == Space::shared && !writes && one_address(w, at)) {
    // The first lane and the last stand for all of them: whoever wrote there is none of, or one of,
    // the two.
    const unsigned first = static_cast<unsigned>(__builtin_ctz(w.awake)),
                   last = 31 - static_cast<unsigned>(__builtin_clz(w.awake));
    g.reach_shared(w, i, first, at[first], bytes, writes);
    std::byte* const place = g.reach_shared(w, i, last, at[last], bytes, writes);
    each_awake(w, [&](unsigned l) { f(l, place); });
    return;
  }
  if (i.space == Space::shared)
    each_awake(w, [&](unsigned l) { f(l, g.reach_shared(w, i, l, at[l], bytes, writes)); });
  else each_awake(w, [&](unsigned l) { f(l, g.reach(w, i, l, i.space, at[l], bytes, writes)); });
}

// V: a number in memory; S: the register, which may be wider.
template <class V, class S>
void load(Warp& w, const Instruction& i) {
  S* to[4];
  for (unsigned n = 0; n < i.count; ++n) to[n] = w.lanes<S>(w.place(i, n));
  each_place(w, i, w.place(i, i.count), sizeof(V) * i.count, false,
             [&](unsigned l, const std::byte* from) {
               for (unsigned n = 0; n < i.count; ++n) {
                 V x;
                 std::memcpy(&x, from + n * sizeof(V), sizeof(V));
                 to[n][l] = static_cast<S>(x);
               }
             });
}

template <class V, class S>
void store(Warp& w, const Instruction& i) {
  const S* from[4];
  for (unsigned n = 0; n < i.count; ++n) from[n] = w.lanes<S>(w.place(i, n + 1));
  each_place(w, i, i.d, sizeof(V) * i.count, true, [&](unsigned l, std::byte* to) {
    for (unsigned n = 0; n < i.count; ++n) {
      const V x = static_cast<V>(from[n][l]);
      std::memcpy(to + n * sizeof(V), &x, sizeof(V));
    }
  });
}

template <class S>
Run load_for(Type t) {
  switch (t) {
    case Type::s8:
      return load<std::int8_t, S>;
    case Type::s16:
      return load<std::int16_t, S>;
    case Type::s32:
      return load<std::int32_t, S>;
    default:
      break;
  }
  switch (bytes_of(t)) {
    case 1:
      return load<std::uint8_t, S>;
    case 2:
      return load<std::uint16_t, S>;
    case 4:
      return load<u32, S>;
    default:
      return load<u64, u64>;
  }
}
template <class S>
Run store_for(Type t) {
  switch (bytes_of(t)) {
    case 1:
      return store<std::uint8_t, S>;
    case 2:
      return store<std::uint16_t, S>;
    case 4:
      return store<u32, S>;
    default:
      return store<u64, u64>;
  }
}

enum Change : std::uint8_t { kAdd, kMin, kMax, kExchange, kAnd, kOr };

template <class V>
V changed(V x, V y, std::uint8_t how) {
  switch (how) {
    case kAdd:
      return V(x + y);
    case kMin:
      return x < y ? x : y;
    case kMax:
      return x > y ? x : y;
    case kExchange:
      return y;
    default:
      break;
  }
  if constexpr (std::is_integral_v<V>) return how == kAnd ? x & y : x | y;
  else return x;
}

// One lane after the other. A red, which gives nothing back, has its address first.
template <class V, bool gives>
void change(Warp& w, const Instruction& i) {
  const V* y = w.lanes<V>(w.place(i, gives ? 2 : 1));
  V* d = w.lanes<V>(i.d);
  each_place(w, i, w.place(i, gives ? 1 : 0), sizeof(V), true, [&](unsigned l, std::byte* at) {
    V x;
    std::memcpy(&x, at, sizeof x);
    const V z = changed(x, y[l], i.mode);
    std::memcpy(at, &z, sizeof z);
    if constexpr (gives) d[l] = x;
  });
}
template <bool gives>
Run change_for(Type t) {
  switch (t) {
    case Type::b32:
    case Type::u32:
      return change<u32, gives>;
    case Type::s32:
      return change<std::int32_t, gives>;
    case Type::f32:
      return change<float, gives>;
    case Type::b64:
    case Type::u64:
      return change<u64, gives>;
    default:
      return nullptr;
  }
}

Space space_in(const Statement& s) {
  for (const std::string& part : s.name) {
    if (part == "global" || part == "const") return Space::global;
    if (part == "shared" || part == "shared::cta") return Space::shared;
    if (part == "param") return Space::param;
    if (part == "local") return Space::local;
  }
  return Space::generic;
}

}   // namespace

Run memory_access(const Statement& s, Instruction& i) {
  const std::string& op = s.name[0];
  if (op != "ld" && op != "st" && op != "atom" && op != "red") return nullptr;
  i.space = space_in(s);
  if (op == "ld" || op == "st") {
    i.count = s.has("v4") ? 4 : s.has("v2") ? 2 : 1;
    const bool wide = i.mode;   // the register
    if (op == "ld") return wide ? load_for<u64>(i.type) : load_for<u32>(i.type);
    return wide ? store_for<u64>(i.type) : store_for<u32>(i.type);
  }
  if (i.space == Space::shared)
    return nullptr;   // the watch over shared memory knows no atomic operations
  static constexpr const char* kChanges[] = {"add", "min", "max", "exch", "and", "or"};
  for (std::uint8_t n = 0; n < std::size(kChanges); ++n)
    if (s.has(kChanges[n])) {
      i.mode = n;
      return op == "atom" ? change_for<true>(i.type) : change_for<false>(i.type);
    }
  return nullptr;
}

}   // namespace glass::test::ptx
