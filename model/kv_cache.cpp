#include "model/kv_cache.h"

#include "engine/base/error.h"
#include "engine/ops.h"

namespace glass {

KVCache::KVCache(const GPTConfig& config, const Device& device, DType dtype, std::int64_t B,
                 std::int64_t capacity)
    : capacity_(capacity > 0 ? capacity : config.block_size) {
  // Zeros, not whatever memory holds: a tile of attention multiplies what lies behind the last key
  // by 0, and 0 nan = nan.
  const Shape shape = {B, config.kv_heads(), capacity_, config.head_size()};
  const std::int64_t layers = config.arch == Arch::gpt ? config.n_layer : 0;
  for (std::int64_t l = 0; l < layers; ++l) {
    layers_.push_back(
        {Tensor::full(device, shape, 0, dtype), Tensor::full(device, shape, 0, dtype)});
  }
}

KVCache::Pair KVCache::append(int layer, const Tensor& k, const Tensor& v) {
  Pair& all = layers_[static_cast<std::size_t>(layer)];
  const std::int64_t T = k.dim(2);
  if (T > room()) {
    fail(ShapeError("the cache of keys and values has room for " + std::to_string(room()) +
                    " more positions, not for " + std::to_string(T)));
  }
  const auto put = [&](Tensor& to_all, const Tensor& x) {
    Tensor place = slice(to_all, 2, length_, length_ + T);
    x.backend().copy({place.writable("the cache of keys and values"), false}, x.view());
    return slice(to_all, 2, 0, length_ + T);
  };
  return {put(all.k, k), put(all.v, v)};
}

}   // namespace glass
