// microgpt on the table: the model that the guide's reader trains, with everything about it that
// can be asked. It learns as `glass micro` does, from the same random numbers, so after 1,000 steps
// it makes up the same names.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/python_random.h"
#include "model/microgpt.h"

namespace glass {

// One vector on its way through the model.
struct MicroRow {
  std::string name;    // "q", "weights": as model/microgpt.cpp calls it in seen(...)
  int head;            // 0 .. H-1 for what each head has of its own, else -1
  Where asked, made;   // the line that names it, the line that made its last number
  std::string op;      // what that line did: "add"
  std::vector<double> values;
};

struct MicroForward {
  std::vector<int> tokens;
  std::vector<std::vector<MicroRow>> positions;   // one list for each token that something follows
  std::vector<double> losses;                     // -log(probability of what came next), of each
  double loss = 0;                                // their mean
  int nodes = 0;                                  // how many the tape recorded for it
};

// What a loss can be compared with, over all names, each name counting once as in training.
struct MicroLines {
  double uniform;   // every token alike: ln V
  double unigram;   // how common each letter is
  double bigram;    // what follows each letter: all that one can know from one letter
};

struct MicroLetter {
  int token;
  std::vector<double> probs;   // of all V
};
struct MicroSample {
  std::string name;
  std::vector<MicroLetter> letters;   // with the BOS that ended it
};

class MicroLab {
 public:
  explicit MicroLab(const MicroOptions& options = {});

  const MicroStart& start() const { return model_->start(); }
  int steps_done() const { return model_->steps_done(); }
  const MicroLines& lines() const { return lines_; }
  std::vector<int> next_tokens() const { return model_->next_tokens(); }
  std::string letter(int token) const;   // "BOS" for BOS

  // BOS, the letters, BOS. UsageError: a letter that no name has, or too many of them.
  std::vector<int> tokens(std::string_view text) const;

  MicroForward forward(const std::vector<int>& tokens);

  // The three parts of a step one by one. update() without backward() is a UsageError.
  double backward();
  double update();   // returns the learning rate
  bool has_gradients() const { return has_gradients_; }
  std::vector<double> losses_of_steps(int n);

  // Number by number, in the order of start().weights.
  std::vector<double> weights();
  std::vector<double> gradients();

  // After `tokens`, at a temperature: what may follow.
  std::vector<double> next_probs(const std::vector<int>& tokens, double temperature);
  MicroSample sample(double temperature);

 private:
  void forget();   // all of the tape but the weights

  std::unique_ptr<ScalarMicrogpt> model_;
  PythonRandom random_;   // draws the samples
  MicroLines lines_;
  bool has_gradients_ = false;
};

// The same steps on both engines, from the same weights.
struct MicroRace {
  struct Engine {
    std::string name, device;
    std::vector<double> losses;
    double ms_per_step = 0;
    int nodes = 0;   // of the tape of one step
  };
  std::vector<Engine> engines;
};
MicroRace race_micro(int steps);

// One lab for a session, and who may use it.
struct MicroPlace {
  std::mutex guard;
  MicroLab lab;
};

}   // namespace glass
