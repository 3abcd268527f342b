// Self-attention over runs of rows laid end to end (Vaswani et al. 2017, eq. 1), without padding.
#pragma once

#include <array>

#include "kernels/core/op_def.h"

namespace strata {

// The softmax is taken online (Milakov & Gimelshein 2018) over blocks of kAttentionKeys keys, which are part of the
// definition: docs/design/numerics.md. A row's result depends on its run alone.
inline constexpr OpSchema kAttention =
    Op("attention")
        .Doc(
            "y[i, h] = sum_j softmax_j(scale * q[i, h] . k[j, h]) v[j, h], j in i's run (j <= i where causal); "
            "scale 0 stands for 1 / sqrt(D)")
        .Strided("q", "N H D")
        .Strided("k", "N H D")
        .Strided("v", "N H D")
        .Offsets("cu_seqlens", "B+1", "N")
        .Attr("scale", 0.0)
        .Attr("causal", false)
        .Out("y", "N H D")
        .Segments("cu_seqlens");

// With p the softmax and g[i, j] = grad_y[i] . v[j]: s[i, j] = scale * p[i, j] * (g[i, j] - sum_j p[i, j] g[i, j]),
//   grad_q[i] = sum_j s[i, j] k[j],  grad_k[j] = sum_i s[i, j] q[i],  grad_v[j] = sum_i p[i, j] grad_y[i].
inline constexpr OpSchema kAttentionBackward = Op("attention_backward")
                                                   .Doc("gradients of attention")
                                                   .Strided("grad_y", "N H D")
                                                   .Strided("q", "N H D")
                                                   .Strided("k", "N H D")
                                                   .Strided("v", "N H D")
                                                   .Offsets("cu_seqlens", "B+1", "N")
                                                   .Attr("scale", 0.0)
                                                   .Attr("causal", false)
                                                   .Out("grad_q", "N H D")
                                                   .Out("grad_k", "N H D")
                                                   .Out("grad_v", "N H D")
                                                   .Segments("cu_seqlens");

// Keys of one step of the online softmax, and the queries that share their packed keys (these are free to change).
inline constexpr size_t kAttentionKeys = 256, kAttentionQueries = 256;
// The same for the backward: queries and keys of one square.
inline constexpr size_t kAttentionSquare = 64;

// Working memory of one thread, in elements of the type that is computed in; `panel` columns are 128 bytes.
constexpr size_t AttentionScratch(size_t width, size_t panel) {
  const size_t padded = (width + panel - 1) / panel * panel;
  return kAttentionQueries * (width + padded + 32) + kAttentionKeys * (width + padded);
}
constexpr size_t AttentionBackwardScratch(size_t width, size_t panel) {
  const size_t padded = (width + panel - 1) / panel * panel;
  return kAttentionSquare * (4 * width + 5 * padded + 2 * kAttentionSquare);
}

void AttentionRef(const OpContext&, const TensorView& q, const TensorView& k, const TensorView& v,
                  const TensorView& cu_seqlens, double scale, bool causal, const TensorView& y);
// Workspace: AttentionScratch a thread.
void AttentionCpu(const OpContext&, const TensorView& q, const TensorView& k, const TensorView& v,
                  const TensorView& cu_seqlens, double scale, bool causal, const TensorView& y);

void AttentionBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& q, const TensorView& k,
                          const TensorView& v, const TensorView& cu_seqlens, double scale, bool causal,
                          const TensorView& grad_q, const TensorView& grad_k, const TensorView& grad_v);
// Workspace: AttentionBackwardScratch a thread, after three numbers for every row and head.
void AttentionBackwardCpu(const OpContext&, const TensorView& grad_y, const TensorView& q, const TensorView& k,
                          const TensorView& v, const TensorView& cu_seqlens, double scale, bool causal,
                          const TensorView& grad_q, const TensorView& grad_k, const TensorView& grad_v);

namespace ops::attention {
extern const std::array<OpDef, 2> kOps;
}  // namespace ops::attention

}  // namespace strata
