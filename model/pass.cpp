// Names and looks. Nothing here computes.
#include "model/pass.h"

#include <charconv>
#include <cstring>
#include <span>
#include <string>

#include "engine/base/error.h"
#include "engine/slot.h"
#include "model/kv_cache.h"

namespace glass {

Observer::~Observer() = default;

namespace {

// A place where the derivative comes by: dx = dy, or what the observer makes of it.
struct Tap final : Node {
  Observer* observer;
  std::string name;
  Tap(Observer* who, std::string full_name)
      : Node("tap"), observer(who), name(std::move(full_name)) {}
  void backward(const Tensor& dy, Slots dx) override {
    if (dx[0]) dx[0] += observer->see_gradient(name, dy);
  }
};

void append(std::span<char> text, std::size_t& length, std::string_view piece) {
  if (length + piece.size() > text.size())
    fail(Error(ExitCode::internal,
               "the scope " + std::string(text.data(), length) + " is too deep."));
  std::memcpy(text.data() + length, piece.data(), piece.size());
  length += piece.size();
}

}   // namespace

Pass::Scope Pass::enter(std::string_view name, int index) {
  const std::size_t outer = length_;
  if (length_ > 0) append(text_, length_, ".");
  append(text_, length_, name);
  if (index >= 0) {
    char digits[16];
    const auto end = std::to_chars(digits, digits + sizeof digits, index).ptr;
    append(text_, length_, ".");
    append(text_, length_, {digits, static_cast<std::size_t>(end - digits)});
  }
  return {*this, outer, tape_ ? tape_->enter(name, index) : Tape::Scope(nullptr, "")};
}

std::string_view Pass::full(std::string_view name) const {
  std::size_t length = 0;
  append(full_, length, scope());
  if (length > 0) append(full_, length, ".");
  append(full_, length, name);
  return {full_.data(), length};
}

bool Pass::observed_any(std::initializer_list<std::string_view> names) const {
  if (!observer_) return false;
  for (std::string_view name : names) {
    if (observed(name)) return true;
  }
  return false;
}

Tensor Pass::observed_tap(std::string_view name, const Tensor& x) {
  const std::string place(full(name));
  // Whatever stands in for x goes on in x's type.
  Tensor y = observer_->wants(place) ? cast(observer_->see(place, x), x.dtype()) : x;
  if (!tape_ || !observer_->wants_gradient(place)) return y;
  return record<Tap>(y, Where::here(), {y}, observer_, place);
}

std::int64_t Pass::past() const { return cache ? cache->length() : 0; }

RandomKey Pass::key(std::string_view name) const {
  RandomKey here = random;
  here.site = site(scope(), name);
  return here;
}

Tensor Pass::dropout(const Tensor& x, double p, std::string_view name, Where at) {
  if (mode != Mode::train || p == 0) return x;
  return glass::dropout(x, p, key(name), at);
}

}   // namespace glass
