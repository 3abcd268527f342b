#include <algorithm>

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/paged_attention/paged_attention.h"
#include "kernels/simd/attention_plan.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

size_t Bytes(const Call& call, int num_threads) {
  const TensorView &q = call.inputs[0], &k_cache = call.inputs[1], &cu_seqlens = call.inputs[3];
  const int64_t runs = cu_seqlens.size(0) - 1, group = q.size(1) / std::max<int64_t>(k_cache.size(2), 1);
  const size_t element = SizeOf(WideOf(q.dtype));
  if (cu_seqlens.data == nullptr || call.inputs[5].data == nullptr) {
    const int64_t keys = call.inputs[4].numel() * k_cache.size(1);
    return AttentionForwardMost(runs, keys, q.size(0) * group, k_cache.size(2), q.size(2), element, num_threads);
  }
  const auto window = [&](int64_t b) {
    return PagedWindow(k_cache, cu_seqlens, call.inputs[4], call.inputs[5], call.attrs[1].i != 0, call.attrs[2].i, b);
  };
  return AttentionForwardBytes(
      runs, [&](int64_t b) { return OffsetAt(cu_seqlens, b + 1) - OffsetAt(cu_seqlens, b); }, window, group,
      k_cache.size(2), q.size(2), element, num_threads);
}

constexpr Variant kVariants[] = {
    {.name = "simd", .run = Typed<kPagedAttention, PagedAttentionCpu>, .accepts = Simd, .workspace_bytes = Bytes},
    {.name = "ref", .run = Typed<kPagedAttention, PagedAttentionRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::paged_attention {
constinit const std::array<OpDef, 1> kOps = {{{&kPagedAttention, kVariants}}};
}  // namespace ops::paged_attention

}  // namespace strata
