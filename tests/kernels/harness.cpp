// Memory between guard pages, the reference's answer, and the comparison of every bit that a kernel could have touched.
#include "tests/kernels/harness.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <map>
#include <stdexcept>

#include "kernels/backends.h"
#include "kernels/cpu/cpu_backend.h"
#include "tests/kernels/device_copy.h"

namespace glass::test {
namespace {

constexpr std::uint32_t kSentinel = 0x7FEDCAFEu;   // a quiet NaN that no computation makes
constexpr std::size_t kSentinels = 1024;           // around every operand
constexpr std::size_t kArenaBytes = std::size_t{64} << 20;

// Memory between two pages that cannot be touched.
class Arena {
 public:
  Arena() : page_(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))) {
    void* all = mmap(nullptr, kArenaBytes + 2 * page_, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED) throw std::runtime_error("the test cannot map memory");
    begin_ = static_cast<std::byte*>(all) + page_;
    mprotect(all, page_, PROT_NONE);
    mprotect(begin_ + kArenaBytes, page_, PROT_NONE);
  }
  std::uint32_t* begin() const { return reinterpret_cast<std::uint32_t*>(begin_); }
  std::uint32_t* end() const { return reinterpret_cast<std::uint32_t*>(begin_ + kArenaBytes); }

 private:
  std::size_t page_;
  std::byte* begin_;
};

Arena& arena(std::size_t number) {
  static std::vector<std::unique_ptr<Arena>> arenas;
  while (arenas.size() <= number) arenas.push_back(std::make_unique<Arena>());
  return *arenas[number];
}

std::uint32_t bits_of(DType dtype, double value) {
  std::uint32_t bits;
  const float f = static_cast<float>(value);
  const std::int32_t i = dtype == DType::i32 ? static_cast<std::int32_t>(value) : 0;
  if (dtype == DType::i32) std::memcpy(&bits, &i, 4);
  else std::memcpy(&bits, &f, 4);
  return bits;
}

double value_of(DType dtype, std::uint32_t bits) {
  float f;
  std::int32_t i;
  std::memcpy(&f, &bits, 4);
  std::memcpy(&i, &bits, 4);
  return dtype == DType::i32 ? static_cast<double>(i) : static_cast<double>(f);
}

// Where element number n of a view lies, counted in elements from its first.
std::int64_t offset_of(const View& v, std::int64_t n) {
  std::int64_t offset = 0;
  for (int i = v.rank - 1; i >= 0; --i) {
    offset += n % v.shape[i] * v.stride[i];
    n /= v.shape[i];
  }
  return offset;
}

// An operand in an arena: [low, high) is everything that is watched, image what it held before the kernel ran.
struct Stage {
  std::uint32_t *low = nullptr, *high = nullptr, *data = nullptr;
  std::vector<std::uint32_t> image;
  View view = {};
};

Stage set_up(const Operand& o, const std::vector<double>& values, Arena& memory,
             Standing standing) {
  Stage s;
  const Placement p = place(o.dtype, o.shape, o.layout);
  const std::size_t size = static_cast<std::size_t>(p.storage),
                    shift = static_cast<std::size_t>(standing.shift);
  std::uint32_t* start =
      standing.edge == Edge::front ? memory.begin() + shift : memory.end() - size;
  s.low = standing.edge == Edge::front ? memory.begin() : start - kSentinels;
  s.high = standing.edge == Edge::front ? start + size + kSentinels : memory.end();
  s.data = start + p.offset;
  s.view = p.view;
  s.view.data = reinterpret_cast<std::byte*>(s.data);
  for (std::uint32_t* at = s.low; at < s.high; ++at) *at = kSentinel;
  // What is overwritten starts as the sentinel too: an element that is not reached stays it.
  const bool holds =
      !is_result(o) || o.role == Role::update || (o.role == Role::into && o.mode == Mode::add);
  for (std::size_t n = 0; holds && n < values.size(); ++n)
    s.data[offset_of(s.view, static_cast<std::int64_t>(n))] = bits_of(o.dtype, values[n]);
  s.image.assign(s.low, s.high);
  return s;
}

