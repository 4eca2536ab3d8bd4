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

namespace {

std::string packed(int width, int height, int channels, const void* bytes) {
  std::string out;
  const auto append = [](void* context, void* data, int size) {
    static_cast<std::string*>(context)->append(static_cast<const char*>(data),
                                               static_cast<std::size_t>(size));
  };
  const int ok =
      stbi_write_png_to_func(append, &out, width, height, channels, bytes, channels * width);
  if (ok == 0) fail(SystemError("out of memory while packing a picture."));
  return out;
}

}   // namespace

std::string png(const Canvas& canvas) {
  return packed(canvas.width(), canvas.height(), 3, canvas.bytes().data());
}

std::string png(int width, int height, std::string_view rgba) {
  return packed(width, height, 4, rgba.data());
}

}   // namespace glass
