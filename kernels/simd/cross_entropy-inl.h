// One row of a cross-entropy, forward and backward: what cross_entropy and linear_cross_entropy share, so that fusing
// changes no bit. Included once per SIMD target.
//
//   const auto stats = SoftmaxStats(row, classes, /*next=*/row + classes);   // maximum, and sum of exponentials
//   const F loss = RowLoss(row, classes, target, smoothing, stats);
//   RowGradient(grad, row, classes, target, smoothing, stats, out, /*stream=*/false, /*next=*/row + classes);
#if defined(STRATA_KERNELS_SIMD_CROSS_ENTROPY_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_CROSS_ENTROPY_INL_H_
#undef STRATA_KERNELS_SIMD_CROSS_ENTROPY_INL_H_
#else
#define STRATA_KERNELS_SIMD_CROSS_ENTROPY_INL_H_
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "kernels/simd/math-inl.h"
#include "kernels/simd/row-inl.h"
#include "kernels/simd/stream-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
HWY_INLINE ComputeType<T> Widen(T v) {
  if constexpr (std::is_same_v<T, BF16>) {
    return ToFloat(v);
  } else {
    return v;
  }
}
template <class T>
HWY_INLINE void Narrow(ComputeType<T> v, T* out) {
  if constexpr (std::is_same_v<T, BF16>) {
    *out = ToBF16(v);
  } else {
    *out = v;
  }
}

template <class F>
struct RowStats {
  F most, sum;
};

// `next` is what will be read after this row: it is fetched while this one is computed. It need not exist.
template <class T, class F = ComputeType<T>>
HWY_NOINLINE RowStats<F> SoftmaxStats(const T* x, size_t classes, const T* next) {
  const hn::ScalableTag<F> d;
  // A NaN that the maximum passes over comes back in the sum.
  const F most = LaneMax(d, classes, x);
  const auto vmost = hn::Set(d, most);
  return {most, LaneSum(d, classes, [&](auto acc, auto at) HWY_ATTR {
            hwy::Prefetch(next + at.i);
            return hn::Add(acc, at.Keep(ExpNonPositive(d, hn::Sub(at(x), vmost))));
          })};
}

// The same bits as a lane of the vector functions: it is one.
template <class F>
HWY_INLINE F ExpOf(F v) {
  const hn::ScalableTag<F> d;
  return hn::GetLane(ExpNonPositive(d, hn::Set(d, v)));
}
template <class F>
HWY_INLINE F LogOf(F v) {
  const hn::ScalableTag<F> d;
  return hn::GetLane(Log(d, hn::Set(d, v)));
}

template <class T, class F = ComputeType<T>>
F RowLoss(const T* x, size_t classes, size_t target, F smoothing, RowStats<F> stats) {
  const F plain = Widen(x[target]) - stats.most;
  if (smoothing == 0) return LogOf(stats.sum) - plain;
  const hn::ScalableTag<F> d;
  const auto most = hn::Set(d, stats.most);
  const F mean =
      LaneSum(d, classes, [&](auto acc, auto at) HWY_ATTR { return hn::Add(acc, at.Keep(hn::Sub(at(x), most))); }) /
      static_cast<F>(classes);
  return LogOf(stats.sum) - (1 - smoothing) * plain - smoothing * mean;
}

// `stream`: `out` leaves for memory (stream-inl.h), and `next` is the row after this one. out may be x itself.
template <class T, class F = ComputeType<T>>
HWY_NOINLINE void RowGradient(F grad, const T* x, size_t classes, size_t target, F smoothing, RowStats<F> stats, T* out,
                              bool stream, const T* next) {
  const hn::ScalableTag<F> d;
  constexpr size_t kLanes = hn::MaxLanes(hn::ScalableTag<F>());
  const F each = grad * (smoothing / static_cast<F>(classes)), factor = grad / stats.sum;
  const auto most = hn::Set(d, stats.most), scale = hn::Set(d, factor), less = hn::Set(d, each);
  const auto hit = hn::Set(d, ExpOf(Widen(x[target]) - stats.most) * factor - each - grad * (1 - smoothing));
  MapRow(
      d, classes, stream, out,
      [&](auto at) HWY_ATTR {
        const auto v = hn::Sub(hn::Mul(ExpNonPositive(d, hn::Sub(at(x), most)), scale), less);
        // A store of its own for the target would come between streamed ones.
        if (HWY_LIKELY(target - at.i >= kLanes)) return v;
        return hn::IfThenElse(hn::Eq(hn::Iota(d, F(0)), hn::Set(d, static_cast<F>(target - at.i))), hit, v);
      },
      next);
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // include guard, toggled per target