std::string index_text(const Shape& shape, std::int64_t n) {
  std::string text;
  for (std::size_t i = shape.size(); i-- > 0;) {
    text = std::to_string(n % shape[i]) + (text.empty() ? "" : ",") + text;
    n /= shape[i];
  }
  return "[" + text + "]";
}

std::string number_text(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.9g", value);
  return text;
}

// The problem on plain contiguous memory of one type, as the reference gets it.
template <class T> struct Plain {
  std::vector<std::vector<T>> numbers;
  std::vector<std::vector<std::int32_t>> integers;
  Args args;

  Plain(const Problem& problem, const Values& initial, bool with_add) {
    const std::size_t n = problem.operands.size();
    numbers.resize(n), integers.resize(n);
    for (std::size_t i = 0; i < n; ++i) {
      const Operand& o = problem.operands[i];
      const DType number = sizeof(T) == 8 ? DType::f64 : DType::f32;
      View view = place(o.dtype == DType::i32 ? o.dtype : number, o.shape, Layout::contiguous).view;
      if (o.role != Role::none)
        view.data = o.dtype == DType::i32 ? hold(integers[i], initial.of[i])
                                          : hold(numbers[i], initial.of[i]);
      args.views.push_back(view);
      args.modes.push_back(with_add ? o.mode : Mode::write);
    }
  }

 private:
  template <class Number>
  static std::byte* hold(std::vector<Number>& to, const std::vector<double>& values) {
    for (const double value : values) to.push_back(static_cast<Number>(value));
    to.push_back(0);   // an address also for nothing
    return reinterpret_cast<std::byte*>(to.data());
  }
};

// The operands as they are after the reference has run in T.
template <class T>
Values run_reference(const Problem& problem, const Values& initial, bool with_add) {
  static const std::unique_ptr<Backend> reference = make_reference_backend();
  Plain<T> plain(problem, initial, with_add);
  problem.run(*reference, plain.args);
  Values result = initial;
  for (std::size_t i = 0; i < problem.operands.size(); ++i) {
    const Operand& o = problem.operands[i];
    for (std::size_t e = 0; is_result(o) && e < result.of[i].size(); ++e)
      result.of[i][e] = o.dtype == DType::i32 ? static_cast<double>(plain.integers[i][e])
                                              : static_cast<double>(plain.numbers[i][e]);
  }
  return result;
}

bool is_exact(const Problem& problem, const Operand& o) {
  const bool added = o.role == Role::into && o.mode == Mode::add;
  return !problem.gate && (!added || problem.exact_add);
}

// What a result should be, and how far it may be from that.
struct Wanted {
  double value, rounding, gate;
};
Wanted wanted(const Problem& problem, const Expected& expected, std::size_t i, std::size_t e) {
  const Operand& o = problem.operands[i];
  if (o.dtype != DType::i32 && is_exact(problem, o)) return {expected.bits.of[i][e], 0, 0};
  Wanted w = {expected.result.of[i][e], 0,
              problem.gate && !expected.gate[i].empty() ? expected.gate[i][e] : 0};
  if (o.role == Role::into && o.mode == Mode::add) {
    w.rounding = kU * std::fabs(w.value);   // the value may be rounded before it is added
    w.value += expected.initial.of[i][e];
  }
  w.rounding += kU * std::fabs(w.value) + 0x1p-149;
  return w;
}

bool is_good(const Problem& problem, const Operand& o, const Wanted& w, std::uint32_t bits) {
  const double got = value_of(o.dtype, bits);
  if (o.dtype == DType::i32) return got == w.value;
  if (bits == kSentinel) return false;   // never written
  if (std::isnan(w.value)) return std::isnan(got);
  if (is_exact(problem, o)) return bits == bits_of(DType::f32, w.value);
  const double nearest = static_cast<double>(static_cast<float>(w.value));
  return (std::isinf(nearest) && got == nearest) || std::fabs(got - w.value) <= w.rounding + w.gate;
}

