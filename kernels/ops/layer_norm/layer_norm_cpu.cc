#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/layer_norm/layer_norm_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/layer_norm/layer_norm.h"
#include "kernels/simd/norm-inl.h"
#include "kernels/simd/norm_backward-inl.h"
#include "kernels/simd/stream-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

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

void LayerNorm(const OpContext& context, const TensorView& x, const TensorView& weight, const TensorView& bias,
               double eps, const TensorView& y) {
  DispatchFloat(x.dtype, [&](auto type) { Forward<decltype(type)>(context, x, weight, bias, eps, y); });
}
void LayerNormBackward(const OpContext& context, const TensorView& grad_y, const TensorView& x,
                       const TensorView& weight, double eps, const TensorView& grad_x, const TensorView& grad_weight,
                       const TensorView& grad_bias) {
  DispatchFloat(x.dtype, [&](auto type) {
    LayerNormGradient<decltype(type), false>(context, grad_y, x, weight, TensorView(), eps, grad_x, grad_weight,
                                             grad_bias);
  });
}

}  // namespace
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
