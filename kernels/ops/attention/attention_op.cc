#include <algorithm>

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/attention/attention.h"
#include "kernels/simd/attention_plan.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

size_t Element(const Call& call) { return SizeOf(WideOf(call.inputs[0].dtype)); }

size_t ForwardBytes(const Call& call, int num_threads) {
  const TensorView &q = call.inputs[0], &k = call.inputs[1], &cu_seqlens = call.inputs[3];
  const int64_t runs = cu_seqlens.size(0) - 1, group = q.size(1) / std::max<int64_t>(k.size(1), 1);
  if (cu_seqlens.data == nullptr || call.inputs[4].data == nullptr) {
    return AttentionForwardMost(runs, k.size(0), q.size(0) * group, k.size(1), q.size(2), Element(call), num_threads);
  }
  const auto length = [&](int input, int64_t b) {
    const TensorView& offsets = call.inputs[static_cast<size_t>(input)];
    return OffsetAt(offsets, b + 1) - OffsetAt(offsets, b);
  };
  const auto window = [&](int64_t b) {
    return KeyWindow(length(3, b), length(4, b), call.attrs[1].i != 0, call.attrs[2].i, call.attrs[3].i);
  };
  return AttentionForwardBytes(
      runs, [&](int64_t b) { return length(3, b); }, window, group, k.size(1), q.size(2), Element(call), num_threads);
}

size_t BackwardBytes(const Call& call, int num_threads) {
  const TensorView &q = call.inputs[2], &k = call.inputs[3], &cu_seqlens_k = call.inputs[7],
                   &grad_bias = call.outputs[3];
  return AttentionBackwardBytes(q.size(2), cu_seqlens_k, k.size(0), grad_bias.numel(), Element(call))
      .total(num_threads);
}

constexpr Variant kForward[] = {
    {.name = "simd", .run = Typed<kAttention, AttentionCpu>, .accepts = Simd, .workspace_bytes = ForwardBytes},
    {.name = "ref", .run = Typed<kAttention, AttentionRef>, .numerics = "reference"},
};
constexpr Variant kBackward[] = {
    {.name = "simd",
     .run = Typed<kAttentionBackward, AttentionBackwardCpu>,
     .accepts = Simd,
     .workspace_bytes = BackwardBytes},
    {.name = "ref", .run = Typed<kAttentionBackward, AttentionBackwardRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::attention {
constinit const std::array<OpDef, 2> kOps = {{{&kAttention, kForward}, {&kAttentionBackward, kBackward}}};
}  // namespace ops::attention

}  // namespace strata
