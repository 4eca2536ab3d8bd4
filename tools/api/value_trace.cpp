#include "tools/api/value_trace.h"

#include <cctype>
#include <cmath>
#include <map>
#include <set>
#include <variant>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/value.h"

namespace glass {
namespace {

using scalar::Op;
using scalar::Tape;
using scalar::Value;

constexpr std::size_t kLongest = 2000;   // letters of a program
constexpr int kMostNodes = 200, kDeepest = 40;

// What stands in a formula: a number that the program writes down, or a Value. Two numbers stay a
// number, so that 2 * 3 + x is one addition.
using Term = std::variant<double, Value>;

struct Sum {
  template <class A, class B>
  Term operator()(A a, B b) const {
    return a + b;
  }
};
struct Difference {
  template <class A, class B>
  Term operator()(A a, B b) const {
    return a - b;
  }
};
struct Product {
  template <class A, class B>
  Term operator()(A a, B b) const {
    return a * b;
  }
};
struct Quotient {
  template <class A, class B>
  Term operator()(A a, B b) const {
    return a / b;
  }
};

class Program {
 public:
  Program(std::string_view text, Tape& tape) : text_(text), tape_(tape) {}

  void run() {
    for (skip(); at_ < text_.size(); skip()) {
      statement();
      if (tape_.size() > kMostNodes)
        fail(UsageError("the program makes more than " + std::to_string(kMostNodes) +
                        " nodes; try a shorter one."));
    }
    if (loss_.id() == 0)
      fail(UsageError("the program is empty; write something like a = 2; a * a."));
  }

  Value loss() const { return loss_; }
  const std::map<int, std::string>& names() const { return names_; }

 private:
  // Line ends and semicolons end a statement; skip() stands between two of them.
  void skip() {
    while (at_ < text_.size() && (is_blank(text_[at_]) || ends(text_[at_]))) ++at_;
  }
  static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
  static bool ends(char c) { return c == ';' || c == '\n'; }
  static bool begins_name(char c) {
    return std::isalpha(static_cast<unsigned char>(c)) || c == '_';
  }
  static bool in_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

  [[noreturn]] void refuse(const std::string& why) const {
    fail(UsageError("letter " + std::to_string(at_ + 1) + " of the program: " + why + "."));
  }
  char peek() {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
    return at_ < text_.size() ? text_[at_] : '\n';
  }
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  std::string word() {
    const std::size_t first = at_;
    while (at_ < text_.size() && in_name(text_[at_])) ++at_;
    return std::string(text_.substr(first, at_ - first));
  }

  void statement() {
    const std::size_t first = at_;
    std::string name;
    if (begins_name(peek())) {
      name = word();
      if (!take('=')) {
        name.clear();
        at_ = first;
      }
    }
    loss_ = as_value(sum());
    if (!name.empty()) {
      values_[name] = loss_;
      names_.insert({loss_.id(), name});   // of two names for one node the first stays
    }
    if (!ends(peek())) refuse("there is a " + in_quotes(text_.substr(at_, 1)) + " too much");
  }

  Value as_value(const Term& term) {
    if (const Value* value = std::get_if<Value>(&term)) return *value;
    return tape_.number(std::get<double>(term));
  }

  Term sum() {
    Term left = product();
    for (;;) {
      if (take('+')) left = std::visit(Sum{}, left, product());
      else if (take('-')) left = std::visit(Difference{}, left, product());
      else return left;
    }
  }

  Term product() {
    Term left = negation();
    for (;;) {
      if (take('*')) left = std::visit(Product{}, left, negation());
      else if (take('/')) left = std::visit(Quotient{}, left, negation());
      else return left;
    }
  }

  Term negation() {
    if (++depth_ > kDeepest)
      refuse("more than " + std::to_string(kDeepest) + " signs and brackets");
    const Term term =
        take('-') ? std::visit([](auto x) -> Term { return -x; }, negation()) : power();
    --depth_;
    return term;
  }

  Term power() {
    const Term base = atom();
    if (!take('^')) return base;
    const Term exponent = negation();
    if (!std::holds_alternative<double>(exponent)) refuse("only a plain number can stand behind ^");
    const double n = std::get<double>(exponent);
    if (const double* x = std::get_if<double>(&base)) return std::pow(*x, n);
    return pow(std::get<Value>(base), n);
  }

