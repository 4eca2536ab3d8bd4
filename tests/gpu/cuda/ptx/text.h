// PTX as text: the statements of a module, cut into names and operands. What they mean is not known
// here.
#pragma once
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace glass::test::ptx {

// PTX that this interpreter cannot read, or does not know.
class Unreadable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// @!%p1 setp.lt.and.f32 %p2|%p3, %f1, 0f3F800000, !%p4;
struct Statement {
  int line = 0;
  std::string label;               // $L__BB0_1: is a statement of its own
  std::string guard;               // %p1
  bool unless = false;             // @!
  std::vector<std::string> name;   // setp lt and f32
  std::vector<std::vector<std::string>>
      operands;   // {%r1,%r2} and %p2|%p3 are lists; the others have one
  bool has(std::string_view part) const;
};

struct Variable {   // an array in shared, local or global memory
  std::string name, space;
  std::uint32_t align = 1, bytes = 0;
  std::vector<std::uint8_t> initial;
};

struct KernelText {
  std::string name;
  std::string parameter;
  std::uint32_t parameter_bytes = 0, threads = 0;   // threads: .maxntid
  std::map<std::string, std::string> registers;     // prefix -> type: "%rd" -> "b64"
  std::vector<Variable> variables;
  std::vector<Statement> statements;
};

struct ModuleText {
  std::vector<KernelText> kernels;
  std::vector<Variable> globals;
  std::string extern_shared;   // the array whose size the launch says
  std::uint32_t extern_align = 1;
};

ModuleText read(std::string_view ptx);

}   // namespace glass::test::ptx
