// What of Backend is not pure: defined here, so that its table of functions exists once, and so that no
// file of kernels/cpu/isa has a copy of its own.
#include "kernels/backend.h"

namespace glass {

Backend::~Backend() = default;

void Backend::download(void* host, const std::byte* from, std::size_t bytes) {
  const Fetch piece{host, from, bytes};
  fetch(&piece, 1);
}

}  // namespace glass
