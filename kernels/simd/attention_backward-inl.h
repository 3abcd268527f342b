// Attention's backward for one head of one run: squares of kAttentionSquare queries and keys, the scores computed once
// more. Included once per SIMD target. The order of sums: docs/attention.md.
//
// The logarithm of the softmax's sum says only by which power of two a row's weights are scaled; their sum is taken
// anew. So its rounding does not show, and score - power is exact where it matters.
//
//   AttentionSquares<float> squares{...};
//   squares.Begin(space, key_rows, value_rows);
//   for every head of the group: squares.Run(query_rows, grad_y_rows, ...);
//   squares.PutKeys(...);
#if defined(STRATA_KERNELS_SIMD_ATTENTION_BACKWARD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_ATTENTION_BACKWARD_INL_H_
#undef STRATA_KERNELS_SIMD_ATTENTION_BACKWARD_INL_H_
#else
#define STRATA_KERNELS_SIMD_ATTENTION_BACKWARD_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <type_traits>

#include "kernels/simd/attention_plan.h"
#include "kernels/simd/attention_tile-inl.h"
#include "kernels/simd/row-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// 2^(x - n) for whole numbers n: with no rounding but 2^r's, where |r| <= 1/2 is what is left of the difference. 0
// below 2^-127 (2^-1023), infinity from 2^127.5 (2^1023.5) on; a NaN stays.
template <class D>
HWY_INLINE hn::Vec<D> Exp2Above(D d, hn::Vec<D> x, hn::Vec<D> n) {
  using F = hn::TFromD<D>;
  using K = Exp2Constants<F>;
  const auto magic = hn::Set(d, ExpConstants<F>::kMagic), one = hn::Set(d, F(1));
  const auto difference = AtMost(hn::Set(d, K::kHigh), AtLeast(hn::Set(d, K::kLow), hn::Sub(x, n)));
  const auto power_plus_magic = hn::Add(difference, magic);
  const auto power = hn::Sub(power_plus_magic, magic);
  // Beyond a half only where the difference was cut off.
  const auto r = AtMost(one, AtLeast(hn::Neg(one), hn::Sub(x, hn::Add(power, n))));
  return hn::Mul(hn::MulAdd(Polynomial<K::kPolynomial>(d, r), r, one), PowerOfTwo(d, power_plus_magic));
}

template <class F>
struct AttentionSquares {
  static constexpr size_t kSide = kAttentionSquare;

  KeyWindow window;
  size_t width, queries, keys;
  double scale;

  // The whole run's keys, and what queries add to their gradients.
  F *k = nullptr, *v = nullptr, *k_rows = nullptr, *grad_k = nullptr, *grad_v = nullptr;
  // A square's height of queries; their weights p and s for every key, rows by key, times 2^-power; the sums of p.
  F *q = nullptr, *grad = nullptr, *q_rows = nullptr, *grad_rows = nullptr, *grad_q = nullptr, *power = nullptr,
    *sums = nullptr, *pull = nullptr, *p = nullptr, *s = nullptr, *bias = nullptr;

  size_t Columns() const { return (keys + kSide - 1) / kSide * kSide; }

  // Takes `space` (AttentionBackwardScratch) and packs the run's keys and values.
  template <class K, class V>
  void Begin(F* space, const K& key_rows, const V& value_rows) {
    const size_t padded = Padded<F>(width);
    const auto take = [&](size_t count) { return space += count, space - count; };
    bias = take(kSide * kSide), p = take(Columns() * kSide), s = take(Columns() * kSide);
    grad_k = take(Columns() * padded), grad_v = take(Columns() * padded), k_rows = take(Columns() * padded);
    q_rows = take(kSide * padded), grad_rows = take(kSide * padded), grad_q = take(kSide * padded);
    power = take(kSide), sums = take(kSide), pull = take(kSide);
    q = take(kSide * width), grad = take(kSide * width), k = take(Columns() * width), v = take(Columns() * width);
    std::fill(grad_k, grad_k + 2 * Columns() * padded, F(0));
    for (size_t key = 0; key < keys; key += kSide) {
      PackLeft(key_rows, key, std::min(kSide, keys - key), width, k + key * width);
      PackLeft(value_rows, key, std::min(kSide, keys - key), width, v + key * width);
    }
    PackRows(key_rows, 0, keys, width, Columns(), k_rows);
  }

