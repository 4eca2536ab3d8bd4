// The numbers of a tensor in a file, from one type to another, and from one order of axes to
// another. Whatever a file holds, models are filled from f32 (or f64, where the file has it).
#pragma once
#include <cstdint>

#include "model/formats/safetensors.h"

namespace glass {

// IEEE's half precision: 1 bit of sign, 5 of exponent, 10 of fraction.
float from_f16(std::uint16_t bits);
std::uint16_t to_f16(float value);   // to the nearest, ties to even; what is too large becomes inf
float from_bf16(std::uint16_t bits);
std::uint16_t to_bf16(float value);   // the upper half of the f32, to the nearest, ties to even

// The same numbers in another type: f32, f64, f16 or bf16. ContentError where the tensor holds
// whole numbers, or one that is finite and too large for f16. Nothing is copied where it is of this
// type already.
StoredTensor as_type(const StoredTensor& x, StoredType type);

StoredType type_named(const std::string& name);   // "f32", "f16", "bf16", as exports call them

// (N,K) -> (K,N): GPT-2's Conv1D keeps its weights the other way around than a Linear.
StoredTensor transposed(const StoredTensor& x);

// Some rows of a tensor (its first axis), without a copy.
StoredTensor rows_of(const StoredTensor& x, std::int64_t first, std::int64_t count);

StoredTensor zeros(const std::string& name, const std::vector<std::int64_t>& shape);   // f32

}   // namespace glass