void compare_elements(const Problem& problem, const Expected& expected, std::size_t i,
                      const Stage& stage, Verdict& verdict) {
  const Operand& o = problem.operands[i];
  std::int64_t wrong = 0;
  for (std::size_t e = 0; e < expected.initial.of[i].size(); ++e) {
    const std::int64_t n = static_cast<std::int64_t>(e);
    const std::uint32_t bits = stage.data[offset_of(stage.view, n)];
    const Wanted w = wanted(problem, expected, i, e);
    const double got = value_of(o.dtype, bits), error = std::fabs(got - w.value);
    if (is_good(problem, o, w, bits)) {
      if (error > w.rounding && w.gate > 0 && std::isfinite(error))
        verdict.margin = std::max(verdict.margin, (error - w.rounding) / w.gate);
      continue;
    }
    if (++wrong > 1) continue;
    verdict.findings += std::string("  ") + o.name + index_text(o.shape, n) + ": expected " +
                        number_text(w.value) + ", got " + number_text(got);
    verdict.findings += bits == kSentinel ? " (not written)\n"
                                          : ", error " + number_text(error) + ", allowed " +
                                                number_text(w.rounding + w.gate) + "\n";
  }
  if (wrong > 1)
    verdict.findings += "  " + std::to_string(wrong) + " elements of " + o.name + " are wrong\n";
}

// All but the elements of a result must be as before.
void compare_memory(const Operand& o, bool written, Stage& stage, Verdict& verdict) {
  if (written)
    for (std::int64_t n = 0; n < count(o.shape); ++n) {
      std::uint32_t* at = stage.data + offset_of(stage.view, n);
      *at = stage.image[static_cast<std::size_t>(at - stage.low)];
    }
  const std::size_t bytes = stage.image.size() * sizeof(std::uint32_t);
  if (std::memcmp(stage.low, stage.image.data(), bytes) == 0) return;
  std::size_t at = 0;
  while (stage.low[at] == stage.image[at]) ++at;
  verdict.findings += std::string("  memory of ") + o.name + " was changed " +
                      (written ? "outside of its elements" : "though it is not to be written") +
                      ", at " + std::to_string(stage.low + at - stage.data) +
                      " elements from its first\n";
}

const char* crash_text = "";

// Inputs as drawn and prepared, each a number of its type.
Values inputs(const Problem& problem, std::uint64_t seed) {
  Values v;
  for (std::size_t i = 0; i < problem.operands.size(); ++i)
    v.of.push_back(draw(problem.operands[i], seed, static_cast<int>(i)));
  if (problem.prepare) problem.prepare(v);
  if (problem.alias >= 0) v[0] = v[problem.alias];
  for (std::size_t i = 0; i < problem.operands.size(); ++i) {
    const DType type = problem.operands[i].dtype;
    for (double& value : v.of[i]) value = value_of(type, bits_of(type, value));
  }
  return v;
}

}  // namespace

