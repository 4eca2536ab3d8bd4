// The machine of a pickle: a stack of values, marks on it, and a memo of values that come again.
// Dictionaries are kept in an arena and values name them by number, so that nothing is ever nested
// in memory, whatever the file says.
#include "model/tokenizer/nanogpt_meta.h"

#include <map>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/base/utf8.h"
#include "model/tokenizer/char.h"

namespace glass {
namespace {

struct Value {
  enum class Kind : std::uint8_t { number, text, dictionary, mark } kind;
  std::int64_t number;   // of a dictionary: its place in the arena
  std::string text;
};
using Dictionary = std::vector<std::pair<Value, Value>>;

// What Python's pickle writes for such a dictionary, protocols 2 to 5.
enum Op : unsigned char {
  kProto = 0x80,
  kFrame = 0x95,
  kStop = '.',
  kMark = '(',
  kEmptyDict = '}',
  kSetItem = 's',
  kSetItems = 'u',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinInt2 = 'M',
  kBinUnicode = 'X',
  kShortBinUnicode = 0x8c,
  kMemoize = 0x94,
  kBinPut = 'q',
  kLongBinPut = 'r',
  kBinGet = 'h',
  kLongBinGet = 'j',
};

constexpr std::size_t kMostValues = 1 << 22;   // pushed in all, so in memory at once
constexpr std::uint64_t kLongestText = 64;   // bytes

class Reader {
 public:
  Reader(std::string_view bytes, const std::string& what) : bytes_(bytes), what_(what) {}

  // The dictionary that the whole file is.
  const Dictionary& read() {
    while (!done_) step();
    if (at_ != bytes_.size()) refuse("something follows its end");
    if (stack_.size() != 1) refuse("it ends with " + std::to_string(stack_.size()) + " values");
    return dictionary(stack_.back());
  }

  const Dictionary& dictionary(const Value& value) const {
    if (value.kind != Value::Kind::dictionary) refuse("a dictionary is expected");
    return arena_[static_cast<std::size_t>(value.number)];
  }

  [[noreturn]] void refuse(const std::string& reason) const {
    fail(ContentError(what_ + " cannot be read as nanoGPT's meta.pkl: " + reason + ", at byte " +
                      std::to_string(op_at_) + "."));
  }

 private:
  std::uint64_t little_end(std::size_t size) {
    if (bytes_.size() - at_ < size) refuse("it is cut short");
    std::uint64_t value = 0;
    for (std::size_t k = 0; k < size; ++k)
      value |= std::uint64_t{static_cast<unsigned char>(bytes_[at_ + k])} << (8 * k);
    at_ += size;
    return value;
  }

  std::string take(std::uint64_t size) {
    if (size > bytes_.size() - at_) refuse("it is cut short");
    const std::string text(bytes_.substr(at_, size));
    at_ += size;
    return text;
  }

  void push(Value value) {
    if (++pushed_ > kMostValues) refuse("it has too many values");
    stack_.push_back(std::move(value));
  }
  void push_number(std::int64_t n) { push({Value::Kind::number, n, ""}); }
  // Short ones only: a text may be recalled millions of times, and each time is a copy.
  void push_text(std::uint64_t size) {
    if (size > kLongestText) refuse("a text is longer than any letter or name of a field");
    push({Value::Kind::text, 0, take(size)});
  }
  void push_dictionary() {
    push({Value::Kind::dictionary, static_cast<std::int64_t>(arena_.size()), ""});
    arena_.emplace_back();
  }

  Value pop() {
    if (stack_.empty()) refuse("a value is missing");
    Value value = std::move(stack_.back());
    stack_.pop_back();
    return value;
  }

  void remember(std::uint64_t place) {
    if (stack_.empty()) refuse("a value is missing");
    memo_[place] = stack_.back();
  }
  void recall(std::uint64_t place) {
    const auto found = memo_.find(place);
    if (found == memo_.end()) refuse("it uses a value that it never stored");
    push(found->second);
  }

  // The values above `first` are keys and values in turn; below them lies their dictionary.
  void set_items(std::size_t first) {
    if ((stack_.size() - first) % 2 != 0 || first == 0) refuse("a key has no value");
    const Value owner = stack_[first - 1];
    if (owner.kind != Value::Kind::dictionary) refuse("keys are put where no dictionary is");
    Dictionary& into = arena_[static_cast<std::size_t>(owner.number)];
    for (std::size_t i = first; i < stack_.size(); i += 2) {
      if (stack_[i].kind == Value::Kind::mark || stack_[i + 1].kind == Value::Kind::mark)
        refuse("a mark stands where a value should");
      into.emplace_back(std::move(stack_[i]), std::move(stack_[i + 1]));
    }
    stack_.resize(first);
  }