  // One head's queries and the gradients of their results; lse_of(i), grad_lse_of(i) of query i; bias_rows(i): its
  // biases, where `biased`; put_bias(i, key, count, gradients): of one query; out_rows(i) takes its gradient.
  template <class Q, class LseOf, class GradLseOf, class BiasRows, class PutBias, class Out>
  void Run(const Q& query_rows, const Q& grad_y_rows, const LseOf& lse_of, const GradLseOf& grad_lse_of, bool biased,
           const BiasRows& bias_rows, const PutBias& put_bias, const Out& out_rows) {
    for (size_t query = 0; query < queries; query += kSide) {
      const size_t rows = std::min(kSide, queries - query);
      TakeQueries(query_rows, grad_y_rows, query, rows, lse_of);
      ForEachBlock(query, rows, [&](size_t key, size_t columns) {
        const auto biases_of = [&](size_t i) { return bias_rows(query + i) + key; };
        if (biased) TakeBiases(biases_of, rows, NumBiases(key, columns), p + key * kSide);
        Products(rows, key, columns);
        EachSeen(query, key, columns, [&](auto masked) {
          biased ? Weigh<true, masked()>(query, rows, key, columns) : Weigh<false, masked()>(query, rows, key, columns);
        });
      });
      Normalize(query, rows, grad_lse_of);
      ForEachBlock(query, rows, [&](size_t key, size_t columns) {
        EachSeen(query, key, columns, [&](auto masked) { Pull<masked()>(query, rows, key, columns); });
        if (biased) PutBiases(query, rows, key, NumBiases(key, columns), put_bias);
        Accumulate(rows, key, columns);
      });
      Put(
          grad_q, rows, kSide, [&](size_t i) { return static_cast<F>(scale) * sums[i]; },
          [&](size_t i) { return out_rows(query + i); });
    }
  }

  // out_k(j), out_v(j) take the gradients of key j.
  template <class OutK, class OutV>
  void PutKeys(const OutK& out_k, const OutV& out_v) const {
    Put(grad_k, keys, Columns(), [&](size_t) { return static_cast<F>(scale); }, out_k);
    Put(grad_v, keys, Columns(), [](size_t) { return F(1); }, out_v);
  }

 private:
  size_t First(size_t query) const { return static_cast<size_t>(window.First(static_cast<int64_t>(query))); }
  size_t End(size_t query) const { return static_cast<size_t>(window.End(static_cast<int64_t>(query))); }

  // A row of biases may end before the run's keys do, and then another head's begins.
  size_t NumBiases(size_t key, size_t columns) const {
    return std::min(columns, static_cast<size_t>(window.EndOfAll()) - key);
  }

  // The squares in which a query sees a key.
  template <class Visit>
  HWY_INLINE void ForEachBlock(size_t query, size_t rows, const Visit& visit) const {
    const size_t end = End(query + rows - 1);
    for (size_t key = First(query) / kSide * kSide; key < end; key += kSide) visit(key, std::min(kSide, keys - key));
  }

  // visit(std::bool_constant<masked>): whether some query does not see some key.
  template <class Visit>
  HWY_INLINE void EachSeen(size_t query, size_t key, size_t columns, const Visit& visit) const {
    const size_t last = std::min(query + kSide, queries) - 1;
    First(last) <= key&& End(query) >= key + columns ? visit(std::false_type()) : visit(std::true_type());
  }

  // The stretch of a block's keys that each query sees, as numbers from the block's start.
  struct Stretch {
    HWY_ALIGN F first[kSide], end[kSide];

    void Set(const AttentionSquares& squares, size_t query, size_t rows, size_t key, size_t columns) {
      const auto place = [&](size_t at) { return static_cast<F>(std::clamp(at, key, key + columns) - key); };
      for (size_t i = 0; i < kSide; ++i) {
        const size_t at = query + std::min(i, rows - 1);
        first[i] = place(squares.First(at)), end[i] = place(squares.End(at));
      }
    }
    template <class D>
    HWY_INLINE hn::Mask<D> Sees(D d, size_t i, size_t j) const {
      const auto key = hn::Set(d, static_cast<F>(j));
      return hn::And(hn::Ge(key, hn::Load(d, first + i)), hn::Lt(key, hn::Load(d, end + i)));
    }
  };

