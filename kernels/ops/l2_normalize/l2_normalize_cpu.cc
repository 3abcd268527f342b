#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/l2_normalize/l2_normalize_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include <cmath>

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/l2_normalize/l2_normalize.h"
#include "kernels/simd/row-inl.h"
#include "kernels/simd/stream-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

template <class F, class T>
F NormOf(const T* x, size_t width) {
  const hn::ScalableTag<F> d;
  return std::sqrt(LaneSum(d, width, [&](auto acc, auto at) HWY_ATTR {
    const auto v = at(x);
    return hn::MulAdd(v, v, acc);
  }));
}

template <class T, class F = ComputeType<T>>
void ForwardRow(const T* x, size_t width, F eps, bool stream, T* y) {
  const hn::ScalableTag<F> d;
  const F norm = NormOf<F>(x, width);
  // Not std::max: a NaN stays.
  const auto divisor = hn::Set(d, norm < eps ? eps : norm);
  MapRow(d, width, stream, y, [&](auto at) HWY_ATTR { return hn::Div(at(x), divisor); }, x + width);
}

template <class T, class F = ComputeType<T>>
void BackwardRow(const T* grad, const T* x, size_t width, F eps, bool stream, T* out) {
  const hn::ScalableTag<F> d;
  const F norm = NormOf<F>(x, width);
  const auto divisor = hn::Set(d, norm < eps ? eps : norm);
  if (norm < eps) {
    return MapRow(d, width, stream, out, [&](auto at) HWY_ATTR { return hn::Div(at(grad), divisor); });
  }
  // Divided, not multiplied by 1 / norm: a row of one element is exactly 1 or -1 and its gradient exactly 0.
  const F dot = LaneSum(d, width, [&](auto acc, auto at) HWY_ATTR {
    return hn::MulAdd(at(grad), at.Keep(hn::Div(at(x), divisor)), acc);
  });
  const auto vdot = hn::Set(d, dot);
  MapRow(
      d, width, stream, out,
      [&](auto at) HWY_ATTR { return hn::Div(hn::NegMulAdd(hn::Div(at(x), divisor), vdot, at(grad)), divisor); },
      grad + width, x + width);
}

void L2Normalize(const OpContext& context, const TensorView& x, double eps, const TensorView& y) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    const int64_t width = x.size(-1);
    const bool stream = Streams<T>(y.data, x.numel(), width);
    ForRows(*context.parallel, x.rows(), width, stream, [&](int64_t r) {
      ForwardRow<T>(x.In<T>() + r * width, static_cast<size_t>(width), static_cast<ComputeType<T>>(eps), stream,
                    y.Out<T>() + r * width);
    });
  });
}
void L2NormalizeBackward(const OpContext& context, const TensorView& grad_y, const TensorView& x, double eps,
                         const TensorView& grad_x) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    const int64_t width = x.size(-1);
    const bool stream = Streams<T>(grad_x.data, x.numel(), width);
    ForRows(*context.parallel, x.rows(), width, stream, [&](int64_t r) {
      BackwardRow<T>(grad_y.In<T>() + r * width, x.In<T>() + r * width, static_cast<size_t>(width),
                     static_cast<ComputeType<T>>(eps), stream, grad_x.Out<T>() + r * width);
    });
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(L2Normalize);
HWY_EXPORT(L2NormalizeBackward);

void L2NormalizeCpu(const OpContext& context, const TensorView& x, double eps, const TensorView& y) {
  HWY_DYNAMIC_DISPATCH(L2Normalize)(context, x, eps, y);
}

void L2NormalizeBackwardCpu(const OpContext& context, const TensorView& grad_y, const TensorView& x, double eps,
                            const TensorView& grad_x) {
  HWY_DYNAMIC_DISPATCH(L2NormalizeBackward)(context, grad_y, x, eps, grad_x);
}

}  // namespace strata
#endif  // HWY_ONCE
