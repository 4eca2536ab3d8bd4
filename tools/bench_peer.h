// The matrix product of another library, loaded at run time from a name or a path: whatever speaks
// cblas_sgemm, sgemm_ or dnnl_sgemm. Nothing of it is linked, and nothing else of glass uses it.
#pragma once
#include <cstdint>
#include <string>

namespace glass {

class PeerBlas {
 public:
  // SystemError where the library cannot be loaded, ContentError where it has no product that we
  // know how to call, or computes another one.
  PeerBlas(const std::string& library, int threads);

  // c (M,N) = a (M,K) b (K,N) + beta c, all row by row. `transposed` matrices lie in memory the
  // other way round.
  struct Factor {
    const float* data;
    bool transposed;
  };
  void product(std::int64_t M, std::int64_t N, std::int64_t K, Factor a, Factor b, float beta,
               float* c) const;

  const std::string& name() const { return name_; }       // "OpenBLAS 0.3.21 ... SkylakeX"
  const std::string& symbol() const { return symbol_; }   // "cblas_sgemm"
  bool threads_set() const { return threads_set_; }       // it has a function for that

 private:
  void set_threads(int threads);
  void find_name();
  void check_product(const std::string& library) const;

  void* handle_ = nullptr;   // never closed: its threads may still wait inside
  void* function_ = nullptr;
  std::string name_, symbol_;
  bool threads_set_ = false;
};

}   // namespace glass
