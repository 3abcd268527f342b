#include "kernels/core/typed_kernel.h"
#include "kernels/ops/batch_norm/batch_norm.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

constexpr Variant kRows[] = {
    {.name = "simd", .run = Typed<kBatchNorm, BatchNormCpu>, .accepts = Simd},
    {.name = "ref", .run = Typed<kBatchNorm, BatchNormRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::batch_norm {
constinit const std::array<OpDef, 1> kOps = {{{&kBatchNorm, kRows}}};
}  // namespace ops::batch_norm

}  // namespace strata
