// Hands on the inside of a model. A hook reads an activation, puts another in its place, or asks for
// its gradient, and is gone when its scope ends, also by an exception.
//
//   Hooks hooks(gpt);
//   const auto quiet = hooks.replace({"blocks.1.attn.hook_z", 3}, zeros);   // head 3 says nothing
//   const Tensor logits = hooks.logits(ids);
//
// A name that the model does not have is an error, and so is a hook that never fired: an analysis
// that silently looked at nothing would look like a finding.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/gpt.h"

namespace glass {

// Which part of an activation: all of it, one head, one position, one row of the batch, or
// several of these at once. A pattern's position is that of the query.
struct Place {
  std::string name;   // "blocks.1.attn.hook_pattern"
  int head = -1;
  std::int64_t position = -1, row = -1;
};
std::string str(const Place& place);   // "blocks.1.attn.hook_z, head 3, position 7"

// The places of a model that a pattern with * means ("blocks.*.attn.hook_pattern"), in the order in
// which they fire. UsageError with the nearest name where there is none.
std::vector<std::string> places_like(const LanguageModel& model, const std::string& pattern);

// Where in an activation of this name heads and positions are counted. head: -1 where it has none.
struct Axes {
  int position = 1, head = -1;
};
Axes axes_of(std::string_view name);

Tensor part(const Tensor& x, const Place& place);   // a view; asked-for axes keep size 1
// x with another value in that part: (its size, or one that can be repeated to it). x itself stays
// as it is, and derivatives find their way through both.
Tensor with_part(const Tensor& x, const Place& place, const Tensor& value);

class Hooks final : public Observer {
 public:
  explicit Hooks(GPT& gpt) : gpt_(gpt) {}
  Hooks(const Hooks&) = delete;
  Hooks& operator=(const Hooks&) = delete;

  // Attached for as long as it lives.
  class Scope {
   public:
    Scope(Scope&& other) noexcept : hooks_(std::exchange(other.hooks_, nullptr)), id_(other.id_) {}
    ~Scope() {
      if (hooks_) hooks_->hooks_of_.erase(id_);
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    friend class Hooks;
    Scope(Hooks* hooks, int id) : hooks_(hooks), id_(id) {}
    Hooks* hooks_;
    int id_;
  };

  // f is given the part that `place` names. Several hooks of one place act in the order in which
  // they were attached. UsageError where the model has no such place, head or position.
  using Read = std::function<void(const Tensor&)>;
  using Change = std::function<Tensor(const Tensor&)>;
  [[nodiscard]] Scope read(const Place& place, Read f);
  [[nodiscard]] Scope replace(const Place& place, Change f);
  [[nodiscard]] Scope replace(const Place& place, const Tensor& value);
  [[nodiscard]] Scope gradient(const Place& place, Read f);
  [[nodiscard]] Scope change_gradient(const Place& place, Change f);

  std::size_t attached() const { return hooks_of_.size(); }

  // One way through the model, or a part of it, with everything that is attached; then every hook
  // must have fired. With a tape, gradients are asked for by tape->backward, and `require_fired`
  // afterwards says whether all of them came.
  Tensor logits(const Tensor& ids, Tape* tape = nullptr, Positions which = Positions::all,
                Weights weights = Weights::watched);
  // From the stream that enters block `first` to the logits: what a change at that layer needs. With
  // a cache, x is what follows the tokens in it. Where the last position alone is asked for, and
  // nobody looks, the last block does no more than it needs.
  Tensor logits_from(int first, const Tensor& x, Tape* tape = nullptr,
                     Positions which = Positions::all, KVCache* cache = nullptr);
  void require_fired() const;

  bool wants(std::string_view name) const override;
  Tensor see(std::string_view name, const Tensor& x) override;
  bool wants_gradient(std::string_view name) const override;
  Tensor see_gradient(std::string_view name, const Tensor& dy) override;

 private:
  enum class Side : std::uint8_t { forward, backward };
  struct Hook {
    Place place;
    Side side;
    Change act;
    bool fired = false;
  };
  Scope attach(const Place& place, Side side, Change act);
  bool any(std::string_view name, Side side) const;
  bool any_behind_queries_of(int layer) const;
  Tensor pass_through(std::string_view name, Side side, const Tensor& x);
  void begin(const Tape* tape);
  void require_fired(Side side) const;

  GPT& gpt_;
  std::map<int, Hook> hooks_of_;   // in the order in which they were attached
  int next_ = 0;
};

}   // namespace glass
