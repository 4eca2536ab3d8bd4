// How a pattern is read: its alternatives are tried from left to right, each takes as much as it
// can, and what a + took it gives back only where the rest would not fit otherwise. Of all that
// giving back, only two cases are left when one thinks them through: white space gives its last
// letter to the word behind it, and capitals of o200k give up to the last letter that is also a
// small one (of scripts without the difference).
#include "model/tokenizer/split.h"

#include "model/tokenizer/unicode.h"

namespace glass {
namespace {

// What a letter can be to a pattern; several at once.
enum : std::uint8_t {
  kLetter = 1,       // \p{L}
  kNumber = 2,       // \p{N}
  kWhite = 4,        // \s
  kLineEnd = 8,      // [\r\n]
  kUpperSide = 16,   // [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}], how a word of o200k begins
  kLowerSide = 32,   // [\p{Ll}\p{Lm}\p{Lo}\p{M}], how it goes on
  kSign = 64,        // [^\s\p{L}\p{N}]
};

constexpr std::uint8_t kinds_of_class(LetterClass c) {
  switch (c) {
    case LetterClass::upper:
      return kLetter | kUpperSide;
    case LetterClass::lower:
      return kLetter | kLowerSide;
    case LetterClass::letter:
      return kLetter | kUpperSide | kLowerSide;
    case LetterClass::mark:
      return kSign | kUpperSide | kLowerSide;
    case LetterClass::number:
      return kNumber;
    case LetterClass::other:
      break;
  }
  return kSign;
}

constexpr std::uint8_t kinds_of_ascii(unsigned char c) {
  if (c == '\n' || c == '\r') return kWhite | kLineEnd;
  if (c == ' ' || (c >= 9 && c <= 13)) return kWhite;
  if (c >= '0' && c <= '9') return kNumber;
  if (c >= 'A' && c <= 'Z') return kinds_of_class(LetterClass::upper);
  if (c >= 'a' && c <= 'z') return kinds_of_class(LetterClass::lower);
  return kSign;
}

struct AsciiKinds {
  std::uint8_t of[128] = {};
  constexpr AsciiKinds() {
    for (unsigned char c = 0; c < 128; ++c) of[c] = kinds_of_ascii(c);
  }
};
constexpr AsciiKinds kAscii;

struct Look {
  std::uint8_t kinds;   // 0: the text is over
  std::uint32_t bytes;
};

Look look_beyond_ascii(std::string_view text, std::size_t at) {
  const LetterAt here = letter_at(text, at);
  const std::uint8_t kinds =
      is_white(here.letter) ? std::uint8_t{kWhite} : kinds_of_class(class_of(here.letter));
  return {kinds, static_cast<std::uint32_t>(here.bytes)};
}

inline Look look(std::string_view text, std::size_t at) {
  if (at >= text.size()) return {0, 0};
  const auto first = static_cast<unsigned char>(text[at]);
  return first < 128 ? Look{kAscii.of[first], 1} : look_beyond_ascii(text, at);
}

// Where the run of letters of these kinds that begins at `at` ends.
inline std::size_t end_of_run(std::string_view text, std::size_t at, std::uint8_t kinds) {
  for (;;) {
    const Look here = look(text, at);
    if (!(here.kinds & kinds)) return at;
    at += here.bytes;
  }
}

enum class Case : std::uint8_t { exact, any };

// 's, 't, 're, 've, 'm, 'll, 'd: how many bytes from `at`, 0 for none. Where capitals count, so
// does the long s, U+017F, whose capital is S.
std::size_t contraction(std::string_view text, std::size_t at, Case letters) {
  if (at >= text.size() || text[at] != '\'') return 0;
  const auto small = [&](std::size_t i) {
    const char c = i < text.size() ? text[i] : '\0';
    return letters == Case::any && c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  };
  const char one = small(at + 1), two = small(at + 2);
  if (one == 's' || one == 't' || one == 'm' || one == 'd') return 2;
  if ((one == 'r' && two == 'e') || (one == 'v' && two == 'e') || (one == 'l' && two == 'l'))
    return 3;
  if (letters == Case::any && text.substr(at + 1, 2) == "\xc5\xbf") return 3;
  return 0;
}

// \s+(?!\S)|\s+: white space goes to one piece, but for the last letter of it where a word follows.
// With \s*[\r\n]+ in front of that: up to its last line end, where it has one.
std::size_t end_of_white(std::string_view text, std::size_t at, bool lines) {
  std::size_t last = at, end = at, line = 0;
  for (Look here = look(text, end); here.kinds & kWhite; here = look(text, end)) {
    last = end;
    end += here.bytes;
    if (here.kinds & kLineEnd) line = end;
  }
  if (lines && line > 0) return line;
  return end == text.size() || last == at ? end : last;
}

std::size_t end_of_gpt2(std::string_view text, std::size_t at) {
  if (const std::size_t bytes = contraction(text, at, Case::exact); bytes > 0) return at + bytes;
  const std::size_t word = text[at] == ' ' ? at + 1 : at;   // one space may stand in front
  const std::uint8_t kinds = look(text, word).kinds & (kLetter | kNumber | kSign);
  return kinds ? end_of_run(text, word, kinds) : end_of_white(text, at, false);
}

// What cl100k and o200k do alike where no word begins:
// \p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
std::size_t end_of_no_word(std::string_view text, std::size_t at, std::string_view behind_signs) {
  std::size_t end = at;
  for (int digits = 0; digits < 3; ++digits) {
    const Look here = look(text, end);
    if (!(here.kinds & kNumber)) break;
    end += here.bytes;
  }
  if (end > at) return end;
  const std::size_t sign = text[at] == ' ' ? at + 1 : at;
  if (look(text, sign).kinds & kSign) {
    end = end_of_run(text, sign, kSign);
    while (end < text.size() && behind_signs.find(text[end]) != std::string_view::npos) ++end;
    return end;
  }
  return end_of_white(text, at, true);
}

// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|...
std::size_t end_of_cl100k(std::string_view text, std::size_t at) {
  if (const std::size_t bytes = contraction(text, at, Case::any); bytes > 0) return at + bytes;
  const Look first = look(text, at);
  if (first.kinds & kLetter) return end_of_run(text, at, kLetter);
  const std::size_t word = at + first.bytes;   // behind one letter of another kind
  if (!(first.kinds & (kLineEnd | kNumber)) && (look(text, word).kinds & kLetter))
    return end_of_run(text, word, kLetter);
  return end_of_no_word(text, at, "\r\n");
}

// A word of o200k from `begin` on, the capitals of it, and where they end.
struct Word {
  std::size_t begin, capitals_end;
  std::size_t end;   // of U*W+; 0: there is no W
};

Word word_at(std::string_view text, std::size_t begin) {
  Word word{begin, begin, 0};
  std::size_t both = 0;   // the last capital that is a small letter too; from it W+ could begin
  bool found = false;
  for (Look here = look(text, begin); here.kinds & kUpperSide;
       here = look(text, word.capitals_end)) {
    if (here.kinds & kLowerSide) both = word.capitals_end, found = true;
    word.capitals_end += here.bytes;
  }
  if (look(text, word.capitals_end).kinds & kLowerSide)
    word.end = end_of_run(text, word.capitals_end, kLowerSide);
  else if (found) word.end = end_of_run(text, both, kLowerSide);
  return word;
}

// [^\r\n\p{L}\p{N}]?U*W+C?|[^\r\n\p{L}\p{N}]?U+W*C?|..., where C is a contraction
std::size_t end_of_o200k(std::string_view text, std::size_t at) {
  const Look first = look(text, at);
  const bool may_stand_in_front = !(first.kinds & (kLineEnd | kLetter | kNumber));
  const auto with_contraction = [&](std::size_t end) {
    return end + contraction(text, end, Case::any);
  };
  Word behind{}, here{};
  if (may_stand_in_front) {
    behind = word_at(text, at + first.bytes);
    if (behind.end) return with_contraction(behind.end);
  }
  if (first.kinds & (kUpperSide | kLowerSide)) {
    here = word_at(text, at);
    if (here.end) return with_contraction(here.end);
  }
  // Capitals only.
  if (behind.capitals_end > behind.begin) return with_contraction(behind.capitals_end);
  if (here.capitals_end > here.begin) return with_contraction(here.capitals_end);
  return end_of_no_word(text, at, "\r\n/");
}

struct Spelling {
  Pattern pattern;
  std::string_view text;
};
// The first of each is the one that pattern_text says. The others mean the same; newer ones forbid
// giving back where it is not needed, for speed.
// clang-format off
constexpr Spelling kSpellings[] = {
    {Pattern::gpt2, R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)"},
    {Pattern::gpt2, R"('s|'t|'re|'ve|'m|'ll|'d| ?[\p{L}]+| ?[\p{N}]+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)"},
    {Pattern::gpt2, R"('(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s)"},
    {Pattern::gpt2, R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)"},
    {Pattern::cl100k, R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
    {Pattern::cl100k, R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)"},
    {Pattern::o200k, R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
};
// clang-format on
constexpr Pattern kPatterns[] = {Pattern::gpt2, Pattern::cl100k, Pattern::o200k};

}   // namespace

std::size_t end_of_piece(Pattern pattern, std::string_view text, std::size_t at) {
  switch (pattern) {
    case Pattern::gpt2:
      return end_of_gpt2(text, at);
    case Pattern::cl100k:
      return end_of_cl100k(text, at);
    case Pattern::o200k:
      return end_of_o200k(text, at);
  }
  return text.size();
}

std::string_view pattern_name(Pattern pattern) {
  static constexpr std::string_view kNames[] = {"gpt2", "cl100k", "o200k"};
  return kNames[static_cast<std::size_t>(pattern)];
}

std::string_view pattern_text(Pattern pattern) {
  for (const Spelling& spelling : kSpellings)
    if (spelling.pattern == pattern) return spelling.text;
  return {};
}

std::optional<Pattern> find_pattern(std::string_view name) {
  for (const Pattern pattern : kPatterns)
    if (pattern_name(pattern) == name) return pattern;
  return std::nullopt;
}

std::optional<Pattern> pattern_of_text(std::string_view text) {
  for (const Spelling& spelling : kSpellings)
    if (spelling.text == text) return spelling.pattern;
  return std::nullopt;
}

}   // namespace glass
