#include "kernels/ops/add_layer_norm/add_layer_norm.h"
#include "kernels/simd/norm_ref.h"

namespace strata {

void AddLayerNormRef(const OpContext&, const TensorView& x, const TensorView& residual, const TensorView& weight,
                     const TensorView& bias, double eps, const TensorView& y, const TensorView& sum) {
  AddReference(x, residual, sum);
  NormReference(NormKind::kLayer, sum, weight, bias, eps, y);
}

void AddLayerNormBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& grad_sum,
                             const TensorView& sum, const TensorView& weight, double eps, const TensorView& grad_x,
                             const TensorView& grad_weight, const TensorView& grad_bias) {
  NormGradientReference(NormKind::kLayer, grad_y, sum, weight, grad_sum, eps, grad_x, grad_weight, grad_bias);
}

}  // namespace strata
