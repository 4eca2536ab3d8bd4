// A bare state dict of the post-norm model that our preset `postnorm` is: what torch.save wrote of
// nothing but its tensors. Sizes follow from names and shapes. Every head has matrices of its own
// for key, query and value; here they become the rows of one.
#pragma once
#include "model/formats/foreign.h"

namespace glass {

extern const ForeignFormat kPostNorm;

ForeignModel read_postnorm(const ByteSource& source, Want want);

}   // namespace glass
