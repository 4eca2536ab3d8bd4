// The machine. Its stack and its memo hold numbers of cells in the arena, so that a step that
// recalls a value copies four bytes, however much the value is.
#include "model/formats/pickle.h"

#include <algorithm>
#include <cstring>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "kernels/bits.h"

namespace glass {
namespace {

using Kind = PickleValue::Kind;

constexpr std::size_t kMostValues = 1 << 20, kMostOnStack = 1 << 20;
constexpr std::uint8_t kDeepest = 64;
constexpr std::uint32_t kMark = 0xffffffff, kNoGlobal = 0xffffffff;
constexpr std::uint64_t kLongestName = 64;   // of what a file imports, when it is told

struct StepName {
  unsigned char step;
  const char* name;
};
// clang-format off
constexpr StepName kStepNames[] = {   // all that Python knows, for messages
    {'(', "MARK"}, {'.', "STOP"}, {'0', "POP"}, {'1', "POP_MARK"}, {'2', "DUP"}, {'F', "FLOAT"}, {'I', "INT"},
    {'J', "BININT"}, {'K', "BININT1"}, {'L', "LONG"}, {'M', "BININT2"}, {'N', "NONE"}, {'P', "PERSID"},
    {'Q', "BINPERSID"}, {'R', "REDUCE"}, {'S', "STRING"}, {'T', "BINSTRING"}, {'U', "SHORT_BINSTRING"},
    {'V', "UNICODE"}, {'X', "BINUNICODE"}, {'a', "APPEND"}, {'b', "BUILD"}, {'c', "GLOBAL"}, {'d', "DICT"},
    {'}', "EMPTY_DICT"}, {'e', "APPENDS"}, {'g', "GET"}, {'h', "BINGET"}, {'i', "INST"}, {'j', "LONG_BINGET"},
    {'l', "LIST"}, {']', "EMPTY_LIST"}, {'o', "OBJ"}, {'p', "PUT"}, {'q', "BINPUT"}, {'r', "LONG_BINPUT"},
    {'s', "SETITEM"}, {'t', "TUPLE"}, {')', "EMPTY_TUPLE"}, {'u', "SETITEMS"}, {'G', "BINFLOAT"},
    {0x80, "PROTO"}, {0x81, "NEWOBJ"}, {0x82, "EXT1"}, {0x83, "EXT2"}, {0x84, "EXT4"}, {0x85, "TUPLE1"},
    {0x86, "TUPLE2"}, {0x87, "TUPLE3"}, {0x88, "NEWTRUE"}, {0x89, "NEWFALSE"}, {0x8a, "LONG1"}, {0x8b, "LONG4"},
    {'B', "BINBYTES"}, {'C', "SHORT_BINBYTES"}, {0x8c, "SHORT_BINUNICODE"}, {0x8d, "BINUNICODE8"},
    {0x8e, "BINBYTES8"}, {0x8f, "EMPTY_SET"}, {0x90, "ADDITEMS"}, {0x91, "FROZENSET"}, {0x92, "NEWOBJ_EX"},
    {0x93, "STACK_GLOBAL"}, {0x94, "MEMOIZE"}, {0x95, "FRAME"}, {0x96, "BYTEARRAY8"}, {0x97, "NEXT_BUFFER"},
    {0x98, "READONLY_BUFFER"},
};
// clang-format on

std::string described(unsigned char step) {
  std::string text = format("step 0x%02x of a pickle", step);
  for (const StepName& row : kStepNames)
    if (row.step == step) text += std::string(" (") + row.name + ")";
  return text;
}

const char* name_of(Kind kind) {
  constexpr const char* kNames[] = {
      "None",       "True or False", "an integer",   "a number",         "a text",
      "a tuple",    "a list",        "a dictionary", "an imported name", "the result of a call",
      "a reference"};
  return kNames[static_cast<std::size_t>(kind)];
}

}   // namespace

class PickleMachine {
 public:
  explicit PickleMachine(Pickle& pickle) : pickle_(pickle), bytes_(pickle.bytes_) {}

  // The value that the whole file is.
  std::uint32_t run() {
    while (!done_) step();
    if (at_ != bytes_.size()) refuse("something follows its end");
    if (stack_.size() != 1 || stack_[0] == kMark)
      refuse("it ends with " + std::to_string(stack_.size()) + " values");
    return stack_[0];
  }

 private:
  using Id = std::uint32_t;
  using Cell = Pickle::Cell;

