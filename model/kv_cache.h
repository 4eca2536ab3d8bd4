// What attention heard so far: the keys and values of every layer for the tokens already read, so
// that the next token costs one column of work and not a whole square.
#pragma once
#include <vector>

#include "engine/tensor.h"
#include "model/config.h"

namespace glass {

class KVCache {
 public:
  // Room for `capacity` positions (0: the model's block_size) of B sequences.
  KVCache(const GPTConfig& config, const Device& device, DType dtype, std::int64_t B = 1,
          std::int64_t capacity = 0);

  std::int64_t length() const { return length_; }   // positions it holds
  std::int64_t capacity() const { return capacity_; }
  std::int64_t room() const { return capacity_ - length_; }

  // Puts k and v (B,Hk,T,D) behind what layer l has, and gives views of everything: (B,Hk,length +
  // T,D).
  struct Pair {
    Tensor k, v;
  };
  Pair append(int layer, const Tensor& k, const Tensor& v);
  void advance(std::int64_t T) { length_ += T; }           // every layer has appended T
  void rewind(std::int64_t length) { length_ = length; }   // forget what came after

 private:
  std::vector<Pair> layers_;   // (B,Hk,capacity,D) each
  std::int64_t capacity_, length_ = 0;
};

}   // namespace glass
