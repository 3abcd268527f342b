#include "kernels/ops/rms_norm/rms_norm.h"
#include "kernels/simd/norm_ref.h"

namespace strata {

void RmsNormRef(const OpContext&, const TensorView& x, const TensorView& weight, double eps, const TensorView& y) {
  NormReference(NormKind::kRms, x, weight, TensorView(), eps, y);
}

void RmsNormBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& x, const TensorView& weight,
                        double eps, const TensorView& grad_x, const TensorView& grad_weight) {
  NormGradientReference(NormKind::kRms, grad_y, x, weight, TensorView(), eps, grad_x, grad_weight, TensorView());
}

}  // namespace strata
