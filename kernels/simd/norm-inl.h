// Rows of layer_norm and rms_norm, forward and backward, for these operators and those that add a residual first.
// Included once per SIMD target.
//
//   AddRow(x, residual, width, sum);                                             // sum = x + residual, rounded to T
//   LayerNormRow<false>(sum, w, b, width, eps, stream, y, nullptr, x + width);   // y = layer_norm(sum)
#if defined(STRATA_KERNELS_SIMD_NORM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_NORM_INL_H_
#undef STRATA_KERNELS_SIMD_NORM_INL_H_
#else
#define STRATA_KERNELS_SIMD_NORM_INL_H_
#endif

#include <cmath>

#include "kernels/simd/columns-inl.h"
#include "kernels/simd/row-inl.h"
#include "kernels/simd/stream-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

template <class T, class F = ComputeType<T>>
HWY_INLINE void AddRow(const T* x, const T* residual, size_t width, T* sum) {
  const hn::ScalableTag<F> d;
  Map(d, width, sum, [&](auto at) HWY_ATTR { return hn::Add(at(x), at(residual)); });
}

// 1 / sqrt(sum / width + eps)
template <class F>
HWY_INLINE F InverseRoot(F sum, size_t width, double eps) {
  return F(1) / std::sqrt(sum / static_cast<F>(width) + static_cast<F>(eps));
}

template <class F>
struct MeanAndScale {
  F mean, scale;  // scale = 1 / sqrt(var + eps)
};

// The mean, then the variance around it (E[x^2] - E[x]^2 would cancel where the mean is large).
template <class T, class F = ComputeType<T>>
HWY_INLINE MeanAndScale<F> StatsOf(const T* x, size_t width, double eps) {
  const hn::ScalableTag<F> d;
  const F sum = LaneSum(d, width, [&](auto acc, auto at) HWY_ATTR { return hn::Add(acc, at(x)); });
  const F mean = sum / static_cast<F>(width);
  const auto vmean = hn::Set(d, mean);
  const F squares = LaneSum(d, width, [&](auto acc, auto at) HWY_ATTR {
    const auto v = at.Keep(hn::Sub(at(x), vmean));
    return hn::MulAdd(v, v, acc);
  });
  return {mean, InverseRoot(squares, width, eps)};
}

// y = (x - mean) / sqrt(var + eps) * w + b: the mean, then the variance around it, then the row again, which is in the
// cache. With kCopy, x goes to `copy`, too. The rows `next` are fetched meanwhile.
template <bool kCopy, class T, class F = ComputeType<T>, class... Next>
HWY_INLINE void LayerNormRow(const T* x, const T* w, const T* b, size_t width, double eps, bool stream, T* y, T* copy,
                             const Next*... next) {
  const hn::ScalableTag<F> d;
  const MeanAndScale<F> stats = StatsOf(x, width, eps);
  const auto mean = hn::Set(d, stats.mean), scale = hn::Set(d, stats.scale);
  const auto normal = [&](auto at) HWY_ATTR {
    const auto v = at(x);
    if constexpr (kCopy) at.Put(v, copy);
    return hn::MulAdd(hn::Mul(hn::Sub(v, mean), scale), at(w), at(b));
  };
  MapRow(d, width, stream, y, normal, next...);
}

