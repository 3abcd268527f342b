#include "kernels/core/typed_kernel.h"
#include "kernels/ops/layer_norm/layer_norm.h"
#include "kernels/simd/row_blocks.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

size_t SumsBytes(const Call& call, int) { return RowSumsBytes(call.inputs[1], 2); }

constexpr Variant kForward[] = {
    {.name = "simd", .run = Typed<kLayerNorm, LayerNormCpu>, .accepts = Simd},
    {.name = "ref", .run = Typed<kLayerNorm, LayerNormRef>, .numerics = "reference"},
};
constexpr Variant kBackward[] = {
    {.name = "simd",
     .run = Typed<kLayerNormBackward, LayerNormBackwardCpu>,
     .accepts = Simd,
     .workspace_bytes = SumsBytes},
    {.name = "ref", .run = Typed<kLayerNormBackward, LayerNormBackwardRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::layer_norm {
constinit const std::array<OpDef, 2> kOps = {{{&kLayerNorm, kForward}, {&kLayerNormBackward, kBackward}}};
}  // namespace ops::layer_norm

}  // namespace strata
