// microgpt: the smallest program that is a GPT. It reads names, learns which letter follows which,
// and makes up new ones.
//
// The same program runs on two engines, here on the scalar tape of chapter 1 and in
// microgpt_tensor.h on the tensors of chapter 2. Both start from the same numbers as Andrej
// Karpathy's microgpt.py and print the same losses and names.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/python_random.h"
#include "engine/value.h"

namespace glass {

// Its size. D = C / H.
constexpr int kMicroT = 16;                        // positions the model can look back on
constexpr int kMicroC = 16;
constexpr int kMicroH = 4;
constexpr double kMicroEps = 1e-5;                 // keeps rmsnorm away from 1 / 0

struct MicroOptions {
  int steps = 1000;
  std::uint64_t seed = 42;
  double temperature = 0.5;                        // of the samples: low is careful, high is daring
};

// The names, as numbers. Token i is the i-th letter of the alphabet of this file; one more token,
// BOS, stands before and after every name.
struct MicroNames {
  std::vector<std::u32string> docs;                // the names, shuffled
  std::u32string letters;                          // sorted
  int bos() const { return static_cast<int>(letters.size()); }
  int vocab() const { return bos() + 1; }
  std::vector<int> tokens(std::size_t doc) const;  // BOS, the letters, BOS
  std::string text(std::span<const int> tokens) const;
};
// One name a line; white space around it and empty lines do not count. `what` is for messages.
MicroNames read_names(std::string_view text, const std::string& what);

struct MicroWeight {
  std::string name;
  int rows, columns;
  std::vector<double> values;
};

// Everything that chance decides before the first step, in the order in which microgpt.py throws
// the dice.
struct MicroStart {
  MicroNames names;
  // wte, wpe, lm_head, attn_wq, attn_wk, attn_wv, attn_wo, mlp_fc1, mlp_fc2
  std::vector<MicroWeight> weights;
  PythonRandom random;                             // goes on to draw the samples
  MicroOptions options;
  MicroStart(MicroNames names, MicroOptions options);
  int parameters() const;
};

// A model that learns, one name after the other.
class Microgpt {
 public:
  explicit Microgpt(MicroStart start) : start_(std::move(start)) {}
  virtual ~Microgpt() = default;
  virtual double step() = 0;                       // learns the next name; returns its loss
  virtual std::string sample() = 0;                // makes up a name
  int steps_done() const { return done_; }
  std::vector<int> next_tokens() const {
    return start_.names.tokens(static_cast<std::size_t>(done_) % start_.names.docs.size());
  }
  const MicroStart& start() const { return start_; }

 protected:
  MicroStart start_;
  int done_ = 0;
};

// On the scalar tape, token by token, one node for every operation of Python.
class ScalarMicrogpt final : public Microgpt {
 public:
  explicit ScalarMicrogpt(MicroStart start);
  double step() override;
  std::string sample() override;

  // The three parts of a step, for whoever wants to look between them.
  scalar::Value loss_of(std::span<const int> tokens);
  void backward(scalar::Value loss) { tape_.backward(loss); }
  void update();                                   // Adam; then the tape ends with the weights

  // For whoever wants to see every vector on its way, with the line of the program that named it.
  using Watcher = std::function<void(const char* name, std::span<const scalar::Value>, Where)>;
  void watch(Watcher watcher) { watcher_ = std::move(watcher); }

  scalar::Tape& tape() { return tape_; }
  scalar::Value weights() { return tape_.at(1); }  // the first of all, side by side

 private:
  using Row = std::vector<scalar::Value>;
  struct Past { std::vector<Row> keys, values; };  // of the tokens so far
  Row gpt(int token, int position, Past& past);
  Row seen(const char* name, Row row, Where at = Where::here()) const {
    if (watcher_) watcher_(name, row, at);
    return row;
  }

  scalar::Tape tape_;
  scalar::Matrix wte_, wpe_, lm_head_, attn_wq_, attn_wk_, attn_wv_, attn_wo_, mlp_fc1_, mlp_fc2_;
  std::vector<double> m_, v_;                      // Adam's memory of each weight's gradient
  Watcher watcher_;
};

}  // namespace glass
