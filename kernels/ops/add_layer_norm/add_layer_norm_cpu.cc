#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/add_layer_norm/add_layer_norm_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/add_layer_norm/add_layer_norm.h"
#include "kernels/simd/norm-inl.h"
#include "kernels/simd/norm_backward-inl.h"
#include "kernels/simd/stream-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

template <class T>
void Forward(const OpContext& context, const TensorView& x, const TensorView& residual, const TensorView& weight,
             const TensorView& bias, double eps, const TensorView& y, const TensorView& sum) {
  const int64_t width = x.size(-1);
  const size_t n = static_cast<size_t>(width);
  const bool stream = Streams<T>(y.data, x.numel(), width) && Streams<T>(sum.data, x.numel(), width);
  ForRows(*context.parallel, x.rows(), width, stream, [&](int chunk, int64_t r) HWY_ATTR {
    const T *in = x.In<T>() + r * width, *other = residual.In<T>() + r * width;
    T *out = y.Out<T>() + r * width, *total = sum.Out<T>() + r * width;
    if (stream) {
      // The sum is needed three times: it waits in the cache, and leaves with y.
      T* kept = reinterpret_cast<T*>(context.workspace) + chunk * width;
      AddRow(in, other, n, kept);
      LayerNormRow<true>(static_cast<const T*>(kept), weight.In<T>(), bias.In<T>(), n, eps, true, out, total,
                         in + width, other + width);
    } else {
      AddRow(in, other, n, total);
      LayerNormRow<false>(static_cast<const T*>(total), weight.In<T>(), bias.In<T>(), n, eps, false, out, total);
    }
  });
}

void AddLayerNorm(const OpContext& context, const TensorView& x, const TensorView& residual, const TensorView& weight,
                  const TensorView& bias, double eps, const TensorView& y, const TensorView& sum) {
  DispatchFloat(x.dtype, [&](auto type) { Forward<decltype(type)>(context, x, residual, weight, bias, eps, y, sum); });
}
void AddLayerNormBackward(const OpContext& context, const TensorView& grad_y, const TensorView& grad_sum,
                          const TensorView& sum, const TensorView& weight, double eps, const TensorView& grad_x,
                          const TensorView& grad_weight, const TensorView& grad_bias) {
  DispatchFloat(sum.dtype, [&](auto type) {
    LayerNormGradient<decltype(type), true>(context, grad_y, sum, weight, grad_sum, eps, grad_x, grad_weight,
                                            grad_bias);
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(AddLayerNorm);
HWY_EXPORT(AddLayerNormBackward);

void AddLayerNormCpu(const OpContext& context, const TensorView& x, const TensorView& residual,
                     const TensorView& weight, const TensorView& bias, double eps, const TensorView& y,
                     const TensorView& sum) {
  HWY_DYNAMIC_DISPATCH(AddLayerNorm)(context, x, residual, weight, bias, eps, y, sum);
}

void AddLayerNormBackwardCpu(const OpContext& context, const TensorView& grad_y, const TensorView& grad_sum,
                             const TensorView& sum, const TensorView& weight, double eps, const TensorView& grad_x,
                             const TensorView& grad_weight, const TensorView& grad_bias) {
  HWY_DYNAMIC_DISPATCH(AddLayerNormBackward)(context, grad_y, grad_sum, sum, weight, eps, grad_x, grad_weight,
                                             grad_bias);
}

}  // namespace strata
#endif  // HWY_ONCE
