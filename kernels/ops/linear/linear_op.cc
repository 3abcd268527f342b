#include <algorithm>

#include "kernels/base/cpu_features.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/dot/dot_plan.h"
#include "kernels/ops/linear/linear.h"
#include "kernels/simd/gemm_plan.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

// The size of the type that a product is computed in.
size_t Element(DType dtype) { return dtype == DType::kF64 ? sizeof(double) : sizeof(float); }

size_t Size(const TensorView& view, int dim) { return static_cast<size_t>(view.size(dim)); }

bool Bf16Amx(const Call&) { return Cpu().amx_bf16; }
// With AMX, too, so that the row can be named there: it is never the first.
bool Bf16Dot(const Call&) { return Cpu().avx512_bf16 && (Cpu().fast_bf16_dot || Cpu().amx_bf16); }

// Whether Prepare makes the panels of dot products, which LinearCpu cannot read.
bool DotPanels(const TensorView& weight) {
  return weight.dtype == DType::kBF16 && (Cpu().amx_bf16 || (Cpu().avx512_bf16 && Cpu().fast_bf16_dot));
}

void LinearSimd(const OpContext& context, const TensorView& x, const TensorView& weight, const TensorView* bias,
                Activation activation, const TensorView& y) {
  TensorView readable = weight;
  if (DotPanels(weight)) readable.prepared = nullptr;
  LinearCpu(context, x, readable, bias, activation, y);
}

size_t ForwardBytes(const Call& call, int num_threads) {
  const TensorView &x = call.inputs[0], &weight = call.inputs[1];
  const GemmShape shape{static_cast<size_t>(x.rows()), Size(weight, 0), Size(weight, 1)};
  const bool packed = weight.prepared != nullptr && !DotPanels(weight);
  return PlanGemm(shape, Element(x.dtype), {packed, x.dtype != DType::kBF16}, num_threads).bytes();
}

template <const DotKernel& (*kKernel)()>
size_t DotForwardBytes(const Call& call, int num_threads) {
  const TensorView &x = call.inputs[0], &weight = call.inputs[1];
  const DotShape shape{static_cast<size_t>(x.rows()), Size(weight, 0), DotSteps(Size(weight, 1), 2)};
  return PlanDot(shape, weight.prepared != nullptr, kKernel().tile_rows, num_threads).bytes();
}

template <const DotKernel& (*kKernel)()>
size_t DotBackwardBytes(const Call& call, int num_threads) {
  const TensorView &x = call.inputs[1], &weight = call.inputs[2];
  const size_t rows = static_cast<size_t>(x.rows()), out = Size(weight, 0), in = Size(weight, 1);
  return std::max(PlanDot({rows, in, DotSteps(out, 2)}, false, kKernel().tile_rows, num_threads).bytes(),
                  PlanDot({out, in, DotSteps(rows, 2)}, false, kKernel().tile_rows, num_threads).bytes());
}

size_t BackwardBytes(const Call& call, int num_threads) {
  const TensorView &x = call.inputs[1], &weight = call.inputs[2];
  const size_t rows = static_cast<size_t>(x.rows()), out = Size(weight, 0), in = Size(weight, 1);
  const GemmOptions options{.in_place = x.dtype != DType::kBF16};
  return std::max(PlanGemm({rows, in, out}, Element(x.dtype), options, num_threads).bytes(),
                  PlanGemm({out, in, rows}, Element(x.dtype), options, num_threads).bytes());
}

size_t PreparedBytes(const TensorView& weight) {
  if (DotPanels(weight)) return DotPackedBytes(Size(weight, 0), DotSteps(Size(weight, 1), 2));
  return SimdSupported() ? PackedBytes(Size(weight, 0), Size(weight, 1), Element(weight.dtype)) : 0;
}

void PrepareWeight(const TensorView& weight, void* out) {
  DotPanels(weight) ? LinearBf16Prepare(weight, out) : LinearPrepareCpu(weight, out);
}

// A few rows read the plain weight as fast as they would the panels.
bool PreparedPays(const Call& call) { return call.inputs[0].rows() > int64_t{kFewRows} || DotPanels(call.inputs[1]); }

constexpr DTypeSet kBf16 = SetOf(DType::kBF16);
constexpr Variant kForward[] = {
    {.name = "bf16_amx",
     .run = Typed<kLinear, LinearBf16Amx>,
     .numerics = "bf16-amx",
     .dtypes = kBf16,
     .accepts = Bf16Amx,
     .needs = "AMX-BF16",
     .workspace_bytes = DotForwardBytes<Bf16AmxKernel>},
    {.name = "bf16_dot",
     .run = Typed<kLinear, LinearBf16Dot>,
     .numerics = "bf16-dot",
     .dtypes = kBf16,
     .accepts = Bf16Dot,
     .needs = "AVX512-BF16",
     .workspace_bytes = DotForwardBytes<Bf16DotKernel>},
    {.name = "simd", .run = Typed<kLinear, LinearSimd>, .accepts = Simd, .workspace_bytes = ForwardBytes},
    {.name = "ref", .run = Typed<kLinear, LinearRef>, .numerics = "reference"},
};
constexpr Variant kBackward[] = {
    {.name = "bf16_amx",
     .run = Typed<kLinearBackward, LinearBackwardBf16Amx>,
     .numerics = "bf16-amx",
     .dtypes = kBf16,
     .accepts = Bf16Amx,
     .needs = "AMX-BF16",
     .workspace_bytes = DotBackwardBytes<Bf16AmxKernel>},
    {.name = "bf16_dot",
     .run = Typed<kLinearBackward, LinearBackwardBf16Dot>,
     .numerics = "bf16-dot",
     .dtypes = kBf16,
     .accepts = Bf16Dot,
     .needs = "AVX512-BF16",
     .workspace_bytes = DotBackwardBytes<Bf16DotKernel>},
    {.name = "simd",
     .run = Typed<kLinearBackward, LinearBackwardCpu>,
     .accepts = Simd,
     .workspace_bytes = BackwardBytes},
    {.name = "ref", .run = Typed<kLinearBackward, LinearBackwardRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::linear {
constinit const std::array<OpDef, 2> kOps = {
    {{&kLinear, kForward, {.input = 1, .bytes = PreparedBytes, .run = PrepareWeight, .pays = PreparedPays}},
     {&kLinearBackward, kBackward}}};
}  // namespace ops::linear

}  // namespace strata
