// From text to a kernel that runs: names become places, labels become numbers.
#include <algorithm>
#include <cstring>
#include <set>

#include "tests/gpu/cuda/ptx/kernel.h"
#include "tests/gpu/cuda/ptx/slots.h"
#include "tests/gpu/cuda/ptx/warp.h"

namespace glass::test::ptx {
namespace {

constexpr std::uint32_t kUnit = 4 * kLanes;   // bytes of a register of 32 bits
constexpr std::uint32_t kGap = 64;            // between arrays in shared memory

[[noreturn]] void refuse(const KernelText& k, const Statement& s, const std::string& what) {
  std::string name;
  for (const std::string& part : s.name) name += (name.empty() ? "" : ".") + part;
  throw Unreadable("kernel " + k.name + ", PTX line " + std::to_string(s.line) + ", " + name +
                   ": " + what);
}

bool writes_nothing(const std::string& op) {
  static const std::set<std::string> kOps = {"st",  "bra", "bar",    "barrier", "ret",  "exit",
                                             "red", "cp",  "membar", "fence",   "wgmma"};
  return kOps.count(op) > 0;
}

class Compiler {
 public:
  Compiler(const KernelText& text, const Module& module) : text_(text), module_(module) {}

  Kernel kernel() {
    k_.name = text_.name;
    k_.parameter_bytes = text_.parameter_bytes;
    k_.threads = text_.threads;
    symbols_[text_.parameter] = 0;
    for (const auto& [name, address] : module_.global_addresses) symbols_[name] = address;
    lay_out_variables();
    number_labels();
    share();
    for (const Statement& s : text_.statements)
      if (s.label.empty()) instruction(s);
    add_end();
    mark_straight();
    place_constants();
    return std::move(k_);
  }

 private:
  void lay_out_variables() {
    for (const Variable& v : text_.variables) {
      const bool shared = v.space == "shared";
      std::uint32_t& used = shared ? k_.shared_bytes : k_.local_bytes;
      used = (used + (shared && used ? kGap : 0) + v.align - 1) / v.align * v.align;
      symbols_[v.name] = used;
      if (shared) {
        k_.shared.push_back({v.name, used, used + v.bytes});
        k_.shared_bytes_on_gpu =
            (k_.shared_bytes_on_gpu + v.align - 1) / v.align * v.align + v.bytes;
      }
      used += v.bytes;
    }
    k_.dynamic_begin =
        (k_.shared_bytes + module_.extern_align - 1) / module_.extern_align * module_.extern_align;
    if (!module_.extern_shared.empty()) symbols_[module_.extern_shared] = k_.dynamic_begin;
  }

  void number_labels() {
    std::uint32_t n = 0;
    for (const Statement& s : text_.statements) {
      if (s.label.empty()) ++n;
      else labels_[s.label] = n;
    }
  }

  bool is_register(const std::string& word) const {
    return word[0] == '%' && specials().count(word) == 0;
  }
  static const std::set<std::string>& specials() {
    static const std::set<std::string> kAll = {
        "%tid.x",   "%tid.y",   "%tid.z",    "%ntid.x",   "%ntid.y",   "%ntid.z", "%ctaid.x",
        "%ctaid.y", "%ctaid.z", "%nctaid.x", "%nctaid.y", "%nctaid.z", "%laneid", "%warpid"};
    return kAll;
  }
  // %rd12 -> b64
  Type type_of_register(const std::string& name, const Statement& s) const {
    const std::size_t digits = name.find_last_not_of("0123456789") + 1;
    auto found = text_.registers.find(name);
    if (found == text_.registers.end()) found = text_.registers.find(name.substr(0, digits));
    if (found == text_.registers.end()) refuse(text_, s, "no register is called " + name);
    return type_of(found->second);
  }
  std::uint32_t number_of(const std::string& name, const Statement& s) {
    const auto [at, fresh] = registers_.try_emplace(name, static_cast<std::uint32_t>(wide_.size()));
    if (fresh) wide_.push_back(bytes_of(type_of_register(name, s)) == 8);
    return at->second;
  }
  // The register in "[%rd1+4]", "!%p1", "%r1"; or "".
  std::string register_in(std::string word) const {
    if (!word.empty() && (word[0] == '[' || word[0] == '!')) word = word.substr(1);
    word = word.substr(0, word.find_first_of("]+"));
    return !word.empty() && is_register(word) ? word : "";
  }

