#include "model/tokenizer/char.h"

#include <algorithm>

#include "engine/base/error.h"
#include "engine/base/json.h"
#include "engine/base/text.h"
#include "engine/base/utf8.h"

namespace glass {
namespace {

std::u32string letters_of(std::string_view text, const std::string& what) {
  std::u32string letters;
  const std::size_t end = decode_utf8(text, letters);
  if (end < text.size()) {
    fail(ContentError(what + " cannot be read as letters: byte " + std::to_string(end) +
                      " is not UTF-8; save it as UTF-8, or use --tokenizer bytes."));
  }
  return letters;
}

// A letter for a message: itself where that shows something, and its number always.
std::string described(char32_t letter) {
  const std::string number = format("U+%04X", static_cast<unsigned>(letter));
  if (letter < 0x20 || letter == 0x7f) return number;
  return in_quotes(encode_utf8(std::u32string_view(&letter, 1))) + " (" + number + ")";
}

// Where a letter stands, as an editor counts: lines and columns from 1.
std::string place_of(std::u32string_view text, std::size_t at) {
  const std::u32string_view before = text.substr(0, at);
  const auto line = std::count(before.begin(), before.end(), U'\n') + 1;
  const std::size_t line_start = before.rfind(U'\n') + 1;   // npos + 1 is 0
  return format("line %lld, column %zu", static_cast<long long>(line), at - line_start + 1);
}

}   // namespace

void require_letters(std::string_view text, const std::string& what) { letters_of(text, what); }

CharTokenizer::CharTokenizer(std::u32string letters, const std::string& what)
    : letters_(std::move(letters)) {
  if (letters_.empty()) fail(ContentError(what + " has no letters, so there is nothing to learn."));
  ascii_.fill(-1);
  for (const char32_t letter : letters_) {
    const auto id = static_cast<std::int32_t>(bytes_.size());
    if (!id_.emplace(letter, id).second) {
      fail(ContentError(what + " has the letter " + described(letter) +
                        " twice; each may have one number only."));
    }
    if (letter < 128) ascii_[letter] = id;
    bytes_.push_back(encode_utf8(std::u32string_view(&letter, 1)));
  }
}

std::shared_ptr<const CharTokenizer> CharTokenizer::of_corpus(
    std::span<const std::string_view> corpus, const std::string& what) {
  std::vector<bool> seen(0x110000);
  for (const std::string_view document : corpus)
    for (const char32_t letter : letters_of(document, what)) seen[letter] = true;
  std::u32string letters;
  for (std::size_t letter = 0; letter < seen.size(); ++letter)
    if (seen[letter]) letters += static_cast<char32_t>(letter);
  return std::make_shared<CharTokenizer>(std::move(letters), what);
}

int CharTokenizer::id_of(char32_t letter) const {
  if (letter < 128) return ascii_[letter];
  const auto found = id_.find(letter);
  return found == id_.end() ? -1 : found->second;
}

std::vector<std::int32_t> CharTokenizer::encode(std::string_view text) const {
  const std::u32string letters = letters_of(text, "the text");
  std::vector<std::int32_t> ids(letters.size());
  for (std::size_t i = 0; i < letters.size(); ++i) {
    ids[i] = id_of(letters[i]);
    if (ids[i] < 0) {
      fail(ContentError("the tokenizer does not know the letter " + described(letters[i]) + " at " +
                        place_of(letters, i) + ": it has only the " + with_commas(vocab_size()) +
                        " letters of the text it was made from; " + "write it with those."));
    }
  }
  return ids;
}

std::string CharTokenizer::to_json() const {
  Json json;
  json.object().field("type", "char").field("letters", encode_utf8(letters_)).end();
  return json.text();
}

}   // namespace glass
