// A weight: a value that is trained, and the gradient that training accumulates for it.
#pragma once
#include <string>

#include "engine/packed.h"

namespace glass {

struct Parameter {
  std::string name;
  Tensor value;
  bool decay = true;                 // whether weight decay pulls at it
  Tensor grad = {};                  // dL/d(value); memory is kept from step to step
  bool touched = false;              // grad holds something; zero_grad only says it does not

  // The value in bf16, for products that are computed in it. It is made again when somebody has written the value
  // since, or put another tensor into its place; AdamW writes both at once.
  Tensor shadow = {};
  std::weak_ptr<Buffer> shadow_of = {};   // which memory the shadow shows,
  unsigned shadowed = 0;                  // and which version of it
  bool shadow_holds() const {
    return shadow && shadowed == value.buffer()->version && shadow_of.lock() == value.buffer();
  }
  const Tensor& in_bf16();

  PackedTensor packed = {};          // the value as inference reads it, where a model was packed

  // Where this step's tape watches it: a tied weight is watched once, and so decayed, saved and counted once.
  const Tape* tape = nullptr;
  std::uint64_t step = 0;
  int node = -1;

  void zero_grad() { touched = false; }
};

inline const Tensor& Parameter::in_bf16() {
  if (shadow_holds()) return shadow;
  if (!shadow || shadow.shape() != value.shape()) shadow = Tensor::empty(value.device(), value.shape(), DType::bf16);
  value.backend().copy({shadow.writable("the shadow of a weight"), false}, value.view());
  shadow_of = value.buffer();
  shadowed = value.buffer()->version;
  return shadow;
}

}  // namespace glass
