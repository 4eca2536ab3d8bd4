// What the reader sees: an operation, its inputs by name and by value, its result, and the line of
// the program; then, from the end, what each operation adds to the gradients of its inputs.
#include "tools/micro_pause.h"

#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <string_view>

#include "engine/base/text.h"
#include "tools/sources.h"
#include "tools/terminal.h"

namespace glass {
namespace {

using scalar::Node;
using scalar::Op;

std::string digits(double x) { return format("%.4g", x); }

constexpr std::string_view kHelp =
    "  Enter    the next operation\n"
    "  5        five operations further\n"
    "  l        to the next line of the program\n"
    "  b        to where backward begins, or ends\n"
    "  s        to the next training step\n"
    "  c        go on without stopping\n"
    "  q        leave\n";

}   // namespace

double MicroStepper::step() {
  scalar::Tape& tape = model_.tape();
  first_ = tape.size();
  const scalar::Value loss = model_.loss_of(model_.next_tokens());
  const auto dim = [](const std::string& text) { return ink(Ink::dim, text, stdout); };
  if (until_ != Until::end) {
    print(ink(Ink::bold, format("step %d, forward", model_.steps_done() + 1), stdout) +
          dim(format("   #%d to #%d; h and Enter for help", first_, loss.id())) + "\n");
  }
  line_ = 0;
  for (int id = first_; id <= loss.id() && !left_; ++id) {
    if (tape.node(id).made.op == Op::number || !stops_at(id)) continue;
    show_line(id);
    print(forward_text(id));
    ask();
  }

  if (until_ == Until::half) until_ = Until::next;
  if (until_ != Until::end && !left_) {
    print(ink(Ink::bold, format("step %d, backward", model_.steps_done() + 1), stdout) +
          dim(format("   #%d.grad = 1: how the loss of %s changes with each number", loss.id(),
                     digits(loss.data()).c_str())) +
          "\n");
  }
  tape.begin_backward(loss);
  line_ = 0;
  for (int id = loss.id(); id >= first_ && !left_; --id) {
    tape.pull(id);
    if (tape.node(id).made.op == Op::number || tape.grad(id) == 0 || !stops_at(id)) continue;
    show_line(id);
    print(backward_text(id));
    ask();
  }
  if (until_ == Until::half || until_ == Until::step) until_ = Until::next;

  const double result = loss.data();
  if (!left_) model_.update();
  return result;
}

bool MicroStepper::stops_at(int id) {
  switch (until_) {
    case Until::next:
      return true;
    case Until::count:
      return --count_ <= 0;
    case Until::line:
      return model_.tape().where(id).line != line_;
    default:
      return false;
  }
}

void MicroStepper::ask() {
  for (std::string word;;) {
    if (::isatty(STDIN_FILENO) == 1) print("> ");
    flush_stdout();
    if (!std::getline(std::cin, word)) {
      left_ = true;
      return;
    }
    if (understand(word)) return;
    print(kHelp);
  }
}

bool MicroStepper::understand(const std::string& word) {
  if (parse_integer(word, count_) == NumberFault::none && count_ > 0) until_ = Until::count;
  else if (word.empty()) until_ = Until::next;
  else if (word == "l") until_ = Until::line;
  else if (word == "b") until_ = Until::half;
  else if (word == "s") until_ = Until::step;
  else if (word == "c") until_ = Until::end;
  else if (word == "q") left_ = true;
  else return false;
  return true;
}

// The line of the program, where it is another one than before.
void MicroStepper::show_line(int id) {
  const Where at = model_.tape().where(id);
  if (at.line == line_) return;
  line_ = at.line;
  print(ink(Ink::cyan, format("%s:%d", at.file, at.line), stdout) + "  " +
        std::string(line_of(find_source("microgpt.cpp")->text, at.line)) + "\n");
}

// "wte(26,0)" for a weight, "0.0625" for a number in the program, "#4193" for a result.
std::string MicroStepper::name(int id) const {
  if (id >= first_)
    return model_.tape().node(id).made.op == Op::number ? digits(model_.tape().data(id))
                                                        : "#" + std::to_string(id);
  int place = id - 1;
  for (const MicroWeight& w : model_.start().weights) {
    if (place >= 0 && place < w.rows * w.columns)
      return format("%s(%d,%d)", w.name.c_str(), place / w.columns, place % w.columns);
    place -= w.rows * w.columns;
  }
  return "0";
}

std::string MicroStepper::forward_text(int id) const {
  const Node& node = model_.tape().node(id);
  const auto formula = [&](const std::string& a, const std::string& b) {
    switch (node.made.op) {
      case Op::add:
        return a + " + " + b;
      case Op::mul:
        return a + " * " + b;
      case Op::pow:
        return a + " ^ " + b;
      default:
        return std::string(scalar::name_of(node.made.op)) + "(" + a + ")";
    }
  };
  const auto number = [&](int in) { return digits(model_.tape().data(in)); };
  return format("  #%d %s: ", id, scalar::name_of(node.made.op)) +
         formula(name(node.in[0]), name(node.in[1])) + " = " +
         formula(number(node.in[0]), number(node.in[1])) + " = " +
         ink(Ink::bold, number(id), stdout) + "\n";
}

// Numbers in the program have slopes too, but nobody will ask for them.
std::string MicroStepper::backward_text(int id) const {
  const scalar::Tape& tape = model_.tape();
  const Node& node = tape.node(id);
  std::string text = format("  #%d %s:", id, scalar::name_of(node.made.op));
  for (const int k : {0, 1}) {
    const int in = node.in[k];
    if (in == 0 || (in >= first_ && tape.node(in).made.op == Op::number)) continue;
    text += "  " + name(in) + ".grad += " + digits(node.local[k]) + " * " + digits(tape.grad(id)) +
            ink(Ink::dim, " = " + digits(tape.grad(in)), stdout);
  }
  return text + "\n";
}

}   // namespace glass
