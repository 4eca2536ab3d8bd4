// How kernels use memory, held to bounds: a careless stride costs a GPU a factor of eight, and no
// number tells. The test prints what it counts (kernels/README.md explains the columns).
#include "tests/gpu/traffic.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "engine/ops.h"
#include "kernels/emulator/emulator_device.h"
#include "kernels/gpu/gpu_backend.h"
#include "kernels/gpu/matmul_steps.h"
#include "tests/gpu/race_kernels.h"

namespace glass::test {
namespace {

// Views of memory that begins where a device's would, at a multiple of 64 bytes.
class Memory {
 public:
  explicit Memory(Backend& backend) : backend_(backend) {}
  ~Memory() {
    for (const auto& [data, bytes] : blocks_) backend_.release(data, bytes);
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  View ids(std::int64_t count, int below) {
    const View v = make(DType::i32, {count});
    int* const numbers = reinterpret_cast<int*>(v.data);
    for (int i = 0; i < count; ++i) numbers[i] = i * 7 % below;
    return v;
  }
  using Shape = std::initializer_list<std::int64_t>;
  View f32(Shape shape) { return filled(DType::f32, shape); }
  View bf16(Shape shape) { return filled(DType::bf16, shape); }

 private:
  View filled(DType dtype, Shape shape) {
    const View v = make(dtype, shape);
    backend_.fill(v, 0.5);
    return v;
  }
  View make(DType dtype, Shape shape) {
    View v{};
    v.dtype = dtype;
    std::int64_t count = 1;
    for (const std::int64_t size : shape) v.shape[v.rank++] = size, count *= size;
    for (int axis = v.rank, stride = 1; axis-- > 0; stride *= static_cast<int>(v.shape[axis]))
      v.stride[axis] = stride;
    const std::size_t bytes = static_cast<std::size_t>(count) * sizeof(float);
    v.data = backend_.allocate(bytes);
    blocks_.push_back({v.data, bytes});
    return v;
  }

  Backend& backend_;
  std::vector<std::pair<std::byte*, std::size_t>> blocks_;
};

View swapped(View v) {
  std::swap(v.shape[v.rank - 1], v.shape[v.rank - 2]);
  std::swap(v.stride[v.rank - 1], v.stride[v.rank - 2]);
  return v;
}

// Forward and backward of one head, q, k, v and dy made by `factor`.
std::function<void()> attention_of(Backend& b, Memory& m, View (Memory::*factor)(Memory::Shape)) {
  const View q = (m.*factor)({1, 1, 128, 64}), k = (m.*factor)({1, 1, 128, 64}),
             v = (m.*factor)({1, 1, 128, 64}), dy = (m.*factor)({1, 1, 128, 64}),
             y = m.f32({1, 1, 128, 64}), dq = m.f32({1, 1, 128, 64}), dk = m.f32({1, 1, 128, 64}),
             dv = m.f32({1, 1, 128, 64}), lse = m.f32({1, 1, 128});
  return [=, &b] {
    const Attention how = {0.125, 0, 0, 0, {}};
    b.attention(y, lse, q, k, v, how);
    b.attention_backward({dq, false}, {dk, false}, {dv, false}, dy, y, lse, q, k, v, how);
  };
}

// How much more a kernel may ask for than the least: of sectors for each request, of cycles, and
// how often it may fetch the same bytes.
struct Bound {
  const char* kernel;
  double sectors, cycles, repetition;
};

constexpr double kSlack = 1.1;   // compilers differ in what they read twice

struct Job {
  const char* what;
  std::vector<Bound> bounds;
  std::function<std::function<void()>(Backend&, Memory&)> prepare;   // gives what is to be counted
};

const std::vector<Job>& jobs() {
  static const std::vector<Job> all = {
      {"a + b, 16 x 768",
       {{"zip", 1, 1, 1}},
       [](Backend& b, Memory& m) {
         const View x = m.f32({16, 768}), y = m.f32({16, 768}), z = m.f32({16, 768});
         return [=, &b] { b.zip(Binary::add, {z, false}, x, y); };
       }},
      {"gelu, 16 x 768",
       {{"map", 1, 1, 1}},
       [](Backend& b, Memory& m) {
         const View x = m.f32({16, 768}), y = m.f32({16, 768});
         return [=, &b] { b.map(Unary::gelu, y, x); };
       }},
      {"softmax, 16 x 768",
       {{"softmax", 1, 1, 2}},
       [](Backend& b, Memory& m) {
         const View x = m.f32({16, 768}), y = m.f32({16, 768});
         return [=, &b] { b.softmax(y, x); };
       }},
      {"its gradient",
       {{"softmax_backward", 1, 1, 1.7}},
       [](Backend& b, Memory& m) {
         const View x = m.f32({16, 768}), y = m.f32({16, 768}), dx = m.f32({16, 768});
         return [=, &b] { b.softmax_backward({dx, false}, x, y); };
       }},
      {"layernorm, 16 x 768",
       {{"layernorm", 1, 1, 2.9}},
       [](Backend& b, Memory& m) {
         const View x = m.f32({16, 768}), y = m.f32({16, 768}), w = m.f32({768}), c = m.f32({768}),
                    mean = m.f32({16, 1}), rstd = m.f32({16, 1});
         return [=, &b] { b.layernorm(y, mean, rstd, x, w, c, 1e-5); };
       }},
      {"its gradients",
       {{"layernorm_backward", 1, 1, 2.4}, {"norm_weight", 1, 1, 1.3}, {"fold_columns", 1, 1, 1}},
       [](Backend& b, Memory& m) {
         const View x = m.f32({64, 768}), dy = m.f32({64, 768}), dx = m.f32({64, 768}),
                    w = m.f32({768}), dw = m.f32({768}), db = m.f32({768}), mean = m.f32({64, 1}),
                    rstd = m.f32({64, 1});
         return [=, &b] {
           b.layernorm_backward({dx, false}, {dw, true}, {db, true}, dy, x, w, mean, rstd);
         };
       }},
      {"cross-entropy, 4 x 5000",
       {{"cross_entropy", 1, 1, 1}, {"cross_entropy_backward", 1, 1, 1}},
       [](Backend& b, Memory& m) {
         const View logits = m.f32({4, 5000}), dlogits = m.f32({4, 5000}), lse = m.f32({4}),
                    loss = m.f32({4}), dloss = m.f32({4}), targets = m.ids(4, 5000);
         return [=, &b] {
           b.cross_entropy(loss, lse, logits, targets, -1);
           b.cross_entropy_backward({dlogits, false}, dloss, logits, lse, targets, -1);
         };
       }},
      {"y = x w^T in f32, 128 x 128 x 96",
       {{"matmul", 1.8, 1.8, 2.8}},
       [](Backend& b, Memory& m) {
         const View x = m.f32({128, 96}), w = m.f32({128, 96}), y = m.f32({128, 128});
         return [=, &b] { b.linear(y, x, w, {}); };
       }},
      {"dx = dy w",
       {{"matmul", 1.8, 1.8, 2.8}},
       [](Backend& b, Memory& m) {
         const View dy = m.f32({128, 96}), w = m.f32({96, 128}), dx = m.f32({128, 128});
         return [=, &b] { b.matmul({dx, false}, dy, w); };
       }},
      {"dw += dy^T x",
       {{"matmul", 2.2, 1.8, 3.2}},
       [](Backend& b, Memory& m) {
         const View dy = m.f32({96, 128}), x = m.f32({96, 128}), dw = m.f32({128, 128});
         return [=, &b] { b.matmul({dw, true}, swapped(dy), x); };
       }},
      {"products in bf16, 256 x 256 x 128",
       {{"matmul_along_along", 1, 1, 1.4},
        {"matmul_along_across", 1, 1, 1.4},
        {"matmul_across_across", 1, 1, 1.4}},
       [](Backend& b, Memory& m) {
         const View y = m.f32({256, 256}), dy = m.bf16({256, 128}), w = m.bf16({256, 128});
         const View left = m.bf16({128, 256}), right = m.bf16({128, 256});
         return [=, &b] {
           b.matmul({y, false}, dy, swapped(w));
           b.matmul({y, false}, dy, right);
           b.matmul({y, false}, swapped(left), right);
         };
       }},
      {"a product in steps, 128 x 128 x 128 in bf16 (glass bench steps)",
       {{"matmul_naive", 1, 1, 48.5},
        {"matmul_shared", 1, 1, 4.5},
        {"matmul", 2, 1.8, 3},
        {"matmul_along_across", 1, 1.1, 1}},
       [](Backend&, Memory& m) {
         static emulator::EmulatorDevice device;
         const View a = m.bf16({128, 128}), b = m.bf16({128, 128}), c = m.f32({128, 128});
         return [=] {
           for (int step = 1; step <= gpu::kMatmulSteps; ++step)
             gpu::start_matmul_step(device, step, c, a, b);
         };
       }},
      {"attention, 1 head, 128 x 64",
       {{"attention", 1, 1, 3},
        {"attention_delta", 1, 1, 1.1},   // two results of each row, by themselves
        {"attention_dq", 1, 1, 6.7},
        {"attention_dkv", 1, 1, 7.7}},
       [](Backend& b, Memory& m) { return attention_of(b, m, &Memory::f32); }},
      {"the same in bf16",
       {{"attention_blocks", 1, 1, 1.2},
        {"attention_blocks_dq", 1, 1, 1.2},
        {"attention_blocks_dkv", 1, 1, 1.2}},
       [](Backend& b, Memory& m) { return attention_of(b, m, &Memory::bf16); }},
      {"a transposed matrix laid out anew, 256 x 256",
       {{"copy", 4.5, 1, 4.5}},
       [](Backend& b, Memory& m) {
         const View x = m.f32({256, 256}), y = m.f32({256, 256});
         return [=, &b] { b.copy({y, false}, swapped(x)); };
       }},
      {"rope, 2 heads, 64 x 64",
       {{"rope", 1, 1,
         1.5}},   // every position reads the turns of its 32 pairs: 256 bytes, from a cache
       [](Backend& b, Memory& m) {
         const View x = m.f32({1, 2, 64, 64}), y = m.f32({1, 2, 64, 64});
         return [=, &b] { b.rope({y, false}, x, 10000, 0, false); };
       }},
      {"embedding of 512, 300 x 128",
       {{"gather", 1, 1, 1.4},
        {"scatter_add", 1, 1, 1.2},
        {"count_digits", 1.8, 1.3, 1.8},
        {"move_by_digit", 2.7, 1.3, 2.7}},
       [](Backend& b, Memory& m) {
         const View table = m.f32({300, 128}), y = m.f32({512, 128}), ids = m.ids(512, 300);
         return [=, &b] {
           b.gather(y, table, ids);
           b.scatter_add({table, true}, ids, y);
         };
       }},
      {"adamw, 40000 numbers",
       {{"sum_squares", 1, 1, 1}, {"adamw", 1, 1, 1}},
       [](Backend& b, Memory& m) {
         const View p = m.f32({40000}), g = m.f32({40000}), m1 = m.f32({40000}), v = m.f32({40000}),
                    norm = m.f32({1}), numbers = m.f32({kAdamWNumbers});
         return [=, &b] {
           b.global_norm(norm, &g, 1);
           const AdamWItem item = {p, g, m1, v, 0.1};
           b.adamw(&item, 1, numbers, norm, {});
         };
       }},
  };
  return all;
}

void print(const std::string& kernel, const Traffic& t) {
  const auto each = [](const Requests& r, std::uint64_t of) {
    return r.count ? static_cast<double>(of) / static_cast<double>(r.count) : 0.0;
  };
  std::printf("  %-24s %9.1f %9.1f %9.1f %9.1f %10.1f %6.2f\n", kernel.c_str(),
              each(t.device, t.device.units), each(t.device, t.device.least),
              each(t.group, t.group.units), each(t.group, t.group.least),
              static_cast<double>(t.moved) / 1024, t.repetition());
}

TEST(Traffic, OfHotKernelsIsNearTheLeast) {
  GpuBackend backend(std::make_unique<emulator::EmulatorDevice>());
  std::printf("  %-24s %9s %9s %9s %9s %10s %6s\n", "kernel", "sectors", "would do", "cycles",
              "would do", "KiB moved", "times");
  for (const Job& job : jobs()) {
    Memory memory(backend);
    const auto measured = traffic_of(job.prepare(backend, memory));
    std::printf("%s\n", job.what);
    for (const auto& [kernel, traffic] : measured) print(kernel, traffic);
    for (const Bound& bound : job.bounds) {
      const auto found = measured.find(bound.kernel);
      ASSERT_NE(found, measured.end()) << bound.kernel << " did not run";
      EXPECT_LE(found->second.device.excess(), bound.sectors * kSlack) << bound.kernel;
      EXPECT_LE(found->second.group.excess(), bound.cycles * kSlack) << bound.kernel;
      EXPECT_LE(found->second.repetition(), bound.repetition * kSlack) << bound.kernel;
    }
  }
}

// A thread asks for four neighbours at once where all operands have them at multiples of 16 bytes
// (8 in bf16), also in rows that are a part of longer ones; and for one after the other elsewhere.
TEST(Traffic, OfElementsThatAreNeighboursIsARequestForFour) {
  GpuBackend backend(std::make_unique<emulator::EmulatorDevice>());
  Memory m(backend);
  const auto requests = [&](View y, const View& a, const View& b) {
    const auto traffic = traffic_of([&] { backend.zip(Binary::add, {y, false}, a, b); });
    return traffic.at("zip").device.count;
  };
  const auto columns = [](View v, std::int64_t first, std::int64_t count) {
    v.data += first * (v.dtype == DType::bf16 ? 2 : 4);
    v.shape[1] = count;
    return v;
  };
  const std::uint64_t warps_numbers = 3 * 16 * 768 / 32;   // read twice and written once
  const View y = m.f32({16, 768}), x = m.f32({16, 768}), wide = m.f32({16, 776}),
             half = m.bf16({16, 768});
  EXPECT_EQ(requests(y, x, x), warps_numbers / 4);
  EXPECT_EQ(requests(half, half, half), warps_numbers / 4);
  EXPECT_EQ(requests(y, half, columns(wide, 8, 768)), warps_numbers / 4);
  EXPECT_EQ(requests(y, half, columns(wide, 1, 768)), warps_numbers);
}

// What the products of head_loss ask of device memory with a vocabulary of V, forward and backward.
Requests of_the_head(std::int64_t V) {
  const Device device = std::make_shared<GpuBackend>(std::make_unique<emulator::EmulatorDevice>());
  const std::int64_t rows = 128, C = 128;
  Parameter x{"x", Tensor::full(device, {rows, C}, 0.5)}, w{"w", Tensor::full(device, {V, C}, 0.5)};
  const Tensor targets = Tensor::ids(device, std::vector<std::int32_t>(rows, 1), {rows});
  Tape tape;
  const Tensor x16 = cast(tape.watch(x), DType::bf16), w16 = cast(tape.watch(w), DType::bf16);
  Requests all;
  for (const auto& [kernel, traffic] : traffic_of([&] { head_loss(x16, w16, targets); })) {
    if (kernel.rfind("matmul_", 0) != 0) continue;
    std::printf("  V = %3d  %-24s %9llu requests\n", static_cast<int>(V), kernel.c_str(),
                static_cast<unsigned long long>(traffic.device.count));
    all.count += traffic.device.count, all.units += traffic.device.units;
  }
  return all;
}

// Rows of logits lie far enough apart that products copy 16 bytes of them at a time, whatever the
// size of the vocabulary. Number by number it would be twice as many requests.
TEST(Traffic, OfAHeadDoesNotMindAnOddVocabulary) {
  const Requests even = of_the_head(256), odd = of_the_head(249);
  EXPECT_LE(odd.count, even.count * 11 / 10);
  EXPECT_LE(odd.units, even.units * 11 / 10);
}

// What is known: every lane a sector of its own, all in one bank, everybody the same word.
TEST(Traffic, IsCountedAsAGpuWould) {
  std::vector<float> x(64 * 32);
  const auto of = [&](const char* kernel) {
    const gpu::RaceArgs args = {x.data(), nullptr};
    return traffic_of([&] { emulator::run(*gpu::find_kernel(kernel), &args, {1}, {}); }).at(kernel);
  };
  const Traffic apart = of("traffic_of_columns");
  EXPECT_EQ(apart.device.count, 2u);   // by two warps
  EXPECT_EQ(apart.device.units, 64u);
  EXPECT_EQ(apart.device.least, 8u);
  EXPECT_EQ(apart.group.units, 2u * 32u + 2u);
  EXPECT_EQ(apart.group.least, 4u);
  EXPECT_EQ(apart.moved, 64u * 32u);
}

}   // namespace
}   // namespace glass::test
