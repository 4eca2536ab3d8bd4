// glass micro --pause: a training step, one operation at a time, forward and backward.
//
// A tape is a recording, so the forward pass runs through and what the reader steps through is the
// tape being played back. Backward is then done for real, node by node, as the reader goes on.
#pragma once
#include <cstdint>
#include <string>

#include "model/microgpt.h"

namespace glass {

class MicroStepper {
 public:
  explicit MicroStepper(ScalarMicrogpt& model) : model_(model) {}
  double step();                                   // one training step; returns its loss
  bool left() const { return left_; }              // the reader has had enough

 private:
  enum class Until { next, count, line, half, step, end };   // how far to go before stopping again
  bool stops_at(int id);
  void ask();                                      // what to do next
  bool understand(const std::string& word);
  void show_line(int id);
  std::string name(int id) const;
  std::string forward_text(int id) const;
  std::string backward_text(int id) const;

  ScalarMicrogpt& model_;
  Until until_ = Until::next;
  std::int64_t count_ = 0;
  int line_ = 0;                                   // of the operation that was shown last
  int first_ = 0;                                  // the first node that is not a weight
  bool left_ = false;
};

}  // namespace glass
