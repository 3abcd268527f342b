#include "kernels/core/call.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/batch_norm/batch_norm.h"
#include "kernels/simd/targets.h"

namespace strata {

BatchNormBackwardCall::BatchNormBackwardCall(const Call& call)
    : grad_y(call.inputs[0]),
      x(call.inputs[1]),
      mean(call.inputs[2]),
      var(call.inputs[3]),
      weight(call.inputs[4]),
      y(call.inputs[5]),
      eps(call.attrs[0].f),
      relu(call.attrs[1].i == static_cast<int64_t>(BatchNormActivation::kRelu)),
      grad_x(call.outputs[0]),
      grad_mean(call.outputs[1]),
      grad_var(call.outputs[2]),
      grad_weight(call.outputs[3]),
      grad_bias(call.outputs[4]),
      grad_residual(call.outputs[5]) {}

namespace {

bool Simd(const Call&) { return SimdSupported(); }

size_t SumsBytes(const Call& call, int) {
  const TensorView& x = call.inputs[1];
  return static_cast<size_t>(x.size(0) * x.size(1)) * 2 * (x.dtype == DType::kF64 ? sizeof(double) : sizeof(float));
}

constexpr Variant kForward[] = {
    {.name = "simd", .run = Typed<kBatchNorm, BatchNormCpu>, .accepts = Simd},
    {.name = "ref", .run = Typed<kBatchNorm, BatchNormRef>, .numerics = "reference"},
};
constexpr Variant kBackward[] = {
    {.name = "simd", .run = BatchNormBackwardCpu, .accepts = Simd, .workspace_bytes = SumsBytes},
    {.name = "ref", .run = BatchNormBackwardRef, .numerics = "reference"},
};

}  // namespace

namespace ops::batch_norm {
constinit const std::array<OpDef, 2> kOps = {{{&kBatchNorm, kForward}, {&kBatchNormBackward, kBackward}}};
}  // namespace ops::batch_norm

}  // namespace strata
