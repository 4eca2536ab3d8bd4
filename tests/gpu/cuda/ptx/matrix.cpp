// Tensor cores, and the copies that feed them. Which lane has which element is the PTX ISA's:
// "Matrix fragments for mma.m16n8k16", "ldmatrix". (Those of Hopper are in wgmma.cpp.)
#include <cstring>

#include "tests/gpu/cuda/ptx/group.h"
#include "tests/gpu/cuda/ptx/warp.h"

namespace glass::test::ptx {
namespace {

// Registers 0..3 of places: d; 4..7: a; 8, 9: b; 10..13: c.
void mma(Warp& w, const Instruction& i) {
  float A[16][16], B[16][8], C[16][8];
  const u32 *a[4], *b[2];
  const float* c[4];
  for (unsigned h = 0; h < 4; ++h)
    a[h] = w.lanes<u32>(w.place(i, 4 + h)), c[h] = w.lanes<float>(w.place(i, 10 + h));
  for (unsigned h = 0; h < 2; ++h) b[h] = w.lanes<u32>(w.place(i, 8 + h));
  for (unsigned l = 0; l < kLanes; ++l) {
    const unsigned row = l / 4, col = l % 4 * 2;
    for (unsigned e = 0; e < 2; ++e) {
      for (unsigned h = 0; h < 4; ++h)
        A[row + h % 2 * 8][col + e + h / 2 * 8] = of_bf16(a[h][l] >> (16 * e) & 0xffff);
      for (unsigned h = 0; h < 2; ++h)
        B[col + e + h * 8][row] = of_bf16(b[h][l] >> (16 * e) & 0xffff);
      for (unsigned h = 0; h < 2; ++h) C[row + h * 8][col + e] = c[2 * h + e][l];
    }
  }
  for (unsigned m = 0; m < 16; ++m)
    for (unsigned k = 0; k < 16; ++k)
      for (unsigned n = 0; n < 8; ++n) C[m][n] += A[m][k] * B[k][n];
  for (unsigned h = 0; h < 4; ++h) {
    float* d = w.lanes<float>(w.place(i, h));
    for (unsigned l = 0; l < kLanes; ++l) d[l] = C[l / 4 + h / 2 * 8][l % 4 * 2 + h % 2];
  }
}

u64 address_of(const Warp& w, const Instruction& i, Place at, unsigned lane) {
  return i.from == Type::u32 ? w.lanes<u32>(at)[lane] : w.lanes<u64>(at)[lane];
}

// Lane 8 n + r says where row r of matrix n lies: 8 numbers of bf16. count: how many matrices;
// mode: transposed.
void ldmatrix(Warp& w, const Instruction& i) {
  u16 matrix[4][8][8];
  const Place at = w.place(i, i.count);
  for (unsigned l = 0; l < 8u * i.count; ++l)
    std::memcpy(matrix[l / 8][l % 8],
                w.group->reach(w, i, l, Space::shared,
                               address_of(w, i, at, l) + static_cast<u64>(i.offset), 16, false),
                16);
  for (unsigned n = 0; n < i.count; ++n) {
    u32* d = w.lanes<u32>(w.place(i, n));
    for (unsigned l = 0; l < kLanes; ++l) {
      const unsigned row = l / 4, col = l % 4 * 2;
      const u32 low = i.mode ? matrix[n][col][row] : matrix[n][row][col],
                high = i.mode ? matrix[n][col + 1][row] : matrix[n][row][col + 1];
      d[l] = low | high << 16;
    }
  }
}

// ---- cp.async ----

void land(Warp& w, const Instruction& i, const Copy& c) {
  w.group->end_copy(c.to, c.bytes);
  std::byte* to = w.group->reach(w, i, c.lane, Space::shared, c.to, c.bytes, true);
  std::memset(to, 0, c.bytes);
  if (c.given > 0)
    std::memcpy(to, w.group->reach(w, i, c.lane, Space::global, c.from, c.bytes, false), c.given);
}

// [to], [from], bytes, and how many of them are given; i.count: whether the last is there.
void copy_async(Warp& w, const Instruction& i) {
  const Place to = w.place(i, 0), from = w.place(i, 1);
  const u64 add_to = i.mode & 0x80 ? 0 : static_cast<u64>(i.offset),
            add_from = i.mode & 0x80 ? static_cast<u64>(i.offset) : 0;
  Traffic* const traffic = w.group->rules().traffic;
  if (traffic) traffic->next_request();
  each_awake(w, [&](unsigned l) {
    Copy c;
    c.to = address_of(w, i, to, l) + add_to;
    c.from = w.lanes<u64>(from)[l] + add_from;
    c.bytes = w.lanes<u32>(w.place(i, 2))[l];
    c.given = i.count ? w.lanes<u32>(w.place(i, 3))[l] : c.bytes;
    c.lane = l, c.batch = w.batch[l];
    if (c.given > c.bytes) w.fault(i, l, "copies more bytes than fit");
    w.group->begin_copy(w, i, l, c.to, c.bytes);
    if (traffic && c.given > 0) traffic->note(c.from, c.given, false);
    if (w.group->rules().early_copies) land(w, i, c);
    else w.copies.push_back(c);
  });
}
void copy_commit(Warp& w, const Instruction&) {
  each_awake(w, [&](unsigned l) { ++w.batch[l]; });
}
void copy_wait(Warp& w,
               const Instruction& i) {   // until no more than so many batches are on the way
  const u32 may_be_left = *w.lanes<u32>(i.d);
  std::erase_if(w.copies, [&](const Copy& c) {
    if (!(w.awake >> c.lane & 1) || c.batch + may_be_left >= w.batch[c.lane]) return false;
    land(w, i, c);
    return true;
  });
}
void copy_wait_all(Warp& w, const Instruction& i) {
  std::erase_if(w.copies, [&](const Copy& c) {
    if (!(w.awake >> c.lane & 1)) return false;
    land(w, i, c);
    return true;
  });
}

// ---- the rest ----

void nothing(Warp&, const Instruction&) {}
void fence_proxy(Warp& w, const Instruction&) {
  each_awake(w, [&](unsigned l) { w.group->fence_proxy(w.first + l); });
}

Run pick_copy(const Statement& s, Instruction& i) {
  if (!s.has("async")) return nullptr;
  if (s.has("commit_group")) return copy_commit;
  if (s.has("wait_group")) return copy_wait;
  if (s.has("wait_all")) return copy_wait_all;
  i.count = s.operands.size() > 3;
  return s.has("shared") && s.has("global") ? copy_async : nullptr;
}

}   // namespace

Run matrix(const Statement& s, Instruction& i) {
  const std::string& op = s.name[0];
  if (op == "mma") {
    i.kind = Kind::together;
    const std::vector<std::string> kOnly = {"mma", "sync", "aligned", "m16n8k16", "row",
                                            "col", "f32",  "bf16",    "bf16",     "f32"};
    return s.name == kOnly ? mma : nullptr;
  }
  if (op == "ldmatrix") {
    i.kind = Kind::together;
    i.mode = s.has("trans");
    i.count = s.has("x4") ? 4 : s.has("x2") ? 2 : 1;
    return s.has("m8n8") && s.has("shared") ? ldmatrix : nullptr;
  }
  if (op == "cp") return pick_copy(s, i);
  if (op == "fence") return s.has("proxy") && s.has("async") ? fence_proxy : nothing;
  if (op == "membar") return nothing;
  return nullptr;
}

}   // namespace glass::test::ptx
