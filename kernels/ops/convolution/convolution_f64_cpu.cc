// Convolutions in float64, as products.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/convolution/convolution_f64_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include "kernels/ops/convolution/convolution.h"
#include "kernels/simd/convolution-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

void ConvolveF64(const OpContext& context, const Convolution& c) { Convolve<double>(context, c); }
void PrepareF64(const TensorView& weight, void* out) { PrepareWeight<double>(weight, out); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(ConvolveF64);
HWY_EXPORT(PrepareF64);

void ConvolutionF64(const OpContext& context, const Convolution& c) { HWY_DYNAMIC_DISPATCH(ConvolveF64)(context, c); }
void ConvolutionPrepareF64(const TensorView& weight, void* out) { HWY_DYNAMIC_DISPATCH(PrepareF64)(weight, out); }

}  // namespace strata
#endif  // HWY_ONCE
