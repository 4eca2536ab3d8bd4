// PNG files: well formed to the last byte, and read back as the same pixels.
#include "interp/draw/png.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#if __has_include(<stb/stb_image.h>)
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_PNG
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#endif
#include <stb/stb_image.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif
#define GLASS_HAS_DECODER
#endif

namespace glass {
namespace {

Canvas picture() {
  Canvas canvas(33, 21, 2);
  canvas.rectangle({3, 4, 11, 6}, kBlue);
  canvas.text("Ag", {12, 16}, {.colour = kVermilion});
  return canvas;
}

std::uint32_t word(const std::string& bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i)
    value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

// CRC-32 as the PNG specification defines it, bit by bit.
std::uint32_t crc(std::string_view bytes) {
  std::uint32_t sum = 0xFFFFFFFFu;
  for (const char byte : bytes) {
    sum ^= static_cast<unsigned char>(byte);
    for (int i = 0; i < 8; ++i) sum = sum >> 1 ^ (sum & 1 ? 0xEDB88320u : 0);
  }
  return ~sum;
}

TEST(Png, EveryChunkHasItsLengthAndItsChecksum) {
  const std::string file = png(picture());
  ASSERT_EQ(file.substr(0, 8), "\x89PNG\r\n\x1A\n");
  std::vector<std::string> kinds;
  for (std::size_t at = 8; at < file.size();) {
    const std::size_t length = word(file, at);
    ASSERT_LE(at + 12 + length, file.size());
    kinds.push_back(file.substr(at + 4, 4));
    EXPECT_EQ(word(file, at + 8 + length), crc(std::string_view(file).substr(at + 4, length + 4)));
    at += 12 + length;
  }
  EXPECT_EQ(kinds, (std::vector<std::string>{"IHDR", "IDAT", "IEND"}));
}

TEST(Png, TheHeaderSaysSizeAndForm) {
  const std::string file = png(picture());
  EXPECT_EQ(word(file, 16), 66u);
  EXPECT_EQ(word(file, 20), 42u);
  EXPECT_EQ(file.substr(24, 5), std::string("\x08\x02\0\0\0", 5)) << "8 bits, RGB, not interlaced";
}

TEST(Png, AReaderGetsTheSamePixels) {
#ifdef GLASS_HAS_DECODER
  const Canvas canvas = picture();
  const std::string file = png(canvas);
  int width = 0, height = 0, channels = 0;
  stbi_uc* pixels =
      stbi_load_from_memory(reinterpret_cast<const stbi_uc*>(file.data()),
                            static_cast<int>(file.size()), &width, &height, &channels, 3);
  ASSERT_NE(pixels, nullptr);
  const std::size_t size = static_cast<std::size_t>(width * height * 3);
  EXPECT_EQ(std::vector<std::uint8_t>(pixels, pixels + size),
            std::vector<std::uint8_t>(canvas.bytes().begin(), canvas.bytes().end()));
  stbi_image_free(pixels);
#else
  GTEST_SKIP() << "stb_image.h is not installed, so nothing here can read a PNG";
#endif
}

TEST(Png, TheSamePictureHasTheSameBytes) { EXPECT_EQ(png(picture()), png(picture())); }

}   // namespace
}   // namespace glass
