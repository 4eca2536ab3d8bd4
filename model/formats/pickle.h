// Python's pickles, read without Python. A pickle is a program for a small machine with a stack,
// and in Python some of its steps import and call whatever they name. Here a grammar lists the few
// steps and names that one kind of file needs; a file with any other is refused. Nothing is ever
// called: what would be a call becomes a value that says which one.
//
// Values lie in an arena and name each other by number. A value that is a part of another one does
// not change any more, so none can contain itself; one that is used a thousand times is there once.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace glass {

// The steps that some grammar knows, under Python's names.
// clang-format off
namespace step {
enum : unsigned char {
  PROTO = 0x80, STOP = '.', FRAME = 0x95, MARK = '(',
  NONE = 'N', NEWTRUE = 0x88, NEWFALSE = 0x89,
  BININT = 'J', BININT1 = 'K', BININT2 = 'M', LONG1 = 0x8a, BINFLOAT = 'G',
  BINUNICODE = 'X', SHORT_BINUNICODE = 0x8c,
  EMPTY_TUPLE = ')', TUPLE = 't', TUPLE1 = 0x85, TUPLE2 = 0x86, TUPLE3 = 0x87,
  EMPTY_LIST = ']', APPEND = 'a', APPENDS = 'e',
  EMPTY_DICT = '}', SETITEM = 's', SETITEMS = 'u',
  BINPUT = 'q', LONG_BINPUT = 'r', MEMOIZE = 0x94, BINGET = 'h', LONG_BINGET = 'j',
  GLOBAL = 'c', REDUCE = 'R', BUILD = 'b', BINPERSID = 'Q'
};
}   // namespace step
// clang-format on

// A name that a file may import, and what may be done with it.
struct PickleGlobal {
  std::string_view module, name;
  enum class Use : std::uint8_t { named, called, dictionary } use;
  // named: only mentioned. called: with a tuple, which makes a value of the kind `call`.
  // dictionary: called with nothing, which makes an empty dictionary.
};

struct PickleGrammar {
  std::string_view file;   // what such a file is called: "nanoGPT's meta.pkl"
  int first_protocol, last_protocol;
  std::string_view steps;   // beside PROTO and STOP
  std::span<const PickleGlobal> globals;
  std::uint64_t longest_text;   // bytes
};

class Pickle;

// One value of a pickle, as light as a pointer. Asking it for what it is not is a ContentError that
// names the byte where it was made. Valid as long as the pickle.
class PickleValue {
 public:
  enum class Kind : std::uint8_t {
    none,
    boolean,
    integer,
    real,
    text,
    tuple,
    list,
    dictionary,
    global,
    call,
    persistent
  };
  Kind kind() const;
  bool is(Kind k) const { return kind() == k; }
  std::uint64_t at() const;   // the byte of the step that made it

  bool boolean() const;
  std::int64_t integer() const;
  double real() const;   // also of an integer
  std::string_view text() const;
  const PickleGlobal& global() const;   // also of a call: what would be called

  std::size_t size() const;   // of a tuple, list or call (its arguments)
  PickleValue operator[](std::size_t i) const;
  PickleValue inner() const;   // what a persistent value is known by

  // Of a dictionary: its pairs in the order of the file; a value by its name, the last that was put
  // there, or an error.
  std::size_t pairs() const;
  std::pair<PickleValue, PickleValue> pair(std::size_t i) const;
  bool has(std::string_view name) const;
  PickleValue at(std::string_view name) const;

  [[noreturn]] void refuse(const std::string& reason) const;

 private:
  friend class Pickle;
  PickleValue(const Pickle& in, std::uint32_t id) : in_(&in), id_(id) {}
  void require(Kind wanted) const;
  const std::vector<std::uint32_t>& parts() const;
  const std::uint32_t* find(std::string_view name) const;   // or null
  const Pickle* in_;
  std::uint32_t id_;
};

class Pickle {
 public:
  // Runs the machine over all of the bytes. `what` names the file in messages: "'ckpt.pt'".
  Pickle(std::string bytes, const PickleGrammar& grammar, std::string what);
  Pickle(const Pickle&) = delete;
  Pickle& operator=(const Pickle&) = delete;

  PickleValue root() const& { return {*this, root_}; }
  // ContentError: the file cannot be read as what it should be, for this reason, at this byte.
  [[noreturn]] void refuse(const std::string& reason, std::uint64_t at) const;

 private:
  friend class PickleValue;
  friend class PickleMachine;
  using Id = std::uint32_t;
  struct Text {
    std::uint32_t begin, size;   // in the bytes of the file
  };
  struct Inside {
    std::uint32_t parts;    // which row of parts_; of a persistent value: the cell of its key
    std::uint32_t global;   // which row of the grammar
  };
  struct Cell {
    PickleValue::Kind kind;
    std::uint8_t height;   // how many values lie inside one another
    bool part;             // of another one
    std::uint32_t at;
    union {
      std::int64_t integer;   // also of a boolean
      double real;
      Text text;
      Inside inside;
    };
  };
  const std::string bytes_;
  const PickleGrammar grammar_;
  const std::string what_;
  std::vector<Cell> cells_;
  std::vector<std::vector<Id>> parts_;   // of dictionaries: keys and values in turn
  Id root_ = 0;
};

// --- Writing -------------------------------------------------------------------------------------

// Protocol 2, front to back, as Json does it. Nothing is remembered in a memo: every value is
// written out where it stands.
//
//   PickleWriter p;
//   p.dictionary().text("lr").real(1e-3).end();
//   save(p.bytes());
class PickleWriter {
 public:
  PickleWriter& none();
  PickleWriter& boolean(bool value);
  PickleWriter& integer(std::int64_t value);
  PickleWriter& real(double value);
  PickleWriter& text(std::string_view value);
  PickleWriter& dictionary();   // then keys and values in turn, then end()
  PickleWriter& list();
  PickleWriter& tuple();
  PickleWriter& global(std::string_view module, std::string_view name);
  PickleWriter& end();
  PickleWriter& call();         // of the global and the tuple that were written last
  PickleWriter& persistent();   // the value written last is the key of something outside
  std::string bytes() const;    // an error while something is open

 private:
  PickleWriter& put(unsigned char step, const std::string& operand = "");
  PickleWriter& open(const char* steps, unsigned char closing);
  std::string bytes_ = "\x80\x02";   // the protocol
  std::string open_;                 // how each open one is closed, the innermost last
};

}   // namespace glass
