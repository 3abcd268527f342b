#include "kernels/ops/add_group_norm/add_group_norm.h"
#include "kernels/simd/group_norm_ref.h"
#include "kernels/simd/norm_ref.h"

namespace strata {

void AddGroupNormRef(const OpContext&, const TensorView& x, const TensorView& residual, const TensorView& weight,
                     const TensorView& bias, int64_t groups, double eps, NormActivation activation, const TensorView& y,
                     const TensorView& sum) {
  AddReference(x, residual, sum);
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
