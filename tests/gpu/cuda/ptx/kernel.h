// A kernel of PTX made ready to run: every instruction knows the function that does it for the
// lanes of a warp, and where in a warp's registers its operands lie.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/gpu/cuda/ptx/text.h"

namespace glass::test::ptx {

class Warp;
struct Instruction;
using Run = void (*)(Warp&, const Instruction&);

enum class Type : std::uint8_t {
  none,
  pred,
  b8,
  u8,
  s8,
  b16,
  u16,
  s16,
  bf16,
  b32,
  u32,
  s32,
  f32,
  bf16x2,
  b64,
  u64,
  s64,
  f64
};
Type type_of(std::string_view name);   // none for what is no type
unsigned bytes_of(Type);

enum class Space : std::uint8_t { generic, global, shared, param, local };

// What the lanes of a warp must do about an instruction.
enum class Kind : std::uint8_t {
  plain,   // each by itself
  branch,
  end,
  together,    // all lanes of the warp have to be there
  barrier,     // all threads of the group
  warpgroup,   // all lanes of four warps
};

// Where something lies: bytes from the beginning of a warp's registers.
using Place = std::uint32_t;

struct Instruction {
  Run run = nullptr;
  Run inner = nullptr;   // what a rounding mode is put around
  Place d = 0, a = 0, b = 0, c = 0;
  std::uint32_t more = 0;       // the first of further operands, in Kernel::places
  std::uint32_t straight = 0;   // how many plain instructions begin here and come to no label
  std::int64_t offset = 0;      // added to an address
  std::uint32_t target = 0;     // of a branch
  std::int32_t line = 0;
  Place guard = 0;
  Kind kind = Kind::plain;
  Type type = Type::none, from = Type::none;
  Space space = Space::generic;
  std::uint8_t operands = 0;   // in Kernel::places
  std::uint8_t count = 1;   // of a vector, or what a function wants to know
  std::uint8_t mode = 0;
  bool guarded = false, unless = false;
};

struct Constant {
  std::uint64_t number;
  bool wide;   // a row of 64 bits
};

struct SharedArray {
  std::string name;
  std::uint32_t begin, end;
};

struct Kernel {
  std::string name;
  std::vector<Instruction> code;
  std::vector<Place> places;
  std::uint32_t register_bytes = 0;   // of a warp
  std::map<Place, Constant> constants;
  std::map<Place, std::string> specials;   // %tid.x ...
  std::uint32_t parameter_bytes = 0, threads = 0, local_bytes = 0;
  std::uint32_t shared_bytes = 0;          // with room between arrays that nobody may touch
  std::uint32_t shared_bytes_on_gpu = 0;   // without
  std::uint32_t dynamic_begin = 0;         // behind them: what the launch asks for
  std::vector<SharedArray> shared;
  bool has_wgmma = false;
};

struct Module {
  std::map<std::string, Kernel> kernels;
  std::vector<std::unique_ptr<std::vector<std::uint8_t>>>
      globals;   // tables that nvcc brings along
  std::map<std::string, std::uint64_t> global_addresses;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> global_ranges;
  std::string extern_shared;
  std::uint32_t extern_align = 1;
};

std::unique_ptr<Module> load(std::string_view ptx);

// The function for an instruction, by the file that has it; nullptr where it is none of theirs.
// They may set kind, mode and count.
Run arithmetic(const Statement&, Instruction&);
Run logic(const Statement&, Instruction&);
Run conversion(const Statement&, Instruction&);
Run memory_access(const Statement&, Instruction&);
Run exchange(const Statement&, Instruction&);
Run matrix(const Statement&, Instruction&);
Run wgmma(const Statement&, Instruction&);

Kernel compile(const KernelText&, const Module&);

}   // namespace glass::test::ptx
