#include "model/tokenizer/char.h"

#include <algorithm>

#include "engine/base/error.h"
#include "engine/base/json.h"
#include "engine/base/text.h"
#include "engine/base/utf8.h"
#include "model/tokenizer/unicode.h"

namespace glass {
namespace {

// Shows every letter with the byte where it begins. ContentError where the text is not UTF-8.
template <class Visit>
void for_each_letter(std::string_view text, const std::string& what, const Visit& visit) {
  for (std::size_t at = 0; at < text.size();) {
    const LetterAt here = letter_at(text, at);
    if (here.letter == 0xFFFD && here.bytes == 1) {
      fail(ContentError(what + " cannot be read as letters: byte " + std::to_string(at) +
                        " is not UTF-8; save it as UTF-8, or use --tokenizer bytes."));
    }
    visit(here.letter, at);
    at += here.bytes;
  }
}

// A letter for a message: itself where that shows something, and its number always.
std::string described(char32_t letter) {
  const std::string number = format("U+%04X", static_cast<unsigned>(letter));
  if (letter < 0x20 || letter == 0x7f) return number;
  return in_quotes(encode_utf8(std::u32string_view(&letter, 1))) + " (" + number + ")";
}

// Where a letter stands, as an editor counts: lines and columns from 1.
std::string place_of(std::string_view text, std::size_t at) {
  const std::string_view before = text.substr(0, at);
  const std::size_t line_start = before.rfind('\n') + 1;   // npos + 1 is 0
  std::u32string column;
  decode_utf8(before.substr(line_start), column);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  return format("line %lld, column %zu", static_cast<long long>(line), column.size() + 1);
}

}   // namespace

void require_letters(std::string_view text, const std::string& what) {
  for_each_letter(text, what, [](char32_t, std::size_t) {});
}

CharTokenizer::CharTokenizer(std::u32string letters, const std::string& what, int end_of_text)
    : letters_(std::move(letters)), end_of_text_(end_of_text) {
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
    for_each_letter(document, what, [&](char32_t letter, std::size_t) { seen[letter] = true; });
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
  std::vector<std::int32_t> ids;
  ids.reserve(text.size());
  for_each_letter(text, "the text", [&](char32_t letter, std::size_t at) {
    const int id = id_of(letter);
    if (id < 0) {
      fail(ContentError("the tokenizer does not know the letter " + described(letter) + " at " +
                        place_of(text, at) + ": it has only the " + with_commas(vocab_size()) +
                        " letters of the text it was made from; write it with those."));
    }
    ids.push_back(id);
  });
  return ids;
}

std::string CharTokenizer::to_json() const {
  Json json;
  json.object().field("type", "char").field("letters", encode_utf8(letters_));
  if (end_of_text_ >= 0) json.field("end_of_text", end_of_text_);
  return json.end().text();
}

}   // namespace glass
