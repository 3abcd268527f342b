// Attention over keys and values in blocks of a shared cache (Kwon et al. 2023): decode steps and chunked prefills of
// a ragged batch.
#pragma once

#include <algorithm>
#include <array>

#include "kernels/core/op_def.h"
#include "kernels/simd/attention_plan.h"

namespace strata {

// Sequence b has queries cu_seqlens[b].. and context_lens[b] keys, its newest among them: key j lies in block
// block_tables[b, j / L] at place j % L. What is beyond the context is not read; pad block_tables with 0. A context of
// less than 0 or more than C * L keys counts as these. Causal, windows, heads and bits are those of attention on the
// same keys laid end to end.
inline constexpr OpSchema kPagedAttention = Op("paged_attention")
                                                .Doc(
                                                    "y[i, h] = sum_j softmax_j(scale * q[i, h] . key[j]) value[j], key "
                                                    "j of sequence b in k_cache[block_tables[b, "
                                                    "j // L], j % L]; scale 0 stands for 1 / sqrt(D)")
                                                .Strided("q", "N H D")
                                                .In("k_cache", "P L K D")
                                                .In("v_cache", "P L K D")
                                                .Offsets("cu_seqlens", "B+1", "N")
                                                .Index("block_tables", "B C", "P")
                                                .In("context_lens", "B", kIndices)
                                                .Attr("scale", 0.0)
                                                .Attr("causal", true)
                                                .Attr("window_left", -1)
                                                .Range(-1, 0x1p40)
                                                .Divides("K", "H")
                                                .AtLeast("L", "1")
                                                .Out("y", "N H D")
                                                .Segments("cu_seqlens");

// The keys of sequence b that its queries see.
inline KeyWindow PagedWindow(const TensorView& k_cache, const TensorView& cu_seqlens, const TensorView& block_tables,
                             const TensorView& context_lens, bool causal, int64_t window_left, int64_t b) {
  const int64_t most = block_tables.size(1) * k_cache.size(1);
  return KeyWindow(OffsetAt(cu_seqlens, b + 1) - OffsetAt(cu_seqlens, b),
                   std::clamp<int64_t>(OffsetAt(context_lens, b), 0, most), causal, window_left, -1);
}

void PagedAttentionRef(const OpContext&, const TensorView& q, const TensorView& k_cache, const TensorView& v_cache,
                       const TensorView& cu_seqlens, const TensorView& block_tables, const TensorView& context_lens,
                       double scale, bool causal, int64_t window_left, const TensorView& y);
// Workspace: AttentionForwardBytes.
void PagedAttentionCpu(const OpContext&, const TensorView& q, const TensorView& k_cache, const TensorView& v_cache,
                       const TensorView& cu_seqlens, const TensorView& block_tables, const TensorView& context_lens,
                       double scale, bool causal, int64_t window_left, const TensorView& y);
// Its part for sequences of few queries.
void PagedAttentionFewCpu(const OpContext&, const TensorView& q, const TensorView& k_cache, const TensorView& v_cache,
                          const TensorView& cu_seqlens, const TensorView& block_tables, const TensorView& context_lens,
                          double scale, bool causal, int64_t window_left, const TensorView& y);

namespace ops::paged_attention {
extern const std::array<OpDef, 1> kOps;
}  // namespace ops::paged_attention

}  // namespace strata
