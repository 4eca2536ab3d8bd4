// The ten rounds of Philox4x32-10 for GPU kernels, which cannot include random.h. It names no type:
// Word has 32 bits, Wide 64.
#pragma once

#ifndef GLASS_GPU_LANGUAGE   // the kernel language of GPUs brings these itself
#include "kernels/scalar_math.h"
#endif

namespace glass {

template <class Word>
struct PhiloxState {
  Word c0, c1, c2, c3;
};

template <class Word, class Wide>
GLASS_FN PhiloxState<Word> philox_rounds(PhiloxState<Word> s, Word k0, Word k1) {
  for (int round = 0; round < 10; ++round) {
    const Wide a = Wide(0xD2511F53u) * s.c0;
    const Wide b = Wide(0xCD9E8D57u) * s.c2;
    s.c0 = Word(b >> 32) ^ s.c1 ^ k0;
    s.c1 = Word(b);
    s.c2 = Word(a >> 32) ^ s.c3 ^ k1;
    s.c3 = Word(a);
    k0 += 0x9E3779B9u;   // the golden ratio
    k1 += 0xBB67AE85u;   // sqrt(3) - 1
  }
  return s;
}

}   // namespace glass