  Term atom() {
    const char c = peek();
    if (take('(')) {
      const Term term = sum();
      if (!take(')')) refuse("a bracket is not closed");
      return term;
    }
    if (std::isdigit(static_cast<unsigned char>(c)) || c == '.') return number();
    if (!begins_name(c)) refuse("a number, a name or a bracket is missing");
    const std::size_t first = at_;
    const std::string name = word();
    if (take('(')) {
      const Value x = as_value(sum());
      if (!take(')')) refuse("a bracket is not closed");
      if (name == "relu") return relu(x);
      if (name == "exp") return exp(x);
      if (name == "log") return log(x);
      at_ = first;
      refuse("there is no function " + in_quotes(name) + "; there are relu, exp and log");
    }
    const auto found = values_.find(name);
    if (found == values_.end()) {
      at_ = first;
      refuse(in_quotes(name) + " has no value yet; say " + name + " = 1 before");
    }
    return found->second;
  }

  Term number() {
    const std::size_t first = at_;
    const auto digits = [&] {
      while (at_ < text_.size() &&
             (std::isdigit(static_cast<unsigned char>(text_[at_])) || text_[at_] == '.'))
        ++at_;
    };
    digits();
    double x = 0;
    if (parse_number(text_.substr(first, at_ - first), x) != NumberFault::none) {
      at_ = first;
      refuse("that is no number");
    }
    return x;
  }

  std::string_view text_;
  Tape& tape_;
  std::size_t at_ = 0;
  int depth_ = 0;
  Value loss_;
  std::map<std::string, Value> values_;
  std::map<int, std::string> names_;
};

// The nodes that the loss is made of: with others backward has nothing to do.
std::set<int> ancestors(const Tape& tape, int loss) {
  std::set<int> known = {loss};
  for (int id = loss; id > 0; --id) {
    if (known.count(id) == 0) continue;
    for (const int in : tape.node(id).in)
      if (in != 0) known.insert(in);
  }
  return known;
}

}   // namespace

ValueTrace trace_values(std::string_view text) {
  if (text.size() > kLongest)
    fail(UsageError("the program has more than " + std::to_string(kLongest) + " letters."));
  Tape tape;
  Program program(text, tape);
  program.run();
  const auto is_constant = [&](int id) {
    return tape.node(id).made.op == Op::number && program.names().count(id) == 0;
  };

  ValueTrace trace;
  trace.loss = program.loss().id();
  const std::set<int> needed = ancestors(tape, trace.loss);
  tape.begin_backward(program.loss());
  for (int id = trace.loss; id > 0; --id) {
    if (needed.count(id) == 0) continue;
    const scalar::Node& node = tape.node(id);
    double before[2] = {tape.grad(node.in[0]), tape.grad(node.in[1])};
    tape.pull(id);
    for (const int k : {0, 1}) {
      const int in = node.in[k];
      if (in == 0 || is_constant(in)) continue;
      // Of a + a, the second edge goes on where the first one stopped.
      const double add = node.local[k] * tape.grad(id);
      if (k == 1 && in == node.in[0]) before[1] = trace.steps.back().total;
      trace.steps.push_back({id, in, node.local[k], tape.grad(id), add, before[k] + add});
    }
  }
  for (int id = 1; id < tape.size(); ++id) {
    const scalar::Node& node = tape.node(id);
    const auto name = program.names().find(id);
    ValueNode& made =
        trace.nodes.emplace_back(ValueNode{id,
                                           scalar::name_of(node.made.op),
                                           name == program.names().end() ? "" : name->second,
                                           tape.data(id),
                                           tape.grad(id),
                                           is_constant(id),
                                           {}});
    for (const int k : {0, 1})
      if (node.in[k] != 0) made.in.push_back({node.in[k], node.local[k]});
    if (!std::isfinite(made.data) || !std::isfinite(made.grad))
      fail(UsageError("value #" + std::to_string(id) +
                      " or its gradient is too large for a number."));
  }
  return trace;
}

}   // namespace glass
