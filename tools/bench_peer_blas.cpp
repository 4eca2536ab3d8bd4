#include <dlfcn.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "tools/bench_peer.h"

namespace glass {
namespace {

// The three ways to say a product. BLAS in C takes the order of the matrix as a number; Fortran's
// only knows columns, so it is asked for the transposed product; oneDNN's takes rows.
using Cblas = void (*)(int order, int trans_a, int trans_b, int M, int N, int K, float alpha,
                       const float* a, int lda, const float* b, int ldb, float beta, float* c,
                       int ldc);
using Fortran = void (*)(const char* trans_a, const char* trans_b, const int* M, const int* N,
                         const int* K, const float* alpha, const float* a, const int* lda,
                         const float* b, const int* ldb, const float* beta, float* c,
                         const int* ldc);
using OneDnn = int (*)(char trans_a, char trans_b, std::int64_t M, std::int64_t N, std::int64_t K,
                       float alpha, const float* a, std::int64_t lda, const float* b,
                       std::int64_t ldb, float beta, float* c, std::int64_t ldc);

template <class Function>
Function as(void* symbol) {
  return reinterpret_cast<Function>(symbol);
}

}   // namespace

PeerBlas::PeerBlas(const std::string& library, int threads) {
  // Threads of OpenBLAS wait awake for some 2^26 cycles, on the processor that our next turn needs;
  // 2^20 are enough from one call of a turn to the next.
  ::setenv("OPENBLAS_THREAD_TIMEOUT", "20", 0);
  handle_ = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle_ == nullptr) {
    const char* reason = ::dlerror();
    fail(SystemError("--peer: cannot load " + in_quotes(library) + " (" +
                     (reason != nullptr ? reason : "no reason given") +
                     "); install it (Debian: libopenblas0-pthread, libdnnl2), or give its path."));
  }
  for (const char* symbol : {"dnnl_sgemm", "cblas_sgemm", "sgemm_"}) {
    function_ = ::dlsym(handle_, symbol);
    symbol_ = symbol;
    if (function_ != nullptr) break;
  }
  if (function_ == nullptr)
    fail(ContentError("--peer: " + in_quotes(library) +
                      " has neither cblas_sgemm nor sgemm_ nor dnnl_sgemm."));
  set_threads(threads);
  name_ = std::filesystem::path(library).filename().string();
  find_name();
  check_product(library);
}

// A library's own function comes first; those on OpenMP do what OpenMP is told.
void PeerBlas::set_threads(int threads) {
  for (const char* symbol : {"openblas_set_num_threads", "MKL_Set_Num_Threads",
                             "bli_thread_set_num_threads", "omp_set_num_threads"}) {
    void* function = ::dlsym(handle_, symbol);
    if (function == nullptr) continue;
    as<void (*)(int)>(function)(threads);
    threads_set_ = true;
    return;
  }
}

void PeerBlas::find_name() {
  if (void* config = ::dlsym(handle_, "openblas_get_config"))
    name_ = as<const char* (*)()>(config)();
  if (void* core = ::dlsym(handle_, "openblas_get_corename"))
    name_ += std::string(", kernels for ") + as<const char* (*)()>(core)();
  if (void* version = ::dlsym(handle_, "dnnl_version")) {
    struct Version {
      int major, minor, patch;
    };
    const Version* v = as<const Version* (*)()>(version)();
    name_ = format("oneDNN %d.%d.%d", v->major, v->minor, v->patch);
  }
}

void PeerBlas::product(std::int64_t M, std::int64_t N, std::int64_t K, Factor a, Factor b,
                       float beta, float* c) const {
  const std::int64_t lda = a.transposed ? M : K, ldb = b.transposed ? K : N;
  if (symbol_ == "dnnl_sgemm") {
    as<OneDnn>(function_)(a.transposed ? 'T' : 'N', b.transposed ? 'T' : 'N', M, N, K, 1, a.data,
                          lda, b.data, ldb, beta, c, N);
    return;
  }
  const int m = static_cast<int>(M), n = static_cast<int>(N), k = static_cast<int>(K);
  const int la = static_cast<int>(lda), lb = static_cast<int>(ldb);
  if (symbol_ == "cblas_sgemm") {
    constexpr int kRows = 101, kPlain = 111, kTransposed = 112;
    as<Cblas>(function_)(kRows, a.transposed ? kTransposed : kPlain,
                         b.transposed ? kTransposed : kPlain, m, n, k, 1, a.data, la, b.data, lb,
                         beta, c, n);
    return;
  }
  const float one = 1;   // c^T (N,M) = b^T a^T
  as<Fortran>(function_)(b.transposed ? "T" : "N", a.transposed ? "T" : "N", &n, &m, &k, &one,
                         b.data, &lb, a.data, &la, &beta, c, &n);
}

// Whatever a symbol is called, it may mean something else. A small product tells.
void PeerBlas::check_product(const std::string& library) const {
  constexpr std::int64_t M = 3, N = 4, K = 5;
  std::vector<float> a(M * K), b(K * N);
  for (std::size_t i = 0; i < a.size(); ++i) a[i] = static_cast<float>(i % 7) - 3;
  for (std::size_t i = 0; i < b.size(); ++i) b[i] = static_cast<float>(i % 5) - 2;
  for (const bool ta : {false, true}) {
    for (const bool tb : {false, true}) {
      std::vector<float> c(M * N, 1);
      product(M, N, K, {a.data(), ta}, {b.data(), tb}, 1, c.data());
      for (std::int64_t i = 0; i < M; ++i) {
        for (std::int64_t j = 0; j < N; ++j) {
          float sum = 1;
          for (std::int64_t k = 0; k < K; ++k)
            sum += a[static_cast<std::size_t>(ta ? k * M + i : i * K + k)] *
                   b[static_cast<std::size_t>(tb ? j * K + k : k * N + j)];
          if (std::abs(c[static_cast<std::size_t>(i * N + j)] - sum) > 1e-3f)
            fail(ContentError("--peer: " + symbol_ + " of " + in_quotes(library) +
                              " computes another product than ours."));
        }
      }
    }
  }
}

}   // namespace glass
