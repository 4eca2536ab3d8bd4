// Runs PTX from a file on the stand-in for a GPU and holds the results to the emulator's, which
// reads the same kernels through another branch of the language.
//   branch_check PTX products|attention|rows      0: they agree; 1: one line says what is wrong
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "kernels/backends.h"
#include "kernels/cuda/cuda_device.h"
#include "kernels/gpu/gpu_backend.h"
#include "tests/kernels/blocks.h"
#include "tests/kernels/device_copy.h"

namespace glass::test {
namespace {

// allowed: as a part of the largest number; by default what rounding factors within a kernel to
// bf16 may cost.
bool agree(const char* what, const std::vector<float>& got, const std::vector<float>& want,
           double allowed = 1e-2) {
  const double off = difference(got, want);
  if (off < allowed) return true;
  std::printf("%s: off by %g of the largest\n", what, off);
  return false;
}

bool products_agree(Backend& gpu, Backend& emulator) {
  bool all = true;
  for (const bool a_across : {false, true})
    for (const bool b_across : {false, true}) {
      const ProductSizes n = {130, 136, 200};
      all = agree("a product", product(gpu, DType::bf16, n, a_across, b_across),
                  product(emulator, DType::bf16, n, a_across, b_across)) &&
            all;
    }
  return all;
}

bool attention_agrees(Backend& gpu, Backend& emulator) {
  bool all = true;
  for (const AttentionSizes& n :
       {AttentionSizes{1, 2, 1, 100, 64}, AttentionSizes{1, 1, 1, 40, 128}}) {
    Attention a;
    a.scale = 0.125;
    const AttentionResult got = attend(gpu, DType::bf16, n, a),
                          want = attend(emulator, DType::bf16, n, a);
    all = all && agree("y", got.y, want.y) && agree("lse", got.lse, want.lse) &&
          agree("dq", got.dq, want.dq) && agree("dk", got.dk, want.dk) &&
          agree("dv", got.dv, want.dv);
  }
  return all;
}

View table(std::vector<float>& x, std::int64_t rows, std::int64_t columns) {
  View v{};
  v.data = reinterpret_cast<std::byte*>(x.data());
  v.dtype = DType::f32;
  v.rank = 2;
  v.shape[0] = rows, v.shape[1] = columns;
  v.stride[0] = columns, v.stride[1] = 1;
  return v;
}

// Softmax of rows, which warps add up; a product in f32, whose groups share memory; the largest of
// many.
struct RowsResult {
  std::vector<float> softmax, product;
};
RowsResult rows_of(Backend& backend) {
  constexpr std::int64_t M = 70, N = 90;
  std::vector<float> x(M * N), y(M * N), c(M * M);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = std::sin(0.37f * static_cast<float>(i));
  DeviceCopies copies(backend);
  const View from = copies.send(table(x, M, N)), to = copies.send(table(y, M, N)),
             sums = copies.send(table(c, M, M));
  View across = from;
  std::swap(across.shape[0], across.shape[1]);
  std::swap(across.stride[0], across.stride[1]);
  backend.softmax(to, from);
  backend.matmul({sums, false}, from, across);
  copies.fetch();
  return {y, c};
}

// The first id that no row has, as gather says it.
std::string bad_id(Backend& backend) {
  std::vector<float> rows(64), to(400 * 8);
  std::vector<std::int32_t> ids(400, 3);
  ids[37] = 99, ids[200] = -5;
  DeviceCopies copies(backend);
  View which{};
  which.data = reinterpret_cast<std::byte*>(ids.data());
  which.dtype = DType::i32;
  which.rank = 1;
  which.shape[0] = 400, which.stride[0] = 1;
  try {
    backend.gather(copies.send(table(to, 400, 8)), copies.send(table(rows, 8, 8)),
                   copies.send(which));
    backend.wait();
  } catch (const std::invalid_argument& said) { return said.what(); }
  return "";
}

bool rows_agree(Backend& gpu, Backend& emulator) {
  const std::string said = bad_id(gpu), expected = bad_id(emulator);
  if (said != expected) std::printf("\"%s\" and not \"%s\"\n", said.c_str(), expected.c_str());
  const RowsResult got = rows_of(gpu), want = rows_of(emulator);
  return agree("softmax", got.softmax, want.softmax, 1e-5) &&
         agree("a product", got.product, want.product, 1e-5) && said == expected;
}

int check(const char* file, const std::string& what) {
  std::ifstream in(file);
  const std::string ptx((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  std::string why;
  const cuda::Driver* driver = cuda::find_driver(why);
  if (!driver) return std::printf("%s\n", why.c_str()), 2;
  GpuBackend gpu(std::make_unique<cuda::CudaDevice>(*driver, 0, ptx));
  const std::unique_ptr<Backend> emulator = make_backend("emulator", "auto", 1);
  const bool fine = what == "products"    ? products_agree(gpu, *emulator)
                    : what == "attention" ? attention_agrees(gpu, *emulator)
                                          : rows_agree(gpu, *emulator);
  return fine ? 0 : 1;
}

}   // namespace
}   // namespace glass::test

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  try {
    return glass::test::check(argv[1], argv[2]);
  } catch (const std::exception& error) {
    std::printf("%s\n", error.what());
    return 1;
  }
}
