// The cases of `glass bench ops`. Shapes are those of GPT-2 124M (C = 768) and of character models
// (C = 128 and 384). Work and traffic are counted as the definition of a kernel needs them, not as
// an implementation does.
#include <cmath>

#include "engine/base/text.h"
#include "tools/bench.h"

namespace glass {
namespace {

using Sizes = Operands::Sizes;
using Prepare = std::function<std::function<void()>(Operands&)>;

double count(const Sizes& sizes) {
  double n = 1;
  for (const std::int64_t size : sizes) n *= static_cast<double>(size);
  return n;
}
std::string text(const Sizes& sizes) {
  std::vector<std::string> parts;
  for (const std::int64_t n : sizes) parts.push_back(std::to_string(n));
  return join(parts, "x");
}
View transposed(View v) {
  std::swap(v.shape[v.rank - 1], v.shape[v.rank - 2]);
  std::swap(v.stride[v.rank - 1], v.stride[v.rank - 2]);
  return v;
}
Into put(const View& v) { return {v, false}; }
Into add(const View& v) { return {v, true}; }
const View kNone{};

const char* const kProducts = "Matrix products (M x N x K)";
const char* const kAttention = "Attention (B x H x T x D)";

struct CaseList {
  std::vector<BenchCase> cases;
  std::string group;
  // passes: how many numbers are read or written for each of `sizes`.
  void memory(const std::string& name, const Sizes& sizes, double passes, Prepare prepare) {
    cases.push_back({group, name, text(sizes), 0, 4 * passes * count(sizes), std::move(prepare)});
  }
  void work(const std::string& name, const std::string& shape, double flops, double bytes,
            Prepare prepare) {
    cases.push_back({group, name, shape, flops, bytes, std::move(prepare)});
  }
};

enum class Layouts { forward, all };

// y (M,N) = x (M,K) w(N,K)^T and, on request, its two gradients: dx += dy w, dw += dy^T x.
// All are of the type of the factors but dw, a gradient of a weight, which is f32.
void products(CaseList& list, std::int64_t M, std::int64_t N, std::int64_t K, Layouts layouts,
              DType dtype) {
  const double flops = 2 * count({M, N, K}), each = dtype == DType::bf16 ? 2 : 4,
               factors = each * (count({M, K}) + count({M, N})), weight = count({N, K});
  const std::string shape = text({M, N, K}) + (dtype == DType::bf16 ? ", bf16" : "");
  list.work("linear", shape, flops, factors + each * weight, [=](Operands& o) {
    const View y = o.numbers({M, N}, dtype), x = o.numbers({M, K}, dtype),
               w = o.numbers({N, K}, dtype), bias = o.numbers({N});
    return [=, &b = o.backend()] { b.linear(y, x, w, bias); };
  });
  if (layouts == Layouts::forward) return;
  list.work("matmul, dx", shape, flops, factors + each * weight, [=](Operands& o) {
    const View dx = o.numbers({M, K}, dtype), dy = o.numbers({M, N}, dtype),
               w = o.numbers({N, K}, dtype);
    return [=, &b = o.backend()] { b.matmul(put(dx), dy, w); };
  });
  list.work("matmul, dw", shape, flops, factors + 2 * 4 * weight, [=](Operands& o) {
    const View dw = o.numbers({N, K}), dy = o.numbers({M, N}, dtype), x = o.numbers({M, K}, dtype);
    return [=, &b = o.backend()] { b.matmul(add(dw), transposed(dy), x); };
  });
}

// y (M,N) = x (M,K) w^T for a weight that inference has packed.
void packed_products(CaseList& list, std::int64_t M, std::int64_t N, std::int64_t K) {
  for (int t = 0; t < kPackedTypes; ++t) {
    const auto type = static_cast<PackedType>(t);
    const double bytes =
        static_cast<double>(packed_bytes(type, N, K)) + 4 * count({M, K}) + 4 * count({M, N});
    list.work(std::string("linear_packed, ") + name_of(type), text({M, N, K}), 2 * count({M, N, K}),
              bytes, [=](Operands& o) {
                const View y = o.numbers({M, N}), x = o.numbers({M, K});
                const PackedWeight w = o.packed(type, N, K);
                return [=, &b = o.backend()] { b.linear_packed(y, x, w, kNone); };
              });
  }
}

void attentions(CaseList& list, std::int64_t B, std::int64_t H, std::int64_t Tq, std::int64_t Tk,
                std::int64_t D, double dropout, DType dtype = DType::f32) {
  const Sizes q_sizes = {B, H, Tq, D}, k_sizes = {B, H, Tk, D};
  const double seen = static_cast<double>(Tk - Tq) +
                      0.5 * static_cast<double>(Tq + 1);   // keys, for a query on average
  const double pairs = count({B, H, Tq}) * seen,
               traffic = (dtype == DType::bf16 ? 2 : 4) * (2 * count(q_sizes) + 2 * count(k_sizes));
  const Attention how = {1 / std::sqrt(static_cast<double>(D)), Tk - Tq, 0, dropout, {1, 2, 3, 4}};
  const std::string shape = text(q_sizes) + (Tq == Tk ? "" : " of " + std::to_string(Tk)) +
                            (dropout > 0 ? ", dropout" : "") +
                            (dtype == DType::bf16 ? ", bf16" : "");
  list.work("attention", shape, 4 * pairs * static_cast<double>(D), traffic, [=](Operands& o) {
    const View y = o.numbers(q_sizes, dtype), lse = o.numbers({B, H, Tq}),
               q = o.numbers(q_sizes, dtype), k = o.numbers(k_sizes, dtype),
               v = o.numbers(k_sizes, dtype);
    return [=, &b = o.backend()] { b.attention(y, lse, q, k, v, how); };
  });
  if (Tq != Tk) return;
  list.work("attention_backward", shape, 10 * pairs * static_cast<double>(D), 2 * traffic,
            [=](Operands& o) {
              const View dq = o.numbers(q_sizes, dtype), dk = o.numbers(k_sizes, dtype),
                         dv = o.numbers(k_sizes, dtype), dy = o.numbers(q_sizes, dtype);
              const View y = o.numbers(q_sizes, dtype), lse = o.numbers({B, H, Tq}),
                         q = o.numbers(q_sizes, dtype), k = o.numbers(k_sizes, dtype),
                         v = o.numbers(k_sizes, dtype);
              o.backend().attention(y, lse, q, k, v, how);
              return [=, &b = o.backend()] {
                b.attention_backward(put(dq), put(dk), put(dv), dy, y, lse, q, k, v, how);
              };
            });
}

void elementwise(CaseList& list, const Sizes& sizes) {
  list.memory("fill", sizes, 1, [=](Operands& o) {
    const View y = o.numbers(sizes);
    return [=, &b = o.backend()] { b.fill(y, 0); };
  });
  list.memory("copy", sizes, 2, [=](Operands& o) {
    const View y = o.numbers(sizes), x = o.numbers(sizes);
    return [=, &b = o.backend()] { b.copy(put(y), x); };
  });
  list.memory("copy, transposed", sizes, 2, [=](Operands& o) {
    const View y = o.numbers(sizes), x = o.numbers({sizes[1], sizes[0]});
    return [=, &b = o.backend()] { b.copy(put(y), transposed(x)); };
  });
  list.memory("affine", sizes, 2, [=](Operands& o) {
    const View y = o.numbers(sizes), x = o.numbers(sizes);
    return [=, &b = o.backend()] { b.affine(put(y), x, 2, 1); };
  });
  list.memory("zip, add", sizes, 3, [=](Operands& o) {
    const View y = o.numbers(sizes), a = o.numbers(sizes), c = o.numbers(sizes);
    return [=, &b = o.backend()] { b.zip(Binary::add, put(y), a, c); };
  });
  for (const auto& [f, name] : {std::pair{Unary::relu, "relu"},
                                {Unary::exp, "exp"},
                                {Unary::gelu, "gelu"},
                                {Unary::gelu_erf, "gelu_erf"}}) {
    const Unary unary = f;
    list.memory(std::string("map, ") + name, sizes, 2, [=](Operands& o) {
      const View y = o.numbers(sizes), x = o.numbers(sizes);
      return [=, &b = o.backend()] { b.map(unary, y, x); };
    });
  }
  for (const auto& [f, name] : {std::pair{Unary::gelu, "gelu"}, {Unary::gelu_erf, "gelu_erf"}}) {
    const Unary unary = f;
    list.memory(std::string("map_backward, ") + name, sizes, 3, [=](Operands& o) {
      const View dx = o.numbers(sizes), dy = o.numbers(sizes), x = o.numbers(sizes);
      return [=, &b = o.backend()] { b.map_backward(unary, put(dx), dy, x); };
    });
  }
  list.memory("swiglu", sizes, 3, [=](Operands& o) {
    const View y = o.numbers(sizes), gate = o.numbers(sizes), up = o.numbers(sizes);
    return [=, &b = o.backend()] { b.swiglu(y, gate, up); };
  });
  list.memory("swiglu_backward", sizes, 5, [=](Operands& o) {
    const View dgate = o.numbers(sizes), dup = o.numbers(sizes), dy = o.numbers(sizes),
               gate = o.numbers(sizes), up = o.numbers(sizes);
    return [=, &b = o.backend()] { b.swiglu_backward(put(dgate), put(dup), dy, gate, up); };
  });
  list.memory("dropout", sizes, 2, [=](Operands& o) {
    const View y = o.numbers(sizes), x = o.numbers(sizes);
    return [=, &b = o.backend()] { b.dropout(put(y), x, 0.2, {1, 2, 3, 4}); };
  });
}

void rows(CaseList& list, std::int64_t n, std::int64_t C) {
  const Sizes sizes = {n, C};
  list.memory("fold, sum over rows", sizes, 1, [=](Operands& o) {
    const View y = o.numbers({1, C}), x = o.numbers(sizes);
    return [=, &b = o.backend()] { b.fold(Fold::sum, add(y), x); };
  });
  list.memory("fold, sum over columns", sizes, 1, [=](Operands& o) {
    const View y = o.numbers({n, 1}), x = o.numbers(sizes);
    return [=, &b = o.backend()] { b.fold(Fold::sum, put(y), x); };
  });
  list.memory("softmax", sizes, 2, [=](Operands& o) {
    const View y = o.numbers(sizes), x = o.numbers(sizes);
    return [=, &b = o.backend()] { b.softmax(y, x); };
  });
  list.memory("softmax_backward", sizes, 3, [=](Operands& o) {
    const View dx = o.numbers(sizes), dy = o.numbers(sizes), y = o.numbers(sizes);
    return [=, &b = o.backend()] { b.softmax_backward(put(dx), dy, y); };
  });
  list.memory("layernorm", sizes, 2, [=](Operands& o) {
    const View y = o.numbers(sizes), mean = o.numbers({n, 1}), rstd = o.numbers({n, 1}),
               x = o.numbers(sizes), w = o.numbers({C}), bias = o.numbers({C});
    return [=, &b = o.backend()] { b.layernorm(y, mean, rstd, x, w, bias, 1e-5); };
  });
  list.memory("layernorm_backward", sizes, 3, [=](Operands& o) {
    const View dx = o.numbers(sizes), dw = o.numbers({C}), db = o.numbers({C}),
               dy = o.numbers(sizes), x = o.numbers(sizes), w = o.numbers({C});
    const View mean = o.numbers({n, 1}), rstd = o.numbers({n, 1});
    return [=, &b = o.backend()] {
      b.layernorm_backward(put(dx), add(dw), add(db), dy, x, w, mean, rstd);
    };
  });
  list.memory("rmsnorm", sizes, 2, [=](Operands& o) {
    const View y = o.numbers(sizes), rstd = o.numbers({n, 1}), x = o.numbers(sizes),
               w = o.numbers({C});
    return [=, &b = o.backend()] { b.rmsnorm(y, rstd, x, w, 1e-5); };
  });
  list.memory("rmsnorm_backward", sizes, 3, [=](Operands& o) {
    const View dx = o.numbers(sizes), dw = o.numbers({C}), dy = o.numbers(sizes),
               x = o.numbers(sizes), w = o.numbers({C}), rstd = o.numbers({n, 1});
    return [=, &b = o.backend()] { b.rmsnorm_backward(put(dx), add(dw), dy, x, w, rstd); };
  });
}

void tokens(CaseList& list, std::int64_t n, std::int64_t C, std::int64_t V) {
  list.memory("gather", {n, C}, 2, [=](Operands& o) {
    const View y = o.numbers({n, C}), table = o.numbers({V, C}), ids = o.ids({n}, V);
    return [=, &b = o.backend()] { b.gather(y, table, ids); };
  });
  list.memory("scatter_add", {n, C}, 3, [=](Operands& o) {
    const View y = o.numbers({n, C}), table = o.numbers({V, C}), ids = o.ids({n}, V);
    return [=, &b = o.backend()] { b.scatter_add(add(table), ids, y); };
  });
  list.memory("rope", {64, 6, 256, 64}, 2, [=](Operands& o) {
    const View y = o.numbers({64, 6, 256, 64}), x = o.numbers({64, 6, 256, 64});
    return [=, &b = o.backend()] { b.rope(put(y), x, 10000, 0, false); };
  });
  list.memory("cross_entropy", {512, V}, 1, [=](Operands& o) {
    const View loss = o.numbers({512}), lse = o.numbers({512}), logits = o.numbers({512, V}),
               targets = o.ids({512}, V);
    return [=, &b = o.backend()] { b.cross_entropy(loss, lse, logits, targets, -1); };
  });
  list.memory("cross_entropy_backward", {512, V}, 2, [=](Operands& o) {
    const View dlogits = o.numbers({512, V}), dloss = o.numbers({512}),
               logits = o.numbers({512, V}), lse = o.numbers({512}), targets = o.ids({512}, V);
    return [=, &b = o.backend()] {
      b.cross_entropy_backward(put(dlogits), dloss, logits, lse, targets, -1);
    };
  });
}

void optimizer(CaseList& list, std::int64_t parts, std::int64_t n) {
  const Sizes sizes = {parts, n};
  list.memory("global_norm", sizes, 1, [=](Operands& o) {
    std::vector<View> grads;
    for (std::int64_t i = 0; i < parts; ++i) grads.push_back(o.numbers({n}));
    const View norm = o.numbers({1});
    return [=, &b = o.backend()] {
      b.global_norm(norm, grads.data(), static_cast<int>(grads.size()));
    };
  });
  list.memory("adamw", sizes, 7, [=](Operands& o) {
    std::vector<AdamWItem> items;
    for (std::int64_t i = 0; i < parts; ++i)
      items.push_back({o.numbers({n}), o.numbers({n}), o.numbers({n}), o.numbers({n}), 0.1});
    for (const AdamWItem& item : items)
      o.backend().map(Unary::square, item.v, item.v);   // a second moment is not negative
    const View numbers = o.numbers({kAdamWNumbers}), norm = o.numbers({1});
    const float values[kAdamWNumbers] = {1e-3f, 0.9f, 0.95f, 1e-8f, 0.1f, 0.05f, 1.0f};
    o.backend().upload(numbers.data, values, sizeof values);
    o.backend().fill(norm, 1);
    return [=, &b = o.backend()] {
      b.adamw(items.data(), static_cast<int>(items.size()), numbers, norm, kNone);
    };
  });
}

}   // namespace

std::vector<BenchCase> product_cases(std::int64_t M, std::int64_t N, std::int64_t K, DType dtype) {
  CaseList list;
  list.group = kProducts;
  products(list, M, N, K, Layouts::all, dtype);
  return std::move(list.cases);
}

std::vector<BenchCase> attention_cases(std::int64_t B, std::int64_t H, std::int64_t T,
                                       std::int64_t D, DType dtype) {
  CaseList list;
  list.group = kAttention;
  attentions(list, B, H, T, T, D, 0, dtype);
  return std::move(list.cases);
}

std::vector<BenchCase> bench_cases(DType dtype) {
  CaseList list;
  list.group = kProducts;
  products(list, 256, 2304, 768, Layouts::all, dtype);
  products(list, 256, 768, 3072, Layouts::all, dtype);
  products(list, 256, 50257, 768, Layouts::all, dtype);
  products(list, 16384, 1536, 384, Layouts::all, dtype);
  products(list, 768, 384, 128, Layouts::all, dtype);
  products(list, 1024, 1024, 1024, Layouts::forward, dtype);
  products(list, 4096, 4096, 4096, Layouts::forward, dtype);
  products(list, 8, 16, 16, Layouts::all, dtype);
  products(list, 1, 3072, 768, Layouts::forward, dtype);
  products(list, 1, 50257, 768, Layouts::forward, dtype);
  packed_products(list, 1, 50257, 768);
  packed_products(list, 512, 3072, 768);
  list.group = kAttention;
  attentions(list, 64, 6, 256, 256, 64, 0, dtype);
  attentions(list, 64, 6, 256, 256, 64, 0.2, dtype);
  attentions(list, 12, 4, 64, 64, 32, 0, dtype);
  attentions(list, 1, 12, 1024, 1024, 64, 0, dtype);
  attentions(list, 1, 12, 1, 1024, 64, 0, dtype);
  attentions(list, 1, 4, 16, 16, 4, 0, dtype);
  list.group = "Rows";
  rows(list, 16384, 768);
  list.group = "Tokens";
  tokens(list, 16384, 768, 50257);
  list.group = "Elementwise";
  elementwise(list, {16384, 768});
  list.group = "Optimizer";
  optimizer(list, 8, 768 * 3072);
  return std::move(list.cases);
}

}   // namespace glass
