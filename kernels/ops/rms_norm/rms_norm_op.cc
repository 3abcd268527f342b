#include "kernels/core/typed_kernel.h"
#include "kernels/ops/rms_norm/rms_norm.h"
#include "kernels/simd/row_blocks.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

size_t SumsBytes(const Call& call, int) { return RowSumsBytes(call.inputs[1], 1); }

constexpr Variant kForward[] = {
    {.name = "simd", .run = Typed<kRmsNorm, RmsNormCpu>, .accepts = Simd},
    {.name = "ref", .run = Typed<kRmsNorm, RmsNormRef>, .numerics = "reference"},
};
constexpr Variant kBackward[] = {
    {.name = "simd", .run = Typed<kRmsNormBackward, RmsNormBackwardCpu>, .accepts = Simd, .workspace_bytes = SumsBytes},
    {.name = "ref", .run = Typed<kRmsNormBackward, RmsNormBackwardRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::rms_norm {
constinit const std::array<OpDef, 2> kOps = {{{&kRmsNorm, kForward}, {&kRmsNormBackward, kBackward}}};
}  // namespace ops::rms_norm

}  // namespace strata
