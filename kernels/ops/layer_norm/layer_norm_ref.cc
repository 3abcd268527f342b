#include "kernels/ops/layer_norm/layer_norm.h"
#include "kernels/simd/norm_ref.h"

namespace strata {

void LayerNormRef(const OpContext&, const TensorView& x, const TensorView& weight, const TensorView& bias, double eps,
                  const TensorView& y) {
  NormReference(NormKind::kLayer, x, weight, bias, eps, y);
}

void LayerNormBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& x, const TensorView& weight,
                          double eps, const TensorView& grad_x, const TensorView& grad_weight,
                          const TensorView& grad_bias) {
  NormGradientReference(NormKind::kLayer, grad_y, x, weight, TensorView(), eps, grad_x, grad_weight, grad_bias);
}

}  // namespace strata