namespace {

std::vector<Candidate> chosen(const std::vector<Candidate>& all) {
  const char* only = std::getenv("GLASS_ISA");
  if (!only || std::string(only) == "auto") return all;
  std::vector<Candidate> left;
  for (const Candidate& c : all)
    if (c.isa == only) left.push_back(c);
  return left;
}

bool is_listed(const std::string& device) {
  for (const DeviceInfo& info : list_devices())
    if (info.name == device) return true;
  return false;
}

// The driver of NVIDIA GPUs: the machine's where it has a GPU, else the stand-in that was built beside this program.
Candidate cuda_candidate() {
  constexpr std::size_t kSlowStride = 8;
  const bool named = std::getenv("GLASS_CUDA_DRIVER") != nullptr;
  bool stand_in = false;
#ifdef GLASS_STAND_IN_CUDA
  if (!named && !is_listed("cuda")) ::setenv("GLASS_CUDA_DRIVER", GLASS_STAND_IN_CUDA, 1);
  const char* driver = std::getenv("GLASS_CUDA_DRIVER");
  stand_in = driver && std::string(driver) == GLASS_STAND_IN_CUDA;
#endif
  (void)named;
  return {"cuda", is_listed("cuda"), stand_in && !std::getenv("GLASS_DEEP") ? kSlowStride : 1};
}

// Metal: the machine's where it has a GPU of Apple, else the stand-in that was built beside this program, which needs a
// compiler.
Candidate metal_candidate() {
  std::size_t stride = 1;
#ifdef GLASS_METAL_STAND_IN
  constexpr std::size_t kStride = 4;
  if (!std::getenv("GLASS_METAL") && !is_listed("metal")) {
    if (std::system("command -v clang++ >/dev/null 2>&1 || command -v g++ >/dev/null 2>&1") != 0)
      return {"metal", false};
    ::setenv("GLASS_METAL", GLASS_METAL_STAND_IN, 1);
    if (!std::getenv("GLASS_DEEP")) stride = kStride;
  }
#endif
  return {"metal", is_listed("metal"), stride};
}

// A GPU that is not there is spoken of only where a stand-in should have been.
bool is_tried(const Candidate& gpu) {
  bool tried = gpu.usable;
#ifdef GLASS_STAND_IN_CUDA
  tried = tried || gpu.isa == "cuda";
#endif
#ifdef GLASS_METAL_STAND_IN
  tried = tried || gpu.isa == "metal";
#endif
  return tried;
}

}   // namespace

std::vector<Candidate> candidates() {
  std::vector<Candidate> all;
  for (const CpuIsa& isa : cpu_isas()) all.push_back({isa.name, isa.usable});
  all.push_back({"reference", true});
  if (is_listed("emulator")) all.push_back({"emulator", true});
  return chosen(all);
}

std::vector<Candidate> candidates_and_gpus() {
  std::vector<Candidate> all = candidates();
  static const std::vector<Candidate> gpus = {cuda_candidate(), metal_candidate()};
  for (const Candidate& gpu : chosen(gpus))
    if (is_tried(gpu)) all.push_back(gpu);
  return all;
}

Backend& candidate(const std::string& isa, int threads) {
  static std::map<std::pair<std::string, int>, std::unique_ptr<Backend>> made;
  const bool on_cpu = Candidate{isa, true}.has_threads();
  std::unique_ptr<Backend>& backend = made[{isa, on_cpu ? threads : 0}];
  if (!backend) backend = on_cpu ? make_cpu_backend(isa, threads) : make_backend(isa, "auto", 0);
  return *backend;
}

Expected expect(const Problem& problem, std::uint64_t seed) {
  Expected e;
  e.initial = inputs(problem, seed);
  e.result = run_reference<double>(problem, e.initial, false);
  if (!problem.gate) {
    e.bits = run_reference<float>(problem, e.initial, true);
    return e;
  }
  e.gate.resize(problem.operands.size());
  e.result.before = &e.initial;
  for (std::size_t i = 0; i < e.gate.size(); ++i) {
    const Operand& o = problem.operands[i];
    if (is_result(o) && o.dtype != DType::i32)
      e.gate[i] = problem.gate(e.result, static_cast<int>(i));
  }
  e.result.before = nullptr;   // e moves away with its initial values
  return e;
}

void run_in_double(Backend& backend, const Problem& problem, std::uint64_t seed) {
  Plain<double> plain(problem, inputs(problem, seed), true);
  problem.run(backend, plain.args);
}

