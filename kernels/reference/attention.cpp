// Causal attention, one query at a time: scores s_j = scale q . k_j over the keys the query may see, pattern
// p = softmax(s), y = sum over j of p_j v_j. Backward forms the pattern again from the scores and lse.
#include <limits>
#include <vector>

#include "kernels/formulas.h"
#include "kernels/reference/loops.h"
#include "kernels/reference/reference.h"

namespace glass {
using namespace reference;

namespace {

struct Sizes {
  std::int64_t B, H, Hk, Tq, Tk, D;
};

Sizes require_attention(const char* op, const View& y, const View& lse, const View& q,
                        const View& k, const View& v, const Attention& a) {
  require(q.rank == 4 && k.rank == 4 && v.rank == 4 && y.rank == 4, op,
          "q, k, v and y must be (B,H,T,D)");
  const Sizes n = {q.shape[0], q.shape[1], k.shape[1], q.shape[2], k.shape[2], q.shape[3]};
  require(same_shape(k, v) && k.shape[0] == n.B && k.shape[3] == n.D, op,
          "k and v must be (B,Hk,Tk,D)");
  require(n.Hk > 0 ? n.H % n.Hk == 0 : n.H == 0, op,
          "the heads must be a multiple of the key heads");
  require(same_shape(y, q) && count(lse) == n.B * n.H * n.Tq, op, "y must be like q, lse (B,H,Tq)");
  require(a.dropout >= 0 && a.dropout < 1, op, "dropout must be in [0, 1)");
  require(a.window >= 0 && a.q_offset >= 0, op, "window and q_offset must not be negative");
  require_type(op, q, k, v, y, lse);
  return n;
}

// One query and the keys it sees: [first, last). Row numbers of q and of k, v.
struct Query {
  std::int64_t first, last, q_row, k_row;
};

// Calls body(query) for every query of every head.
template <class Body> void for_each_query(const Sizes& n, const Attention& a, const Body& body) {
  for (std::int64_t b = 0; b < n.B; ++b) {
    for (std::int64_t h = 0; h < n.H; ++h) {
      for (std::int64_t i = 0; i < n.Tq; ++i) {
        const std::int64_t position = a.q_offset + i;
        const std::int64_t last = position + 1 < n.Tk ? position + 1 : n.Tk;
        const std::int64_t first =
            a.window > 0 && position >= a.window ? position - a.window + 1 : 0;
        const std::int64_t key_head = h / (n.H / n.Hk);   // H/Hk query heads share one key head
        body(Query{first, last, (b * n.H + h) * n.Tq + i, (b * n.Hk + key_head) * n.Tk});
      }
    }
  }
}

// What weight j of the pattern is multiplied with: 0 where it is dropped, 1 / (1 - p) where it is kept.
double kept(const Attention& a, const Sizes& n, const Query& query, std::int64_t j) {
  if (a.dropout == 0) return 1;
  const std::int64_t number = query.q_row * n.Tk + j;
  const std::uint32_t drawn = philox(a.key, static_cast<std::uint32_t>(number / 4)).x[number % 4];
  return drawn >= drop_threshold(a.dropout) ? 1 / (1 - a.dropout) : 0;
}

template <class T> double dot(const Row<T>& a, const Row<T>& b, std::int64_t n) {
  double sum = 0;
  for (std::int64_t c = 0; c < n; ++c) sum += static_cast<double>(a[c]) * static_cast<double>(b[c]);
  return sum;
}

// The result of a gradient that many queries add to: summed in double, rounded once.
template <class T> void put_all(const Into& into, const std::vector<double>& values) {
  if (!wanted(into)) return;
  for (std::int64_t i = 0; i < count(into.view); ++i)
    put(into, at<T>(into.view, i), values[static_cast<std::size_t>(i)]);
}

}  // namespace

void ReferenceBackend::attention(View y, View lse, View q, View k, View v, const Attention& a) {
  if (any_bf16(y, q, k, v)) {
    Doubles d;
    return attention(d.out(y), d.out(lse), d.in(q), d.in(k), d.in(v), a);
  }
  const Sizes n = require_attention("attention", y, lse, q, k, v, a);
  with_type("attention", q.dtype, [&](auto zero) {
    using T = decltype(zero);
    std::vector<double> p(static_cast<std::size_t>(n.Tk));
    for_each_query(n, a, [&](const Query& query) {
      const Row<T> Q = row<T>(q, query.q_row), Y = row<T>(y, query.q_row);
      double top = -std::numeric_limits<double>::infinity(), sum = 0;
      for (std::int64_t j = query.first; j < query.last; ++j) {
        double& s = p[static_cast<std::size_t>(j)];
        s = a.scale * dot(Q, row<T>(k, query.k_row + j), n.D);
        top = formulas::max(top, s);
      }
      const bool blind = std::isinf(top) && top < 0;   // no key, or none with a score above -inf
      for (std::int64_t j = query.first; j < query.last; ++j) {
        double& e = p[static_cast<std::size_t>(j)];
        e = blind ? 0.0 : std::exp(e - top);
        sum += e;
      }
      for (std::int64_t c = 0; c < n.D; ++c) {
        double total = 0;
        for (std::int64_t j = query.first; j < query.last; ++j)
          total +=
              p[static_cast<std::size_t>(j)] * kept(a, n, query, j) * row<T>(v, query.k_row + j)[c];
        Y[c] = static_cast<T>(blind ? 0.0 : total / sum);
      }
      at<T>(lse, query.q_row) = static_cast<T>(blind ? top : top + std::log(sum));
    });
  });
}

// With p the pattern, z what dropout multiplies it with, and y = sum of p z v:
//   dv_j = p_j z_j dy,   dp_j = z_j dy . v_j,   ds_j = p_j (dp_j - sum over i of p_i dp_i),
//   dq = scale sum of ds_j k_j,   dk_j = scale ds_j q.
// The inner sum equals dy . y; fused kernels read it off y, here it is summed as the formula says.
void ReferenceBackend::attention_backward(Into dq, Into dk, Into dv, View dy, View y, View lse,
                                          View q, View k, View v, const Attention& a) {
  if (any_bf16(dq.view, dk.view, dv.view, dy, y, q, k, v)) {
    Doubles d;
    return attention_backward(d.into(dq), d.into(dk), d.into(dv), d.in(dy), d.in(y), d.in(lse), d.in(q), d.in(k), d.in(v), a);
  }
  const Sizes n = require_attention("attention_backward", y, lse, q, k, v, a);
  require(same_shape(dy, q), "attention_backward", "dy must be like q");
  require((!wanted(dq) || same_shape(dq.view, q)) && (!wanted(dk) || same_shape(dk.view, k)) &&
              (!wanted(dv) || same_shape(dv.view, v)),
          "attention_backward", "dq, dk and dv must be like q, k and v");
  require_type("attention_backward", q, dq.view, dk.view, dv.view, dy);
  with_type("attention_backward", q.dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto number = [&](std::int64_t row_number, std::int64_t c) {
      return static_cast<std::size_t>(row_number * n.D + c);
    };
    std::vector<double> p(static_cast<std::size_t>(n.Tk)), dp(p),
        sum_dq(static_cast<std::size_t>(count(q))), sum_dk(static_cast<std::size_t>(count(k))),
        sum_dv(sum_dk);
    for_each_query(n, a, [&](const Query& query) {
      const Row<T> Q = row<T>(q, query.q_row), dY = row<T>(dy, query.q_row);
      const double total = at<T>(lse, query.q_row);
      if (std::isinf(total) && total < 0) return;   // the query saw nothing
      double mean = 0;
      for (std::int64_t j = query.first; j < query.last; ++j) {
        const std::size_t J = static_cast<std::size_t>(j);
        p[J] = std::exp(a.scale * dot(Q, row<T>(k, query.k_row + j), n.D) - total);
        dp[J] = kept(a, n, query, j) * dot(dY, row<T>(v, query.k_row + j), n.D);
        mean += p[J] * dp[J];
      }
      for (std::int64_t j = query.first; j < query.last; ++j) {
        const std::size_t J = static_cast<std::size_t>(j);
        const double ds = a.scale * p[J] * (dp[J] - mean), weight = p[J] * kept(a, n, query, j);
        const Row<T> K = row<T>(k, query.k_row + j);
        for (std::int64_t c = 0; c < n.D; ++c) {
          sum_dq[number(query.q_row, c)] += ds * K[c];
          sum_dk[number(query.k_row + j, c)] += ds * Q[c];
          sum_dv[number(query.k_row + j, c)] += weight * dY[c];
        }
      }
    });
    put_all<T>(dq, sum_dq);
    put_all<T>(dk, sum_dk);
    put_all<T>(dv, sum_dv);
  });
}

}  // namespace glass
