// Attention's backward for one head of one run: squares of kAttentionSquare queries and keys, the scores computed once
// more from the logarithm of the softmax's sum. Included once per SIMD target. The order of sums:
// docs/design/numerics.md.
//
//   AttentionSquares<float> squares{...};
//   squares.Begin(space);
//   squares.TakeKeys(...);
//   for every head of the group: squares.TakeQueries(...), squares.Run(...), squares.PutQueries(...);
//   squares.PutKeys(...);
#if defined(STRATA_KERNELS_SIMD_ATTENTION_BACKWARD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_ATTENTION_BACKWARD_INL_H_
#undef STRATA_KERNELS_SIMD_ATTENTION_BACKWARD_INL_H_
#else
#define STRATA_KERNELS_SIMD_ATTENTION_BACKWARD_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>
#include <limits>

#include "kernels/simd/attention_plan.h"
#include "kernels/simd/attention_tile-inl.h"
#include "kernels/simd/row-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class F>
struct AttentionSquares {
  static constexpr size_t kSide = kAttentionSquare;

  KeyWindow window;
  size_t width, queries, keys;
  double scale;

  // By row of a square: of the queries in panels of kSide rows, ...
  F *q = nullptr, *grad = nullptr, *q_rows = nullptr, *grad_rows = nullptr, *grad_q = nullptr, *lse = nullptr,
    *pull = nullptr;
  // ... of the keys: sums of the whole run, and one block's panels.
  F *grad_k = nullptr, *grad_v = nullptr, *k = nullptr, *v = nullptr, *k_rows = nullptr, *p = nullptr, *s = nullptr,
    *bias = nullptr;

  size_t Rows() const { return (queries + kSide - 1) / kSide * kSide; }
  size_t Columns() const { return (keys + kSide - 1) / kSide * kSide; }

  void Begin(F* space) {
    const size_t padded = Padded<F>(width);
    const auto take = [&](size_t count) { return space += count, space - count; };
    p = take(kSide * kSide), s = take(kSide * kSide), bias = take(kSide * kSide);
    k = take(kSide * width), v = take(kSide * width), k_rows = take(kSide * padded);
    grad_k = take(Columns() * padded), grad_v = take(Columns() * padded);
    q = take(Rows() * width), grad = take(Rows() * width);
    q_rows = take(Rows() * padded), grad_rows = take(Rows() * padded), grad_q = take(Rows() * padded);
    lse = take(Rows()), pull = take(Rows());
    std::fill(grad_k, grad_k + 2 * Columns() * padded, F(0));
  }

  // One head's queries, results and their gradients; lse_of(i), grad_lse_of(i) of query i.
  template <class Q, class Y, class LseOf, class GradLseOf>
  void TakeQueries(const Q& query_rows, const Y& y_rows, const Y& grad_y_rows, const LseOf& lse_of,
                   const GradLseOf& grad_lse_of) {
    const hn::ScalableTag<F> d;
    PackRight(query_rows, 0, queries, width, q);
    PackRight(grad_y_rows, 0, queries, width, grad);
    const auto factor = hn::Set(d, static_cast<F>(scale * Exp2Constants<double>::kLog2E));
    for (size_t i = 0; i < AttentionPadded(queries, sizeof(F)) * width; i += hn::Lanes(d)) {
      hn::Store(hn::Mul(hn::Load(d, q + i), factor), d, q + i);
    }
    PackRows(query_rows, 0, queries, width, Rows(), q_rows);
    PackRows(grad_y_rows, 0, queries, width, Rows(), grad_rows);
    std::fill(grad_q, grad_q + Rows() * Padded<F>(width), F(0));
    constexpr F kInfinity = std::numeric_limits<F>::infinity();
    for (size_t i = 0; i < Rows(); ++i) {
      // A query that sees nothing, or none at all: every weight is zero.
      lse[i] = i >= queries || lse_of(i) == -kInfinity ? kInfinity : lse_of(i) * Exp2Constants<F>::kLog2E;
      pull[i] = F(0);
      if (i >= queries) continue;
      const auto *y = y_rows(i), *g = grad_y_rows(i);
      pull[i] =
          LaneSum(d, width, [&](auto acc, auto at) HWY_ATTR { return hn::MulAdd(at(y), at(g), acc); }) - grad_lse_of(i);
    }
  }