Verdict check(Backend& backend, const Problem& problem, const Expected& expected,
              Standing standing) {
  const std::size_t n = problem.operands.size();
  std::vector<Stage> stages(n);
  Args args;
  for (std::size_t i = 0; i < n; ++i) {
    const Operand& o = problem.operands[i];
    if (o.role != Role::none) stages[i] = set_up(o, expected.initial.of[i], arena(i), standing);
    else stages[i].view = View{nullptr, o.dtype, 0, {}, {}};
    if (o.mode == Mode::skip) stages[i].view.data = nullptr;
  }
  const std::size_t alias = static_cast<std::size_t>(problem.alias);
  DeviceCopies copies(backend);
  for (std::size_t i = 0; i < n; ++i) {
    args.views.push_back(stages[i].view);
    args.views[i].data = copies.send(stages[i].low, stages[i].high, stages[i].view.data);
    args.modes.push_back(problem.operands[i].mode);
  }
  if (problem.alias >= 0) args.views[0] = args.views[alias], stages[0].view = stages[alias].view;
  try {
    problem.run(backend, args);
    backend.wait();
    copies.fetch();
  } catch (const std::exception& error) {
    return {std::string("  it threw: ") + error.what() + "\n", 0};
  }

  Verdict verdict;
  for (std::size_t i = 0; i < n; ++i) {
    const Operand& o = problem.operands[i];
    if (o.role == Role::none) continue;
    const bool written = is_result(o) && o.mode != Mode::skip;
    const bool onto_input = problem.alias >= 0 && i == 0;
    Stage& stage = onto_input ? stages[alias] : stages[i];
    if (written) compare_elements(problem, expected, i, stage, verdict);
    if (onto_input) continue;   // its memory is the input's, whose turn comes
    compare_memory(o, written || (problem.alias >= 0 && i == alias), stage, verdict);
  }
  return verdict;
}

std::vector<std::vector<std::uint32_t>> output_bits(Backend& backend, const Problem& problem,
                                                    std::uint64_t seed) {
  const std::size_t n = problem.operands.size();
  const Values initial = inputs(problem, seed);
  std::vector<std::vector<std::uint32_t>> memory(n);
  DeviceCopies copies(backend);
  Args args;
  for (std::size_t i = 0; i < n; ++i) {
    const Operand& o = problem.operands[i];
    Placement p = place(o.dtype, o.shape, o.layout);
    memory[i].assign(static_cast<std::size_t>(p.storage) + 1, 0);
    p.view.data =
        o.role == Role::none ? nullptr : reinterpret_cast<std::byte*>(memory[i].data() + p.offset);
    for (std::size_t e = 0; e < initial.of[i].size(); ++e)
      if (p.view.data)
        memory[i][static_cast<std::size_t>(p.offset +
                                           offset_of(p.view, static_cast<std::int64_t>(e)))] =
            bits_of(o.dtype, initial.of[i][e]);
    p.view.data = copies.send(memory[i].data(), memory[i].data() + memory[i].size(), p.view.data);
    args.views.push_back(p.view);
    args.modes.push_back(o.mode);
  }
  problem.run(backend, args);
  backend.wait();
  copies.fetch();
  std::vector<std::vector<std::uint32_t>> results;
  for (std::size_t i = 0; i < n; ++i)
    if (is_result(problem.operands[i])) results.push_back(std::move(memory[i]));
  return results;
}

void on_crash_say(const std::string& text) {
  static std::string kept;
  static struct sigaction before[2];
  static const bool installed = [] {
    struct sigaction action = {};
    action.sa_handler = [](int signal) {
      const char title[] = "\ncrashed in: ";
      (void)!write(2, title, sizeof title - 1);
      (void)!write(2, crash_text, std::strlen(crash_text));
      (void)!write(2, "\n", 1);
      sigaction(signal, &before[signal == SIGSEGV ? 0 : 1],
                nullptr);   // the access is tried again, and ends us
    };
    sigaction(SIGSEGV, &action, &before[0]);
    sigaction(SIGBUS, &action, &before[1]);
    return true;
  }();
  (void)installed;
  kept = text;
  crash_text = kept.c_str();
}

}  // namespace glass::test