  template <class Q, class LseOf>
  void TakeQueries(const Q& query_rows, const Q& grad_y_rows, size_t query, size_t rows, const LseOf& lse_of) {
    const hn::ScalableTag<F> d;
    PackRight(query_rows, query, rows, width, q);
    PackRight(grad_y_rows, query, rows, width, grad);
    const auto factor = hn::Set(d, static_cast<F>(scale * Exp2Constants<double>::kLog2E));
    for (size_t i = 0; i < AttentionPadded(rows, sizeof(F)) * width; i += hn::Lanes(d)) {
      hn::Store(hn::Mul(hn::Load(d, q + i), factor), d, q + i);
    }
    PackRows(query_rows, query, rows, width, kSide, q_rows);
    PackRows(grad_y_rows, query, rows, width, kSide, grad_rows);
    std::fill(grad_q, grad_q + kSide * Padded<F>(width), F(0));
    std::fill(pull, pull + kSide, F(0)), std::fill(sums, sums + kSide, F(0));
    constexpr F kInfinity = std::numeric_limits<F>::infinity();
    for (size_t i = 0; i < kSide; ++i) {
      // A query that sees nothing, or none at all: every weight is zero.
      const F value = i < rows ? lse_of(query + i) : -kInfinity;
      power[i] = value == -kInfinity ? kInfinity : std::rint(value * Exp2Constants<F>::kLog2E);
    }
  }

  // A square's biases, rows by key. Works in `space`.
  template <class BiasRows>
  void TakeBiases(const BiasRows& bias_rows, size_t rows, size_t columns, F* space) const {
    for (size_t i = 0; i < rows; i += kPanel<F>) {
      PackColumnsOf<kPanel<F>>(bias_rows, i, rows - i, columns, space);
      for (size_t j = 0; j < columns; ++j) std::copy_n(space + j * kPanel<F>, kPanel<F>, bias + j * kSide + i);
    }
  }

  // p = keys queries^T (base 2) and s = values grad_y^T.
  void Products(size_t rows, size_t key, size_t columns) const {
    for (size_t i = 0; i < rows; i += kPanel<F>) {
      ForEachHeight(columns, [&](auto height, size_t j) {
        const size_t left = (key + j) * width, to = (key + j) * kSide + i;
        Dots<height()>(k + left, q + i * width, width, p + to, kSide);
        Dots<height()>(v + left, grad + i * width, width, s + to, kSide);
      });
    }
  }

  // p becomes the softmax's weights, zeros where the query does not see the key; sums takes in their sum, pull that of
  // p s.
  template <bool kBias, bool kMasked>
  HWY_NOINLINE void Weigh(size_t query, size_t rows, size_t key, size_t columns) const {
    const hn::ScalableTag<F> d;
    Stretch stretch;
    if constexpr (kMasked) stretch.Set(*this, query, rows, key, columns);
    for (size_t i = 0; i < rows; i += hn::Lanes(d)) {
      const auto n = hn::Load(d, power + i);
      auto sum = hn::Zero(d), dot = hn::Zero(d);
      for (size_t j = 0; j < columns; ++j) {
        F* at = p + (key + j) * kSide + i;
        auto t = hn::Load(d, at), g = hn::Load(d, s + (key + j) * kSide + i);
        if constexpr (kBias) {
          t = hn::MulAdd(hn::Load(d, bias + j * kSide + i), hn::Set(d, Exp2Constants<F>::kLog2E), t);
        }
        auto weight = Exp2Above(d, t, n);
        if constexpr (kMasked) {
          const auto seen = stretch.Sees(d, i, j);
          weight = hn::IfThenElseZero(seen, weight), g = hn::IfThenElseZero(seen, g);
        }
        sum = hn::Add(sum, weight);
        dot = hn::MulAdd(weight, g, dot);
        hn::Store(weight, d, at);
      }
      hn::Store(hn::Add(hn::Load(d, sums + i), sum), d, sums + i);
      hn::Store(hn::Add(hn::Load(d, pull + i), dot), d, pull + i);
    }
  }

