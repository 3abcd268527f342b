// The backward of layer_norm and rms_norm, for these operators and those that add a residual first. Included once per
// SIMD target.
//
//   LayerNormGradient<T, /*kAdd=*/false>(context, grad_y, x, weight, TensorView(), eps, grad_x, grad_weight,
//   grad_bias);
//
// With kAdd, grad_x is rounded to T and then `more` is added, as an addition after the norm's gradient would do it.
#if defined(STRATA_KERNELS_SIMD_NORM_BACKWARD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_NORM_BACKWARD_INL_H_
#undef STRATA_KERNELS_SIMD_NORM_BACKWARD_INL_H_
#else
#define STRATA_KERNELS_SIMD_NORM_BACKWARD_INL_H_
#endif

#include "kernels/simd/columns-inl.h"
#include "kernels/simd/norm-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

// Rows of one call, `width` apart.
template <class T>
struct GradientRows {
  const T *grad, *x, *weight, *more;
  T* grad_x;
  size_t width;
  bool stream;

  // The same from another place on.
  GradientRows From(size_t row, size_t column = 0) const {
    const size_t start = row * width + column;
    return {grad + start,   x + start, weight + column, more == nullptr ? more : more + start,
            grad_x + start, width,     stream};
  }
};

// The rows of a group take turns: the weight and the sums of so many columns stay in the first level of the cache, and
// are read and written once for two rows.
inline constexpr size_t kColumnsTogether = 512, kRowsAtATime = 2;
static_assert(kRowsTogether % kRowsAtATime == 0);

// Streaming, fetches a row that comes `ahead` elements later.
template <bool kAdd, class At, class T>
HWY_INLINE void ExpectNext(At, const GradientRows<T>&, size_t) {}
template <bool kAdd, class D, class T>
HWY_INLINE void ExpectNext(AtStream<D> at, const GradientRows<T>& rows, size_t ahead) {
  if (at.i % (kLineBytes / sizeof(T)) != 0) return;
  Expect(rows.grad + ahead, at.i);
  Expect(rows.x + ahead, at.i);
  if constexpr (kAdd) Expect(rows.more + ahead, at.i);
}

// Calls visit(rows from there on, first row, first column, columns) for kRowsAtATime rows (or the only one) at a time.
template <size_t kRows, class T, class Visit>
HWY_INLINE void ForPieces(const GradientRows<T>& rows, Visit visit) {
  for (size_t column = 0; column < rows.width; column += kColumnsTogether) {
    for (size_t r = 0; r < kRows; r += kRowsAtATime) {
      visit(rows.From(r, column), r, column, std::min(kColumnsTogether, rows.width - column));
    }
  }
}

// What a row's elements share: out = scale * (g w - mean_g - normal * pull), normal = (x - mean) * scale.
template <class F>
struct LayerNormTerms {
  F mean, scale, mean_g, pull;
};

template <class T, class F = ComputeType<T>>
HWY_INLINE LayerNormTerms<F> LayerNormTermsOf(const GradientRows<T>& row, double eps) {
  const hn::ScalableTag<F> d;
  const F count = static_cast<F>(row.width);
  const auto [sum_x, sum_g] = LaneSums<2>(d, row.width, [&](auto* acc, auto at) HWY_ATTR {
    acc[0] = hn::Add(acc[0], at(row.x));
    acc[1] = hn::MulAdd(at(row.grad), at(row.weight), acc[1]);
  });
  const auto mean = hn::Set(d, sum_x / count);
  const auto [squares, dot] = LaneSums<2>(d, row.width, [&](auto* acc, auto at) HWY_ATTR {
    const auto v = at.Keep(hn::Sub(at(row.x), mean));
    acc[0] = hn::MulAdd(v, v, acc[0]);
    acc[1] = hn::MulAdd(hn::Mul(at(row.grad), at(row.weight)), v, acc[1]);
  });
  const F scale = InverseRoot(squares, row.width, eps);
  return {sum_x / count, scale, sum_g / count, dot * scale / count};
}

template <bool kAdd, class T, class D, class At>
HWY_INLINE void PutGradient(D d, At at, hn::Vec<D> gradient, const T* more, T* out) {
  if constexpr (kAdd) {
    at.Put(hn::Add(RoundTo<T>(d, gradient), at(more)), out);
  } else {
    at.Put(gradient, out);
  }
}

// grad_x of kRows rows, and what they add to the sums of grad_weight and grad_bias.
template <bool kAdd, size_t kRows, class T, class F = ComputeType<T>>
HWY_INLINE void LayerNormGradientRows(const GradientRows<T>& rows, double eps, F* weight_sums, F* bias_sums) {
  const hn::ScalableTag<F> d;
  constexpr size_t kPiece = std::min(kRows, kRowsAtATime);
  LayerNormTerms<F> terms[kRows];
  for (size_t r = 0; r < kRows; ++r) terms[r] = LayerNormTermsOf(rows.From(r), eps);
  ForPieces<kRows>(rows, [&](const GradientRows<T>& piece, size_t first, size_t column, size_t count) HWY_ATTR {
    ForEachRow(d, count, piece.stream, piece.grad_x, [&](auto at) HWY_ATTR {
      // The rows' own sum first: a chain half as long.
      auto by_normal = hn::Zero(d), plain = hn::Zero(d);
      const auto weight = at(piece.weight);
      STRATA_UNROLL
      for (size_t r = 0; r < kPiece; ++r) {
        const LayerNormTerms<F>& t = terms[first + r];
        const size_t row = r * piece.width;
        ExpectNext<kAdd>(at, piece, row + kRows * piece.width);
        const auto scale = hn::Set(d, t.scale), g = at(piece.grad + row);
        const auto normal = hn::Mul(hn::Sub(at(piece.x + row), hn::Set(d, t.mean)), scale);
        by_normal = hn::MulAdd(g, normal, by_normal);
        plain = hn::Add(plain, g);
        const auto centred = hn::Sub(hn::Mul(g, weight), hn::Set(d, t.mean_g));
        const auto out = hn::Mul(scale, hn::NegMulAdd(normal, hn::Set(d, t.pull), centred));
        PutGradient<kAdd>(d, at, out, piece.more + row, piece.grad_x + row);
      }
      PutCached(at, hn::Add(at(weight_sums + column), by_normal), weight_sums + column);
      PutCached(at, hn::Add(at(bias_sums + column), plain), bias_sums + column);
    });
  });
}

