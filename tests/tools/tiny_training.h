// A training for tests: its text, and the words that make it small.
#pragma once
#include <string>
#include <vector>

namespace glass::test {

// A model so small that a step takes a fraction of a millisecond.
inline const std::vector<std::string> kTiny = {
    "--n_layer=1",        "--n_head=2",     "--n_embd=16",      "--block_size=8", "--batch_size=4",
    "--eval_interval=50", "--eval_iters=2", "--log_interval=1", "--threads=1"};

inline std::vector<std::string> tiny(std::vector<std::string> words) {
  words.insert(words.begin(), "train");
  words.insert(words.end(), kTiny.begin(), kTiny.end());
  return words;
}

inline std::string rhyme() {
  std::string text;
  for (int i = 0; i < 60; ++i) text += "one two three four five\nonce I caught a fish alive\n";
  return text;
}

}   // namespace glass::test
