#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/gelu/gelu_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/gelu/gelu.h"
#include "kernels/simd/activation-inl.h"
#include "kernels/simd/row-inl.h"
#include "kernels/simd/stream-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

constexpr int64_t kRow = 1024;    // elements that are streamed in one piece
constexpr int64_t kGrain = 4096;  // some 5 ns a vector: 4096 elements take about what waking a thread does

template <class T, class F>
void ForElements(const OpContext& context, int64_t n, T* out, F f) {
  const hn::ScalableTag<ComputeType<T>> d;
  if (n % kRow == 0 && Streams<T>(out, n, kRow)) {
    return ForRows(*context.parallel, n / kRow, kRow, true, [&](int64_t r) HWY_ATTR {
      MapRow(d, static_cast<size_t>(kRow), true, out + r * kRow, [&](auto at) HWY_ATTR { return f(d, at, r * kRow); });
    });
  }
  ParallelChunks(*context.parallel, n, kGrain, [&](int, int64_t begin, int64_t end) HWY_ATTR {
    Map(d, static_cast<size_t>(end - begin), out + begin, [&](auto at) HWY_ATTR { return f(d, at, begin); });
  });
}

void GeluForward(const OpContext& context, const TensorView& x, GeluApproximation approximate, const TensorView& y) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    const T* in = x.In<T>();
    if (approximate == GeluApproximation::kNone) {
      return ForElements(context, x.numel(), y.Out<T>(),
                         [&](auto d, auto at, int64_t begin) HWY_ATTR { return Gelu(d, at(in + begin)); });
    }
    ForElements(context, x.numel(), y.Out<T>(),
                [&](auto d, auto at, int64_t begin) HWY_ATTR { return GeluTanh(d, at(in + begin)); });
  });
}

void GeluBackward(const OpContext& context, const TensorView& grad_y, const TensorView& x,
                  GeluApproximation approximate, const TensorView& grad_x) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    const T *in = x.In<T>(), *grad = grad_y.In<T>();
    if (approximate == GeluApproximation::kNone) {
      return ForElements(context, x.numel(), grad_x.Out<T>(), [&](auto d, auto at, int64_t begin) HWY_ATTR {
        return hn::Mul(at(grad + begin), GeluSlope(d, at(in + begin)));
      });
    }
    ForElements(context, x.numel(), grad_x.Out<T>(), [&](auto d, auto at, int64_t begin) HWY_ATTR {
      return hn::Mul(at(grad + begin), GeluTanhSlope(d, at(in + begin)));
    });
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(GeluForward);
HWY_EXPORT(GeluBackward);

void GeluCpu(const OpContext& context, const TensorView& x, GeluApproximation approximate, const TensorView& y) {
  HWY_DYNAMIC_DISPATCH(GeluForward)(context, x, approximate, y);
}

void GeluBackwardCpu(const OpContext& context, const TensorView& grad_y, const TensorView& x,
                     GeluApproximation approximate, const TensorView& grad_x) {
  HWY_DYNAMIC_DISPATCH(GeluBackward)(context, grad_y, x, approximate, grad_x);
}

}  // namespace strata
#endif  // HWY_ONCE