// grad_x, and what the row adds to the sums of grad_weight and grad_bias. With kAdd, grad_x is rounded to T and then
// `more` is added, as an addition after the norm's gradient would do it.
template <bool kAdd, class T, class F = ComputeType<T>>
HWY_INLINE void LayerNormBackwardRow(const T* grad, const T* x, const T* w, const T* more, size_t width, double eps,
                                     bool stream, T* grad_x, F* weight_sums, F* bias_sums) {
  const hn::ScalableTag<F> d;
  const F count = static_cast<F>(width);
  const auto [sum_x, sum_g] = LaneSums<2>(d, width, [&](auto* acc, auto at) HWY_ATTR {
    acc[0] = hn::Add(acc[0], at(x));
    acc[1] = hn::MulAdd(at(grad), at(w), acc[1]);
  });
  const auto mean = hn::Set(d, sum_x / count);
  const auto [squares, dot] = LaneSums<2>(d, width, [&](auto* acc, auto at) HWY_ATTR {
    const auto v = at.Keep(hn::Sub(at(x), mean));
    acc[0] = hn::MulAdd(v, v, acc[0]);
    acc[1] = hn::MulAdd(hn::Mul(at(grad), at(w)), v, acc[1]);
  });
  const F s = InverseRoot(squares, width, eps);
  const auto scale = hn::Set(d, s), mean_g = hn::Set(d, sum_g / count), mean_gn = hn::Set(d, dot * s / count);
  const auto gradient = [&](auto at) HWY_ATTR {
    const auto g = at(grad), normal = hn::Mul(hn::Sub(at(x), mean), scale);
    PutCached(at, hn::MulAdd(g, normal, at(weight_sums)), weight_sums);
    PutCached(at, hn::Add(g, at(bias_sums)), bias_sums);
    const auto out = hn::Mul(scale, hn::NegMulAdd(normal, mean_gn, hn::Sub(hn::Mul(g, at(w)), mean_g)));
    if constexpr (kAdd) return hn::Add(RoundTo<T>(d, out), at(more));
    return out;
  };
  if constexpr (kAdd) {
    MapRow(d, width, stream, grad_x, gradient, grad + width, x + width, more + width);
  } else {
    MapRow(d, width, stream, grad_x, gradient, grad + width, x + width);
  }
}

// y = x / sqrt(mean(x^2) + eps) * w
template <bool kCopy, class T, class F = ComputeType<T>, class... Next>
HWY_INLINE void RmsNormRow(const T* x, const T* w, size_t width, double eps, bool stream, T* y, T* copy,
                           const Next*... next) {
  const hn::ScalableTag<F> d;
  const F squares = LaneSum(d, width, [&](auto acc, auto at) HWY_ATTR {
    const auto v = at(x);
    return hn::MulAdd(v, v, acc);
  });
  const auto scale = hn::Set(d, InverseRoot(squares, width, eps));
  const auto scaled = [&](auto at) HWY_ATTR {
    const auto v = at(x);
    if constexpr (kCopy) at.Put(v, copy);
    return hn::Mul(hn::Mul(v, scale), at(w));
  };
  MapRow(d, width, stream, y, scaled, next...);
}

// As LayerNormBackwardRow.
template <bool kAdd, class T, class F = ComputeType<T>>
HWY_INLINE void RmsNormBackwardRow(const T* grad, const T* x, const T* w, const T* more, size_t width, double eps,
                                   bool stream, T* grad_x, F* weight_sums) {
  const hn::ScalableTag<F> d;
  const auto [squares, dot] = LaneSums<2>(d, width, [&](auto* acc, auto at) HWY_ATTR {
    const auto v = at(x);
    acc[0] = hn::MulAdd(v, v, acc[0]);
    acc[1] = hn::MulAdd(hn::Mul(at(grad), at(w)), v, acc[1]);
  });
  const F s = InverseRoot(squares, width, eps);
  const auto scale = hn::Set(d, s), pull = hn::Set(d, dot * s * s * s / static_cast<F>(width));
  const auto gradient = [&](auto at) HWY_ATTR {
    const auto g = at(grad), v = at(x);
    PutCached(at, hn::MulAdd(g, hn::Mul(v, scale), at(weight_sums)), weight_sums);
    const auto out = hn::NegMulAdd(v, pull, hn::Mul(hn::Mul(g, at(w)), scale));
    if constexpr (kAdd) return hn::Add(RoundTo<T>(d, out), at(more));
    return out;
  };
  if constexpr (kAdd) {
    MapRow(d, width, stream, grad_x, gradient, grad + width, x + width, more + width);
  } else {
    MapRow(d, width, stream, grad_x, gradient, grad + width, x + width);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // include guard, toggled per target
