// The one place that knows stb_image_write, and compiles it.
#include "interp/draw/png.h"

#include "engine/base/error.h"

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#endif
#include <stb/stb_image_write.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

namespace glass {

std::string png(const Canvas& canvas) {
  std::string bytes;
  const auto append = [](void* context, void* data, int size) {
    static_cast<std::string*>(context)->append(static_cast<const char*>(data),
                                               static_cast<std::size_t>(size));
  };
  const int ok = stbi_write_png_to_func(append, &bytes, canvas.width(), canvas.height(), 3,
                                        canvas.bytes().data(), 3 * canvas.width());
  if (ok == 0) fail(SystemError("out of memory while packing a picture."));
  return bytes;
}

}   // namespace glass