  void set_items_above_mark() {
    std::size_t mark = stack_.size();
    while (mark > 0 && stack_[mark - 1].kind != Value::Kind::mark) --mark;
    if (mark == 0) refuse("a mark is missing");
    stack_.erase(stack_.begin() + static_cast<std::ptrdiff_t>(mark) - 1);
    set_items(mark - 1);
  }

  void step() {
    op_at_ = at_;
    const auto op = static_cast<unsigned char>(little_end(1));
    // clang-format off
    switch (op) {
      case kProto: if (const auto v = little_end(1); v < 2 || v > 5) refuse("its protocol is not 2 to 5"); break;
      case kFrame:           little_end(8);                   break;   // how far one may read ahead
      case kMark:            push({Value::Kind::mark, 0, ""}); break;
      case kEmptyDict:       push_dictionary();               break;
      case kSetItem:         set_items(stack_.size() < 2 ? 0 : stack_.size() - 2); break;
      case kSetItems:        set_items_above_mark();          break;
      case kBinInt:          push_number(static_cast<std::int32_t>(little_end(4))); break;
      case kBinInt1:         push_number(static_cast<std::int64_t>(little_end(1))); break;
      case kBinInt2:         push_number(static_cast<std::int64_t>(little_end(2))); break;
      case kBinUnicode:      push_text(little_end(4));        break;
      case kShortBinUnicode: push_text(little_end(1));        break;
      case kMemoize:         remember(memo_.size());          break;
      case kBinPut:          remember(little_end(1));         break;
      case kLongBinPut:      remember(little_end(4));         break;
      case kBinGet:          recall(little_end(1));           break;
      case kLongBinGet:      recall(little_end(4));           break;
      case kStop:            done_ = true;                    break;
      default: refuse(format("step 0x%02x of a pickle is not among those that such a file needs", op));
    }
    // clang-format on
  }

  std::string_view bytes_;
  const std::string& what_;
  std::size_t at_ = 0, op_at_ = 0, pushed_ = 0;
  bool done_ = false;
  std::vector<Value> stack_;
  std::vector<Dictionary> arena_;
  std::map<std::uint64_t, Value> memo_;
};

const Value& field(const Reader& reader, const Dictionary& of, const std::string& name) {
  for (const auto& [key, value] : of)
    if (key.kind == Value::Kind::text && key.text == name) return value;
  reader.refuse("it has no " + name);
}

char32_t letter_of(const Reader& reader, const Value& value) {
  std::u32string letters;
  const bool whole = decode_utf8(value.text, letters) == value.text.size();
  if (value.kind != Value::Kind::text || !whole || letters.size() != 1)
    reader.refuse("itos holds something that is not one letter");
  return letters[0];
}

}   // namespace

TokenizerPtr tokenizer_from_meta_pkl(std::string_view bytes, const std::string& what) {
  Reader reader(bytes, what);
  const Dictionary& meta = reader.read();
  const Value& size = field(reader, meta, "vocab_size");
  const Dictionary& itos = reader.dictionary(field(reader, meta, "itos"));
  if (size.kind != Value::Kind::number || size.number != static_cast<std::int64_t>(itos.size())) {
    reader.refuse("vocab_size is not the number of letters in itos, " +
                  std::to_string(itos.size()));
  }
  std::u32string letters(itos.size(), U'\0');
  std::vector<bool> known(itos.size());
  for (const auto& [id, letter] : itos) {
    const auto place = static_cast<std::size_t>(id.number);
    if (id.kind != Value::Kind::number || place >= letters.size() || known[place])
      reader.refuse("the numbers of the letters are not 0 to vocab_size - 1, each once");
    letters[place] = letter_of(reader, letter);
    known[place] = true;
  }
  // stoi says the same the other way round, and must not say otherwise.
  const Dictionary& stoi = reader.dictionary(field(reader, meta, "stoi"));
  if (stoi.size() != itos.size()) reader.refuse("itos and stoi differ in size");
  for (const auto& [letter, id] : stoi) {
    const auto place = static_cast<std::size_t>(id.number);
    if (id.kind != Value::Kind::number || place >= letters.size() ||
        letters[place] != letter_of(reader, letter))
      reader.refuse("itos and stoi contradict each other");
  }
  return std::make_shared<CharTokenizer>(std::move(letters), what);
}

}   // namespace glass
