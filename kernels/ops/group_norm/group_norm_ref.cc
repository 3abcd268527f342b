#include "kernels/simd/group_norm_ref.h"
#include "kernels/ops/group_norm/group_norm.h"

namespace strata {

void GroupNormRef(const OpContext&, const TensorView& x, const TensorView& weight, const TensorView& bias,
                  int64_t groups, double eps, NormActivation activation, const TensorView& y) {
  GroupNormReference(x, weight, bias, groups, eps, activation, y);
}

void GroupNormBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& x, const TensorView& weight,
                          const TensorView& bias, int64_t groups, double eps, NormActivation activation,
                          const TensorView& grad_x, const TensorView& grad_weight, const TensorView& grad_bias) {
  GroupNormGradientReference(grad_y, x, weight, bias, TensorView(), groups, eps, activation, grad_x, grad_weight,
                             grad_bias);
}

}  // namespace strata
