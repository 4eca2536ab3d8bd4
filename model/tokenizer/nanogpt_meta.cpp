#include "model/tokenizer/nanogpt_meta.h"

#include <vector>

#include "engine/base/utf8.h"
#include "model/formats/pickle.h"
#include "model/tokenizer/char.h"

namespace glass {
namespace {

using Kind = PickleValue::Kind;

// What Python's pickle writes for a dictionary of numbers and texts. It imports nothing.
// clang-format off
constexpr char kSteps[] = {
    char(step::FRAME), step::MARK, step::EMPTY_DICT, step::SETITEM, step::SETITEMS, step::BININT, step::BININT1,
    step::BININT2, step::BINUNICODE, char(step::SHORT_BINUNICODE), char(step::MEMOIZE), step::BINPUT,
    step::LONG_BINPUT, step::BINGET, step::LONG_BINGET};
// clang-format on
constexpr PickleGrammar kMeta = {"nanoGPT's meta.pkl", 2, 5, {kSteps, sizeof kSteps}, {}, 64};

char32_t letter_of(PickleValue value) {
  std::u32string letters;
  const bool whole =
      value.is(Kind::text) && decode_utf8(value.text(), letters) == value.text().size();
  if (!whole || letters.size() != 1) value.refuse("itos holds something that is not one letter");
  return letters[0];
}

// A token's number as a place in the vocabulary, or size where it is none.
std::size_t place_of(PickleValue id, std::size_t size) {
  const bool sound =
      id.is(Kind::integer) && id.integer() >= 0 && id.integer() < static_cast<std::int64_t>(size);
  return sound ? static_cast<std::size_t>(id.integer()) : size;
}

}   // namespace

TokenizerPtr tokenizer_from_meta_pkl(std::string_view bytes, const std::string& what) {
  const Pickle pickle(std::string(bytes), kMeta, what);
  const PickleValue meta = pickle.root(), size = meta.at("vocab_size"), itos = meta.at("itos");
  const std::size_t count = itos.pairs();
  if (!size.is(Kind::integer) || size.integer() != static_cast<std::int64_t>(count))
    size.refuse("vocab_size is not the number of letters in itos, " + std::to_string(count));
  std::u32string letters(count, U'\0');
  std::vector<bool> known(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto [id, letter] = itos.pair(i);
    const std::size_t place = place_of(id, count);
    if (place == count || known[place])
      id.refuse("the numbers of the letters are not 0 to vocab_size - 1, each once");
    letters[place] = letter_of(letter);
    known[place] = true;
  }
  // stoi says the same the other way round, and must not say otherwise.
  const PickleValue stoi = meta.at("stoi");
  if (stoi.pairs() != count) stoi.refuse("itos and stoi differ in size");
  for (std::size_t i = 0; i < count; ++i) {
    const auto [letter, id] = stoi.pair(i);
    const std::size_t place = place_of(id, count);
    if (place == count || letters[place] != letter_of(letter))
      id.refuse("itos and stoi contradict each other");
  }
  return std::make_shared<CharTokenizer>(std::move(letters), what);
}

std::string meta_pkl_of(const Tokenizer& tokenizer) {
  PickleWriter pickle;
  const int size = tokenizer.vocab_size();
  pickle.dictionary().text("vocab_size").integer(size).text("itos").dictionary();
  for (int id = 0; id < size; ++id) pickle.integer(id).text(tokenizer.token(id));
  pickle.end().text("stoi").dictionary();
  for (int id = 0; id < size; ++id) pickle.text(tokenizer.token(id)).integer(id);
  return pickle.end().end().bytes();
}

}   // namespace glass