  [[noreturn]] void refuse(const std::string& reason) const { pickle_.refuse(reason, op_at_); }

  // ---- bytes ------------------------------------------------------------------------------------

  std::uint64_t take_number(std::size_t size) {
    if (bytes_.size() - at_ < size) refuse("it is cut short");
    std::uint64_t value = 0;
    for (std::size_t k = 0; k < size; ++k)
      value |= std::uint64_t{static_cast<unsigned char>(bytes_[at_ + k])} << (8 * k);
    at_ += size;
    return value;
  }

  std::string_view take_line() {
    const std::size_t end = bytes_.find('\n', at_);
    if (end == std::string_view::npos) refuse("it is cut short");
    const std::string_view line = bytes_.substr(at_, end - at_);
    at_ = end + 1;
    return line;
  }

  // ---- values -----------------------------------------------------------------------------------

  Cell& cell(Id id) { return pickle_.cells_[id]; }

  void put_on_stack(Id id) {
    if (stack_.size() == kMostOnStack) refuse("it has too many values at once");
    stack_.push_back(id);
  }

  Cell& push(Kind kind, std::uint8_t height = 1) {
    if (pickle_.cells_.size() == kMostValues) refuse("it has too many values");
    put_on_stack(static_cast<Id>(pickle_.cells_.size()));
    Cell made{};
    made.kind = kind, made.height = height, made.at = static_cast<std::uint32_t>(op_at_);
    made.inside = {0, kNoGlobal};
    pickle_.cells_.push_back(made);
    return pickle_.cells_.back();
  }

  void push_integer(std::int64_t value) { push(Kind::integer).integer = value; }

  void push_text(std::uint64_t size) {
    if (size > pickle_.grammar_.longest_text)
      refuse("a text of " + std::to_string(size) +
             " bytes is longer than any letter or name that such a file needs");
    if (size > bytes_.size() - at_) refuse("it is cut short");
    push(Kind::text).text = {static_cast<std::uint32_t>(at_), static_cast<std::uint32_t>(size)};
    at_ += size;
  }

  void push_real() {
    std::uint64_t bits = 0;   // the one number in a pickle that begins with its highest byte
    for (int k = 0; k < 8; ++k) bits = bits << 8 | take_number(1);
    push(Kind::real).real = bit_cast<double>(bits);
  }

  void push_long() {
    const std::uint64_t size = take_number(1);
    if (size > 8) refuse("an integer of " + std::to_string(size) + " bytes is too large");
    const std::uint64_t value = take_number(size);
    const auto unused =
        static_cast<int>(64 - 8 * size);   // the highest bit that is there is the sign
    push_integer(size == 0 ? 0 : static_cast<std::int64_t>(value << unused) >> unused);
  }

  void push_container(Kind kind) {
    push(kind).inside.parts = static_cast<std::uint32_t>(pickle_.parts_.size());
    pickle_.parts_.emplace_back();
  }

  Id pop() {
    if (stack_.empty()) refuse("a value is missing");
    const Id id = stack_.back();
    if (id == kMark) refuse("a mark stands where a value should");
    stack_.pop_back();
    return id;
  }

  // ---- memo -------------------------------------------------------------------------------------

  void remember(std::uint64_t place) {
    if (stack_.empty() || stack_.back() == kMark) refuse("a value is missing");
    if (place > memo_.size())   // as Python counts them; so the memo is no larger than the file
      refuse("it stores value number " + std::to_string(place) + " when there are only " +
             std::to_string(memo_.size()));
    if (place == memo_.size()) memo_.push_back(0);
    memo_[place] = stack_.back();
  }

  void recall(std::uint64_t place) {
    if (place >= memo_.size()) refuse("it uses a value that it never stored");
    put_on_stack(memo_[place]);
  }

  // ---- values of values -------------------------------------------------------------------------

  std::size_t pop_mark() {   // the values from here on were above it
    std::size_t mark = stack_.size();
    while (mark > 0 && stack_[mark - 1] != kMark) --mark;
    if (mark == 0) refuse("a mark is missing");
    stack_.erase(stack_.begin() + static_cast<std::ptrdiff_t>(mark) - 1);
    return mark - 1;
  }

  std::size_t last(std::size_t count) {   // on the stack
    if (stack_.size() < count) refuse("a value is missing");
    return stack_.size() - count;
  }

