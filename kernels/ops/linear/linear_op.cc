#include <algorithm>

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/linear/linear.h"
#include "kernels/simd/gemm_plan.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

// The size of the type that a product is computed in.
size_t Element(DType dtype) { return dtype == DType::kF64 ? sizeof(double) : sizeof(float); }

size_t Size(const TensorView& view, int dim) { return static_cast<size_t>(view.size(dim)); }

size_t ForwardBytes(const Call& call, int num_threads) {
  const TensorView &x = call.inputs[0], &weight = call.inputs[1];
  const GemmShape shape{static_cast<size_t>(x.rows()), Size(weight, 0), Size(weight, 1)};
  return PlanGemm(shape, Element(x.dtype), weight.prepared != nullptr, num_threads).bytes();
}

size_t BackwardBytes(const Call& call, int num_threads) {
  const TensorView &x = call.inputs[1], &weight = call.inputs[2];
  const size_t rows = static_cast<size_t>(x.rows()), out = Size(weight, 0), in = Size(weight, 1);
  return std::max(PlanGemm({rows, in, out}, Element(x.dtype), false, num_threads).bytes(),
                  PlanGemm({out, in, rows}, Element(x.dtype), false, num_threads).bytes());
}

size_t PreparedBytes(const TensorView& weight) {
  return SimdSupported() ? PackedBytes(Size(weight, 0), Size(weight, 1), Element(weight.dtype)) : 0;
}

constexpr Variant kForward[] = {
    {.name = "simd", .run = Typed<kLinear, LinearCpu>, .accepts = Simd, .workspace_bytes = ForwardBytes},
    {.name = "ref", .run = Typed<kLinear, LinearRef>, .numerics = "reference"},
};
constexpr Variant kBackward[] = {
    {.name = "simd",
     .run = Typed<kLinearBackward, LinearBackwardCpu>,
     .accepts = Simd,
     .workspace_bytes = BackwardBytes},
    {.name = "ref", .run = Typed<kLinearBackward, LinearBackwardRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::linear {
constinit const std::array<OpDef, 2> kOps = {
    {{&kLinear, kForward, {.input = 1, .bytes = PreparedBytes, .run = LinearPrepareCpu}},
     {&kLinearBackward, kBackward}}};
}  // namespace ops::linear

}  // namespace strata
