// CRC-32, the checksum inside zip archives and PNG pictures: the remainder of the bytes, read as
// one long polynomial over {0, 1}, after division by another of degree 32. It finds every run of
// damage that is at most 32 bits long, and misses others once in 2^32.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace glass {

// Of `before` and these bytes after it: crc32(b, crc32(a)) is the checksum of a and b together.
std::uint32_t crc32(std::span<const std::byte> bytes, std::uint32_t before = 0);

}   // namespace glass