  // Moves the values from `first` on into a container.
  void put_into(Id owner, std::size_t first) {
    std::vector<Id>& parts = pickle_.parts_[cell(owner).inside.parts];
    for (std::size_t i = first; i < stack_.size(); ++i) {
      if (stack_[i] == kMark) refuse("a mark stands where a value should");
      Cell& part = cell(stack_[i]);
      part.part = true;
      if (part.height >= kDeepest) refuse("values lie in one another more than 64 deep");
      cell(owner).height = std::max<std::uint8_t>(cell(owner).height, part.height + 1);
    }
    if (cell(owner).part) refuse("a value changes that is a part of another one, or of itself");
    parts.insert(parts.end(), stack_.begin() + static_cast<std::ptrdiff_t>(first), stack_.end());
    stack_.resize(first);
  }

  void make_tuple(std::size_t first) {
    push_container(Kind::tuple);
    const Id tuple = pop();
    put_into(tuple, first);
    stack_.push_back(tuple);
  }

  void append(std::size_t first) {
    if (first == 0 || stack_[first - 1] == kMark || cell(stack_[first - 1]).kind != Kind::list)
      refuse("items are put where no list is");
    put_into(stack_[first - 1], first);
  }

  // The values from `first` on are keys and values in turn; below them lies their dictionary.
  void set_items(std::size_t first) {
    if (first == 0 || (stack_.size() - first) % 2 != 0) refuse("a key has no value");
    const Id owner = stack_[first - 1];
    if (owner == kMark || cell(owner).kind != Kind::dictionary)
      refuse("keys are put where no dictionary is");
    put_into(owner, first);
  }

  // ---- what would be calls in Python ------------------------------------------------------------

  void import() {
    const std::string_view module = take_line(), name = take_line();
    const auto globals = pickle_.grammar_.globals;
    for (std::size_t i = 0; i < globals.size(); ++i)
      if (globals[i].module == module && globals[i].name == name) {
        push(Kind::global).inside.global = static_cast<std::uint32_t>(i);
        return;
      }
    refuse("it wants to import " + in_quotes(name, kLongestName) + " from " +
           in_quotes(module, kLongestName) + ", which such a file does not need");
  }

  void call() {
    const Id arguments = pop(), callee = pop();
    if (cell(arguments).kind != Kind::tuple || cell(callee).kind != Kind::global)
      refuse("a call is not one of an imported name with a tuple");
    const auto global = cell(callee).inside.global;
    const PickleGlobal& row = pickle_.grammar_.globals[global];
    if (row.use == PickleGlobal::Use::dictionary) {
      if (!pickle_.parts_[cell(arguments).inside.parts].empty())
        refuse(std::string(row.name) + " is called with something");
      push_container(Kind::dictionary);
      cell(stack_.back()).inside.global = global;
    } else if (row.use == PickleGlobal::Use::called) {
      const std::uint32_t parts = cell(arguments).inside.parts;   // of a tuple: they never change
      push(Kind::call, cell(arguments).height).inside = {parts, global};
    } else {
      refuse("it wants to call " + std::string(row.name));
    }
  }

  // Attributes of an OrderedDict (PyTorch gives it the versions of its modules): not needed.
  void drop_state() {
    pop();
    if (stack_.empty() || stack_.back() == kMark) refuse("a value is missing");
    const Cell& owner = cell(stack_.back());
    if (owner.kind != Kind::dictionary || owner.inside.global == kNoGlobal)
      refuse("it wants to set the state of something that is no OrderedDict");
  }

  void make_persistent() {
    const Id inner = pop();
    if (cell(inner).kind != Kind::tuple) refuse("a reference to a storage is no tuple");
    const std::uint8_t height = cell(inner).height;
    push(Kind::persistent, height).inside = {inner, kNoGlobal};
  }

  // ---- the steps --------------------------------------------------------------------------------

  void check_protocol() {
    const auto protocol = static_cast<int>(take_number(1));
    const int first = pickle_.grammar_.first_protocol, latest = pickle_.grammar_.last_protocol;
    if (protocol >= first && protocol <= latest) return;
    refuse("its protocol is " + std::to_string(protocol) + ", not " + std::to_string(first) +
           (first == latest ? "" : " to " + std::to_string(latest)));
  }