  // What products of wgmma have until they are waited for, although nobody may mention it again.
  std::vector<std::uint32_t> sums_of_products() {
    std::vector<std::uint32_t> sums;
    for (const Statement& s : text_.statements)
      if (s.has("mma_async"))
        for (const std::string& word : s.operands[0]) sums.push_back(number_of(word, s));
    return sums;
  }

  void share() {
    const std::vector<std::uint32_t> sums = sums_of_products();
    std::vector<Access> code;
    for (const Statement& s : text_.statements) {
      if (!s.label.empty()) continue;
      Access access;
      if (s.name[0] == "wgmma" && s.has("wait_group")) access.reads = sums;
      if (!s.guard.empty()) access.reads.push_back(number_of(s.guard, s));
      for (std::size_t i = 0; i < s.operands.size(); ++i)
        for (const std::string& word : s.operands[i]) {
          const std::string name = register_in(word);
          if (name.empty()) continue;
          const std::uint32_t number = number_of(name, s);
          const bool written =
              i == 0 && (!writes_nothing(s.name[0]) || s.name[0] == "wgmma") && word[0] != '[';
          if (written) access.writes.push_back(number);
          // What is written by some lanes only keeps its value in the others.
          if (!written || !s.guard.empty() || s.name[0] == "wgmma") access.reads.push_back(number);
        }
      if (s.name[0] == "bra") access.target = labels_.at(s.operands[0][0]);
      access.ends =
          s.guard.empty() && (s.name[0] == "bra" || s.name[0] == "ret" || s.name[0] == "exit");
      code.push_back(access);
    }
    std::uint32_t units = 0;
    if (!code.empty()) slots_ = share_slots(with_end(code), wide_, units);
    k_.register_bytes = units * kUnit;
  }
  static std::vector<Access> with_end(std::vector<Access> code) {
    Access end;
    end.ends = true;
    code.push_back(end);
    return code;
  }

  Place place_of(const std::string& word, Type type, const Statement& s) {
    if (is_register(word)) return slots_[registers_.at(word)] * kUnit;
    if (word[0] == '%') return special(word);
    return constant(number_in(word, type, s), bytes_of(type) == 8);
  }
  Place special(const std::string& name) {
    for (const auto& [place, known] : k_.specials)
      if (known == name) return place;
    const Place place = k_.register_bytes;
    k_.register_bytes += kUnit;
    k_.specials[place] = name;
    return place;
  }
  // A row of equal numbers.
  Place constant(std::uint64_t number, bool wide) {
    const auto [at, fresh] = constants_.try_emplace({number, wide}, k_.register_bytes);
    if (fresh) k_.register_bytes += wide ? 2 * kUnit : kUnit;
    return at->second;
  }
  std::uint64_t number_in(const std::string& word, Type type, const Statement& s) const {
    if (word.rfind("0f", 0) == 0 || word.rfind("0d", 0) == 0)
      return std::stoull(word.substr(2), nullptr, 16);
    if (std::isdigit(static_cast<unsigned char>(word[0])) || word[0] == '-') {
      const std::uint64_t number = word[0] == '-'
                                       ? static_cast<std::uint64_t>(std::stoll(word, nullptr, 0))
                                       : std::stoull(word, nullptr, 0);
      const unsigned bytes = bytes_of(type);
      if (type == Type::pred) return number ? kAllLanes : 0;
      return bytes == 8 ? number : number & (~std::uint64_t{0} >> (64 - 8 * bytes));
    }
    const auto symbol = symbols_.find(word);
    if (symbol == symbols_.end()) refuse(text_, s, "nothing is called " + word);
    return symbol->second;
  }

