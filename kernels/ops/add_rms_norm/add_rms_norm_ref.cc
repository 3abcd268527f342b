#include "kernels/ops/add_rms_norm/add_rms_norm.h"
#include "kernels/simd/norm_ref.h"

namespace strata {

void AddRmsNormRef(const OpContext&, const TensorView& x, const TensorView& residual, const TensorView& weight,
                   double eps, const TensorView& y, const TensorView& sum) {
  AddReference(x, residual, sum);
  NormReference(NormKind::kRms, sum, weight, TensorView(), eps, y);
}

void AddRmsNormBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& grad_sum,
                           const TensorView& sum, const TensorView& weight, double eps, const TensorView& grad_x,
                           const TensorView& grad_weight) {
  NormGradientReference(NormKind::kRms, grad_y, sum, weight, grad_sum, eps, grad_x, grad_weight, TensorView());
}

}  // namespace strata