  void step() {
    op_at_ = at_;
    const auto op = static_cast<unsigned char>(take_number(1));
    const bool known = op == step::PROTO || op == step::STOP ||
                       pickle_.grammar_.steps.find(static_cast<char>(op)) != std::string_view::npos;
    if (!known) refuse(described(op) + " is not among those that such a file needs");
    // clang-format off
    switch (op) {
      case step::PROTO:            check_protocol();               break;
      case step::STOP:             done_ = true;                   break;
      case step::FRAME:            take_number(8);                 break;   // how far one may read ahead
      case step::MARK:             put_on_stack(kMark);            break;
      case step::NONE:             push(Kind::none);               break;
      case step::NEWTRUE:          push(Kind::boolean).integer = 1; break;
      case step::NEWFALSE:         push(Kind::boolean).integer = 0; break;
      case step::BININT:           push_integer(static_cast<std::int32_t>(take_number(4))); break;
      case step::BININT1:          push_integer(static_cast<std::int64_t>(take_number(1))); break;
      case step::BININT2:          push_integer(static_cast<std::int64_t>(take_number(2))); break;
      case step::LONG1:            push_long();                    break;
      case step::BINFLOAT:         push_real();                    break;
      case step::BINUNICODE:       push_text(take_number(4));      break;
      case step::SHORT_BINUNICODE: push_text(take_number(1));      break;
      case step::EMPTY_TUPLE:      push_container(Kind::tuple);    break;
      case step::TUPLE:            make_tuple(pop_mark());         break;
      case step::TUPLE1:           make_tuple(last(1));            break;
      case step::TUPLE2:           make_tuple(last(2));            break;
      case step::TUPLE3:           make_tuple(last(3));            break;
      case step::EMPTY_LIST:       push_container(Kind::list);     break;
      case step::APPEND:           append(last(1));                break;
      case step::APPENDS:          append(pop_mark());             break;
      case step::EMPTY_DICT:       push_container(Kind::dictionary); break;
      case step::SETITEM:          set_items(stack_.size() < 2 ? 0 : last(2)); break;
      case step::SETITEMS:         set_items(pop_mark());          break;
      case step::MEMOIZE:          remember(memo_.size());         break;
      case step::BINPUT:           remember(take_number(1));       break;
      case step::LONG_BINPUT:      remember(take_number(4));       break;
      case step::BINGET:           recall(take_number(1));         break;
      case step::LONG_BINGET:      recall(take_number(4));         break;
      case step::GLOBAL:           import();                       break;
      case step::REDUCE:           call();                         break;
      case step::BUILD:            drop_state();                   break;
      case step::BINPERSID:        make_persistent();              break;
      default:                     refuse(described(op) + " is not known here");
    }
    // clang-format on
  }