  void instruction(const Statement& s) {
    Instruction i;
    i.line = s.line;
    for (const std::string& part : s.name)
      if (const Type t = type_of(part); t != Type::none)
        (i.type == Type::none ? i.type : i.from) = t;
    i.mode = has_wide_data(s);
    for (Run (*pick)(const Statement&, Instruction&) :
         {&arithmetic, &logic, &conversion, &memory_access, &exchange, &matrix, &wgmma}) {
      i.run = pick(s, i);
      if (i.run) break;
    }
    if (!i.run && s.name[0] == "bra")
      i.kind = Kind::branch, i.target = labels_.at(s.operands[0][0]);
    else if (!i.run && (s.name[0] == "ret" || s.name[0] == "exit")) i.kind = Kind::end;
    else if (!i.run) refuse(text_, s, "this instruction is not known here");
    for (std::size_t n = 1; n < s.name.size(); ++n)
      if (!is_known(s.name[n])) refuse(text_, s, "." + s.name[n] + " is not known here");
    if (!s.guard.empty())
      i.guarded = true, i.unless = s.unless, i.guard = place_of(s.guard, Type::pred, s);
    if (i.kind != Kind::branch) operands(s, i);
    k_.has_wgmma = k_.has_wgmma || i.kind == Kind::warpgroup;
    k_.code.push_back(i);
  }

  // Every word of a name says something; one that was overlooked would be a wrong answer.
  static bool is_known(const std::string& word) {
    static const std::set<std::string> kWords = {
        "rn",      "rz",           "rm",         "rp",       "rni",       "rzi",
        "rmi",     "rpi",          "approx",     "ftz",      "sat",       "lo",
        "hi",      "wide",         "to",         "uni",      "eq",        "ne",
        "lt",      "le",           "gt",         "ge",       "ls",        "hs",
        "equ",     "neu",          "ltu",        "leu",      "gtu",       "geu",
        "num",     "nan",          "and",        "or",       "xor",       "sync",
        "aligned", "warp",         "bfly",       "up",       "down",      "idx",
        "ballot",  "any",          "all",        "global",   "shared",    "shared::cta",
        "local",   "param",        "const",      "nc",       "volatile",  "relaxed",
        "gpu",     "cta",          "sys",        "weak",     "v2",        "v4",
        "add",     "min",          "max",        "exch",     "l",         "r",
        "wrap",    "clamp",        "m8n8",       "x1",       "x2",        "x4",
        "trans",   "m16n8k16",     "row",        "col",      "async",     "ca",
        "cg",      "commit_group", "wait_group", "wait_all", "mma_async", "fence",
        "proxy",   "acq_rel",      "sc"};
    return type_of(word) != Type::none || kWords.count(word) > 0 || word.rfind("m64n", 0) == 0;
  }

  // Whether a load or a store of 32 bits or fewer has a register of 64.
  bool has_wide_data(const Statement& s) const {
    if (s.name[0] != "ld" && s.name[0] != "st") return false;
    const std::string& word = s.operands[s.name[0] == "ld" ? 0 : 1][0];
    return is_register(word) && bytes_of(type_of_register(word, s)) == 8;
  }

  // All operands one after the other in `places`, the first four also in the instruction itself.
  void operands(const Statement& s, Instruction& i) {
    i.more = static_cast<std::uint32_t>(k_.places.size());
    std::vector<Place> all;
    for (std::size_t n = 0; n < s.operands.size(); ++n)
      for (std::string word : s.operands[n]) {
        Type type = type_of_operand(s, n, i);
        if (word[0] == '[') type = address(word, s, i);
        if (word[0] == '!') word = word.substr(1), type = Type::pred;
        if (word == "_") word = "0";
        all.push_back(place_of(word, type, s));
      }
    k_.places.insert(k_.places.end(), all.begin(), all.end());
    i.operands = static_cast<std::uint8_t>(all.size());
    all.resize(std::max<std::size_t>(all.size(), 4), 0);
    i.d = all[0], i.a = all[1], i.b = all[2], i.c = all[3];
  }
  // How a number in place of operand n is to be read.
  static Type type_of_operand(const Statement& s, std::size_t n, const Instruction& i) {
    const std::string& op = s.name[0];
    const bool shift = (op == "shl" || op == "shr") && n == 2,
               field = (op == "bfi" && n > 2) || (op == "bfe" && n > 1);
    if (shift || field || i.type == Type::none) return Type::b32;
    if (op == "st" && i.mode) return Type::b64;
    if (op == "mad" && s.has("wide") && n == 3) return Type::b64;
    if (op == "cvt" && n == 1 && i.from != Type::none) return i.from;
    if (op == "mov" && n == 1 && s.operands[1].size() > 1) return Type::b32;   // of {a, b}
    if ((op == "shfl" || op == "vote" || op == "cp") && n > 0) return Type::b32;
    return i.type;
  }
  // [name+8] -> name, whose 8 goes into the instruction; always 64 bits.
  Type address(std::string& word, const Statement& s, Instruction& i) const {
    word = word.substr(1, word.size() - 2);
    const std::size_t plus = word.find('+');
    if (plus != std::string::npos) {
      if (i.offset != 0) refuse(text_, s, "two addresses with offsets");
      i.offset = std::stoll(word.substr(plus + 1), nullptr, 0);
      i.mode = static_cast<std::uint8_t>(
          i.mode |
          (s.name[0] == "cp" && s.operands[0][0].find('+') == std::string::npos ? 0x80 : 0));
      word = word.substr(0, plus);
    }
    if (is_register(word) && bytes_of(type_of_register(word, s)) == 4)
      i.from = Type::u32;   // an address of 32 bits
    return Type::b64;
  }

