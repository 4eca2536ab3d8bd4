// What the host side of Metal is asked to do in a program, and whether it did. With a number, the
// copies that plant.py writes have that bug: metal_plants N ends with 1 and says how it was
// noticed, or with 0 where it was not.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/backends.h"
#include "kernels/gpu/gpu_backend.h"
#include "kernels/metal/metal_device.h"
#include "tests/gpu/metal/use_stand_in.h"
#include "tests/mutants/active.h"

namespace glass {
namespace {

constexpr std::size_t kMemory = std::size_t{64} << 20;   // of the stand-in

[[noreturn]] void notice(const std::string& what) { throw std::runtime_error(what); }
void expect(bool holds, const char* what) {
  if (!holds) notice(what);
}

// Floats on a device.
class Numbers {
 public:
  Numbers(Backend& backend, std::size_t count, float value = 0)
      : backend_(backend), count_(count), data_(backend.allocate(bytes())) {
    set(std::vector<float>(count, value));
  }
  ~Numbers() { backend_.release(data_, bytes()); }
  Numbers(const Numbers&) = delete;
  Numbers& operator=(const Numbers&) = delete;

  void set(const std::vector<float>& values) { backend_.upload(data_, values.data(), bytes()); }
  void set_from(std::size_t first, const std::vector<float>& values) {
    backend_.upload(bytes_at(first * sizeof(float)), values.data(), values.size() * sizeof(float));
  }
  std::byte* bytes_at(std::size_t first) const { return data_ + first; }
  std::vector<float> get() const {
    std::vector<float> values(count_);
    backend_.download(values.data(), data_, bytes());
    return values;
  }
  View view(std::vector<std::int64_t> shape = {}) const {
    if (shape.empty()) shape = {static_cast<std::int64_t>(count_)};
    View v{data_, DType::f32, static_cast<int>(shape.size()), {}, {}};
    std::int64_t step = 1;
    for (int axis = v.rank - 1; axis >= 0; --axis) {
      v.shape[axis] = shape[axis];
      v.stride[axis] = step;
      step *= shape[axis];
    }
    return v;
  }

