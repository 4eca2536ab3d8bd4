// Fills in sentences that have gaps. A sentence reads as it will be read, with two kinds of gaps:
//
//   [One day|That morning], {hero} took {his} {thing} to {place}.
//
//   [x|y|z]   one of these, by a throw of the dice; they may hold gaps themselves, or be empty
//   {word}    what the writer was told that the word stands for; {Word} the same with a capital;
//             {a word} with "a" or "an" in front, as it sounds
#pragma once
#include <map>
#include <string>
#include <string_view>

#include "model/corpora/dice.h"

namespace glass {

class Writer {
 public:
  explicit Writer(Dice& dice) : dice_(&dice) {}
  // From now on {word} is this; gaps in it are filled now.
  void say(const std::string& word, std::string_view meaning) { words_[word] = write(meaning); }
  std::string write(std::string_view sentence);

 private:
  std::string word(std::string_view gap) const;

  Dice* dice_;
  std::map<std::string, std::string> words_;
};

}   // namespace glass
