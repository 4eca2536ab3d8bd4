#include "model/corpora/writer.h"

#include <vector>

#include "engine/base/error.h"
#include "engine/base/text.h"

namespace glass {
namespace {

[[noreturn]] void refuse(std::string_view sentence, const std::string& why) {
  fail(Error(ExitCode::internal, "the sentence " + in_quotes(sentence) + " " + why));
}

// The alternatives of the bracket that opens at `open`, and behind it the place where it closes.
std::vector<std::string_view> alternatives(std::string_view sentence, std::size_t open,
                                           std::size_t& close) {
  std::vector<std::string_view> found;
  std::size_t begin = open + 1;
  int depth = 1;
  for (std::size_t i = begin; i < sentence.size(); ++i) {
    if (sentence[i] == '[') ++depth;
    if (sentence[i] == ']') --depth;
    if (depth == 0 || (depth == 1 && sentence[i] == '|')) {
      found.push_back(sentence.substr(begin, i - begin));
      begin = i + 1;
    }
    if (depth == 0) {
      close = i;
      return found;
    }
  }
  refuse(sentence, "has a bracket that is never closed");
}

char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}   // namespace

std::string Writer::word(std::string_view gap) const {
  const bool article = gap.substr(0, 2) == "a " || gap.substr(0, 2) == "A ";
  const bool capital = gap[0] >= 'A' && gap[0] <= 'Z';
  std::string name(article ? gap.substr(2) : gap);
  name[0] = lower(name[0]);
  const auto found = words_.find(name);
  if (found == words_.end()) refuse(gap, "asks for a word that nobody gave");
  std::string text = found->second;
  if (article) {
    const bool vowel = std::string_view("aeiou").find(text[0]) != std::string_view::npos;
    text.insert(0, vowel ? "an " : "a ");
  }
  if (capital) text[0] = upper(text[0]);
  return text;
}

std::string Writer::write(std::string_view sentence) {
  std::string text;
  for (std::size_t i = 0; i < sentence.size(); ++i) {
    if (sentence[i] == '[') {
      std::size_t close = i;
      const std::vector<std::string_view> choices = alternatives(sentence, i, close);
      text += write(dice_->one_of(choices));
      i = close;
    } else if (sentence[i] == '{') {
      const std::size_t close = sentence.find('}', i);
      if (close == std::string_view::npos) refuse(sentence, "has a gap that is never closed");
      text += word(sentence.substr(i + 1, close - i - 1));
      i = close;
    } else {
      text += sentence[i];
    }
  }
  return text;
}

}   // namespace glass
