#include "kernels/base/aligned_buffer.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/top_k/top_k.h"
#include "kernels/simd/select.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call& call) { return SimdSupported() && call.inputs[0].size(-1) < kMaxSelectLength; }

size_t Workspace(const Call& call, int num_threads) {
  const TensorView& x = call.inputs[0];
  const size_t rank = x.dtype == DType::kF64 ? sizeof(RankOf<double>::Key) : sizeof(RankOf<float>::Key);
  const size_t k = static_cast<size_t>(call.outputs[0].size(-1));
  return static_cast<size_t>(num_threads) * AlignUp(SelectCapacity(k, static_cast<size_t>(x.size(-1))) * rank);
}

constexpr Variant kForward[] = {
    {.name = "simd", .run = Typed<kTopK, TopKCpu>, .accepts = Simd, .workspace_bytes = Workspace},
    {.name = "ref", .run = Typed<kTopK, TopKRef>, .numerics = "reference"},
};
constexpr Variant kBackward[] = {{.name = "ref", .run = Typed<kTopKBackward, TopKBackward>}};

}  // namespace

namespace ops::top_k {
constinit const std::array<OpDef, 2> kOps = {{{&kTopK, kForward}, {&kTopKBackward, kBackward}}};
}  // namespace ops::top_k

}  // namespace strata
