#include "kernels/ops/add_group_norm/add_group_norm.h"
#include "kernels/simd/group_norm_ref.h"

namespace strata {

void AddGroupNormRef(const OpContext&, const TensorView& x, const TensorView& residual, const TensorView& weight,
                     const TensorView& bias, int64_t groups, double eps, NormActivation activation, const TensorView& y,
                     const TensorView& sum) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    for (int64_t i = 0; i < x.numel(); ++i) {
      sum.Out<T>()[i] = FromDouble<T>(ToDouble(x.In<T>()[i]) + ToDouble(residual.In<T>()[i]));
    }
  });
  GroupNormReference(sum, weight, bias, groups, eps, activation, y);
}

void AddGroupNormBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& grad_sum,
                             const TensorView& sum, const TensorView& weight, const TensorView& bias, int64_t groups,
                             double eps, NormActivation activation, const TensorView& grad_x,
                             const TensorView& grad_weight, const TensorView& grad_bias) {
  GroupNormGradientReference(grad_y, sum, weight, bias, grad_sum, groups, eps, activation, grad_x, grad_weight,
                             grad_bias);
}

}  // namespace strata
