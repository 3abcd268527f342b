#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/softmax/softmax_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/softmax/softmax.h"
#include "kernels/simd/row-inl.h"
#include "kernels/simd/softmax-inl.h"
#include "kernels/simd/stream-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

// The exponentials wait in `kept`, so that bfloat16 does not round them and streamed rows stay out of memory till then.
template <class T, class F = ComputeType<T>>
HWY_INLINE void ForwardRow(const T* x, size_t width, bool stream, F* kept, T* y) {
  const hn::ScalableTag<F> d;
  // A NaN that LaneMax passed over comes back: its exponential makes the sum NaN. So does a maximum that is infinite.
  const auto most = hn::Set(d, LaneMax(d, width, x));
  const F sum =
      SumOfExp(d, x, width, most, stream ? x + width : nullptr, [&](auto at, auto e) HWY_ATTR { at.Put(e, kept); });
  const auto scale = hn::Set(d, F(1) / sum);
  MapRow(d, width, stream, y, [&](auto at) HWY_ATTR { return hn::Mul(at(kept), scale); });
}

template <class T, class F = ComputeType<T>>
HWY_INLINE void BackwardRow(const T* grad, const T* y, size_t width, bool stream, T* out) {
  const hn::ScalableTag<F> d;
  const F dot = LaneSum(d, width, [&](auto acc, auto at) HWY_ATTR { return hn::MulAdd(at(grad), at(y), acc); });
  const auto vdot = hn::Set(d, dot);
  const auto gradient = [&](auto at) HWY_ATTR { return hn::Mul(at(y), hn::Sub(at(grad), vdot)); };
  MapRow(d, width, stream, out, gradient, grad + width, y + width);
}

void Softmax(const OpContext& context, const TensorView& x, const TensorView& y) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    using F = ComputeType<T>;
    const int64_t width = x.size(-1);
    const bool stream = Streams<T>(y.data, x.numel(), width);
    // An exponential costs about four times an element's other work.
    ForRows(*context.parallel, x.rows(), 4 * width, stream, [&](int chunk, int64_t r) HWY_ATTR {
      T* out = y.Out<T>() + r * width;
      F* kept = reinterpret_cast<F*>(context.workspace) + chunk * width;
      if constexpr (std::is_same_v<T, F>) {
        if (!stream) kept = out;
      }
      ForwardRow<T>(x.In<T>() + r * width, static_cast<size_t>(width), stream, kept, out);
    });
  });
}
void SoftmaxBackward(const OpContext& context, const TensorView& grad_y, const TensorView& y,
                     const TensorView& grad_x) {
  DispatchFloat(y.dtype, [&](auto type) {
    using T = decltype(type);
    const int64_t width = y.size(-1);
    const bool stream = Streams<T>(grad_x.data, y.numel(), width);
    ForRows(*context.parallel, y.rows(), width, stream, [&](int64_t r) HWY_ATTR {
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
