#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/paged_attention/paged_attention_few_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/paged_attention/paged_attention.h"
#include "kernels/ops/paged_attention/paged_attention_rows-inl.h"
#include "kernels/simd/attention_blocks-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

void PagedAttentionFew(const OpContext& context, const TensorView& q, const TensorView& k_cache,
                       const TensorView& v_cache, const TensorView& cu_seqlens, const TensorView& block_tables,
                       const TensorView& context_lens, double scale, bool causal, int64_t window_left,
                       const TensorView& y) {
  DispatchFloat(q.dtype, [&](auto type) {
    if (y.numel() == 0) return;
    AttendFewRows(context, PagedProblem<decltype(type)>{q, k_cache, v_cache, cu_seqlens, block_tables, context_lens,
                                                        scale, causal, window_left, y});
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(PagedAttentionFew);

void PagedAttentionFewCpu(const OpContext& context, const TensorView& q, const TensorView& k_cache,
                          const TensorView& v_cache, const TensorView& cu_seqlens, const TensorView& block_tables,
                          const TensorView& context_lens, double scale, bool causal, int64_t window_left,
                          const TensorView& y) {
  HWY_DYNAMIC_DISPATCH(PagedAttentionFew)
  (context, q, k_cache, v_cache, cu_seqlens, block_tables, context_lens, scale, causal, window_left, y);
}

}  // namespace strata
#endif  // HWY_ONCE
