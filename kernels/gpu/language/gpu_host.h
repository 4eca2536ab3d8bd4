// The kernel language for the host, which reads argument structs and nothing else: addresses are
// addresses.
#pragma once
#include <cstdint>

#define GLASS_GPU_HOST 1
#define GLOBAL

namespace glass {
namespace gpu {
using uint = std::uint32_t;
using ulong = std::uint64_t;
enum class bf16 : std::uint16_t {};   // only a device looks into it
}   // namespace gpu
}   // namespace glass
