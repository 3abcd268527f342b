#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/log_softmax/log_softmax_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/log_softmax/log_softmax.h"
#include "kernels/simd/row-inl.h"
#include "kernels/simd/softmax-inl.h"
#include "kernels/simd/stream-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

template <class T, class F = ComputeType<T>>
HWY_INLINE void ForwardRow(const T* x, size_t width, bool stream, T* y) {
  const hn::ScalableTag<F> d;
  // A NaN that LaneMax passed over comes back: its exponential makes the sum NaN. So does a maximum that is infinite.
  const auto most = hn::Set(d, LaneMax(d, width, x));
  const F sum = SumOfExp(d, x, width, most, stream ? x + width : nullptr, [](auto, auto) HWY_ATTR {});
  const auto log_sum = Log(d, hn::Set(d, sum * kExpUnshift<F>));
  MapRow(d, width, stream, y, [&](auto at) HWY_ATTR { return hn::Sub(hn::Sub(at(x), most), log_sum); });
}

template <class T, class F = ComputeType<T>>
HWY_INLINE void BackwardRow(const T* grad, const T* y, size_t width, bool stream, T* out) {
  const hn::ScalableTag<F> d;
  const F total = LaneSum(d, width, [&](auto acc, auto at) HWY_ATTR { return hn::Add(acc, at(grad)); });
  const auto sum = hn::Set(d, total), unshift = hn::Set(d, kExpUnshift<F>);
  const auto gradient = [&](auto at)
                            HWY_ATTR { return hn::NegMulAdd(hn::Mul(ExpShifted(d, at(y)), unshift), sum, at(grad)); };
  MapRow(d, width, stream, out, gradient, grad + width, y + width);
}

void LogSoftmax(const OpContext& context, const TensorView& x, const TensorView& y) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    const int64_t width = x.size(-1);
    const bool stream = Streams<T>(y.data, x.numel(), width);
    // An exponential costs about four times an element's other work.
    ForRows(*context.parallel, x.rows(), 4 * width, stream, [&](int64_t r) HWY_ATTR {
      ForwardRow<T>(x.In<T>() + r * width, static_cast<size_t>(width), stream, y.Out<T>() + r * width);
    });
  });
}
void LogSoftmaxBackward(const OpContext& context, const TensorView& grad_y, const TensorView& y,
                        const TensorView& grad_x) {
  DispatchFloat(y.dtype, [&](auto type) {
    using T = decltype(type);
    const int64_t width = y.size(-1);
    const bool stream = Streams<T>(grad_x.data, y.numel(), width);
    ForRows(*context.parallel, y.rows(), 4 * width, stream, [&](int64_t r) HWY_ATTR {
      BackwardRow<T>(grad_y.In<T>() + r * width, y.In<T>() + r * width, static_cast<size_t>(width), stream,
                     grad_x.Out<T>() + r * width);
    });
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(LogSoftmax);
HWY_EXPORT(LogSoftmaxBackward);

void LogSoftmaxCpu(const OpContext& context, const TensorView& x, const TensorView& y) {
  HWY_DYNAMIC_DISPATCH(LogSoftmax)(context, x, y);
}

void LogSoftmaxBackwardCpu(const OpContext& context, const TensorView& grad_y, const TensorView& y,
                           const TensorView& grad_x) {
  HWY_DYNAMIC_DISPATCH(LogSoftmaxBackward)(context, grad_y, y, grad_x);
}

}  // namespace strata
#endif  // HWY_ONCE
