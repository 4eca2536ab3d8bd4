// A Pass is one trip of a batch through a model. It carries everything a forward needs that is not
// a weight: the tape (or none: inference), who is looking, the keys and values of earlier tokens,
// the random numbers of this step.
#pragma once
#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "engine/ops.h"
#include "engine/random.h"
#include "engine/tape.h"

namespace glass {

class KVCache;

// Somebody who looks at what flows through the model, and may change it. Names are
// TransformerLens's: "blocks.3.attn.hook_pattern". interp/ implements this; model/ only calls it.
class Observer {
 public:
  virtual ~Observer();
  virtual bool wants(std::string_view name) const = 0;
  virtual Tensor see(std::string_view name,
                     const Tensor& x) = 0;   // returns x, or what stands in for it
  virtual bool wants_gradient(std::string_view) const { return false; }
  virtual Tensor see_gradient(std::string_view, const Tensor& dy) { return dy; }
};

enum class Mode : std::uint8_t { evaluate, train };   // train: dropout drops

// Does a tape ask for the gradients of weights, or only of what flows through the model?
enum class Weights : std::uint8_t { watched, fixed };

// Of which positions of a text something is asked for.
enum class Positions : std::uint8_t { all, last };

class Pass {
 public:
  explicit Pass(Tape* tape = nullptr, Observer* observer = nullptr)
      : tape_(tape), observer_(observer) {}

  // What a trainer and a sampler set.
  Mode mode = Mode::evaluate;
  RandomKey random{};   // seed, step and micro-step; the site is where dropout stands
  KVCache* cache = nullptr;
  Weights weights = Weights::watched;
  bool recompute = false;   // keep the inputs of blocks only, and run them again in backward

  std::int64_t past() const;   // how many tokens the cache holds; 0 without one

  Tape* tape() const { return tape_; }
  Observer* observer() const { return observer_; }
  Tensor use(Parameter& p, Where at = Where::here()) {
    return watches() ? tape_->watch(p, at) : p.value;
  }
  // The same weight as a factor of a matrix product, in the type that products are computed in.
  Tensor factor(Parameter& p, DType products, Where at = Where::here()) {
    if (products != DType::bf16) return use(p, at);
    return watches() ? tape_->watch_bf16(p, at) : p.in_bf16();
  }

  // A place where one can look. Without an observer it costs one comparison.
  Tensor tap(std::string_view name, const Tensor& x) {
    return observer_ ? observed_tap(name, x) : x;
  }
  // Does somebody look there, or at the gradient?
  bool observed(std::string_view name) const {
    return observer_ &&
           (observer_->wants(full(name)) || (tape_ && observer_->wants_gradient(full(name))));
  }
  bool observed_any(std::initializer_list<std::string_view> names) const;

  Tensor dropout(const Tensor& x, double p, std::string_view name, Where at = Where::here());
  RandomKey key(std::string_view name) const;   // random, for this place of the model

  // Names this part of the model for nodes, taps and random numbers, until the Scope dies.
  class Scope {
   public:
    Scope(Pass& pass, std::size_t outer, Tape::Scope tape)
        : pass_(pass), outer_(outer), tape_(std::move(tape)) {}
    ~Scope() { pass_.length_ = outer_; }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Pass& pass_;
    std::size_t outer_;
    Tape::Scope tape_;
  };
  [[nodiscard]] Scope enter(std::string_view name, int index = -1);
  std::string_view scope() const { return {text_.data(), length_}; }

 private:
  bool watches() const { return tape_ && weights == Weights::watched; }
  Tensor observed_tap(std::string_view name, const Tensor& x);
  std::string_view full(std::string_view name) const;   // scope.name, valid until the next call

  Tape* tape_;
  Observer* observer_;
  std::array<char, 128> text_{};   // the scope; a fixed array, so that naming allocates nothing
  mutable std::array<char, 192> full_{};
  std::size_t length_ = 0;
};

}   // namespace glass
