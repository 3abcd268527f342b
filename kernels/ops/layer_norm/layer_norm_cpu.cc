#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/layer_norm/layer_norm_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include <cmath>

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/layer_norm/layer_norm.h"
#include "kernels/simd/columns-inl.h"
#include "kernels/simd/row-inl.h"
#include "kernels/simd/stream-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

template <class F>
struct RowStats {
  F mean, scale;
};

template <class F, class T>
HWY_INLINE RowStats<F> StatsOf(const T* x, size_t width, double eps) {
  const hn::ScalableTag<F> d;
  const F count = static_cast<F>(width);
  const F mean = LaneSum(d, width, [&](auto acc, auto at) HWY_ATTR { return hn::Add(acc, at(x)); }) / count;
  const auto vmean = hn::Set(d, mean);
  const F squares = LaneSum(d, width, [&](auto acc, auto at) HWY_ATTR {
    const auto v = at.Keep(hn::Sub(at(x), vmean));
    return hn::MulAdd(v, v, acc);
  });
  return {mean, F(1) / std::sqrt(squares / count + static_cast<F>(eps))};
}

template <class T>
void Forward(const OpContext& context, const TensorView& x, const TensorView& weight, const TensorView& bias,
             double eps, const TensorView& y) {
  using F = ComputeType<T>;
  const hn::ScalableTag<F> d;
  const size_t width = static_cast<size_t>(x.size(-1));
  const T *w = weight.In<T>(), *b = bias.In<T>();
  const bool stream = Streams<T>(y.data, x.numel(), x.size(-1));
  ForRows(*context.parallel, x.rows(), x.size(-1), stream, [&](int64_t r) HWY_ATTR {
    const T* row = x.In<T>() + r * x.size(-1);
    const RowStats<F> stats = StatsOf<F>(row, width, eps);
    const auto mean = hn::Set(d, stats.mean), scale = hn::Set(d, stats.scale);
    const auto normal = [&](auto at)
                            HWY_ATTR { return hn::MulAdd(hn::Mul(hn::Sub(at(row), mean), scale), at(w), at(b)); };
    MapRow(d, width, stream, y.Out<T>() + r * x.size(-1), normal, row + width);
  });
}

// One row of the backward: grad_x, and what it adds to the sums of grad_weight and grad_bias.
template <class T, class F = ComputeType<T>>
HWY_INLINE void BackwardRow(const T* grad, const T* x, const T* w, size_t width, double eps, bool stream, T* out,
                            F* weight_sums, F* bias_sums) {
  const hn::ScalableTag<F> d;
  const F count = static_cast<F>(width);
  const auto [sum_x, sum_g] = LaneSums<2>(d, width, [&](auto* acc, auto at) HWY_ATTR {
    acc[0] = hn::Add(acc[0], at(x));
    acc[1] = hn::MulAdd(at(grad), at(w), acc[1]);
  });
  const auto mean = hn::Set(d, sum_x / count);
  const auto [squares, dot] = LaneSums<2>(d, width, [&](auto* acc, auto at) HWY_ATTR {
    const auto v = at.Keep(hn::Sub(at(x), mean));
    acc[0] = hn::MulAdd(v, v, acc[0]);
    acc[1] = hn::MulAdd(hn::Mul(at(grad), at(w)), v, acc[1]);
  });
  const F s = F(1) / std::sqrt(squares / count + static_cast<F>(eps));
  const auto scale = hn::Set(d, s), mean_g = hn::Set(d, sum_g / count), mean_gn = hn::Set(d, dot * s / count);
  const auto gradient = [&](auto at) HWY_ATTR {
    const auto g = at(grad), normal = hn::Mul(hn::Sub(at(x), mean), scale);
    PutCached(at, hn::MulAdd(g, normal, at(weight_sums)), weight_sums);
    PutCached(at, hn::Add(g, at(bias_sums)), bias_sums);
    return hn::Mul(scale, hn::NegMulAdd(normal, mean_gn, hn::Sub(hn::Mul(g, at(w)), mean_g)));
  };
  MapRow(d, width, stream, out, gradient, grad + width, x + width);
}

template <class T>
void Backward(const OpContext& context, const TensorView& grad_y, const TensorView& x, const TensorView& weight,
              double eps, const TensorView& grad_x, const TensorView& grad_weight, const TensorView& grad_bias) {
  using F = ComputeType<T>;
  const int64_t width = x.size(-1);
  const bool stream = Streams<T>(grad_x.data, x.numel(), width);
  const auto row = [&](int64_t r, F* sums) HWY_ATTR {
    const int64_t start = r * width;
    BackwardRow<T>(grad_y.In<T>() + start, x.In<T>() + start, weight.In<T>(), static_cast<size_t>(width), eps, stream,
                   grad_x.Out<T>() + start, sums, sums + width);
  };
  const std::array<T*, 2> outs = {grad_weight.Out<T>(), grad_bias.Out<T>()};
  ForRowsAndSums<T>(context, x.rows(), width, stream, outs, row);
}

void LayerNorm(const OpContext& context, const TensorView& x, const TensorView& weight, const TensorView& bias,
               double eps, const TensorView& y) {
  DispatchFloat(x.dtype, [&](auto type) { Forward<decltype(type)>(context, x, weight, bias, eps, y); });
}
void LayerNormBackward(const OpContext& context, const TensorView& grad_y, const TensorView& x,
                       const TensorView& weight, double eps, const TensorView& grad_x, const TensorView& grad_weight,
                       const TensorView& grad_bias) {
  DispatchFloat(x.dtype, [&](auto type) {
    Backward<decltype(type)>(context, grad_y, x, weight, eps, grad_x, grad_weight, grad_bias);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(LayerNorm);
HWY_EXPORT(LayerNormBackward);

void LayerNormCpu(const OpContext& context, const TensorView& x, const TensorView& weight, const TensorView& bias,
                  double eps, const TensorView& y) {
  HWY_DYNAMIC_DISPATCH(LayerNorm)(context, x, weight, bias, eps, y);
}

void LayerNormBackwardCpu(const OpContext& context, const TensorView& grad_y, const TensorView& x,
                          const TensorView& weight, double eps, const TensorView& grad_x, const TensorView& grad_weight,
                          const TensorView& grad_bias) {
  HWY_DYNAMIC_DISPATCH(LayerNormBackward)(context, grad_y, x, weight, eps, grad_x, grad_weight, grad_bias);
}

}  // namespace strata
#endif  // HWY_ONCE
