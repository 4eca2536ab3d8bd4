#include "model/tokenizer/bytes.h"

#include <array>

namespace glass {
namespace {

constexpr std::array<char, 256> all_bytes() {
  std::array<char, 256> bytes{};
  for (std::size_t i = 0; i < 256; ++i) bytes[i] = static_cast<char>(i);
  return bytes;
}
constexpr std::array<char, 256> kAllBytes = all_bytes();

}   // namespace

std::vector<std::int32_t> BytesTokenizer::encode(std::string_view text) const {
  std::vector<std::int32_t> ids(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) ids[i] = static_cast<unsigned char>(text[i]);
  return ids;
}

std::string_view BytesTokenizer::token(int id) const {
  return {&kAllBytes.at(static_cast<std::size_t>(id)), 1};
}

std::string BytesTokenizer::to_json() const { return R"({"type": "bytes"})"; }

}   // namespace glass