  // Divides by the sums of p: what p is multiplied with, rather than p itself. sums becomes the factors.
  template <class GradLseOf>
  void Normalize(size_t query, size_t rows, const GradLseOf& grad_lse_of) const {
    const hn::ScalableTag<F> d;
    for (size_t i = 0; i < rows; ++i) {
      sums[i] = sums[i] == F(0) ? F(1) : F(1) / sums[i];  // none for a query that sees nothing
      pull[i] = pull[i] * sums[i] - grad_lse_of(query + i);
      const auto factor = hn::Set(d, sums[i]);
      for (size_t column = 0; column < Padded<F>(width); column += hn::Lanes(d)) {
        const size_t at = column / kPanel<F> * kPanel<F> * kSide + i * kPanel<F> + column % kPanel<F>;
        for (F* row : {q_rows + at, grad_rows + at}) hn::Store(hn::Mul(hn::Load(d, row), factor), d, row);
      }
    }
  }

  // s = p (s - pull), zeros where the query does not see the key.
  template <bool kMasked>
  HWY_NOINLINE void Pull(size_t query, size_t rows, size_t key, size_t columns) const {
    const hn::ScalableTag<F> d;
    Stretch stretch;
    if constexpr (kMasked) stretch.Set(*this, query, rows, key, columns);
    for (size_t i = 0; i < rows; i += hn::Lanes(d)) {
      const auto shift = hn::Load(d, pull + i);
      for (size_t j = 0; j < columns; ++j) {
        F* at = s + (key + j) * kSide + i;
        auto g = hn::Mul(hn::Load(d, p + (key + j) * kSide + i), hn::Sub(hn::Load(d, at), shift));
        if constexpr (kMasked) g = hn::IfThenElseZero(stretch.Sees(d, i, j), g);
        hn::Store(g, d, at);
      }
    }
  }

  template <class PutBias>
  void PutBiases(size_t query, size_t rows, size_t key, size_t columns, const PutBias& put_bias) const {
    for (size_t i = 0; i < rows; ++i) {
      F gradients[kSide];
      for (size_t j = 0; j < columns; ++j) gradients[j] = s[(key + j) * kSide + i] * sums[i];
      put_bias(query + i, key, columns, gradients);
    }
  }

  // Each square's sums are chains of their own, added to the totals.
  void Accumulate(size_t rows, size_t key, size_t columns) const {
    const F *weights = p + key * kSide, *pulled = s + key * kSide;
    for (size_t column = 0; column < width; column += kPanel<F>) {
      const F *queries_panel = q_rows + column * kSide, *grad_panel = grad_rows + column * kSide;
      F *to_k = grad_k + column * Columns() + key * kPanel<F>, *to_v = grad_v + column * Columns() + key * kPanel<F>;
      ForEachHeight(columns, [&](auto height, size_t j) {
        Tile<height(), kSide>(weights + j * kSide, 1, grad_panel, kPanel<F>, rows, Into::kAdd, to_v + j * kPanel<F>,
                              kPanel<F>);
        Tile<height(), kSide>(pulled + j * kSide, 1, queries_panel, kPanel<F>, rows, Into::kAdd, to_k + j * kPanel<F>,
                              kPanel<F>);
      });
      const F* keys_panel = k_rows + column * Columns() + key * kPanel<F>;
      ForEachHeight(rows, [&](auto height, size_t i) {
        Tile<height(), 1>(pulled + i, kSide, keys_panel, kPanel<F>, columns, Into::kAdd,
                          grad_q + column * kSide + i * kPanel<F>, kPanel<F>);
      });
    }
  }

  template <class FactorOf, class Out>
  void Put(const F* total, size_t count, size_t room, const FactorOf& factor_of, const Out& out_rows) const {
    const hn::ScalableTag<F> d;
    for (size_t r = 0; r < count; ++r) {
      const auto factor = hn::Set(d, factor_of(r));
      auto* out = out_rows(r);
      for (size_t column = 0; column < width; column += kPanel<F>) {
        Map(d, std::min(kPanel<F>, width - column), out + column,
            [&](auto at) HWY_ATTR { return hn::Mul(at(total + column * room + r * kPanel<F>), factor); });
      }
    }
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // STRATA_KERNELS_SIMD_ATTENTION_BACKWARD_INL_H_
