#include "kernels/base/cpu_features.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/dot/dot.h"
#include "kernels/ops/linear_cross_entropy/linear_cross_entropy.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }
bool Bf16Amx(const Call&) { return Cpu().amx_bf16; }
// With AMX, too, so that the row can be named there: it is never the first.
bool Bf16Dot(const Call&) { return Cpu().avx512_bf16 && (Cpu().fast_bf16_dot || Cpu().amx_bf16); }

const DotKernel* Kernel(const DotKernel& (*kernel)()) { return kernel == nullptr ? nullptr : &kernel(); }
template <const DotKernel& (*kKernel)()>
void Run(const OpContext& context, const Call& call) {
  LinearCrossEntropyCpu(context, call, Kernel(kKernel));
}
template <const DotKernel& (*kKernel)()>
size_t Bytes(const Call& call, int num_threads) {
  return LossPlan(LossCall(call), Kernel(kKernel), num_threads).bytes;
}

size_t RefBytes(const Call& call, int) {
  return static_cast<size_t>(call.inputs[0].size(0) * call.inputs[1].size(0)) * sizeof(double);
}

constexpr DTypeSet kBf16 = SetOf(DType::kBF16);
constexpr Variant kForward[] = {
    {.name = "bf16_amx",
     .run = Run<Bf16AmxKernel>,
     .numerics = "bf16-amx",
     .dtypes = kBf16,
     .accepts = Bf16Amx,
     .needs = "AMX-BF16",
     .workspace_bytes = Bytes<Bf16AmxKernel>},
    {.name = "bf16_dot",
     .run = Run<Bf16DotKernel>,
     .numerics = "bf16-dot",
     .dtypes = kBf16,
     .accepts = Bf16Dot,
     .needs = "AVX512-BF16",
     .workspace_bytes = Bytes<Bf16DotKernel>},
    {.name = "simd", .run = Run<nullptr>, .accepts = Simd, .workspace_bytes = Bytes<nullptr>},
    {.name = "ref",
     .run = Typed<kLinearCrossEntropy, LinearCrossEntropyRef>,
     .numerics = "reference",
     .workspace_bytes = RefBytes},
};
constexpr Variant kBackward[] = {
    {.name = "simd", .run = Typed<kLinearCrossEntropyBackward, LinearCrossEntropyBackwardCpu>, .accepts = Simd},
    {.name = "ref", .run = Typed<kLinearCrossEntropyBackward, LinearCrossEntropyBackwardRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::linear_cross_entropy {
constinit const std::array<OpDef, 2> kOps = {
    {{&kLinearCrossEntropy, kForward}, {&kLinearCrossEntropyBackward, kBackward}}};
}  // namespace ops::linear_cross_entropy

}  // namespace strata
