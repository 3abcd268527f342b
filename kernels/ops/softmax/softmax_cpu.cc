#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/softmax/softmax_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/softmax/softmax.h"
#include "kernels/simd/math-inl.h"
#include "kernels/simd/row-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

template <class T, class F = ComputeType<T>>
void ForwardRow(const T* x, size_t width, T* y) {
  const hn::ScalableTag<F> d;
  const auto most = hn::Set(d, LaneMax(d, width, x));
  // A NaN that LaneMax passed over comes back here: its exponential makes the sum NaN. The exponentials wait in y,
  // except in bfloat16, where they would be rounded: there they are computed again.
  constexpr bool kKept = std::is_same_v<T, F>;
  const F sum = LaneSum(d, width, [&](auto acc, auto at) HWY_ATTR {
    const auto e = Exp(d, hn::Sub(at(x), most));
    if constexpr (kKept) at.Put(e, y);
    return hn::Add(acc, at.Keep(e));
  });
  const auto divisor = hn::Set(d, sum);
  Map(d, width, y, [&](auto at) HWY_ATTR {
    if constexpr (kKept) return hn::Div(at(y), divisor);
    return hn::Div(Exp(d, hn::Sub(at(x), most)), divisor);
  });
}

template <class T, class F = ComputeType<T>>
void BackwardRow(const T* grad, const T* y, size_t width, T* out) {
  const hn::ScalableTag<F> d;
  const F dot = LaneSum(d, width, [&](auto acc, auto at) HWY_ATTR { return hn::MulAdd(at(grad), at(y), acc); });
  const auto vdot = hn::Set(d, dot);
  Map(d, width, out, [&](auto at) HWY_ATTR { return hn::Mul(at(y), hn::Sub(at(grad), vdot)); });
}

// Calls row(start of the row) for every row, on all threads.
template <class Row>
void ForRows(const OpContext& context, const TensorView& x, int64_t cost, Row row) {
  const int64_t width = x.size(-1);
  ParallelChunks(*context.parallel, x.rows(), 1 + 16384 / (cost * width + 1), [&](int, int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) row(r * width);
  });
}

void Softmax(const OpContext& context, const TensorView& x, const TensorView& y) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    // An exponential costs about four times an element's other work.
    ForRows(context, x, 4,
            [&](int64_t start) { ForwardRow(x.In<T>() + start, static_cast<size_t>(x.size(-1)), y.Out<T>() + start); });
  });
}
void SoftmaxBackward(const OpContext& context, const TensorView& grad_y, const TensorView& y,
                     const TensorView& grad_x) {
  DispatchFloat(y.dtype, [&](auto type) {
    using T = decltype(type);
    ForRows(context, y, 1, [&](int64_t start) {
      BackwardRow(grad_y.In<T>() + start, y.In<T>() + start, static_cast<size_t>(y.size(-1)), grad_x.Out<T>() + start);
    });
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(Softmax);
HWY_EXPORT(SoftmaxBackward);

void SoftmaxCpu(const OpContext& context, const TensorView& x, const TensorView& y) {
  HWY_DYNAMIC_DISPATCH(Softmax)(context, x, y);
}

void SoftmaxBackwardCpu(const OpContext& context, const TensorView& grad_y, const TensorView& y,
                        const TensorView& grad_x) {
  HWY_DYNAMIC_DISPATCH(SoftmaxBackward)(context, grad_y, y, grad_x);
}

}  // namespace strata
#endif  // HWY_ONCE