 private:
  std::size_t bytes() const { return count_ * sizeof(float); }
  Backend& backend_;
  std::size_t count_;
  std::byte* data_;
};

bool all(const std::vector<float>& values, float wanted) {
  for (const float v : values)
    if (v != wanted) return false;
  return true;
}

// Blocks do not overlap, also when some were released, and large ones have buffers of their own.
void keeps_blocks_apart(Backend& backend) {
  for (int round = 0; round < 2; ++round) {
    std::vector<std::unique_ptr<Numbers>> blocks;
    for (const std::size_t count : {1, 250, 64, 1000, 1500000, 250, 3, 1400000, 500, 2000})
      blocks.push_back(
          std::make_unique<Numbers>(backend, count, static_cast<float>(blocks.size())));
    for (std::size_t i = 0; i < blocks.size(); ++i)
      expect(all(blocks[i]->get(), static_cast<float>(i)), "a block holds what another one should");
  }
}

// More launches than a batch takes, each with what the one before it wrote.
void runs_in_order(Backend& backend) {
  Numbers x(backend, 300, 1), y(backend, 300), before(backend, 300);
  for (int i = 0; i < 100; ++i) {
    backend.affine({y.view(), false}, x.view(), 1, 1);
    backend.affine({x.view(), false}, y.view(), 1, 1);
  }
  backend.affine({before.view(), false}, x.view(), 1, 0);
  x.set(std::vector<float>(300, 7));   // after everything that was started
  backend.affine({y.view(), false}, x.view(), 2, 0);
  expect(all(y.get(), 14), "an upload did not reach the kernel behind it");
  expect(all(before.get(), 201), "launches did not run in order, or an upload overtook one");
}

// More than can wait in line, and each is read before the next one comes; kernels sum up what they
// saw.
void takes_uploads_while_it_works(Backend& backend) {
  constexpr std::size_t kFloats = 30000;
  constexpr int kUploads = 40;   // 4.8 MB
  Numbers x(backend, kFloats), half(backend, kFloats / 2, 1), sum(backend, kFloats);
  for (int i = 1; i <= kUploads; ++i) {
    x.set(std::vector<float>(kFloats, static_cast<float>(i)));
    x.set_from(kFloats / 2, std::vector<float>(kFloats / 4, 100));
    backend.zip(Binary::add, {sum.view(), false}, sum.view(), x.view());
  }
  half.set(std::vector<float>(kFloats / 2, 3));
  half.set(std::vector<float>(kFloats / 2, 4));   // the later one counts
  std::vector<float> sums = sum.get();
  const auto begin = sums.begin() + kFloats / 2, end = begin + kFloats / 4;
  expect(all({begin, end}, 100.0f * kUploads), "an upload into a block went elsewhere");
  sums.erase(begin, end);
  expect(all(sums, kUploads * (kUploads + 1) / 2),
         "an upload came too early, too late or not whole");
  expect(all(half.get(), 4), "uploads did not arrive in order");
}

// However many launches are waiting, and whether they were handed over: an upload joins them.
void does_not_wait_for_uploads(Backend& backend) {
  const stand_in::Books& books = test::use_metal_stand_in();
  Numbers x(backend, 10), y(backend, 10);
  for (int launches = 1; launches < 140; ++launches) {
    backend.wait();
    for (int i = 0; i < launches; ++i) backend.affine({y.view(), false}, x.view(), 1, 0);
    const int ran = books.launches;
    x.set(std::vector<float>(10, 1));
    expect(books.launches == ran, "an upload waited for launches");
  }
}

// Metal copies words of 4 bytes; other lengths have to arrive, too, and behind what reads the old
// ones.
void takes_bytes(Backend& backend) {
  constexpr std::size_t kBytes = 32;
  constexpr struct { std::size_t first, count; } kUploads[] = {{0, 3}, {6, 4}, {13, 3}};
  const std::vector<unsigned char> ones(kBytes, 0x3f);
  const auto seen = [](const Numbers& numbers) {
    const std::vector<float> values = numbers.get();
    std::vector<unsigned char> bytes(kBytes);
    std::memcpy(bytes.data(), values.data(), kBytes);
    return bytes;
  };
  Numbers x(backend, kBytes / 4), before(backend, kBytes / 4);
  std::vector<unsigned char> wanted(kBytes);
  for (const auto& [first, count] : kUploads) {
    backend.copy({before.view(), false}, x.view());
    backend.upload(x.bytes_at(first), ones.data(), count);
    expect(seen(before) == wanted, "an upload of some bytes came too early");
    for (std::size_t i = first; i < first + count; ++i) wanted[i] = 0x3f;
    expect(seen(x) == wanted, "an upload of some bytes wrote others");
  }
}

// A buffer that came after the first launch of a batch, and one that was there before the second
// batch.
void shows_kernels_every_buffer(Backend& backend) {
  const Numbers x(backend, 5000, 3);
  std::vector<std::unique_ptr<Numbers>> results;
  for (int i = 0; i < 3; ++i) {
    const Numbers small(backend, 100, 1);
    backend.affine({small.view(), false}, small.view(), 2, 0);
    results.push_back(std::make_unique<Numbers>(backend, 1300000, 0.0f));
    backend.affine({small.view(), true}, small.view(), 1, 0);
    backend.fill(results.back()->view(), 5);
    expect(all(small.get(), 4), "a small block is wrong");
  }
  for (const auto& r : results) expect(all(r->get(), 5), "a large block was not written");
}

void agrees_with_the_reference(Backend& backend) {
  const std::unique_ptr<Backend> reference = make_backend("reference", "auto", 0);
  const float infinity = std::numeric_limits<float>::infinity();
  const auto product_and_softmax = [&](Backend& b) {
    Numbers a(b, 2 * 130 * 7), w(b, 2 * 7 * 70), c(b, 2 * 130 * 70), s(b, 260 * 70);
    std::vector<float> numbers(2 * 130 * 7);
    for (std::size_t i = 0; i < numbers.size(); ++i)
      numbers[i] = static_cast<float>(i * 37 % 19) - 9;
    a.set(numbers);
    numbers.resize(2 * 7 * 70);
    w.set(numbers);
    b.matmul({c.view({2, 130, 70}), false}, a.view({2, 130, 7}), w.view({2, 7, 70}));
    std::vector<float> scores = c.get();
    for (int i = 0; i < 70; ++i)
      scores[i] = -infinity;   // a row without a number, and one that has none
    scores[75] = std::nanf("");
    c.set(scores);
    b.softmax(s.view({260, 70}), c.view({260, 70}));
    return s.get();
  };
  const std::vector<float> here = product_and_softmax(backend),
                           right = product_and_softmax(*reference);
  for (std::size_t i = 0; i < right.size(); ++i)
    expect(std::isnan(right[i]) ? std::isnan(here[i]) : std::fabs(here[i] - right[i]) < 1e-5f,
           "a softmax of a matrix product is wrong");
}

// What a kernel does wrong is an error, and not the last thing that the device does.
void says_what_a_kernel_did(Backend& backend) {
  const Numbers x(backend, 10, 1);
  View nowhere = x.view();
  nowhere.data = reinterpret_cast<std::byte*>(0x1000);
  std::string said;
  backend.fill(nowhere, 1);
  try {
    backend.wait();
  } catch (const std::runtime_error& error) { said = error.what(); }
  expect(said.find("the GPU stopped") != std::string::npos, "a kernel's mistake was not told");
  backend.affine({x.view(), false}, x.view(), 5, 0);
  expect(all(x.get(), 5), "after a mistake the device is of no use");
}

void makes_room(Backend& backend) {
  constexpr std::size_t kFloats = kMemory / sizeof(float);
  std::string said;
  {
    const Numbers half(backend, kFloats / 3, 1);
    try {
      const Numbers more(backend, kFloats, 1);
    } catch (const std::bad_alloc& error) { said = error.what(); }
    expect(said.find("out of memory") != std::string::npos, "nobody said that memory is short");
    const Numbers x(backend, 10, 1);
    backend.affine({x.view(), false}, half.view({10}), 3, 0);
    expect(all(x.get(), 3), "what was there before memory was short is gone");
    backend.affine({half.view(), false}, half.view(), 3, 0);
  }
  const Numbers next(backend, kFloats / 2);   // fits where the released one goes
  backend.fill(next.view(), 2);
  expect(all(next.get(), 2), "after room was made, a buffer is unknown to kernels");
}

void everything() {
  stand_in::Books& books = test::use_metal_stand_in();
  books.memory_bytes = kMemory;
  {
    GpuBackend backend(std::make_unique<metal::MetalDevice>());
    keeps_blocks_apart(backend);
    runs_in_order(backend);
    takes_uploads_while_it_works(backend);
    does_not_wait_for_uploads(backend);
    takes_bytes(backend);
    shows_kernels_every_buffer(backend);
    agrees_with_the_reference(backend);
    says_what_a_kernel_did(backend);
    makes_room(backend);
  }
  if (books.live_objects != 0)
    notice(std::to_string(books.live_objects) + " objects were never released");
}

}   // namespace
}   // namespace glass

int main(int argc, char** argv) {
  glass::active_mutant = argc > 1 ? std::atoi(argv[1]) : 0;
  std::string noticed;
  try {
    glass::everything();
  } catch (const std::exception& wrong) { noticed = wrong.what(); }
  // A rule that was broken says more than what came of it.
  const std::vector<std::string>& mistakes = glass::test::use_metal_stand_in().mistakes;
  if (!mistakes.empty()) noticed = mistakes.front();
  if (!noticed.empty()) std::printf("%s\n", noticed.c_str());
  return noticed.empty() ? 0 : 1;
}
