// Rows scaled to unit length, as torch.nn.functional.normalize does it: embeddings whose dot product is their cosine.
#pragma once

#include <array>

#include "kernels/core/op_def.h"

namespace strata {

inline constexpr OpSchema kL2Normalize =
    Op("l2_normalize").Doc("y = x / max(sqrt(sum_d(x^2)), eps)").In("x", "* D").Attr("eps", 1e-12).Out("y", "* D");

// With n = max(|x|, eps) and y = x / n: grad_x = (grad_y - y * sum_d(grad_y * y)) / n; for a row shorter than eps,
// which is divided by a constant, grad_x = grad_y / eps.
inline constexpr OpSchema kL2NormalizeBackward = Op("l2_normalize_backward")
                                                     .Doc("gradient of l2_normalize")
                                                     .In("grad_y", "* D")
                                                     .In("x", "* D")
                                                     .Attr("eps", 1e-12)
                                                     .Out("grad_x", "* D");

void L2NormalizeRef(const OpContext&, const TensorView& x, double eps, const TensorView& y);
void L2NormalizeCpu(const OpContext&, const TensorView& x, double eps, const TensorView& y);

void L2NormalizeBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& x, double eps,
                            const TensorView& grad_x);
void L2NormalizeBackwardCpu(const OpContext&, const TensorView& grad_y, const TensorView& x, double eps,
                            const TensorView& grad_x);

namespace ops::l2_normalize {
extern const std::array<OpDef, 2> kOps;
}  // namespace ops::l2_normalize

}  // namespace strata
