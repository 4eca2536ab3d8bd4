// The ten rounds of Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
// 2011), which multiply and mix four 32-bit counters with two 32-bit keys. The same text serves plain
// numbers, the SIMD vectors of kernels/cpu and GPU kernels, so it stays inside what all of them
// compile, as kernels/formulas.h does.
//
// What a Word of 32 bits, or a vector of such, brings:
//   wide_product(a, m)   {high, low}: the two halves of a times the number m
//   mixed(a, b, key)     a ^ b ^ key, key a number
#pragma once

#ifndef GLASS_GPU_LANGUAGE   // the kernel language of GPUs brings these itself
#include "kernels/scalar_math.h"
#endif

namespace glass {

#ifdef __METAL_VERSION__
typedef ulong PhiloxWide;   // 64 bits
#else
typedef unsigned long long PhiloxWide;
#endif

template <class Word>
struct PhiloxProduct {
  Word high, low;
};

template <class Word>
struct PhiloxState {
  Word c0, c1, c2, c3;
};

GLASS_FN PhiloxProduct<unsigned int> wide_product(unsigned int a, unsigned int m) {
  const PhiloxWide product = PhiloxWide(a) * m;
  PhiloxProduct<unsigned int> halves;
  halves.high = (unsigned int)(product >> 32);
  halves.low = (unsigned int)(product);
  return halves;
}
GLASS_FN unsigned int mixed(unsigned int a, unsigned int b, unsigned int key) {
  return a ^ b ^ key;
}

template <class Word>
GLASS_FN PhiloxState<Word> philox_rounds(PhiloxState<Word> s, unsigned int k0, unsigned int k1) {
  for (int round = 0; round < 10; ++round) {
    const PhiloxProduct<Word> a = wide_product(s.c0, 0xD2511F53u);
    const PhiloxProduct<Word> b = wide_product(s.c2, 0xCD9E8D57u);
    s.c0 = mixed(b.high, s.c1, k0);
    s.c1 = b.low;
    s.c2 = mixed(a.high, s.c3, k1);
    s.c3 = a.low;
    k0 += 0x9E3779B9u;   // the golden ratio
    k1 += 0xBB67AE85u;   // sqrt(3) - 1
  }
  return s;
}

}   // namespace glass
