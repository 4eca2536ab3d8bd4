// One token for every byte: 256 of them, nothing to learn, and any file at all can be said. A
// letter outside ASCII takes two to four tokens.
#pragma once
#include "model/tokenizer/tokenizer.h"

namespace glass {

class BytesTokenizer final : public Tokenizer {
 public:
  std::string spec() const override { return "bytes"; }
  int vocab_size() const override { return 256; }
  std::vector<std::int32_t> encode(std::string_view text) const override;
  std::string_view token(int id) const override;
  std::string to_json() const override;
};

}   // namespace glass
