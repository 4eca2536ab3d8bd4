// An operand as a kernel sees it: where it lies, what it is made of, and how far apart its elements
// are.
//
// Kernels that touch every element once take any strides and either type, and ask what an operand
// is as they read it: the answer is the same for all threads, so it costs a comparison beside a
// visit to memory. The host merges axes wherever it can (operands.h), and what is contiguous
// arrives here with one axis.
#pragma once

namespace glass {
namespace gpu {

// The numbers of DType, which this language cannot include.
enum Type : uint { kF32 = 0, kBF16 = 2, kI32 = 3 };

struct Array {
  GLOBAL void* data;   // nullptr: not there
  uint type;
  uint stride[5];   // in elements
};

// A result that is overwritten, or added to.
struct Output {
  Array array;
  uint add;
};

// The shape that all operands of an elementwise kernel share.
//
// A GPU has no instruction that divides whole numbers, and a division takes it twenty others. So
// the host sends beside each size d what makes a division by it a product: with 2^shift the first
// power of two from d on, i / d = (i magic / 2^32 + i) / 2^shift for every i below 2^32, where
// magic = 2^32 (2^shift - d) / d + 1 (Granlund and Montgomery, 1994).
struct Walk {
  uint count, rank;
  uint fours;   // whether every operand may be read and written four elements at a time
  uint size[5];
  uint magic[5], shift[5];   // of all axes but the first
};

#ifndef GLASS_GPU_HOST

// i / size[axis]
GPU_FN uint divided(CONSTANT Walk& w, uint axis, uint i) {
  return uint(((ulong(i) * w.magic[axis] >> 32) + i) >> w.shift[axis]);
}

// Where element number i of the walk lies, counted with the last axis fastest.
GPU_FN uint place(CONSTANT Walk& w, CONSTANT Array& a, uint i) {
  uint at = 0;
  for (uint axis = w.rank - 1; axis > 0; --axis) {
    const uint whole = divided(w, axis, i);
    at += (i - whole * w.size[axis]) * a.stride[axis];
    i = whole;
  }
  return at + i * a.stride[0];
}

GPU_FN float get(CONSTANT Array& a, uint at) {
  if (a.type == kBF16) return to_float(((GLOBAL const bf16*)a.data)[at]);
  return ((GLOBAL const float*)a.data)[at];
}
GPU_FN void set(CONSTANT Array& a, uint at, float value) {
  if (a.type == kBF16) ((GLOBAL bf16*)a.data)[at] = to_bf16(value);
  else ((GLOBAL float*)a.data)[at] = value;
}
// Two neighbours at once; `at` is even, and so is where the array begins.
struct Neighbours {
  float left, right;
};
GPU_FN Neighbours get_pair(CONSTANT Array& a, uint at) {
  if (a.type == kBF16) {
    const uint both = ((GLOBAL const uint*)a.data)[at / 2];
    return Neighbours{as_float(both << 16), as_float(both & 0xffff0000u)};
  }
  const ulong both = ((GLOBAL const ulong*)a.data)[at / 2];
  return Neighbours{as_float(uint(both)), as_float(uint(both >> 32))};
}
GPU_FN void set_pair(CONSTANT Array& a, uint at, float left, float right) {
  if (a.type == kBF16) ((GLOBAL uint*)a.data)[at / 2] = bf16_pair(left, right);
  else ((GLOBAL ulong*)a.data)[at / 2] = ulong(as_uint(left)) | ulong(as_uint(right)) << 32;
}
GPU_FN void put(CONSTANT Output& y, uint at, float value) {
  set(y.array, at, y.add ? get(y.array, at) + value : value);
}
// Four neighbours at once; `at` is a multiple of 4, and so is where the array begins.
GPU_FN Four get_four(CONSTANT Array& a, uint at) {
  if (a.type != kBF16) return load_four((GLOBAL const float*)a.data + at);
  const ulong all = ((GLOBAL const ulong*)a.data)[at / 4];
  Four x;
  UNROLL for (uint e = 0; e < 4; ++e) { x.v[e] = to_float(bf16(ushort(all >> 16 * e))); }
  return x;
}
GPU_FN void set_four(CONSTANT Array& a, uint at, Four x) {
  if (a.type != kBF16) return store_four((GLOBAL float*)a.data + at, x);
  ((GLOBAL ulong*)a.data)[at / 4] =
      ulong(bf16_pair(x.v[0], x.v[1])) | ulong(bf16_pair(x.v[2], x.v[3])) << 32;
}

// Two neighbours in a row of a result, `step` apart, or the left one alone where the row ends after
// it; `pairs`: rows may be written two numbers at a time.
GPU_FN void put_neighbours(CONSTANT Array& y, uint add, uint pairs, uint at, uint step, bool both,
                           float left, float right) {
  if (both && pairs) {
    const Neighbours before = add ? get_pair(y, at) : Neighbours{0, 0};
    set_pair(y, at, add ? before.left + left : left, add ? before.right + right : right);
  } else {
    set(y, at, add ? get(y, at) + left : left);
    if (both) set(y, at + step, add ? get(y, at + step) + right : right);
  }
}
GPU_FN int get_int(CONSTANT Array& a, uint at) { return ((GLOBAL const int*)a.data)[at]; }

#endif

}   // namespace gpu
}   // namespace glass
