// States of a pretended run: what step n saves is a function of n, so a test can tell whether what
// it finds after a crash is exactly what was saved.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "model/checkpoint.h"

namespace glass::test {

// Three tensors of so many KiB together, and notes.
Checkpoint state_of(std::int64_t step, std::size_t kilobytes);

// "" if the checkpoint is state_of(step, ...) byte for byte, else what differs.
std::string difference(const Checkpoint& found, std::int64_t step, std::size_t kilobytes);

}   // namespace glass::test
