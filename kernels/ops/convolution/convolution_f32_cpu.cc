// Convolutions in float32, as products.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/convolution/convolution_f32_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include "kernels/ops/convolution/convolution.h"
#include "kernels/simd/convolution-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

void ConvolveF32(const OpContext& context, const Convolution& c) { Convolve<float>(context, c); }
void PrepareF32(const TensorView& weight, void* out) { PrepareWeight<float>(weight, out); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(ConvolveF32);
HWY_EXPORT(PrepareF32);

void ConvolutionF32(const OpContext& context, const Convolution& c) { HWY_DYNAMIC_DISPATCH(ConvolveF32)(context, c); }
void ConvolutionPrepareF32(const TensorView& weight, void* out) { HWY_DYNAMIC_DISPATCH(PrepareF32)(weight, out); }

}  // namespace strata
#endif  // HWY_ONCE
