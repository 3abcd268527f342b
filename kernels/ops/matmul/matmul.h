// Products of many matrices, one for each place in the leading dims.
#pragma once

#include <array>

#include "kernels/core/op_def.h"

namespace strata {

// Each product has the order of sums, and so the bits, of linear: matmul(x, w transposed) is linear(x, w)
// (in bfloat16: its row "simd").
inline constexpr OpSchema kMatmul = Op("matmul")
                                        .Doc("c[..., m, n] = sum_k(a[..., m, k] * b[..., k, n])")
                                        .In("a", "* M K")
                                        .In("b", "* K N")
                                        .Out("c", "* M N");

// grad_a = grad_c b^T, grad_b = a^T grad_c.
inline constexpr OpSchema kMatmulBackward = Op("matmul_backward")
                                                .Doc("gradients of matmul")
                                                .In("grad_c", "* M N")
                                                .In("a", "* M K")
                                                .In("b", "* K N")
                                                .Out("grad_a", "* M K")
                                                .Out("grad_b", "* K N");

void MatmulRef(const OpContext&, const TensorView& a, const TensorView& b, const TensorView& c);
void MatmulCpu(const OpContext&, const TensorView& a, const TensorView& b, const TensorView& c);
void MatmulBackwardRef(const OpContext&, const TensorView& grad_c, const TensorView& a, const TensorView& b,
                       const TensorView& grad_a, const TensorView& grad_b);
void MatmulBackwardCpu(const OpContext&, const TensorView& grad_c, const TensorView& a, const TensorView& b,
                       const TensorView& grad_a, const TensorView& grad_b);

namespace ops::matmul {
extern const std::array<OpDef, 2> kOps;
}  // namespace ops::matmul

}  // namespace strata
