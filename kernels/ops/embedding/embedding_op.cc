#include "kernels/core/typed_kernel.h"
#include "kernels/ops/embedding/embedding.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

size_t SortedIds(const Call& call, int) {
  return static_cast<size_t>(call.inputs[2].numel() + call.inputs[1].size(0) + 1) * sizeof(int64_t);
}

constexpr Variant kForward[] = {
    {.name = "simd", .run = Typed<kEmbedding, EmbeddingCpu>, .dtypes = kAnyDType.set, .accepts = Simd},
    {.name = "ref", .run = Typed<kEmbedding, EmbeddingRef>, .numerics = "reference", .dtypes = kAnyDType.set},
};
constexpr Variant kBackward[] = {
    {.name = "simd",
     .run = Typed<kEmbeddingBackward, EmbeddingBackwardCpu>,
     .accepts = Simd,
     .workspace_bytes = SortedIds},
    {.name = "ref", .run = Typed<kEmbeddingBackward, EmbeddingBackwardRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::embedding {
constinit const std::array<OpDef, 2> kOps = {{{&kEmbedding, kForward}, {&kEmbeddingBackward, kBackward}}};
}  // namespace ops::embedding

}  // namespace strata
