#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/rms_norm/rms_norm_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include <cmath>

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/rms_norm/rms_norm.h"
#include "kernels/simd/columns-inl.h"
#include "kernels/simd/row-inl.h"
#include "kernels/simd/stream-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

template <class F>
F ScaleOf(F squares, size_t width, double eps) {
  return F(1) / std::sqrt(squares / static_cast<F>(width) + static_cast<F>(eps));
}

template <class F, class T>
HWY_INLINE F RowScale(const T* x, size_t width, double eps) {
  const hn::ScalableTag<F> d;
  const F squares = LaneSum(d, width, [&](auto acc, auto at) HWY_ATTR {
    const auto v = at(x);
    return hn::MulAdd(v, v, acc);
  });
  return ScaleOf(squares, width, eps);
}

template <class T>
void Forward(const OpContext& context, const TensorView& x, const TensorView& weight, double eps, const TensorView& y) {
  using F = ComputeType<T>;
  const hn::ScalableTag<F> d;
  const size_t width = static_cast<size_t>(x.size(-1));
  const T* w = weight.In<T>();
  const bool stream = Streams<T>(y.data, x.numel(), x.size(-1));
  ForRows(*context.parallel, x.rows(), x.size(-1), stream, [&](int64_t r) HWY_ATTR {
    const T* row = x.In<T>() + r * x.size(-1);
    const auto scale = hn::Set(d, RowScale<F>(row, width, eps));
    const auto scaled = [&](auto at) HWY_ATTR { return hn::Mul(hn::Mul(at(row), scale), at(w)); };
    MapRow(d, width, stream, y.Out<T>() + r * x.size(-1), scaled, row + width);
  });
}

// One row of the backward: grad_x, and what it adds to the sums of grad_weight.
template <class T, class F = ComputeType<T>>
HWY_INLINE void BackwardRow(const T* grad, const T* x, const T* w, size_t width, double eps, bool stream, T* out,
                            F* weight_sums) {
  const hn::ScalableTag<F> d;
  const auto [squares, dot] = LaneSums<2>(d, width, [&](auto* acc, auto at) HWY_ATTR {
    const auto v = at(x);
    acc[0] = hn::MulAdd(v, v, acc[0]);
    acc[1] = hn::MulAdd(hn::Mul(at(grad), at(w)), v, acc[1]);
  });
  const F s = ScaleOf(squares, width, eps);
  const auto scale = hn::Set(d, s), pull = hn::Set(d, dot * s * s * s / static_cast<F>(width));
  const auto gradient = [&](auto at) HWY_ATTR {
    const auto g = at(grad), v = at(x);
    PutCached(at, hn::MulAdd(g, hn::Mul(v, scale), at(weight_sums)), weight_sums);
    return hn::NegMulAdd(v, pull, hn::Mul(hn::Mul(g, at(w)), scale));
  };
  MapRow(d, width, stream, out, gradient, grad + width, x + width);
}

template <class T>
void Backward(const OpContext& context, const TensorView& grad_y, const TensorView& x, const TensorView& weight,
              double eps, const TensorView& grad_x, const TensorView& grad_weight) {
  const int64_t width = x.size(-1);
  const bool stream = Streams<T>(grad_x.data, x.numel(), width);
  const auto row = [&](int64_t r, ComputeType<T>* sums) HWY_ATTR {
    const int64_t start = r * width;
    BackwardRow<T>(grad_y.In<T>() + start, x.In<T>() + start, weight.In<T>(), static_cast<size_t>(width), eps, stream,
                   grad_x.Out<T>() + start, sums);
  };
  ForRowsAndSums<T>(context, x.rows(), width, stream, std::array<T*, 1>{grad_weight.Out<T>()}, row);
}

void RmsNorm(const OpContext& context, const TensorView& x, const TensorView& weight, double eps, const TensorView& y) {
  DispatchFloat(x.dtype, [&](auto type) { Forward<decltype(type)>(context, x, weight, eps, y); });
}
void RmsNormBackward(const OpContext& context, const TensorView& grad_y, const TensorView& x, const TensorView& weight,
                     double eps, const TensorView& grad_x, const TensorView& grad_weight) {
  DispatchFloat(x.dtype,
                [&](auto type) { Backward<decltype(type)>(context, grad_y, x, weight, eps, grad_x, grad_weight); });
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(RmsNorm);
HWY_EXPORT(RmsNormBackward);

void RmsNormCpu(const OpContext& context, const TensorView& x, const TensorView& weight, double eps,
                const TensorView& y) {
  HWY_DYNAMIC_DISPATCH(RmsNorm)(context, x, weight, eps, y);
}

void RmsNormBackwardCpu(const OpContext& context, const TensorView& grad_y, const TensorView& x,
                        const TensorView& weight, double eps, const TensorView& grad_x, const TensorView& grad_weight) {
  HWY_DYNAMIC_DISPATCH(RmsNormBackward)(context, grad_y, x, weight, eps, grad_x, grad_weight);
}

}  // namespace strata
#endif  // HWY_ONCE
