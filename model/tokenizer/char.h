// One token for every letter (Unicode code point). The vocabulary is the letters that occur in the
// corpus, sorted by code point, as nanoGPT has it: small, and nothing else can be said with it.
#pragma once
#include <array>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/tokenizer/tokenizer.h"

namespace glass {

// ContentError, with the byte, where a text is not UTF-8 and so has no letters.
void require_letters(std::string_view text, const std::string& what);

class CharTokenizer final : public Tokenizer {
 public:
  // Token i is letters[i]. ContentError if there is none, or one twice. end_of_text: which of them
  // stands between documents and never within one; -1: none.
  CharTokenizer(std::u32string letters, const std::string& what, int end_of_text = -1);
  // The letters of a corpus. ContentError where it is not UTF-8, or empty.
  static std::shared_ptr<const CharTokenizer> of_corpus(std::span<const std::string_view> corpus,
                                                        const std::string& what);

  std::string spec() const override { return "char"; }
  int vocab_size() const override { return static_cast<int>(letters_.size()); }
  std::vector<std::int32_t> encode(std::string_view text) const override;
  std::string_view token(int id) const override { return bytes_.at(static_cast<std::size_t>(id)); }
  int end_of_text() const override { return end_of_text_; }
  std::string to_json() const override;

 private:
  int id_of(char32_t letter) const;   // -1: unknown

  std::u32string letters_;
  int end_of_text_;
  std::vector<std::string> bytes_;                  // of each letter, as UTF-8
  std::array<std::int32_t, 128> ascii_;             // most text, without a hash
  std::unordered_map<char32_t, std::int32_t> id_;   // of every letter
};

}   // namespace glass