  // All squares. bias_rows(i): query i's biases; put_bias(i, key, count, gradients): one query's.
  template <bool kBias, class K, class V, class BiasRows, class PutBias>
  void Run(const K& key_rows, const V& value_rows, const BiasRows& bias_rows, const PutBias& put_bias) {
    for (size_t key = 0; key < keys; key += kSide) {
      const size_t columns = std::min(kSide, keys - key);
      PackLeft(key_rows, key, columns, width, k);
      PackLeft(value_rows, key, columns, width, v);
      PackRows(key_rows, key, columns, width, kSide, k_rows);
      for (size_t query = 0; query < queries; query += kSide) {
        const size_t rows = std::min(kSide, queries - query);
        if (!Visible(query, rows, key, columns)) continue;
        if constexpr (kBias) {
          const auto from = [&](size_t i) { return bias_rows(query + i) + key; };
          for (size_t i = 0; i < rows; i += kPanel<F>) {
            PackColumns<kPanel<F>>(from, i, std::min(kPanel<F>, rows - i), columns, p);
            for (size_t j = 0; j < columns; ++j) std::copy_n(p + j * kPanel<F>, kPanel<F>, bias + j * kSide + i);
          }
        }
        Products(query, rows, columns);
        Weigh<kBias>(query, key, columns);
        if constexpr (kBias) PutBiases(query, rows, key, columns, put_bias);
        Accumulate(query, rows, key, columns);
      }
    }
  }

  // out_rows(i) takes grad_q of query i; out_k(j), out_v(j) the gradients of key j.
  template <class Out>
  void PutQueries(const Out& out_rows) const {
    Put(grad_q, queries, Rows(), static_cast<F>(scale), out_rows);
  }
  template <class OutK, class OutV>
  void PutKeys(const OutK& out_k, const OutV& out_v) const {
    Put(grad_k, keys, Columns(), static_cast<F>(scale), out_k);
    Put(grad_v, keys, Columns(), F(1), out_v);
  }

 private:
  size_t First(size_t query) const { return static_cast<size_t>(window.First(static_cast<int64_t>(query))); }
  size_t End(size_t query) const { return static_cast<size_t>(window.End(static_cast<int64_t>(query))); }
  bool Visible(size_t query, size_t rows, size_t key, size_t columns) const {
    return First(query) < key + columns && End(query + rows - 1) > key;
  }

  // p = keys queries^T (base 2) and s = values grad_y^T, rows by key, kSide columns.
  void Products(size_t query, size_t rows, size_t columns) const {
    for (size_t i = 0; i < rows; i += kPanel<F>) {
      const size_t panel = (query + i) * width;
      ForEachHeight(columns, [&](auto height, size_t j) {
        Dots<height()>(k + j * width, q + panel, width, p + j * kSide + i, kSide);
        Dots<height()>(v + j * width, grad + panel, width, s + j * kSide + i, kSide);
      });
    }
  }

