// Products of many matrices, one for each place in the leading dims, wherever they lie in memory: a transposition or a
// matrix that the whole batch shares (an expanded one, of stride 0) is read as it is.
#pragma once

#include <array>
#include <cstddef>

#include "kernels/core/op_def.h"

namespace strata {

struct DotKernel;

// Each product has the order of sums, and so the bits, of linear: matmul(x, w transposed) is linear(x, w), in every
// numerics class.
inline constexpr OpSchema kMatmul = Op("matmul")
                                        .Doc("c[..., m, n] = sum_k(a[..., m, k] * b[..., k, n])")
                                        .AnyStrides("a", "* M K")
                                        .AnyStrides("b", "* K N")
                                        .Out("c", "* M N");

// grad_a = grad_c b^T, grad_b = a^T grad_c. need_... = 0 leaves one out, empty.
inline constexpr OpSchema kMatmulBackward = Op("matmul_backward")
                                                .Doc("gradients of matmul")
                                                .AnyStrides("grad_c", "* M N")
                                                .AnyStrides("a", "* M K")
                                                .AnyStrides("b", "* K N")
                                                .Attr("need_a", 1)
                                                .Range(0, 1)
                                                .Attr("need_b", 1)
                                                .Range(0, 1)
                                                .Out("grad_a", "* M*need_a K")
                                                .Out("grad_b", "* K*need_b N");

// One operand of a batch of products: a matrix for each place of a view's leading dims. The element [i, j] of product
// p is `data` + Offset(p) + i * row_stride + j * column_stride.
struct MatmulOperand {
  const TensorView* view;
  size_t row_stride, column_stride;

  explicit MatmulOperand(const TensorView& view, bool transposed = false);
  size_t Offset(size_t product) const;
};

// c = a b for every place, c lying row by row.
struct MatmulBatch {
  MatmulOperand a, b;
  const TensorView* c;
  size_t batch, m, n, k;

  // Makes one product of all where they share b and the rows of a go on from place to place.
  MatmulBatch(MatmulOperand a, MatmulOperand b, size_t k, const TensorView& c);
};

void MatmulRef(const OpContext&, const MatmulBatch&);
// Workspace: BatchBytes (kernels/simd/gemm_batch.h).
void MatmulCpu(const OpContext&, const MatmulBatch&);
// bfloat16 by dot-product instructions. REQUIRES: the processor has the kernel's.
void MatmulBf16(const OpContext&, const DotKernel& kernel, const MatmulBatch&);

namespace ops::matmul {
extern const std::array<OpDef, 2> kOps;
}  // namespace ops::matmul

}  // namespace strata