  void add_end() {
    Instruction end;
    end.kind = Kind::end;
    k_.code.push_back(end);
  }

  void mark_straight() {
    std::set<std::uint32_t> begins;
    for (const auto& [name, at] : labels_) begins.insert(at);
    for (std::size_t i = k_.code.size(); i-- > 0;) {
      const bool plain = k_.code[i].kind == Kind::plain;
      const bool next_begins = begins.count(static_cast<std::uint32_t>(i + 1)) > 0;
      k_.code[i].straight = !plain ? 0 : 1 + (next_begins ? 0 : k_.code[i + 1].straight);
    }
  }

  void place_constants() {
    for (const auto& [constant, place] : constants_)
      k_.constants[place] = {constant.first, constant.second};
  }

  const KernelText& text_;
  const Module& module_;
  Kernel k_;
  std::map<std::string, std::uint64_t> symbols_;
  std::map<std::string, std::uint32_t> labels_, registers_;
  std::vector<bool> wide_;
  std::vector<std::uint32_t> slots_;
  std::map<std::pair<std::uint64_t, bool>, Place> constants_;
};

}   // namespace

Type type_of(std::string_view name) {
  static constexpr std::string_view kNames[] = {"",    "pred",   "b8",   "u8",  "s8",  "b16",
                                                "u16", "s16",    "bf16", "b32", "u32", "s32",
                                                "f32", "bf16x2", "b64",  "u64", "s64", "f64"};
  for (std::size_t i = 1; i < std::size(kNames); ++i)
    if (kNames[i] == name) return static_cast<Type>(i);
  return Type::none;
}
unsigned bytes_of(Type t) {
  if (t >= Type::b64) return 8;
  if (t >= Type::b32 || t == Type::pred) return 4;
  return t >= Type::b16 ? 2 : 1;
}

Kernel compile(const KernelText& text, const Module& module) {
  return Compiler(text, module).kernel();
}

std::unique_ptr<Module> load(std::string_view ptx) {
  auto module = std::make_unique<Module>();
  const ModuleText text = read(ptx);
  module->extern_shared = text.extern_shared;
  module->extern_align = text.extern_align;
  for (const Variable& v : text.globals) {
    // 256 bytes aligned, as memory of a GPU; all zero behind what is said.
    module->globals.push_back(std::make_unique<std::vector<std::uint8_t>>(v.bytes + 256));
    std::uint8_t* bytes = module->globals.back()->data();
    bytes += (256 - reinterpret_cast<std::uintptr_t>(bytes) % 256) % 256;
    std::copy(v.initial.begin(), v.initial.end(), bytes);
    const std::uint64_t address = reinterpret_cast<std::uint64_t>(bytes);
    module->global_addresses[v.name] = address;
    module->global_ranges.emplace_back(address, address + v.bytes);
  }
  for (const KernelText& k : text.kernels) module->kernels[k.name] = compile(k, *module);
  return module;
}

}   // namespace glass::test::ptx
