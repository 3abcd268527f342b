// Rows of layer_norm and rms_norm, for these operators and those that add a residual first (backward:
// norm_backward-inl.h). Included once per SIMD target.
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

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // include guard, toggled per target
