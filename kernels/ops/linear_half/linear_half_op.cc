#include "kernels/core/typed_kernel.h"
#include "kernels/ops/linear_half/linear_half.h"
#include "kernels/simd/gemm_plan.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

size_t Workspace(const Call& call, int num_threads) {
  const TensorView &x = call.inputs[0], &weight = call.inputs[1];
  if (x.rows() <= int64_t{kFewRows}) {
    const GemmShape shape{static_cast<size_t>(x.rows()), static_cast<size_t>(weight.size(0)),
                          static_cast<size_t>(weight.size(1))};
    return PlanGemm(shape, sizeof(float), {}, num_threads).bytes();
  }
  const LinearHalfSpace space = PlanLinearHalf(x, weight);
  return space.x + space.panel * static_cast<size_t>(num_threads);
}

// A few rows read the plain weight as fast as they would the panels.
bool PreparedPays(const Call& call) { return call.inputs[0].rows() > int64_t{kFewRows}; }

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
    {{&kLinearHalf,
      kForward,
      {.input = 1, .bytes = LinearHalfPreparedBytes, .run = LinearHalfPrepare, .pays = PreparedPays}}}};
}  // namespace ops::linear_half

}  // namespace strata