// As LayerNormTermsOf: out = g w scale - x pull.
template <class F>
struct RmsNormTerms {
  F scale, pull;
};

template <class T, class F = ComputeType<T>>
HWY_INLINE RmsNormTerms<F> RmsNormTermsOf(const GradientRows<T>& row, double eps) {
  const hn::ScalableTag<F> d;
  const auto [squares, dot] = LaneSums<2>(d, row.width, [&](auto* acc, auto at) HWY_ATTR {
    const auto v = at(row.x);
    acc[0] = hn::MulAdd(v, v, acc[0]);
    acc[1] = hn::MulAdd(hn::Mul(at(row.grad), at(row.weight)), v, acc[1]);
  });
  const F scale = InverseRoot(squares, row.width, eps);
  return {scale, dot * scale * scale * scale / static_cast<F>(row.width)};
}

template <bool kAdd, size_t kRows, class T, class F = ComputeType<T>>
HWY_INLINE void RmsNormGradientRows(const GradientRows<T>& rows, double eps, F* weight_sums) {
  const hn::ScalableTag<F> d;
  constexpr size_t kPiece = std::min(kRows, kRowsAtATime);
  RmsNormTerms<F> terms[kRows];
  for (size_t r = 0; r < kRows; ++r) terms[r] = RmsNormTermsOf(rows.From(r), eps);
  ForPieces<kRows>(rows, [&](const GradientRows<T>& piece, size_t first, size_t column, size_t count) HWY_ATTR {
    ForEachRow(d, count, piece.stream, piece.grad_x, [&](auto at) HWY_ATTR {
      auto by_normal = hn::Zero(d);
      const auto weight = at(piece.weight);
      STRATA_UNROLL
      for (size_t r = 0; r < kPiece; ++r) {
        const RmsNormTerms<F>& t = terms[first + r];
        const size_t row = r * piece.width;
        ExpectNext<kAdd>(at, piece, row + kRows * piece.width);
        const auto scale = hn::Set(d, t.scale), g = at(piece.grad + row), v = at(piece.x + row);
        by_normal = hn::MulAdd(g, hn::Mul(v, scale), by_normal);
        const auto out = hn::NegMulAdd(v, hn::Set(d, t.pull), hn::Mul(hn::Mul(g, weight), scale));
        PutGradient<kAdd>(d, at, out, piece.more + row, piece.grad_x + row);
      }
      PutCached(at, hn::Add(at(weight_sums + column), by_normal), weight_sums + column);
    });
  });
}

template <class T>
GradientRows<T> GradientRowsOf(const TensorView& grad_y, const TensorView& x, const TensorView& weight,
                               const TensorView& more, const TensorView& grad_x) {
  const int64_t width = x.size(-1);
  return {grad_y.In<T>(),
          x.In<T>(),
          weight.In<T>(),
          more.In<T>(),
          grad_x.Out<T>(),
          static_cast<size_t>(width),
          Streams<T>(grad_x.data, x.numel(), width)};
}

// Workspace: RowSumsBytes(x, 2). `more` is read with kAdd alone.
template <class T, bool kAdd>
void LayerNormGradient(const OpContext& context, const TensorView& grad_y, const TensorView& x,
                       const TensorView& weight, const TensorView& more, double eps, const TensorView& grad_x,
                       const TensorView& grad_weight, const TensorView& grad_bias) {
  const auto rows = GradientRowsOf<T>(grad_y, x, weight, more, grad_x);
  const std::array<T*, 2> outs = {grad_weight.Out<T>(), grad_bias.Out<T>()};
  ForRowsAndSums<T>(context, x.rows(), x.size(-1), rows.stream, outs, [&](auto count, int64_t r, auto* sums) HWY_ATTR {
    LayerNormGradientRows<kAdd, decltype(count)::value>(rows.From(static_cast<size_t>(r)), eps, sums,
                                                        sums + rows.width);
  });
}

// Workspace: RowSumsBytes(x, 1).
template <class T, bool kAdd>
void RmsNormGradient(const OpContext& context, const TensorView& grad_y, const TensorView& x, const TensorView& weight,
                     const TensorView& more, double eps, const TensorView& grad_x, const TensorView& grad_weight) {
  const auto rows = GradientRowsOf<T>(grad_y, x, weight, more, grad_x);
  const std::array<T*, 1> outs = {grad_weight.Out<T>()};
  ForRowsAndSums<T>(context, x.rows(), x.size(-1), rows.stream, outs, [&](auto count, int64_t r, auto* sums) HWY_ATTR {
    RmsNormGradientRows<kAdd, decltype(count)::value>(rows.From(static_cast<size_t>(r)), eps, sums);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // include guard, toggled per target
