#include "kernels/core/typed_kernel.h"
#include "kernels/ops/linear_half/linear_half.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

size_t Workspace(const Call& call, int num_threads) {
  const LinearHalfSpace space = PlanLinearHalf(call.inputs[0], call.inputs[1]);
  return space.x + space.panel * static_cast<size_t>(num_threads);
}

// float64 has no kernel of its own: weights of 16 bits beside it are a curiosity.
constexpr Variant kForward[] = {
    {.name = "simd",
     .run = Typed<kLinearHalf, LinearHalfCpu>,
     .dtypes = SetOf(DType::kF32) | SetOf(DType::kBF16),
     .accepts = Simd,
     .workspace_bytes = Workspace},
    {.name = "ref", .run = Typed<kLinearHalf, LinearHalfRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::linear_half {
constinit const std::array<OpDef, 1> kOps = {
    {{&kLinearHalf, kForward, {.input = 1, .bytes = LinearHalfPreparedBytes, .run = LinearHalfPrepare}}}};
}  // namespace ops::linear_half

}  // namespace strata
