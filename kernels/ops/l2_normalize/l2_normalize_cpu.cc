#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/l2_normalize/l2_normalize_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include <cmath>

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/l2_normalize/l2_normalize.h"
#include "kernels/simd/row-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

template <class F, class T>
F NormOf(const T* x, size_t width) {
  const hn::ScalableTag<F> d;
  return std::sqrt(LaneSum(d, width, [&](auto acc, auto at) HWY_ATTR {
    const auto v = at(x);
    return hn::MulAdd(v, v, acc);
  }));
}

// Calls row(start of the row) for every row, on all threads.
template <class Row>
void ForRows(const OpContext& context, const TensorView& x, Row row) {
  const int64_t width = x.size(-1);
  ParallelChunks(*context.parallel, x.rows(), 1 + 16384 / (width + 1), [&](int, int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) row(r * width);
  });
}

template <class T, class F = ComputeType<T>>
void ForwardRow(const T* x, size_t width, F eps, T* y) {
  const hn::ScalableTag<F> d;
  const F norm = NormOf<F>(x, width);
  // Not std::max: a NaN stays.
  const auto divisor = hn::Set(d, norm < eps ? eps : norm);
  Map(d, width, y, [&](auto at) HWY_ATTR { return hn::Div(at(x), divisor); });
}

template <class T, class F = ComputeType<T>>
void BackwardRow(const T* grad, const T* x, size_t width, F eps, T* out) {
  const hn::ScalableTag<F> d;
  const F norm = NormOf<F>(x, width);
  const auto divisor = hn::Set(d, norm < eps ? eps : norm);
  if (norm < eps) return Map(d, width, out, [&](auto at) HWY_ATTR { return hn::Div(at(grad), divisor); });
  // Divided, not multiplied by 1 / norm: a row of one element is exactly 1 or -1 and its gradient exactly 0.
  const F dot = LaneSum(d, width, [&](auto acc, auto at) HWY_ATTR {
    return hn::MulAdd(at(grad), at.Keep(hn::Div(at(x), divisor)), acc);
  });
  const auto vdot = hn::Set(d, dot);
  Map(d, width, out,
      [&](auto at) HWY_ATTR { return hn::Div(hn::NegMulAdd(hn::Div(at(x), divisor), vdot, at(grad)), divisor); });
}

void L2Normalize(const OpContext& context, const TensorView& x, double eps, const TensorView& y) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    ForRows(context, x, [&](int64_t start) {
      ForwardRow<T>(x.In<T>() + start, static_cast<size_t>(x.size(-1)), static_cast<ComputeType<T>>(eps),
                    y.Out<T>() + start);
    });
  });
}
void L2NormalizeBackward(const OpContext& context, const TensorView& grad_y, const TensorView& x, double eps,
                         const TensorView& grad_x) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    ForRows(context, x, [&](int64_t start) {
      BackwardRow<T>(grad_y.In<T>() + start, x.In<T>() + start, static_cast<size_t>(x.size(-1)),
                     static_cast<ComputeType<T>>(eps), grad_x.Out<T>() + start);
    });
  });
}

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
