// A weight: a value that is trained, and the gradient that training accumulates for it.
#pragma once
#include <string>

#include "engine/tensor.h"

namespace glass {

struct Parameter {
  std::string name;
  Tensor value;
  bool decay = true;                 // whether weight decay pulls at it
  Tensor grad = {};                  // dL/d(value); memory is kept from step to step
  bool touched = false;              // grad holds something; zero_grad only says it does not

  // Where this step's tape watches it: a tied weight is watched once, and so decayed, saved and counted once.
  const Tape* tape = nullptr;
  std::uint64_t step = 0;
  int node = -1;

  void zero_grad() { touched = false; }
};

}  // namespace glass
