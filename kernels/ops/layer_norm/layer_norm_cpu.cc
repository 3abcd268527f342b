#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/layer_norm/layer_norm_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/layer_norm/layer_norm.h"
#include "kernels/simd/columns-inl.h"
#include "kernels/simd/norm-inl.h"
#include "kernels/simd/stream-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

template <class T>
void Forward(const OpContext& context, const TensorView& x, const TensorView& weight, const TensorView& bias,
             double eps, const TensorView& y) {
  const size_t width = static_cast<size_t>(x.size(-1));
  const bool stream = Streams<T>(y.data, x.numel(), x.size(-1));
  ForRows(*context.parallel, x.rows(), x.size(-1), stream, [&](int64_t r) HWY_ATTR {
    const T* row = x.In<T>() + r * x.size(-1);
    LayerNormRow<false>(row, weight.In<T>(), bias.In<T>(), width, eps, stream, y.Out<T>() + r * x.size(-1),
                        static_cast<T*>(nullptr), row + width);
  });
}

template <class T>
void Backward(const OpContext& context, const TensorView& grad_y, const TensorView& x, const TensorView& weight,
              double eps, const TensorView& grad_x, const TensorView& grad_weight, const TensorView& grad_bias) {
  using F = ComputeType<T>;
  const int64_t width = x.size(-1);
  const bool stream = Streams<T>(grad_x.data, x.numel(), width);
  const auto row = [&](int64_t r, F* sums) HWY_ATTR {
    const int64_t start = r * width;
    LayerNormBackwardRow<false>(grad_y.In<T>() + start, x.In<T>() + start, weight.In<T>(),
                                static_cast<const T*>(nullptr), static_cast<size_t>(width), eps, stream,
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
