#include "kernels/core/typed_kernel.h"
#include "kernels/ops/clip_grad_norm/clip_grad_norm.h"
#include "kernels/simd/targets.h"
#include "kernels/simd/tensor_chunks.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

size_t SumOfEachChunk(const Call& call, int) {
  return static_cast<size_t>(TensorChunks(call.lists[0])) * sizeof(double);
}

constexpr Variant kRows[] = {
    {.name = "simd", .run = Typed<kClipGradNorm, ClipGradNormCpu>, .accepts = Simd, .workspace_bytes = SumOfEachChunk},
    {.name = "ref", .run = Typed<kClipGradNorm, ClipGradNormRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::clip_grad_norm {
constinit const std::array<OpDef, 1> kOps = {{{&kClipGradNorm, kRows}}};
}  // namespace ops::clip_grad_norm

}  // namespace strata
