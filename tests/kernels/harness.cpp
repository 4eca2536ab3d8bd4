#include "tests/kernels/harness.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <map>
#include <stdexcept>

#include "kernels/backends.h"
#include "kernels/cpu/cpu_backend.h"

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
};

template <class T>
void run_reference(const Problem& problem, const Values& initial, Values& result, bool with_add) {
  static const std::unique_ptr<Backend> reference = make_reference_backend();
  Plain<T> plain;
  const std::size_t n = problem.operands.size();
  plain.numbers.resize(n), plain.integers.resize(n);
  for (std::size_t i = 0; i < n; ++i) {
    const Operand& o = problem.operands[i];
    const DType type = o.dtype == DType::i32 ? DType::i32
                       : sizeof(T) == 8      ? DType::f64
                                             : DType::f32;
    View view = place(type, o.shape, Layout::contiguous).view;
    if (o.role != Role::none && o.dtype == DType::i32) {
      for (const double value : initial.of[i])
        plain.integers[i].push_back(static_cast<std::int32_t>(value));
      plain.integers[i].push_back(0);   // an address also for nothing
      view.data = reinterpret_cast<std::byte*>(plain.integers[i].data());
    } else if (o.role != Role::none) {
      for (const double value : initial.of[i]) plain.numbers[i].push_back(static_cast<T>(value));
      plain.numbers[i].push_back(0);
      view.data = reinterpret_cast<std::byte*>(plain.numbers[i].data());
    }
    plain.args.views.push_back(view);
    plain.args.modes.push_back(with_add ? o.mode : Mode::write);
  }
  problem.run(*reference, plain.args);
  result = initial;
  for (std::size_t i = 0; i < n; ++i) {
    const Operand& o = problem.operands[i];
    if (!is_result(o)) continue;
    for (std::size_t e = 0; e < result.of[i].size(); ++e)
      result.of[i][e] = o.dtype == DType::i32 ? static_cast<double>(plain.integers[i][e])
                                              : static_cast<double>(plain.numbers[i][e]);
  }
}

const char* crash_text = "";

}  // namespace

std::vector<Candidate> candidates() {
  std::vector<Candidate> all;
  for (const CpuIsa& isa : cpu_isas()) all.push_back({isa.name, isa.usable});
  all.push_back({"reference", true});
  const char* only = std::getenv("GLASS_ISA");
  if (!only || std::string(only) == "auto") return all;
  std::vector<Candidate> chosen;
  for (const Candidate& c : all)
    if (c.isa == only) chosen.push_back(c);
  return chosen;
}

Backend& candidate(const std::string& isa, int threads) {
  static std::map<std::pair<std::string, int>, std::unique_ptr<Backend>> made;
  std::unique_ptr<Backend>& backend = made[{isa, threads}];
  if (!backend)
    backend = isa == "reference" ? make_reference_backend() : make_cpu_backend(isa, threads);
  return *backend;
}

Expected expect(const Problem& problem, std::uint64_t seed) {
  Expected e;
  const std::size_t n = problem.operands.size();
  for (std::size_t i = 0; i < n; ++i)
    e.initial.of.push_back(draw(problem.operands[i], seed, static_cast<int>(i)));
  if (problem.prepare) problem.prepare(e.initial);
  if (problem.alias >= 0) e.initial[0] = e.initial[problem.alias];
  // Everything a backend will see is a number of its type; the reference must see the same.
  for (std::size_t i = 0; i < n; ++i)
    for (double& value : e.initial.of[i])
      value = value_of(problem.operands[i].dtype, bits_of(problem.operands[i].dtype, value));

  run_reference<double>(problem, e.initial, e.result, false);
  e.gate.resize(n);
  e.result.before = &e.initial;
  if (!problem.gate) {
    run_reference<float>(problem, e.initial, e.bits, true);
    return e;
  }
  for (std::size_t i = 0; i < n; ++i) {
    const Operand& o = problem.operands[i];
    if (is_result(o) && o.dtype != DType::i32)
      e.gate[i] = problem.gate(e.result, static_cast<int>(i));
  }
  e.result.before = nullptr;   // e moves away with its initial values
  return e;
}

