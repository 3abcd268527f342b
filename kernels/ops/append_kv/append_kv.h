// Writes new keys and values of a ragged batch into the blocks of a shared cache (Kwon et al. 2023), for
// paged_attention to read: vLLM's reshape_and_cache, FlashInfer's append_paged_kv_cache.
#pragma once

#include <array>

#include "kernels/core/op_def.h"

namespace strata {

// Takes paged_attention's arguments: sequence b has context_lens[b] keys with its new ones, which come last, and key j
// lies in block block_tables[b, j / L] at place j % L. Where tables send two rows to one place the later row stays.
// Tables and lengths are checked before anything is written.
inline constexpr OpSchema kAppendKv = Op("append_kv")
                                          .Doc(
                                              "k_cache[block_tables[b, j // L], j % L] = k[i], v_cache alike: row i of "
                                              "sequence b is key j = context_lens[b] - rows of b + i")
                                          .In("k_cache", "P L K D")
                                          .Mutated()
                                          .In("v_cache", "P L K D")
                                          .Mutated()
                                          .Strided("k", "N K D")
                                          .Strided("v", "N K D")
                                          .Offsets("cu_seqlens", "B+1", "N")
                                          .Index("block_tables", "B C", "P")
                                          .In("context_lens", "B", kIndices)
                                          .AtLeast("L", "1");

void AppendKvRef(const OpContext&, const TensorView& k_cache, const TensorView& v_cache, const TensorView& k,
                 const TensorView& v, const TensorView& cu_seqlens, const TensorView& block_tables,
                 const TensorView& context_lens);
void AppendKvCpu(const OpContext&, const TensorView& k_cache, const TensorView& v_cache, const TensorView& k,
                 const TensorView& v, const TensorView& cu_seqlens, const TensorView& block_tables,
                 const TensorView& context_lens);

namespace ops::append_kv {
extern const std::array<OpDef, 1> kOps;
}  // namespace ops::append_kv

}  // namespace strata