  Pickle& pickle_;
  std::string_view bytes_;
  std::size_t at_ = 0, op_at_ = 0;
  bool done_ = false;
  std::vector<Id> stack_, memo_;
};

Pickle::Pickle(std::string bytes, const PickleGrammar& grammar, std::string what)
    : bytes_(std::move(bytes)), grammar_(grammar), what_(std::move(what)) {
  if (bytes_.size() >> 31 != 0) refuse("it is too large", 0);
  root_ = PickleMachine(*this).run();
}

void Pickle::refuse(const std::string& reason, std::uint64_t at) const {
  fail(ContentError(what_ + " cannot be read as " + std::string(grammar_.file) + ": " + reason +
                    ", at byte " + std::to_string(at) + "."));
}

// ---- values -------------------------------------------------------------------------------------

Kind PickleValue::kind() const { return in_->cells_[id_].kind; }
std::uint64_t PickleValue::at() const { return in_->cells_[id_].at; }
void PickleValue::refuse(const std::string& reason) const { in_->refuse(reason, at()); }

void PickleValue::require(Kind wanted) const {
  if (kind() != wanted)
    refuse(std::string(name_of(wanted)) + " is expected where " + name_of(kind()) + " is");
}

bool PickleValue::boolean() const {
  require(Kind::boolean);
  return in_->cells_[id_].integer != 0;
}

std::int64_t PickleValue::integer() const {
  require(Kind::integer);
  return in_->cells_[id_].integer;
}

double PickleValue::real() const {
  if (kind() == Kind::integer) return static_cast<double>(integer());
  require(Kind::real);
  return in_->cells_[id_].real;
}

std::string_view PickleValue::text() const {
  require(Kind::text);
  const auto& [begin, size] = in_->cells_[id_].text;
  return std::string_view(in_->bytes_).substr(begin, size);
}

const PickleGlobal& PickleValue::global() const {
  if (kind() != Kind::call) require(Kind::global);
  return in_->grammar_.globals[in_->cells_[id_].inside.global];
}

const std::vector<std::uint32_t>& PickleValue::parts() const {
  return in_->parts_[in_->cells_[id_].inside.parts];
}

std::size_t PickleValue::size() const {
  if (kind() != Kind::list && kind() != Kind::call) require(Kind::tuple);
  return parts().size();
}

PickleValue PickleValue::operator[](std::size_t i) const {
  if (i >= size()) refuse("a value is missing in a row of " + std::to_string(size()));
  return {*in_, parts()[i]};
}

PickleValue PickleValue::inner() const {
  require(Kind::persistent);
  return {*in_, in_->cells_[id_].inside.parts};
}

std::size_t PickleValue::pairs() const {
  require(Kind::dictionary);
  return parts().size() / 2;
}

std::pair<PickleValue, PickleValue> PickleValue::pair(std::size_t i) const {
  return {PickleValue(*in_, parts()[2 * i]), PickleValue(*in_, parts()[2 * i + 1])};
}

const std::uint32_t* PickleValue::find(std::string_view name) const {
  for (std::size_t i = pairs(); i > 0; --i) {   // in Python the last one stays, too
    const auto [key, value] = pair(i - 1);
    if (key.is(Kind::text) && key.text() == name) return &parts()[2 * i - 1];
  }
  return nullptr;
}

bool PickleValue::has(std::string_view name) const {
  return is(Kind::dictionary) && find(name) != nullptr;
}

PickleValue PickleValue::at(std::string_view name) const {
  if (!is(Kind::dictionary)) refuse("a dictionary is expected");
  const std::uint32_t* id = find(name);
  if (id == nullptr) refuse("it has no " + std::string(name));
  return {*in_, *id};
}

// ---- writing ------------------------------------------------------------------------------------

namespace {

std::string little_end(std::uint64_t value, std::size_t size) {
  std::string bytes;
  for (std::size_t k = 0; k < size; ++k) bytes += static_cast<char>(value >> (8 * k));
  return bytes;
}

}   // namespace

PickleWriter& PickleWriter::put(unsigned char step, const std::string& operand) {
  bytes_ += static_cast<char>(step);
  bytes_ += operand;
  return *this;
}

PickleWriter& PickleWriter::none() { return put(step::NONE); }
PickleWriter& PickleWriter::boolean(bool value) {
  return put(value ? step::NEWTRUE : step::NEWFALSE);
}

PickleWriter& PickleWriter::integer(std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  if (value >= 0 && value < 256) return put(step::BININT1, little_end(bits, 1));
  if (value == static_cast<std::int32_t>(value)) return put(step::BININT, little_end(bits, 4));
  return put(step::LONG1, '\x08' + little_end(bits, 8));
}

PickleWriter& PickleWriter::real(double value) {
  std::string bytes = little_end(bit_cast<std::uint64_t>(value), 8);
  std::reverse(bytes.begin(), bytes.end());
  return put(step::BINFLOAT, bytes);
}

PickleWriter& PickleWriter::text(std::string_view value) {
  return put(step::BINUNICODE, little_end(value.size(), 4) + std::string(value));
}

PickleWriter& PickleWriter::open(const char* steps, unsigned char closing) {
  bytes_ += steps;
  open_ += static_cast<char>(closing);
  return *this;
}

PickleWriter& PickleWriter::dictionary() { return open("}(", step::SETITEMS); }
PickleWriter& PickleWriter::list() { return open("](", step::APPENDS); }
PickleWriter& PickleWriter::tuple() { return open("(", step::TUPLE); }

PickleWriter& PickleWriter::end() {
  if (open_.empty()) fail(Error(ExitCode::internal, "PickleWriter: end() where nothing is open."));
  bytes_ += open_.back();
  open_.pop_back();
  return *this;
}

PickleWriter& PickleWriter::global(std::string_view module, std::string_view name) {
  return put(step::GLOBAL, std::string(module) + "\n" + std::string(name) + "\n");
}

PickleWriter& PickleWriter::call() { return put(step::REDUCE); }
PickleWriter& PickleWriter::persistent() { return put(step::BINPERSID); }

std::string PickleWriter::bytes() const {
  if (!open_.empty()) fail(Error(ExitCode::internal, "PickleWriter: something is still open."));
  return bytes_ + static_cast<char>(step::STOP);
}

}   // namespace glass
