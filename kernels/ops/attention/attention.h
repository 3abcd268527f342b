// Attention over runs of rows laid end to end (Vaswani et al. 2017, eq. 1), without padding: docs/attention.md.
#pragma once

#include <array>

#include "kernels/core/op_def.h"

namespace strata {

// Run b has queries cu_seqlens[b].. and keys cu_seqlens_k[b]..; in a self-attention both are one tensor. The last query
// is level with the last key: query i stands at p = i + keys - queries and sees key j where
//   causal: j <= p; window_left >= 0: j >= p - window_left; window_right >= 0: j <= p + window_right; bias: j < S.
// Heads: head h reads key head h / (H / K) and bias head h / (H / J). A query that sees no key gives zeros.
//
// The softmax is taken online (Milakov & Gimelshein 2018) over blocks of kAttentionKeys keys, which are part of the
// definition (docs/design/numerics.md); lse is the logarithm of its sum, which the gradient needs.
inline constexpr OpSchema kAttention =
    Op("attention")
        .Doc(
            "y[i, h] = sum_j softmax_j(scale * q[i, h] . k[j] + bias[i, ., j]) v[j], j in i's run, as causal and the "
            "window allow; lse[i, h] = log sum_j exp(...); scale 0 stands for 1 / sqrt(D)")
        .Strided("q", "N H D")
        .Strided("k", "M K D")
        .Strided("v", "M K D")
        .Offsets("cu_seqlens", "B+1", "N")
        .Offsets("cu_seqlens_k", "B+1", "M")
        .Optional("bias", "N J S")
        .Attr("scale", 0.0)
        .Attr("causal", false)
        .Attr("window_left", -1)
        .Range(-1, 0x1p40)
        .Attr("window_right", -1)
        .Range(-1, 0x1p40)
        .Divides("J", "K")
        .Divides("K", "H")
        .Out("y", "N H D")
        .Out("lse", "N H", kStatistics)
        .Segments("cu_seqlens");

// With p[i, j] = exp(score - lse[i]) over its sum over j (1 but for lse's rounding), g[i, j] = grad_y[i] . v[j] and s =
// p (g - sum_j p g + grad_lse[i]):
//   grad_q[i] = scale sum_j s[i, j] k[j],  grad_k[j] = scale sum_i s[i, j] q[i],  grad_v[j] = sum_i p[i, j] grad_y[i],
//   grad_bias[i, ., j] = sum of s over the heads that share it.
inline constexpr OpSchema kAttentionBackward = Op("attention_backward")
                                                   .Doc("gradients of attention")
                                                   .Strided("grad_y", "N H D")
                                                   .In("grad_lse", "N H", kStatistics)
                                                   .Strided("q", "N H D")
                                                   .Strided("k", "M K D")
                                                   .Strided("v", "M K D")
                                                   .In("lse", "N H", kStatistics)
                                                   .Offsets("cu_seqlens", "B+1", "N")
                                                   .Offsets("cu_seqlens_k", "B+1", "M")
                                                   .Optional("bias", "N J S")
                                                   .Attr("scale", 0.0)
                                                   .Attr("causal", false)
                                                   .Attr("window_left", -1)
                                                   .Range(-1, 0x1p40)
                                                   .Attr("window_right", -1)
                                                   .Range(-1, 0x1p40)
                                                   .Divides("J", "K")
                                                   .Divides("K", "H")
                                                   .Out("grad_q", "N H D")
                                                   .Out("grad_k", "M K D")
                                                   .Out("grad_v", "M K D")
                                                   .Out("grad_bias", "N J S")
                                                   .Segments("cu_seqlens");

void AttentionRef(const OpContext&, const TensorView& q, const TensorView& k, const TensorView& v,
                  const TensorView& cu_seqlens, const TensorView& cu_seqlens_k, const TensorView* bias, double scale,
                  bool causal, int64_t window_left, int64_t window_right, const TensorView& y, const TensorView& lse);
// Workspace: AttentionForwardBytes.
void AttentionCpu(const OpContext&, const TensorView& q, const TensorView& k, const TensorView& v,
                  const TensorView& cu_seqlens, const TensorView& cu_seqlens_k, const TensorView* bias, double scale,
                  bool causal, int64_t window_left, int64_t window_right, const TensorView& y, const TensorView& lse);
// Its part for runs of few queries.
void AttentionFewCpu(const OpContext&, const TensorView& q, const TensorView& k, const TensorView& v,
                     const TensorView& cu_seqlens, const TensorView& cu_seqlens_k, const TensorView* bias, double scale,
                     bool causal, int64_t window_left, int64_t window_right, const TensorView& y,
                     const TensorView& lse);

void AttentionBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& grad_lse, const TensorView& q,
                          const TensorView& k, const TensorView& v, const TensorView& lse, const TensorView& cu_seqlens,
                          const TensorView& cu_seqlens_k, const TensorView* bias, double scale, bool causal,
                          int64_t window_left, int64_t window_right, const TensorView& grad_q, const TensorView& grad_k,
                          const TensorView& grad_v, const TensorView& grad_bias);
// Workspace: AttentionBackwardScratch a thread, after one number for each of grad_bias.
void AttentionBackwardCpu(const OpContext&, const TensorView& grad_y, const TensorView& grad_lse, const TensorView& q,
                          const TensorView& k, const TensorView& v, const TensorView& lse, const TensorView& cu_seqlens,
                          const TensorView& cu_seqlens_k, const TensorView* bias, double scale, bool causal,
                          int64_t window_left, int64_t window_right, const TensorView& grad_q, const TensorView& grad_k,
                          const TensorView& grad_v, const TensorView& grad_bias);

namespace ops::attention {
extern const std::array<OpDef, 2> kOps;
}  // namespace ops::attention

}  // namespace strata
