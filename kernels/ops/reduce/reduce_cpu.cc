#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/reduce/reduce_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include <cmath>

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/reduce/reduce.h"
#include "kernels/simd/argmax-inl.h"
#include "kernels/simd/reduction-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

template <class T>
ComputeType<T> Widen(T v) {
  if constexpr (std::is_same_v<T, BF16>)
    return ToFloat(v);
  else
    return v;
}
template <class T>
void Narrow(ComputeType<T> v, T* out) {
  if constexpr (std::is_same_v<T, BF16>)
    *out = ToBF16(v);
  else
    *out = v;
}

template <Reduction kFold, class T, class F = ComputeType<T>>
F FoldRow(const T* x, size_t n) {
  const hn::ScalableTag<F> d;
  if constexpr (kFold == Reduction::kMax || kFold == Reduction::kMin) {
    // Which of two zeros an extreme is would depend on the processor.
    return ExtremeOf<kFold>(x, n) + F(0);
  } else {
    return LaneSum(d, n, [&](auto acc, auto at) HWY_ATTR { return Step<kFold>::Run(d, acc, at(x)); });
  }
}

template <class T, class F = VarianceType<T>>
F VarianceRow(const T* x, size_t n, F divisor) {
  const hn::ScalableTag<F> d;
  const F sum = LaneSum(d, n, [&](auto acc, auto at) HWY_ATTR { return hn::Add(acc, at(x)); });
  const auto mean = hn::Set(d, sum / static_cast<F>(n));
  const F squares = LaneSum(d, n, [&](auto acc, auto at) HWY_ATTR {
    const auto v = at.Keep(hn::Sub(at(x), mean));
    return hn::MulAdd(v, v, acc);
  });
  return squares / divisor;
}

template <class T, class F = ComputeType<T>>
F ReduceRow(const T* x, size_t n, Reduction operation, double divisor) {
  if (operation == Reduction::kVar || operation == Reduction::kStd) {
    const auto var = VarianceRow(x, n, static_cast<VarianceType<T>>(divisor));
    return static_cast<F>(operation == Reduction::kStd ? std::sqrt(var) : var);
  }
  F folded = 0;
  DispatchFold(operation, [&](auto fold) HWY_ATTR { folded = FoldRow<fold()>(x, n); });
  return operation == Reduction::kMean ? folded / static_cast<F>(n) : folded;
}

// What the elements of a row need for their gradients: Gradient's `aside` and `count`.
template <Reduction kGradient, class T, class F = ComputeType<T>>
void RowInCommon(const T* x, size_t n, F y, F* aside, F* count) {
  const hn::ScalableTag<F> d;
  const auto one = hn::Set(d, F(1));
  if constexpr (kGradient == Reduction::kMax || kGradient == Reduction::kMin) {
    *aside = y;
    *count = LaneSum(d, n, [&](auto acc, auto at) HWY_ATTR {
      return hn::Add(acc, at.Keep(hn::IfThenElseZero(hn::Eq(at(x), hn::Set(d, y)), one)));
    });
  }
  if constexpr (kGradient == Reduction::kVar) *aside = FoldRow<Reduction::kSum>(x, n) / static_cast<F>(n);
}

template <class T, class F = ComputeType<T>>
void GradientRow(F grad, const T* x, size_t n, F y, Reduction operation, F divisor, T* out) {
  const hn::ScalableTag<F> d;
  if (operation == Reduction::kMean) grad = grad / static_cast<F>(n);
  DispatchGradient(operation, [&](auto gradient) HWY_ATTR {
    F aside = 0, count = 0;
    RowInCommon<gradient()>(x, n, y, &aside, &count);
    if (operation == Reduction::kVar) count = 2 * grad / divisor;
    if (operation == Reduction::kStd) count = grad / (y * divisor);
    const Gradient<gradient(), hn::ScalableTag<F>> element{d, hn::Set(d, grad), hn::Set(d, aside), hn::Set(d, count)};
    Map(d, n, out, [&](auto at) HWY_ATTR { return element.At(at(x)); });
  });
}

void Reduce(const OpContext& context, const TensorView& x, Reduction operation, int64_t correction,
            const TensorView& y) {
  const int64_t n = x.size(-1);
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    const double divisor = VarianceDivisor(n, correction);
    ParallelChunks(*context.parallel, x.rows(), 1 + 32768 / (n + 1), [&](int, int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        Narrow(ReduceRow(x.In<T>() + r * n, static_cast<size_t>(n), operation, divisor), y.Out<T>() + r);
      }
    });
  });
}

void ReduceBackward(const OpContext& context, const TensorView& grad_y, const TensorView& x, const TensorView& y,
                    Reduction operation, int64_t correction, const TensorView& grad_x) {
  const int64_t n = x.size(-1);
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    const auto divisor = static_cast<ComputeType<T>>(VarianceDivisor(n, correction));
    ParallelChunks(*context.parallel, x.rows(), 1 + 16384 / (n + 1), [&](int, int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        GradientRow(Widen(grad_y.In<T>()[r]), x.In<T>() + r * n, static_cast<size_t>(n), Widen(y.In<T>()[r]), operation,
                    divisor, grad_x.Out<T>() + r * n);
      }
    });
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(Reduce);
HWY_EXPORT(ReduceBackward);

void ReduceCpu(const OpContext& context, const TensorView& x, Reduction operation, int64_t correction,
               const TensorView& y) {
  HWY_DYNAMIC_DISPATCH(Reduce)(context, x, operation, correction, y);
}

void ReduceBackwardCpu(const OpContext& context, const TensorView& grad_y, const TensorView& x, const TensorView& y,
                       Reduction operation, int64_t correction, const TensorView& grad_x) {
  HWY_DYNAMIC_DISPATCH(ReduceBackward)(context, grad_y, x, y, operation, correction, grad_x);
}

}  // namespace strata
#endif  // HWY_ONCE