std::string check(Backend& backend, const Problem& problem, const Expected& expected,
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
  if (problem.alias >= 0) stages[0].view = stages[static_cast<std::size_t>(problem.alias)].view;
  for (std::size_t i = 0; i < n; ++i) {
    args.views.push_back(stages[i].view);
    args.modes.push_back(problem.operands[i].mode);
  }
  try {
    problem.run(backend, args);
    backend.wait();
  } catch (const std::exception& error) { return std::string("it threw: ") + error.what(); }

  std::string findings;
  for (std::size_t i = 0; i < n; ++i) {
    const Operand& o = problem.operands[i];
    if (o.role == Role::none) continue;
    const bool aliased = static_cast<int>(i) == problem.alias;   // operand 0 was written here
    const bool written = is_result(o) && o.mode != Mode::skip;
    const Stage& stage =
        problem.alias >= 0 && i == 0 ? stages[static_cast<std::size_t>(problem.alias)] : stages[i];
    if (written) {
      std::int64_t wrong = 0;
      for (std::size_t e = 0; e < expected.initial.of[i].size(); ++e) {
        const std::uint32_t bits = stage.data[offset_of(stage.view, static_cast<std::int64_t>(e))];
        const double got = value_of(o.dtype, bits), initial = expected.initial.of[i][e];
        const bool added = o.role == Role::into && o.mode == Mode::add;
        double want = expected.result.of[i][e], allowed = 0;
        if (added) want += initial;
        bool good;
        if (o.dtype == DType::i32) {
          good = got == want;
        } else if (!problem.gate && (!added || problem.exact_add)) {
          want = expected.bits.of[i][e];
          good = std::isnan(want) ? std::isnan(got) : bits == bits_of(DType::f32, want);
        } else {
          const float rounded = static_cast<float>(want);
          allowed = problem.gate ? expected.gate[i][e] : 0;
          if (added)
            allowed +=
                kU *
                std::fabs(expected.result.of[i][e]);   // it is rounded before it is added, or not
          allowed += kU * std::fabs(want) + std::ldexp(1.0, -149);
          if (std::isnan(want)) good = std::isnan(got);
          else if (std::isinf(rounded))
            good = got == static_cast<double>(rounded) || std::fabs(got - want) <= allowed;
          else good = std::fabs(got - want) <= allowed;
        }
        if (bits == kSentinel && o.dtype == DType::f32) good = false;   // never written
        if (good) continue;
        if (++wrong == 1)
          findings += std::string("  ") + o.name +
                      index_text(o.shape, static_cast<std::int64_t>(e)) + ": expected " +
                      number_text(want) + ", got " + number_text(got) +
                      (bits == kSentinel ? " (not written)"
                                         : ", error " + number_text(std::fabs(got - want)) +
                                               ", allowed " + number_text(allowed)) +
                      "\n";
      }
      if (wrong > 1)
        findings += "  " + std::to_string(wrong) + " elements of " + o.name + " are wrong\n";
    }
    if (aliased || (problem.alias >= 0 && i == 0)) continue;
    // All but the elements of an output must be as before.
    if (written)
      for (std::size_t e = 0; e < expected.initial.of[i].size(); ++e) {
        std::uint32_t* at = stage.data + offset_of(stage.view, static_cast<std::int64_t>(e));
        *at = stage.image[static_cast<std::size_t>(at - stage.low)];
      }
    if (std::memcmp(stage.low, stage.image.data(), stage.image.size() * 4) != 0) {
      std::size_t at = 0;
      while (stage.low[at] == stage.image[at]) ++at;
      findings += std::string("  memory of ") + o.name + " was changed " +
                  (written ? "outside of its elements" : "though it is not to be written") +
                  ", at " + std::to_string(stage.low + at - stage.data) +
                  " elements from its first\n";
    }
  }
  return findings;
}

std::vector<std::vector<std::uint32_t>> output_bits(Backend& backend, const Problem& problem,
                                                    std::uint64_t seed) {
  const std::size_t n = problem.operands.size();
  Values initial;
  for (std::size_t i = 0; i < n; ++i)
    initial.of.push_back(draw(problem.operands[i], seed, static_cast<int>(i)));
  if (problem.prepare) problem.prepare(initial);
  std::vector<std::vector<std::uint32_t>> memory(n);
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
    args.views.push_back(p.view);
    args.modes.push_back(o.mode);
  }
  problem.run(backend, args);
  backend.wait();
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
