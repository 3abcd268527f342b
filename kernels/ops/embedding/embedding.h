// Rows of a table, looked up by number.
#pragma once

#include <array>

#include "kernels/core/op_def.h"

namespace strata {

inline constexpr OpSchema kEmbedding = Op("embedding")
                                           .Doc("y[...] = weight[ids[...]]")
                                           .In("weight", "V D", kAnyDType)
                                           .Index("ids", "*", "V")
                                           .Out("y", "* D", kAnyDType);

// grad_weight[v] is the sum of grad_y over the places where ids is v, in their order; `weight` gives its size alone.
inline constexpr OpSchema kEmbeddingBackward = Op("embedding_backward")
                                                   .Doc("gradient of embedding")
                                                   .In("grad_y", "* D")
                                                   .In("weight", "V D")
                                                   .Index("ids", "*", "V")
                                                   .Out("grad_weight", "V D");

void EmbeddingRef(const OpContext&, const TensorView& weight, const TensorView& ids, const TensorView& y);
void EmbeddingCpu(const OpContext&, const TensorView& weight, const TensorView& ids, const TensorView& y);

void EmbeddingBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& weight, const TensorView& ids,
                          const TensorView& grad_weight);
// Workspace: one int64 for every id, and one for every row of the table and one more.
void EmbeddingBackwardCpu(const OpContext&, const TensorView& grad_y, const TensorView& weight, const TensorView& ids,
                          const TensorView& grad_weight);

namespace ops::embedding {
extern const std::array<OpDef, 2> kOps;
}  // namespace ops::embedding

}  // namespace strata
