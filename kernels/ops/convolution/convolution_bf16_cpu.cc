// Convolutions in bfloat16, as products.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/convolution/convolution_bf16_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include "kernels/ops/convolution/convolution.h"
#include "kernels/simd/convolution-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

void ConvolveBf16(const OpContext& context, const Convolution& c) { Convolve<BF16>(context, c); }
void PrepareBf16(const TensorView& weight, void* out) { PrepareWeight<BF16>(weight, out); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(ConvolveBf16);
HWY_EXPORT(PrepareBf16);

void ConvolutionBf16(const OpContext& context, const Convolution& c) { HWY_DYNAMIC_DISPATCH(ConvolveBf16)(context, c); }
void ConvolutionPrepareBf16(const TensorView& weight, void* out) { HWY_DYNAMIC_DISPATCH(PrepareBf16)(weight, out); }

}  // namespace strata
#endif  // HWY_ONCE
