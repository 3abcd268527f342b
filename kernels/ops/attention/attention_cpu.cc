#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/attention/attention_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/attention/attention.h"
#include "kernels/ops/attention/attention_inputs-inl.h"
#include "kernels/simd/attention_forward-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

void Attention(const OpContext& context, const TensorView& q, const TensorView& k, const TensorView& v,
               const TensorView& cu_seqlens, const TensorView& cu_seqlens_k, const TensorView* bias, double scale,
               bool causal, int64_t left, int64_t right, const TensorView& y, const TensorView& lse) {
  DispatchFloat(q.dtype, [&](auto type) {
    using T = decltype(type);
    if (lse.numel() == 0) return;  // with no columns, scores are zeros
    const Inputs<T> in{q, k, v, cu_seqlens, cu_seqlens_k, bias, scale, causal, left, right};
    AttendManyRows(context, ForwardProblem<T>{in, y, lse});
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(Attention);

void AttentionCpu(const OpContext& context, const TensorView& q, const TensorView& k, const TensorView& v,
                  const TensorView& cu_seqlens, const TensorView& cu_seqlens_k, const TensorView* bias, double scale,
                  bool causal, int64_t window_left, int64_t window_right, const TensorView& y, const TensorView& lse) {
  HWY_DYNAMIC_DISPATCH(Attention)
  (context, q, k, v, cu_seqlens, cu_seqlens_k, bias, scale, causal, window_left, window_right, y, lse);
  AttentionFewCpu(context, q, k, v, cu_seqlens, cu_seqlens_k, bias, scale, causal, window_left, window_right, y, lse);
}

}  // namespace strata
#endif  // HWY_ONCE