  // p = the softmax's weights and s = p (s - pull), zeros where the query does not see the key.
  template <bool kBias>
  HWY_NOINLINE void Weigh(size_t query, size_t key, size_t columns) const {
    const size_t last = std::min(query + kSide, queries) - 1;
    const bool all = First(last) <= key && End(query) >= key + columns;
    all ? WeighSeen<kBias, false>(query, key, columns) : WeighSeen<kBias, true>(query, key, columns);
  }
  template <bool kBias, bool kMasked>
  void WeighSeen(size_t query, size_t key, size_t columns) const {
    const hn::ScalableTag<F> d;
    HWY_ALIGN F first[kSide], end[kSide];
    const auto place = [&](size_t at) { return static_cast<F>(std::clamp(at, key, key + columns) - key); };
    for (size_t i = 0; i < kSide && kMasked; ++i) {
      first[i] = place(First(std::min(query + i, queries - 1))), end[i] = place(End(std::min(query + i, queries - 1)));
    }
    for (size_t i = 0; i < std::min(kSide, queries - query); i += hn::Lanes(d)) {
      const auto high = hn::Load(d, lse + query + i), shift = hn::Load(d, pull + query + i);
      for (size_t j = 0; j < columns; ++j) {
        F *at = p + j * kSide + i, *gradient = s + j * kSide + i;
        auto t = hn::Load(d, at);
        if constexpr (kBias) {
          t = hn::MulAdd(hn::Load(d, bias + j * kSide + i), hn::Set(d, Exp2Constants<F>::kLog2E), t);
        }
        auto weight = Exp2<true>(d, hn::Sub(t, high));
        auto g = hn::Mul(weight, hn::Sub(hn::Load(d, gradient), shift));
        if constexpr (kMasked) {
          const auto place_of_key = hn::Set(d, static_cast<F>(j));
          const auto seen =
              hn::And(hn::Ge(place_of_key, hn::Load(d, first + i)), hn::Lt(place_of_key, hn::Load(d, end + i)));
          weight = hn::IfThenElseZero(seen, weight), g = hn::IfThenElseZero(seen, g);
        }
        hn::Store(weight, d, at);
        hn::Store(g, d, gradient);
      }
    }
  }

  template <class PutBias>
  void PutBiases(size_t query, size_t rows, size_t key, size_t columns, const PutBias& put_bias) const {
    for (size_t i = 0; i < rows; ++i) {
      F gradients[kSide];
      for (size_t j = 0; j < columns; ++j) gradients[j] = s[j * kSide + i];
      put_bias(query + i, key, columns, gradients);
    }
  }

  // Each square's sums are chains of their own, added to the totals.
  void Accumulate(size_t query, size_t rows, size_t key, size_t columns) const {
    for (size_t column = 0; column < width; column += kPanel<F>) {
      const F* queries_panel = q_rows + column * Rows() + query * kPanel<F>;
      const F* grad_panel = grad_rows + column * Rows() + query * kPanel<F>;
      F* to_k = grad_k + column * Columns() + key * kPanel<F>;
      F* to_v = grad_v + column * Columns() + key * kPanel<F>;
      ForEachHeight(columns, [&](auto height, size_t j) {
        Tile<height(), kSide>(p + j * kSide, 1, grad_panel, kPanel<F>, rows, Into::kAdd, to_v + j * kPanel<F>,
                              kPanel<F>);
        Tile<height(), kSide>(s + j * kSide, 1, queries_panel, kPanel<F>, rows, Into::kAdd, to_k + j * kPanel<F>,
                              kPanel<F>);
      });
      F* to_q = grad_q + column * Rows() + query * kPanel<F>;
      ForEachHeight(rows, [&](auto height, size_t i) {
        Tile<height(), 1>(s + i, kSide, k_rows + column * kSide, kPanel<F>, columns, Into::kAdd, to_q + i * kPanel<F>,
                          kPanel<F>);
      });
    }
  }

  template <class Out>
  void Put(const F* total, size_t count, size_t room, F factor, const Out& out_rows) const {
    const hn::ScalableTag<F> d;
    for (size_t r = 0; r < count; ++r) {
      auto* out = out_rows(r);
      for (size_t column = 0; column < width; column += kPanel<F>) {
        Map(d, std::min(kPanel<F>, width - column), out + column,
            [&](auto at) HWY_ATTR { return hn::Mul(at(total + column * room + r * kPanel<F>), hn::Set(d, factor)); });
      }
    }
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // STRATA_KERNELS_SIMD_ATTENTION_BACKWARD_INL_H_
