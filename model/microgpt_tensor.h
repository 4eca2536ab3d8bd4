// microgpt on tensors: the same program as in microgpt.h, with all positions of a name at once. On
// the reference device in double it has the same losses, and the same gradient for every weight; on
// fast devices it is only faster.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/ops.h"
#include "engine/optim.h"
#include "model/microgpt.h"

namespace glass {

class TensorMicrogpt final : public Microgpt {
 public:
  TensorMicrogpt(MicroStart start, Device device, DType dtype);
  double step() override;
  std::string sample() override;

  // The three parts of a step, for whoever wants to look between them.
  Tensor loss_of(std::span<const int> tokens);
  void backward(const Tensor& loss) { tape_.backward(loss); }
  void update();                                   // AdamW, and a clean tape

  std::vector<Parameter>& parameters() { return parameters_; }   // in the order of start().weights
  Tape& tape() { return tape_; }

 private:
  enum class Record { no, yes };
  Tensor gpt(std::span<const int> tokens, Record record);   // (T) -> (T,V)

  Device device_;
  std::vector<Parameter> parameters_;
  Tape tape_;
  std::unique_ptr<AdamW> adam_;
};

}  // namespace glass
